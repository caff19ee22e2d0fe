"""What the winery feature answers to programs."""

from typing import Literal

from winery_appliance.core.openapi import Answer, When
from winery_appliance.winery.commands import Jacket, Material, VesselKind


class VesselAnswer(Answer):
    """A vessel; capacity in litres, position in walking order."""

    id: int
    code: str
    kind: VesselKind
    material: Material | None
    jacket: Jacket | None
    capacity_l: int | None
    position: int | None
    deleted_at: When | None


class WineryAnswer(Answer):
    """The winery and its settings; what each means stands with the change."""

    id: int
    code: str
    name: str
    location: str | None
    country: str | None
    latitude: float | None
    longitude: float | None
    language: str
    sugar_unit: Literal["brix", "sg", "kg_m3", "baume", "oechsle", "kmw"]
    temperature_unit: Literal["celsius", "fahrenheit"]
    time_zone: str
    legal_region: Literal["eu", "us"]
    walking_order: Literal["position", "code"]
    audit_months: int | None
    is_demo: bool
