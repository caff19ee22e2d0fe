"""What the round answers to programs."""

from typing import Literal

from winery_appliance.cellar_work.answers import TaskAnswer
from winery_appliance.cellar_work.commands import CapWorkKind
from winery_appliance.cellar_work.dosing import AdditionKind, DoseUnit
from winery_appliance.core.openapi import Answer, When
from winery_appliance.core.units import SampleType, Unit
from winery_appliance.fermentation.commands import Style


class ReadingAnswer(Answer):
    """A value in the unit of the round."""

    value: float
    measured_at: When


class ExpectationAnswer(Answer):
    """What the next sugar reading should be, and between which values."""

    value: float
    low: float
    high: float


class SkipMark(Answer):
    """The last time a tank was passed by, by whom and why."""

    reason: str
    skipped_at: When
    by: str


class RoundTankAnswer(Answer):
    """A tank of the round with its last two readings of each kind, the oldest first."""

    fermentation_id: int
    vessel_code: str
    vessel_codes: list[str]
    code: str
    style: Style
    origin: str
    day: int
    sugar: list[ReadingAnswer]
    temperature: list[ReadingAnswer]
    expected: ExpectationAnswer | None
    read_at: When | None
    skipped: SkipMark | None


class RangeAnswer(Answer):
    """Lowest and highest value, both included."""

    low: float
    high: float


class LimitsAnswer(Answer):
    """Beyond `hard` a value is refused, beyond `soft` it is asked about."""

    hard: RangeAnswer
    soft: RangeAnswer


class PersonAnswer(Answer):
    """Who asks."""

    user_id: int
    display_name: str


class AnalyteAnswer(Answer):
    """A column of the lab panel: what it measures, in the one unit that it is typed in."""

    sample_type: SampleType
    name: str
    unit: Unit
    symbol: str
    limits: LimitsAnswer


class LastResultAnswer(Answer):
    """What was found last of an analyte, as it was typed."""

    sample_type: SampleType
    value: str
    symbol: str
    measured_at: When


class PanelWineAnswer(Answer):
    """A running wine and its last results."""

    fermentation_id: int
    vessel_code: str
    vessel_codes: list[str]
    code: str
    last: list[LastResultAnswer]


class PanelAnswer(Answer):
    """Everything a lab panel needs out of reach of the server."""

    as_of: When
    person: PersonAnswer
    analytes: list[AnalyteAnswer]
    wines: list[PanelWineAnswer]


class GivenAnswer(Answer):
    """What a wine had of one kind in each litre, in g or mL as `counts` says."""

    kind: AdditionKind
    counts: Literal["g", "ml"]
    per_litre: float


class LastCapWorkAnswer(Answer):
    """The last time the cap was worked."""

    kind: CapWorkKind
    started_at: When
    duration_min: int | None


class DayTankAnswer(Answer):
    """A running wine: how much it is, what its vessels hold, what it had, and its last cap work."""

    fermentation_id: int
    vessel_code: str
    vessel_codes: list[str]
    code: str
    style: Style
    volume_l: float | None
    capacity_l: int | None
    given: list[GivenAnswer]
    cap_work: LastCapWorkAnswer | None


class DoseUnitAnswer(Answer):
    """A unit of doses: how many g or mL it is, and whether in each litre."""

    unit: DoseUnit
    symbol: str
    counts: Literal["g", "ml"]
    factor: float
    is_rate: bool


class DoseLimitAnswer(Answer):
    """Above `usual` (g/L or mL/L) a dose is asked about, above `possible` refused; `source` says who set it."""

    counts: Literal["g", "ml"]
    usual: float
    possible: float
    source: str


class ProductAnswer(Answer):
    """A kind of addition with its limits, weighed and by volume."""

    kind: AdditionKind
    name: str
    limits: list[DoseLimitAnswer]


class DayBlockAnswer(Answer):
    """A block and what grows there."""

    code: str
    variety: str | None


class DayVineyardAnswer(Answer):
    """Where fruit comes from."""

    code: str
    blocks: list[DayBlockAnswer]


class DayAnswer(Answer):
    """Everything the day's work needs out of reach of the server."""

    as_of: When
    person: PersonAnswer
    sugar_unit: Unit
    sugar_symbol: str
    tanks: list[DayTankAnswer]
    tasks: list[TaskAnswer]
    units: list[DoseUnitAnswer]
    products: list[ProductAnswer]
    vessels: list[str]
    vineyards: list[DayVineyardAnswer]
    takes_in_fruit: bool


class RoundAnswer(Answer):
    """Everything a phone needs to walk the round out of reach of the server."""

    as_of: When
    winery_name: str
    person: PersonAnswer
    sugar_unit: Unit
    sugar_symbol: str
    sugar_limits: LimitsAnswer
    temperature_limits: LimitsAnswer
    tanks: list[RoundTankAnswer]
