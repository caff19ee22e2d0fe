"""What may be read of a winery's rules and of its replays."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from winery_appliance.analysis_engine.measurements import RuleSetting
from winery_appliance.analysis_engine.models import Replay, RuleRow
from winery_appliance.auth.queries import find_names
from winery_appliance.core.paging import Page, cut_page, read_cursor


@dataclass(frozen=True)
class ChangedRule:
    """A rule that was changed at some time, and by whom."""

    setting: RuleSetting
    changed_at: datetime | None
    changed_by: int | None


@dataclass(frozen=True)
class ReplayView:
    """A replay: what was asked, how far it is, and what came of it. `result` is None until it is done."""

    id: int
    vintage: int
    rules: list[dict[str, Any]]
    asked_by: int
    asked_by_name: str | None
    asked_at: datetime
    state: str
    ferments_done: int
    ferments_total: int
    finished_at: datetime | None
    failure: str | None
    result: dict[str, Any] | None


def read_rules(session: Session) -> tuple[RuleSetting, ...]:
    """Every setting that is not wholly the default, in a steady order."""
    return tuple(rule.setting for rule in read_changed_rules(session))


def read_changed_rules(session: Session) -> list[ChangedRule]:
    """Every rule that has a row."""
    rows = session.scalars(select(RuleRow).order_by(RuleRow.check_id, RuleRow.style))
    return [
        ChangedRule(
            RuleSetting(row.check_id, row.style, row.in_use, dict(sorted(row.limits.items()))),
            row.changed_at,
            row.changed_by,
        )
        for row in rows
    ]


def find_replay(session: Session, replay_id: int) -> ReplayView | None:
    """The replay with this id."""
    row = session.get(Replay, replay_id, populate_existing=True)
    return None if row is None else _view(row, find_names(session, [row.asked_by]))


def list_replays(
    session: Session, *, cursor: str | None = None, limit: int = 200
) -> Page[ReplayView]:
    """Replays, the last asked first. Raises Invalid for a cursor that is not ours."""
    rows = select(Replay).order_by(Replay.id.desc())
    if cursor is not None:
        rows = rows.where(Replay.id < read_cursor(cursor, str)[1])
    found = session.scalars(rows.limit(limit + 1)).all()
    names = find_names(session, [row.asked_by for row in found])
    views = [_view(row, names) for row in found]
    return cut_page(views, limit, lambda view: ("", view.id))


def _view(row: Replay, names: Any) -> ReplayView:
    return ReplayView(
        row.id,
        row.vintage,
        row.rules,
        row.asked_by,
        names.get(row.asked_by),
        row.asked_at,
        row.state,
        row.ferments_done,
        row.ferments_total,
        row.finished_at,
        row.failure,
        row.result,
    )
