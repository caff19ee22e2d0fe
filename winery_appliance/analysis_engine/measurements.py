"""What the engine is given and what it answers: plain values, no tables and no pages."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from winery_appliance.core.units import SampleType, Unit

Severity = Literal["info", "warning", "critical"]


@dataclass(frozen=True, slots=True)
class Ferment:
    """The alcoholic fermentation under judgement; `style` is red, white, rose or orange.

    `brix0` and `yan_mg_l` are what the must held, where somebody knows it apart from the readings; `in_time_h` is how
    long it may take to get dry, where it is not the usual.
    """

    style: str
    started_at: datetime
    yeast_strain: str
    brix0: float | None = None
    yan_mg_l: float | None = None
    in_time_h: float | None = None


@dataclass(frozen=True, slots=True)
class Addition:
    """Something done to the wine.

    `kind` is addition_sugar, addition_water, addition_dap, addition_nutrient (another one), cap or transfer.
    """

    kind: str
    at: datetime
    amount: float | None = None
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """One sample. `value` is in the canonical unit of its type, both moments carry a time zone.

    `confirmed` says that a person was asked about the value and kept it. `unit` is the unit it was
    typed in (None: the usual one); a proposed correction is given in it.
    """

    sample_id: int
    sample_type: SampleType
    value: float
    qualifier: str | None
    measured_at: datetime
    recorded_at: datetime
    confirmed: bool
    unit: Unit | None = None


@dataclass(frozen=True, slots=True)
class Probe:
    """A probe that hangs in the wine now; `usual_s` is its usual pause, None while it has none."""

    code: str
    since: datetime
    heard_at: datetime | None
    usual_s: float | None

    @property
    def silent_since(self) -> datetime:
        """When it was last heard; when it was hung if it never was."""
        return self.heard_at or self.since


@dataclass(frozen=True, slots=True)
class Threshold:
    """The limit a finding went over: a phrase for a person, and the bare figure."""

    text: str
    value: float
    unit: str


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong now, and everything needed to believe it.

    `since` is when the alarm opened, `evidence` the ids of the samples it rests on, oldest first.
    `deviation_score` is 0 at the threshold and grows with the distance from it; 1 is serious.
    """

    check: str
    severity: Severity
    since: datetime
    title: str
    explanation: str
    evidence: tuple[int, ...]
    threshold: Threshold
    clears_when: str
    deviation_score: float


@dataclass(frozen=True, slots=True)
class Advice:
    """What could help against a finding of the same `check`; `confidence` runs from 0 to 1.

    `code` names the template that it was made from, `own` says that the winery wrote it.
    """

    check: str
    code: str
    action: str
    instructions: tuple[str, ...]
    reasoning: str
    confidence: float
    own: bool = False
    sources: str = ""


@dataclass(frozen=True, slots=True)
class RuleSetting:
    """What a winery wants of one check for one style; a limit that is not named keeps its default."""

    check: str
    style: str
    in_use: bool = True
    limits: Mapping[str, float] = field(default_factory=dict)
