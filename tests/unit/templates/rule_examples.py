"""The pages of rules, in every state that they can be met in."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace as Thing
from typing import Any

from tests.unit.templates.page_harness import NOW
from winery_appliance.analysis_engine.tuning import STYLES


def rule(style: str, **other: Any) -> Any:
    """A rule for a style."""
    given = {"check": "hot", "title": "Hot", "severity": "critical", "style": style}
    given |= {"in_use": True, "is_own": False, "defaults": (("limit_c", 32.0),)}
    return Thing(**(given | {"changed_at": None, "changed_by_name": None} | other))


def replay(state: str, **other: Any) -> Any:
    """A replay of the vintage before."""
    given = {"id": 5, "vintage": 2025, "state": state, "asked_at": NOW - timedelta(hours=1)}
    given |= {"asked_by_name": "Marco", "failure": None, "ferments_done": 3, "ferments_total": 12}
    given |= {"rules": [{"check": "hot", "in_use": True, "limits": {"limit_c": 30.0}}]}
    result = {"ferments": 12, "in_time": 10, "learned_from": 4}
    return Thing(**(given | {"result": result if state == "done" else None} | other))


def tally(alarms: int, false: int | None) -> Any:
    """How many alarms a check raised."""
    return Thing(check="hot", title="Hot", alarms=alarms, wines=alarms, false=false)


def alarm(false: bool | None) -> dict[str, Any]:
    """An alarm of a replay."""
    return {
        "fermentation_id": 3,
        "code": "G25-3",
        "severity": "critical",
        "check": "hot",
        "opened_at": "2025-09-20T07:00:00",
        "cleared_at": None,
        "false": false,
    }


def show_replay(of: Any, **other: Any) -> dict[str, Any]:
    """What the page of a replay is drawn from."""
    given: dict[str, Any] = {"replay": of, "now": [tally(2, 1)], "then": [tally(4, None)]}
    given |= {"alarms": [alarm(True), alarm(False), alarm(None)], "titles": {"hot": "Hot"}}
    page = Thing(**(given | {"rule": rule("red"), "version": "v"} | other))
    return {"page": page, "prefix": "limit_"}


LIMIT = Thing(name="limit_c", words="upper limit", unit="°C", default=32.0, least=20.0, most=40.0)
FORM = {"version": "v", "in_use": True, "limit_limit_c": "30", "vintage": "2025"}


def show_rule(errors: dict[str, str] | None = None, vintages: tuple[int, ...] = ()) -> Any:
    """What the page of a rule is drawn from."""
    page = Thing(
        rule=rule("red", changed_at=NOW, changed_by_name="Marco"),
        about="The must is warmer than its style takes.",
        clears="Two readings in a row are below the limit.",
        limits=[LIMIT],
        version="v",
        vintages=vintages,
    )
    form = {"values": FORM, "errors": errors or {}, "error": None}
    return {"page": page, "form": form, "styles": STYLES, "prefix": "limit_"}


def show_rules(own: int, replays: list[Any]) -> dict[str, Any]:
    """What the list of rules is drawn from."""
    by_style = {
        style: rule(style, is_own=style == "red", in_use=style != "rose") for style in STYLES
    }
    rows = [Thing(check="hot", title="Hot", severity="critical", by_style=by_style)]
    return {"page": Thing(rows=rows, replays=replays, own=own), "styles": STYLES}


RULE_PAGES: dict[str, tuple[str, dict[str, Any]]] = {
    "rules": ("analysis_engine/rules.html", show_rules(2, [replay("done")])),
    "rules as suggested": ("analysis_engine/rules.html", show_rules(0, [])),
    "rule": ("analysis_engine/rule.html", show_rule(vintages=(2025, 2024))),
    "rule refused": ("analysis_engine/rule.html", show_rule({"limit_limit_c": "Too high."})),
    "replay": ("analysis_engine/replay.html", show_replay(replay("done"))),
    "replay of all": (
        "analysis_engine/replay.html",
        show_replay(replay("done", rules=[]), rule=None, alarms=[]),
    ),
    "replay that runs": ("analysis_engine/replay.html", show_replay(replay("running"))),
    "replay that failed": (
        "analysis_engine/replay.html",
        show_replay(replay("failed", failure="The worker was stopped.")),
    ),
}
