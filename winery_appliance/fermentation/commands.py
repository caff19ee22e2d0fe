"""What can be asked of the fermentation feature, as validated data."""

import hashlib
import json
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from winery_appliance.core.typed_text import Code, Limit, Line, Moment
from winery_appliance.core.units import SampleType, Unit

Style = Literal["red", "white", "rose", "orange"]
Status = Literal["planned", "active", "completed", "cancelled"]


class StartFermentation(BaseModel):
    """A wine begins to ferment in a vessel."""

    model_config = ConfigDict(extra="forbid")

    code: Code
    vessel_code: Code
    yeast_strain: Annotated[Line, StringConstraints(max_length=80)]
    style: Style
    started_at: Moment


class EndFermentation(BaseModel):
    """A fermentation is over, completed or cancelled, since `at`; since now when nothing is said."""

    model_config = ConfigDict(extra="forbid")

    at: Moment | None = None


class ReopenFermentation(BaseModel):
    """A fermentation goes on as if it had never ended; there is nothing else to say."""

    model_config = ConfigDict(extra="forbid")


class RecordSample(BaseModel):
    """One reading as a person or an instrument gave it. `value` is text: what was typed is kept.

    `sample_temperature` (°C) says that a hydrometer was read at that temperature and not corrected.
    """

    model_config = ConfigDict(extra="forbid")

    client_uuid: UUID
    sample_type: SampleType
    value: Annotated[Line, StringConstraints(max_length=20, strict=True)]
    unit: Unit
    measured_at: Moment
    sample_temperature: Annotated[float, Field(ge=-5, le=50, allow_inf_nan=False)] | None = None
    qualifier: Literal["<", ">"] | None = None
    confirm: bool = False

    def fingerprint(self, fermentation_id: int) -> bytes:
        """A hash of everything that makes this reading this reading; `confirm` is an answer, not part of it."""
        body = self.model_dump(mode="json", exclude={"confirm"})
        body["fermentation_id"] = fermentation_id
        return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).digest()


class ListFermentations(BaseModel):
    """Which fermentations to list; `cursor` is the `next_cursor` of the page before."""

    status: Status | None = None
    cursor: str | None = None
    limit: Limit = 50


class ListSamples(BaseModel):
    """Which readings to list; `cursor` is the `next_cursor` of the page before."""

    sample_type: SampleType | None = None
    cursor: str | None = None
    limit: Limit = 200
