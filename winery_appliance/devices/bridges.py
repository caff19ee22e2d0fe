"""What bridges of hobby and small-winery probes send, as readings: iSpindel's JSON, and the JSON of Tilt bridges.

Field names are those the devices send; what they send beside (battery, angle, signal) is not looked at. They have no clock:
the moment is that of the arrival.
"""

import math
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from winery_appliance.core.typed_text import Code, Line
from winery_appliance.core.units import Unit
from winery_appliance.devices.commands import DeviceReadingItem

KELVIN = 273.15
# Below this a number for sugar is a specific gravity, above it a degree Plato, which an iSpindel is calibrated to either.
HIGHEST_SG = 2.0


def _read_number(value: object) -> object:
    """A number, also one that was sent as text (ValueError)."""
    if isinstance(value, str):
        value = float(value.strip().replace(",", "."))
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    raise ValueError("send a number")


Number = Annotated[float, BeforeValidator(_read_number)]
TempUnit = Literal["C", "F", "K"]
Token = Annotated[Line, StringConstraints(max_length=2000)]


class IspindelReport(BaseModel):
    """What an iSpindel or GravityMon sends by "HTTP": `name` is the device's code here, `token` the one made for it."""

    model_config = ConfigDict(extra="ignore")

    name: Code
    token: Token | None = None
    temperature: Number | None = None
    temp_units: TempUnit = "C"
    gravity: Number | None = None


class TiltReading(BaseModel):
    """One Tilt as a bridge reports it."""

    model_config = ConfigDict(extra="ignore")

    temp: Number
    tempUnit: Literal["C", "F"] = "F"
    gravity: Number


class TiltReport(BaseModel):
    """What a TiltBridge sends: Tilts by their colour. The device's code here is `Tilt-` and the colour."""

    model_config = ConfigDict(extra="ignore")

    apiKey: Token | None = None
    tilts: Annotated[
        dict[Annotated[Line, StringConstraints(max_length=20)], TiltReading],
        Field(min_length=1, max_length=16),
    ]


def read_ispindel(report: IspindelReport, now: datetime) -> list[DeviceReadingItem]:
    """The readings of a report."""
    units = {"C": Unit.celsius, "F": Unit.fahrenheit, "K": Unit.celsius}
    celsius = report.temperature
    if celsius is not None and report.temp_units == "K":
        celsius = round(celsius - KELVIN, 2)
    return list(_fill(celsius, units[report.temp_units], report.gravity, now))


def read_tilt(tilt: TiltReading, now: datetime) -> list[DeviceReadingItem]:
    """The readings of one Tilt."""
    unit = Unit.celsius if tilt.tempUnit == "C" else Unit.fahrenheit
    return list(_fill(tilt.temp, unit, tilt.gravity, now))


def _fill(
    temperature: float | None, unit: Unit, gravity: float | None, now: datetime
) -> Iterator[DeviceReadingItem]:
    at = now.replace(microsecond=0)
    given: list[dict[str, Any]] = []
    if temperature is not None:
        given.append({"quantity": "temperature", "value": temperature, "unit": unit})
    if gravity is not None:
        sugar = Unit.sg if gravity < HIGHEST_SG else Unit.brix
        given.append({"quantity": "sugar", "value": gravity, "unit": sugar})
    for reading in given:
        yield DeviceReadingItem.model_validate(reading | {"read_at": at})
