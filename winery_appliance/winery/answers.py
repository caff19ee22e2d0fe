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
