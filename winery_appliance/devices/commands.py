"""What can be asked of the devices feature, as validated data."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from winery_appliance.core.typed_text import Code, Limit, Line, Moment, forget_defaults
from winery_appliance.core.units import Unit

Kind = Literal["ispindel", "tilt", "probe", "other"]
Quantity = Literal["sugar", "temperature"]
Name = Annotated[Line, StringConstraints(max_length=120)]
MOST_READINGS = 1000


class AddDevice(BaseModel):
    """A device as it is first made known."""

    model_config = ConfigDict(extra="forbid")

    code: Code
    kind: Kind
    name: Name | None = None


class ChangeDevice(BaseModel):
    """What is to be different about a device; what is left out stays."""

    model_config = ConfigDict(extra="forbid", json_schema_extra=forget_defaults)

    code: Code = ""
    kind: Kind = "other"
    name: Name | None = None


class AssignDevice(BaseModel):
    """Since `since` a device hangs in a vessel, or in none; until it is moved again."""

    model_config = ConfigDict(extra="forbid")

    vessel_code: Code | None
    since: Moment


class DeviceReadingItem(BaseModel):
    """One value as a device sent it."""

    model_config = ConfigDict(extra="forbid")

    quantity: Quantity
    value: Annotated[float, Field(allow_inf_nan=False, strict=True)]
    unit: Unit
    read_at: Moment


class RecordReadings(BaseModel):
    """Many readings of one device. Each is judged by itself, so that a wrong one does not stop the others."""

    model_config = ConfigDict(extra="forbid")

    items: Annotated[list[Any], Field(min_length=1, max_length=MOST_READINGS)]


class ListDevices(BaseModel):
    """Which devices to list; `cursor` is the `next_cursor` of the page before."""

    deleted: Literal["true", "false"] = "false"
    cursor: str | None = None
    limit: Limit = 50


class ListReadings(BaseModel):
    """Which readings to list: from `since` until before `until`."""

    quantity: Quantity | None = None
    since: Moment | None = None
    until: Moment | None = None
    cursor: str | None = None
    limit: Limit = 500
