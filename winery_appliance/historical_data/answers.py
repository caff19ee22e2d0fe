"""What the past answers to programs."""

from typing import Literal

from winery_appliance.core.openapi import Answer, When
from winery_appliance.core.units import SampleType, Unit


class HistoricalSampleAnswer(Answer):
    """A reading of a completed fermentation, in the canonical unit of its kind.

    `id` is the sample's own, so that it leads back to who recorded it, and what was typed. `varietal` names the fewest
    varieties that make up at least 85 % of the wine; null when too much of it is unrecorded.
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
