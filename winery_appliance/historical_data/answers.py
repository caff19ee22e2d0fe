"""What the past answers to programs."""

from typing import Literal

from winery_appliance.core.openapi import Answer, When
from winery_appliance.core.units import SampleType, Unit
from winery_appliance.historical_data.vessel_sizes import VesselSize

# By quantile: 10, 25, 50, 75, 90 %; null where nobody measured.
Quantiles = list[float | None]
# A row for each quantile, a number for each point of the grid.
Band = list[list[float | None]]


class HistoricalSampleAnswer(Answer):
    """A reading of a completed fermentation, in the canonical unit of its kind.

    `id` is the sample's own, so that it leads back to who recorded it, and what was typed. `varietal` names the fewest
    varieties that make up at least 85 % of the wine; null when too much of it is unrecorded. One that came with a file
    names the import and the line it stood in.
    """

    id: int
    fermentation_id: int
    varietal: str | None
    sample_type: SampleType
    measured_at: When
    value: float
    unit: Unit
    qualifier: Literal["<", ">"] | None
    source: Literal["live", "imported"]
    import_id: int | None
    import_line: int | None


class PatternAnswer(Answer):
    """How the past ferments of one variety, style and size of vessel went.

    Figures stand by quantile: 10, 25, 50, 75, 90 %. `lag_hours` until 5 % of the sugar was gone; `fastest` the greatest
    fall in a day, °Bx; `temperature` °C. `came_dry` of the `ferments` ended dry, `days_to_dry` is theirs. `varietal` is
    null where too much of the fruit is unrecorded.
    """

    id: int
    varietal: str | None
    style: str
    vessel_size: VesselSize
    ferments: int
    came_dry: int
    lag_hours: Quantiles
    days_to_dry: Quantiles
    fastest: Quantiles
    temperature: Quantiles
    written_at: When


class PastFermentAnswer(Answer):
    """A past ferment with its figures: density of the must in kg/m3, days, °Bx a day, °C.

    `place` says where it ran among those of its pattern, 0 the first to use up its sugar and 100 the last; `band` the
    quantiles that it ran between.
    """

    fermentation_id: int
    code: str
    varietal: str | None
    style: str
    vessel_size: VesselSize
    vintage: int | None
    source: Literal["live", "imported"]
    started_at: When
    start_density: float
    share_gone: float
    lag_hours: float | None
    days_to_dry: float | None
    fastest: float | None
    temperature: float | None
    place: float | None
    band: str | None


class BandsByShare(Answer):
    """Bands over the share of sugar fermented: hours since the start, sugar (kg/m3), °C, and °Bx a day."""

    share: list[float]
    ferments: list[int]
    hours: Band
    sugar: Band
    temperature: Band
    rate: Band


class BandsByTime(Answer):
    """Bands over the hours since the start: share of sugar fermented, sugar (kg/m3), and °C."""

    hours: list[float]
    ferments: list[int]
    share: Band
    sugar: Band
    temperature: Band


class PatternInFullAnswer(Answer):
    """A pattern with its bands, aligned by share of sugar and by time, and the ferments behind it, the fastest first."""

    pattern: PatternAnswer
    quantiles: list[float]
    by_share: BandsByShare
    by_time: BandsByTime
    behind: list[PastFermentAnswer]


class PatternList(Answer):
    """Patterns by variety, style and size of vessel."""

    items: list[PatternAnswer]


class DifferenceAnswer(Answer):
    """One reason of a distance: `difference` is the running ferment less the past one, `weight` its part of the whole."""

    what: Literal[
        "shape", "pace", "delay", "reach", "temperature", "sugar", "style", "variety", "vessel"
    ]
    difference: float | None
    unit: str
    weight: float
    words: str


class SimilarFermentAnswer(Answer):
    """A past ferment like the running one: `pace` times as long it takes, `delay_hours` later it is.

    A distance of 1 is what a winemaker notes. `days_left` the past one took from there until it was dry, at the pace of
    the running one; null where it did not become dry.
    """

    ferment: PastFermentAnswer
    distance: float
    pace: float
    delay_hours: float
    days_left: float | None
    parts: list[DifferenceAnswer]


class SimilarAnswer(Answer):
    """The past ferments nearest to one, as of a moment, out of `compared`; none where it was read too seldom."""

    as_of: When
    share_gone: float | None
    compared: int
    items: list[SimilarFermentAnswer]
