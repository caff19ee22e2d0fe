"""What the round answers to programs."""

from winery_appliance.core.openapi import Answer, When
from winery_appliance.core.units import Unit
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


class RoundTankAnswer(Answer):
    """A tank of the round with its last two readings of each kind, the oldest first."""

    fermentation_id: int
    vessel_code: str
    code: str
    style: Style
    origin: str
    day: int
    sugar: list[ReadingAnswer]
    temperature: list[ReadingAnswer]
    expected: ExpectationAnswer | None
    read_at: When | None


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
