"""What the pages of advice show: built-in and own templates by the trouble they are for, and one of them as a form."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from winery_appliance.analysis_engine.advice import get_template
from winery_appliance.analysis_engine.advice_commands import ListTemplates
from winery_appliance.analysis_engine.advice_queries import TemplateView, list_templates
from winery_appliance.analysis_engine.advice_templates import (
    FIGURES,
    WORDS,
    AdviceTemplate,
    load_built_in,
)
from winery_appliance.analysis_engine.checks import find_checks
from winery_appliance.core.typed_text import MAX_LIMIT
from winery_appliance.core.version_tags import make_tag
from winery_appliance.core.words import say
from winery_appliance.winery.queries import read_winery

# Rows of conditions in the form: those that there are, and so many empty ones.
SPARE_ROWS = 2
Typed = Mapping[str, str]


@dataclass(frozen=True)
class AdviceRow:
    """A template in the list: what the winery wrote (`own`), or what is built in and speaks where no own one does."""

    code: str
    action: str
    own: TemplateView | None
    built_in: AdviceTemplate | None


@dataclass(frozen=True)
class AdviceGroup:
    """The templates against one trouble."""

    anomaly_type: str
    title: str
    rows: list[AdviceRow]


@dataclass(frozen=True)
class AdvicePage:
    """All templates, and the own ones that were taken out."""

    groups: list[AdviceGroup]
    deleted: list[TemplateView]
    own: int


def read_advice_page(session: Session) -> AdvicePage:
    """Every template of this winery and every built-in one, in the winery's language."""
    own = list_templates(session, ListTemplates.model_construct(limit=MAX_LIMIT)).items
    deleted = list_templates(
        session, ListTemplates.model_construct(deleted="true", limit=MAX_LIMIT)
    ).items
    built_in = load_built_in(read_winery(session).language)
    groups = []
    for check in find_checks():
        rows = {t.code.lower(): (None, t) for t in built_in if t.anomaly_type == check.id}
        both: dict[str, tuple[TemplateView | None, AdviceTemplate | None]] = {**rows}
        for mine in own:
            if mine.anomaly_type == check.id:
                both[mine.code.lower()] = (mine, both.get(mine.code.lower(), (None, None))[1])
        listed = [_view(mine, theirs) for mine, theirs in both.values()]
        if listed:
            groups.append(AdviceGroup(check.id, say(check.title), listed))
    return AdvicePage(groups, list(deleted), len(own))


def _view(own: TemplateView | None, built_in: AdviceTemplate | None) -> AdviceRow:
    shown = own or built_in
    assert shown is not None
    return AdviceRow(shown.code, shown.action, own, built_in)


def list_troubles() -> dict[str, str]:
    """What advice can be for: a check's id and its title."""
    return {check.id: say(check.title) for check in find_checks()}


def fill_from_template(session: Session, template_id: int) -> tuple[TemplateView, dict[str, str]]:
    """A template and its form. Raises NotFound."""
    view = get_template(session, template_id)
    values = _fill(view.action, view.instructions, view.reasoning, view.dose, view.confidence)
    values |= {"anomaly_type": view.anomaly_type, "code": view.code, "version": make_tag(view)}
    values |= {"in_use": "yes"} if view.in_use else {}
    return view, values | _fill_conditions(view.conditions)


def fill_from_built_in(session: Session, anomaly_type: str, code: str) -> dict[str, str]:
    """A form that takes the place of a built-in template; an empty one where there is none of that name."""
    for template in load_built_in(read_winery(session).language):
        if (template.anomaly_type, template.code) == (anomaly_type, code):
            break
    else:
        return {"anomaly_type": anomaly_type, "confidence": "0.7", "in_use": "yes"}
    steps = [line.text for line in template.lines]
    values = _fill(template.action, steps, template.reasoning, template.dose, template.confidence)
    when = {name: condition.model_dump() for name, condition in template.when.items()}
    return (
        values
        | _fill_conditions(when)
        | {
            "anomaly_type": anomaly_type,
            "code": code,
            "in_use": "yes",
        }
    )


def _fill(
    action: str, steps: list[str], reasoning: str, dose: str | None, confidence: float
) -> dict[str, str]:
    return {
        "action": action,
        "instructions": "\n".join(steps),
        "reasoning": reasoning,
        "dose": dose or "",
        "confidence": f"{confidence:g}",
    }


def _fill_conditions(conditions: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    values = {}
    for place, (figure, told) in enumerate(conditions.items()):
        values[f"figure_{place}"] = figure
        for name in ("at_least", "below"):
            value = told.get(name)
            values[f"{name}_{place}"] = "" if value is None else f"{value:g}"
        values[f"one_of_{place}"] = ", ".join(told.get("one_of") or ())
        known = "unknown" if told.get("unknown") else "or_unknown" if told.get("or_unknown") else ""
        values[f"known_{place}"] = known
    return values


def count_rows(values: Typed) -> int:
    """How many rows of conditions a form with these values has."""
    used = [int(name[7:]) for name, value in values.items() if name[:7] == "figure_" and value]
    return max(used, default=-1) + 1 + SPARE_ROWS


def list_figures() -> tuple[str, ...]:
    """What a condition can be on."""
    return (*FIGURES, *WORDS)


def read_form(typed: Typed) -> dict[str, Any]:
    """What was typed, as the body of a command; numbers may have a comma."""
    body: dict[str, Any] = {
        "action": typed.get("action", ""),
        "instructions": [
            line.strip() for line in typed.get("instructions", "").splitlines() if line.strip()
        ],
        "reasoning": typed.get("reasoning", "").strip(),
        "dose": typed.get("dose") or None,
        "confidence": typed.get("confidence", "").replace(",", ".").strip(),
        "in_use": typed.get("in_use") == "yes",
        "conditions": {},
    }
    for place in range(count_rows(typed)):
        figure = typed.get(f"figure_{place}", "")
        if figure:
            body["conditions"][figure] = _read_condition(typed, place)
    return body


def _read_condition(typed: Typed, place: int) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for name in ("at_least", "below"):
        text = typed.get(f"{name}_{place}", "").replace(",", ".").strip()
        if text:
            told[name] = text
    words = [word.strip() for word in typed.get(f"one_of_{place}", "").split(",") if word.strip()]
    if words:
        told["one_of"] = words
    known = typed.get(f"known_{place}", "")
    return told | ({known: True} if known in ("unknown", "or_unknown") else {})
