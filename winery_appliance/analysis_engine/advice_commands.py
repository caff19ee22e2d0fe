"""What can be asked about templates of advice and about recommendations, as validated data.

In a change, a field that is left out stays; the defaults only mark what may be left out and are never stored.
"""

from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
)

from winery_appliance.analysis_engine.advice_templates import (
    FIGURES,
    WORDS,
    Condition,
    Dosed,
    find_unknown_names,
)
from winery_appliance.cellar_work.commands import Remark
from winery_appliance.core.typed_text import Code, Limit, Line, forget_defaults, read_digits
from winery_appliance.core.words import say

Outcome = Literal["helped", "no_change", "worse"]
RecommendationStatus = Literal["offered", "applied", "dismissed"]


def refuse_unknown_names(text: str) -> str:
    """`text`, unless its braces hold anything but the names of our figures (ValueError)."""
    unknown = find_unknown_names([text], with_dose=True)
    if unknown:
        known = ", ".join(("dose", *FIGURES))
        raise ValueError(say("braces name a figure of the wine: %(known)s", known=known))
    return text


def refuse_unknown_figures(conditions: dict[str, Condition]) -> dict[str, Condition]:
    """`conditions`, unless one is on a figure that nobody reckons (ValueError)."""
    unknown = conditions.keys() - FIGURES.keys() - set(WORDS)
    if unknown:
        known = ", ".join((*FIGURES, *WORDS))
        raise ValueError(say("conditions are on one of %(known)s", known=known))
    return conditions


Sentence = Annotated[Line, StringConstraints(max_length=500), AfterValidator(refuse_unknown_names)]
Instructions = Annotated[tuple[Sentence, ...], Field(min_length=1, max_length=20)]
Reasoning = Annotated[Remark, AfterValidator(refuse_unknown_names)]
Conditions = Annotated[
    dict[str, Condition], Field(max_length=10), AfterValidator(refuse_unknown_figures)
]
Confidence = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]
AnomalyType = Annotated[Line, StringConstraints(max_length=40)]


class _Command(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra=forget_defaults)


class CreateTemplate(_Command):
    """Advice against one type of anomaly. With the code of a built-in one it replaces it; `in_use` false silences it."""

    anomaly_type: AnomalyType
    code: Code
    action: Sentence
    instructions: Instructions
    reasoning: Reasoning = ""
    conditions: Conditions = {}
    dose: Dosed | None = None
    confidence: Confidence = 0.7
    in_use: bool = True


class ChangeTemplate(_Command):
    """What is to be different about a template; its type and code stay."""

    action: Sentence = ""
    instructions: Instructions = ()
    reasoning: Reasoning = ""
    conditions: Conditions = {}
    dose: Dosed | None = None
    confidence: Confidence = 0.7
    in_use: bool = True


class ListTemplates(BaseModel):
    """Which templates to list."""

    anomaly_type: AnomalyType | None = None
    deleted: Literal["true", "false"] = "false"
    cursor: str | None = None
    limit: Limit = 200


class ListRecommendations(BaseModel):
    """Which recommendations to list; without `status` all, also of anomalies that are over."""

    status: RecommendationStatus | None = None
    fermentation_id: Annotated[int, BeforeValidator(read_digits), Field(ge=1)] | None = None
    anomaly_id: Annotated[int, BeforeValidator(read_digits), Field(ge=1)] | None = None
    cursor: str | None = None
    limit: Limit = 200


class DecideRecommendation(BaseModel):
    """It was taken up, or it is not for this wine; and why, if there is something to say."""

    model_config = ConfigDict(extra="forbid")

    note: Remark = ""


class NoteOutcome(BaseModel):
    """What came of it."""

    model_config = ConfigDict(extra="forbid")

    outcome: Outcome
    note: Remark = ""
