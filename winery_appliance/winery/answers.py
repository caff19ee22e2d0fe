"""What the winery feature answers to programs."""

from typing import Literal

from winery_appliance.core.openapi import Answer


class VesselAnswer(Answer):
    """A vessel; capacity in litres, position in walking order."""

    id: int
    code: str
    kind: Literal["tank", "barrel", "bin"]
    capacity_l: int | None
    position: int | None


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
