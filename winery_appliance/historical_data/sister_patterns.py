"""Patterns of sister wineries, to be compared with our own: figures alone, as they came from the group's pool.

The off-site copies bring them and leave them in a file; pages only read it.
"""

from collections.abc import Iterable
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from winery_appliance.core.settings import Settings
from winery_appliance.historical_data.vessel_sizes import VesselSize

MOST_PATTERNS = 5000
Figure = Annotated[float, Field(allow_inf_nan=False)]
Quantiles = Annotated[tuple[Figure | None, ...], Field(min_length=5, max_length=5)]
NOT_TOLD = (None,) * 5


class SisterPattern(BaseModel):
    """A pattern of another winery; what it chose not to tell is None or five times None.

    Quantiles 10, 25, 50, 75 and 90 %: hours of lag, days until dry, greatest fall in a day (°Bx), °C under way.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    site: str = Field(max_length=41)
    told_on: date
    varietal: str | None = Field(default=None, max_length=200)
    style: Literal["red", "white", "rose", "orange"] | None = None
    vessel_size: VesselSize | None = None
    ferments: int | None = Field(default=None, ge=1)
    came_dry: int | None = Field(default=None, ge=0)
    lag_hours: Quantiles = NOT_TOLD
    days_to_dry: Quantiles = NOT_TOLD
    fastest: Quantiles = NOT_TOLD
    temperature: Quantiles = NOT_TOLD


class SisterPatterns(BaseModel):
    """What came for one winery of this appliance, and when it was fetched last."""

    winery: str
    group: str
    fetched_at: datetime
    patterns: list[SisterPattern] = Field(max_length=MOST_PATTERNS)


def find_material(settings: Settings) -> Path:
    """The file that they are left in."""
    return (settings.copies or settings.data) / "sync" / "sister_patterns.json"


def read_sister_patterns(settings: Settings, winery_code: str) -> list[SisterPattern]:
    """What was brought for this winery, by variety, style, size and site; nothing where nothing can be read."""
    try:
        told = SisterPatterns.model_validate_json(find_material(settings).read_bytes())
    except (OSError, ValidationError):
        return []
    if told.winery != winery_code:
        return []
    return sorted(told.patterns, key=_order)


def choose_alike(
    sisters: Iterable[SisterPattern], varietal: str | None, style: str, vessel_size: str
) -> list[SisterPattern]:
    """Those of the same variety, style and size of vessel."""
    wanted = (varietal or "").casefold(), style, vessel_size
    return [
        one
        for one in sisters
        if ((one.varietal or "").casefold(), one.style, one.vessel_size) == wanted
    ]


def _order(one: SisterPattern) -> tuple[str, str, str, str]:
    return one.varietal or "", one.style or "", one.vessel_size or "", one.site
