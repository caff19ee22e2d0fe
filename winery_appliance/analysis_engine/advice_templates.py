"""Templates of advice: what could help against an anomaly, under which conditions.

Pure; the built-in ones are data, in each language. A line may name figures of the wine in braces, `{temperature_c}`, or the
reckoned `{dose}`.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from string import Formatter
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Dosed = Literal["dap", "so2", "yeast_hulls", "inoculation", "rescue_culture"]

# Figures a template may name or ask for, with the decimals they are told to. What is a word has none.
FIGURES: Mapping[str, int] = {
    "brix": 1,
    "brix0": 1,
    "sugar_left_g_l": 0,
    "alcohol_pct_vol": 1,
    "gone_share": 2,
    "hours": 0,
    "temperature_c": 1,
    "ph": 2,
    "yan_mg_l": 0,
    "yan_need_mg_l": 0,
    "yan_deficit_mg_l": 0,
    "va_g_l": 2,
    "malic_g_l": 2,
    "lactic_g_l": 2,
    "free_so2_mg_l": 0,
    "total_so2_mg_l": 0,
    "volume_l": 0,
}
WORDS = ("style", "severity", "region")
Value = float | str | None


class Condition(BaseModel):
    """What a figure has to be. One that nobody knows does not hold, unless `unknown` or `or_unknown` is said."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    at_least: float | None = Field(default=None, allow_inf_nan=False)
    below: float | None = Field(default=None, allow_inf_nan=False)
    one_of: tuple[str, ...] = ()
    unknown: bool = False
    or_unknown: bool = False

    def holds(self, value: Value) -> bool:
        """Whether `value` is what is asked for; None is a figure that nobody knows."""
        if value is None:
            return self.unknown or self.or_unknown
        if self.unknown:
            return False
        if isinstance(value, str):
            return value in self.one_of
        return (self.at_least is None or value >= self.at_least) and (
            self.below is None or value < self.below
        )


Conditions = Mapping[str, Condition]


@dataclass(frozen=True)
class Line:
    """One step; told only where its conditions hold."""

    text: str
    when: Conditions = field(default_factory=dict)


@dataclass(frozen=True)
class AdviceTemplate:
    """What could help against one type of anomaly; a winery's own replaces the built-in one of the same type and code.

    `doubtful_when` makes it less likely, `own` says that the winery wrote it. `tried` and `helped` count its outcomes.
    """

    anomaly_type: str
    code: str
    action: str
    lines: tuple[Line, ...]
    reasoning: str
    confidence: float
    when: Conditions = field(default_factory=dict)
    doubtful_when: Conditions = field(default_factory=dict)
    dose: Dosed | None = None
    sources: str = ""
    own: bool = False
    tried: int = 0
    helped: int = 0


@dataclass(frozen=True)
class Words:
    """Sentences of a language that belong to no template."""

    caution: str
    dose: str
    dose_by_capacity: str
    dose_rate: str
    given: str
    stopped: str
    law: str
    measure_first: str
    experience: str
    eu: str
    us: str
    products: Mapping[str, str]
    figures: Mapping[str, str]


def all_hold(conditions: Conditions, figures: Mapping[str, Value]) -> bool:
    """Whether every condition holds."""
    return all(condition.holds(figures.get(name)) for name, condition in conditions.items())


@cache
def list_names(text: str) -> frozenset[str]:
    """What a text names in braces. Raises ValueError when its braces are not plain names."""
    names = set()
    for _, name, spec, conversion in Formatter().parse(text):
        if name is None:
            continue
        if spec or conversion or not re.fullmatch(r"[a-z0-9_]+", name):
            raise ValueError("braces hold the bare name of a figure")
        names.add(name)
    return frozenset(names)


def merge_templates(
    own: Iterable[AdviceTemplate],
    silenced: Iterable[tuple[str, str]],
    built_in: Iterable[AdviceTemplate],
) -> tuple[AdviceTemplate, ...]:
    """The winery's own, and the built-in ones that no own one of the same type and code replaces or silences."""
    mine = tuple(own)
    taken = {(template.anomaly_type, template.code) for template in mine} | set(silenced)
    rest = (t for t in built_in if (t.anomaly_type, t.code) not in taken)
    return (*mine, *rest)


@cache
def list_languages() -> tuple[str, ...]:
    """The languages that the built-in advice is written in."""
    names = (entry.name for entry in _folder().iterdir())
    return tuple(sorted(name[:-5] for name in names if re.fullmatch(r"[a-z]{2}\.toml", name)))


@cache
def load_words(language: str) -> Words:
    """The sentences of a language; English for one that is not there."""
    return Words(**_read_texts(language)["words"])


@cache
def load_built_in(language: str) -> tuple[AdviceTemplate, ...]:
    """The built-in templates in a language, in the order of their file; English for what is not translated."""
    rules = tomllib.loads((_folder() / "rules.toml").read_text("utf-8"))
    english, texts = _read_texts("en"), _read_texts(language)
    return tuple(
        _build(code, anomaly_type, rule, texts.get(code) or english[code])
        for code, rule in rules.items()
        for anomaly_type in rule["for"]
    )


def _build(
    code: str, anomaly_type: str, rule: Mapping[str, Any], told: Mapping[str, str]
) -> AdviceTemplate:
    line_when = rule.get("line_when", {})
    return AdviceTemplate(
        anomaly_type=anomaly_type,
        code=code,
        action=told["action"],
        lines=tuple(
            Line(told[line], read_conditions(line_when.get(line, {}))) for line in rule["lines"]
        ),
        reasoning=told["reasoning"],
        confidence=rule["confidence"],
        when=read_conditions(rule.get("when", {})),
        doubtful_when=read_conditions(rule.get("doubtful_when", {})),
        dose=rule.get("dose"),
        sources=rule["sources"],
    )


def read_conditions(given: Mapping[str, Any]) -> Conditions:
    """Conditions from plain data. Raises pydantic's ValidationError (a ValueError)."""
    return {name: Condition.model_validate(told) for name, told in given.items()}


def weigh(template: AdviceTemplate, *, prior: float = 6.0) -> float:
    """Confidence after the outcomes of this winery: our judgement counts as `prior` of them (house default)."""
    return (template.confidence * prior + template.helped) / (prior + template.tried)


def _folder() -> Any:
    return files("winery_appliance.analysis_engine") / "built_in_advice"


@cache
def _read_texts(language: str) -> Mapping[str, Any]:
    name = language if language in list_languages() else "en"
    return tomllib.loads((_folder() / f"{name}.toml").read_text("utf-8"))


def find_unknown_names(texts: Sequence[str], *, with_dose: bool) -> set[str]:
    """Names in braces that are no figure of ours. Raises ValueError for braces that hold no plain name."""
    known = set(FIGURES) | ({"dose"} if with_dose else set())
    return {name for text in texts for name in list_names(text)} - known
