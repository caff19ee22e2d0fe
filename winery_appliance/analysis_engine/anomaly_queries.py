"""What may be read of anomalies and of what became of them: plain data, never rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, and_, case, func, or_, select, tuple_
from sqlalchemy.orm import Session

from winery_appliance.analysis_engine.anomaly_commands import AnomalyStatus
from winery_appliance.analysis_engine.models import Anomaly, AnomalyEvent
from winery_appliance.auth.queries import find_names
from winery_appliance.core.many_rows import is_among, read_rows
from winery_appliance.core.paging import Page, cut_page, read_cursor, read_moment

# What asks whether a reading is right, rather than what became of the wine.
QUESTIONS = frozenset({"entry_error", "unit_mixup"})
_WORST_FIRST = case({"critical": 0, "warning": 1, "info": 2}, value=Anomaly.severity)


@dataclass(frozen=True)
class AnomalyView:
    """One trouble: the rule, the readings it used, the threshold, what would clear it, and who has it.

    `opened_at` is when it was first seen, `since` the reading it began with; `confirmations` counts the runs that found
    further evidence. `status` is as of the asking: a snooze ends by itself.
    """

    id: int
    fermentation_id: int
    check: str
    severity: str
    title: str
    explanation: str
    since: datetime
    opened_at: datetime
    evidence: list[int]
    threshold: dict[str, Any]
    clears_when: str
    deviation_score: float
    status: AnomalyStatus
    confirmed_at: datetime | None
    confirmations: int
    cleared_at: datetime | None
    cleared_because: str | None
    acknowledged_at: datetime | None
    acknowledged_by: int | None
    acknowledged_by_name: str | None
    assigned_to: int | None
    assigned_to_name: str | None
    snoozed_until: datetime | None
    reopened_at: datetime | None


class BoardAlarm(NamedTuple):
    """What the board says of an anomaly that is not cleared: of hundreds at once, so no more than that.

    `evidence` is told of questions only.
    """

    id: int
    fermentation_id: int
    check: str
    severity: str
    title: str
    explanation: str
    acknowledged_by: int | None
    awake: bool
    evidence: list[int] | None


@dataclass(frozen=True)
class AnomalyEventView:
    """One thing that became of an anomaly; without `user_id` the analysis did it."""

    id: int
    at: datetime
    what: str
    user_id: int | None
    user_name: str | None
    note: str
    severity: str
    evidence: list[int]
    assigned_to: int | None
    assigned_to_name: str | None
    snoozed_until: datetime | None


@dataclass(frozen=True)
class AlarmChange:
    """What an analysis changed about one anomaly, and why."""

    anomaly_id: int
    check: str
    title: str
    what: str
    note: str


def read_changes(session: Session, fermentation_id: int, *, since: datetime) -> list[AlarmChange]:
    """What analyses of this fermentation changed about its anomalies from `since` on, the first change first."""
    rows = session.execute(
        select(
            AnomalyEvent.anomaly_id,
            Anomaly.type,
            Anomaly.title,
            AnomalyEvent.what,
            AnomalyEvent.note,
        )
        .join(Anomaly, Anomaly.id == AnomalyEvent.anomaly_id)
        .where(
            Anomaly.fermentation_id == fermentation_id,
            AnomalyEvent.user_id.is_(None),
            AnomalyEvent.at >= since,
        )
        .order_by(AnomalyEvent.id)
    )
    return [AlarmChange(*row) for row in rows]


def read_open_anomalies(
    session: Session, fermentation_ids: Sequence[int], *, now: datetime
) -> list[AnomalyView]:
    """Troubles of these fermentations that are not cleared, the worst first, then the oldest."""
    return _view(session, _select_open(fermentation_ids), now)


def _select_open(fermentation_ids: Sequence[int]) -> Select[Anomaly]:
    return (
        select(Anomaly)
        .where(is_among(Anomaly.fermentation_id, fermentation_ids), Anomaly.cleared_at.is_(None))
        .order_by(_WORST_FIRST, Anomaly.opened_at, Anomaly.id)
    )


def read_board_alarms(
    session: Session, fermentation_ids: Sequence[int], *, now: datetime
) -> list[BoardAlarm]:
    """As `read_open_anomalies`, and only what the board says."""
    rows = read_rows(
        session,
        _select_open(fermentation_ids).with_only_columns(
            Anomaly.id,
            Anomaly.fermentation_id,
            Anomaly.type,
            Anomaly.severity,
            Anomaly.title,
            Anomaly.explanation,
            Anomaly.acknowledged_by,
            _is_awake(now),
            case((Anomaly.type.in_(sorted(QUESTIONS)), Anomaly.evidence)),
        ),
    )
    return [BoardAlarm(*row) for row in rows]


def find_anomaly(session: Session, anomaly_id: int, *, now: datetime) -> AnomalyView | None:
    """The anomaly with this id."""
    found = _view(session, select(Anomaly).where(Anomaly.id == anomaly_id), now)
    return found[0] if found else None


def find_anomalies(
    session: Session, anomaly_ids: Sequence[int], *, now: datetime
) -> list[AnomalyView]:
    """The anomalies with these ids, in no order of their own."""
    return _view(session, select(Anomaly).where(is_among(Anomaly.id, anomaly_ids)), now)


def list_anomalies(
    session: Session,
    *,
    now: datetime,
    status: AnomalyStatus | None = None,
    severity: str | None = None,
    kind: str | None = None,
    fermentation_id: int | None = None,
    assigned_to: int | None = None,
    cursor: str | None = None,
    limit: int = 200,
) -> Page[AnomalyView]:
    """Anomalies, the last opened first; without a status all that are not cleared.

    Raises Invalid for a cursor that is not ours.
    """
    filters = [
        (Anomaly.severity, severity),
        (Anomaly.type, kind),
        (Anomaly.fermentation_id, fermentation_id),
        (Anomaly.assigned_to, assigned_to),
    ]
    wanted = select(Anomaly).where(
        _has_status(status, now),
        *(column == value for column, value in filters if value is not None),
    )
    if cursor is not None:
        place = tuple_(*read_cursor(cursor, read_moment))
        wanted = wanted.where(tuple_(Anomaly.opened_at, Anomaly.id) < place)
    views = _view(
        session, wanted.order_by(Anomaly.opened_at.desc(), Anomaly.id.desc()).limit(limit + 1), now
    )
    return cut_page(views, limit, lambda view: (view.opened_at.isoformat(), view.id))


def _has_status(status: AnomalyStatus | None, now: datetime) -> ColumnElement[bool]:
    if status == "cleared":
        return Anomaly.cleared_at.is_not(None)
    standing = Anomaly.cleared_at.is_(None)
    if status is None:
        return standing
    if status == "snoozed":
        return and_(standing, ~_is_awake(now))
    taken = Anomaly.acknowledged_at.is_not(None)
    return and_(standing, _is_awake(now), taken if status == "acknowledged" else ~taken)


def _is_awake(now: datetime) -> ColumnElement[bool]:
    return or_(Anomaly.snoozed_until.is_(None), Anomaly.snoozed_until <= now)


def list_by_gravity(
    session: Session,
    *,
    now: datetime,
    asleep: bool = False,
    assigned_to: int | None = None,
    limit: int,
) -> list[AnomalyView]:
    """What stands open in the whole winery, the worst first, then the oldest; of `asleep` what is snoozed."""
    wanted = select(Anomaly).where(
        Anomaly.cleared_at.is_(None), _is_awake(now) if not asleep else ~_is_awake(now)
    )
    if assigned_to is not None:
        wanted = wanted.where(
            or_(Anomaly.assigned_to == assigned_to, Anomaly.acknowledged_by == assigned_to)
        )
    order = (_WORST_FIRST, Anomaly.opened_at, Anomaly.id)
    return _view(session, wanted.order_by(*order).limit(limit), now)


def list_lately_cleared(
    session: Session, *, now: datetime, since: datetime, limit: int
) -> list[AnomalyView]:
    """What was cleared since a moment, the last first."""
    wanted = select(Anomaly).where(Anomaly.cleared_at >= since)
    order = (Anomaly.cleared_at.desc(), Anomaly.id.desc())
    return _view(session, wanted.order_by(*order).limit(limit), now)


def list_untaken(session: Session, *, now: datetime) -> list[tuple[AnomalyView, datetime]]:
    """Critical anomalies that ask for somebody and that nobody has, each with the moment since when it does so."""
    views = _view(
        session,
        select(Anomaly)
        .where(
            Anomaly.cleared_at.is_(None),
            Anomaly.severity == "critical",
            Anomaly.acknowledged_at.is_(None),
            _is_awake(now),
        )
        .order_by(Anomaly.id),
        now,
    )
    rows = session.execute(
        select(AnomalyEvent.anomaly_id, func.max(AnomalyEvent.at))
        .where(
            is_among(AnomalyEvent.anomaly_id, [view.id for view in views]),
            AnomalyEvent.what.in_(("opened", "graver", "reopened")),
        )
        .group_by(AnomalyEvent.anomaly_id)
    )
    asked = {anomaly_id: at for anomaly_id, at in rows}
    return [
        (view, max(asked.get(view.id, view.opened_at), view.snoozed_until or view.opened_at))
        for view in views
    ]


def count_untaken(session: Session, *, now: datetime) -> int:
    """How many alarms ask for somebody now and have nobody yet."""
    return (
        session.scalar(
            select(func.count()).where(
                Anomaly.cleared_at.is_(None),
                Anomaly.severity == "critical",
                Anomaly.acknowledged_at.is_(None),
                _is_awake(now),
            )
        )
        or 0
    )


def count_changes(session: Session, *, since: datetime) -> tuple[int, int]:
    """How many alarms (nothing that is only worth knowing) were opened and how many cleared since a moment."""
    opened, cleared = session.execute(
        select(
            func.count().filter(Anomaly.opened_at >= since),
            func.count().filter(Anomaly.cleared_at >= since),
        ).where(Anomaly.severity != "info")
    ).one()
    return opened, cleared


def list_anomaly_history(
    session: Session, anomaly_id: int, *, cursor: str | None = None, limit: int = 200
) -> Page[AnomalyEventView]:
    """What became of an anomaly, the first thing first. Raises Invalid for a cursor that is not ours."""
    wanted = select(AnomalyEvent).where(AnomalyEvent.anomaly_id == anomaly_id)
    if cursor is not None:
        wanted = wanted.where(AnomalyEvent.id > read_cursor(cursor, str)[1])
    rows = session.scalars(wanted.order_by(AnomalyEvent.id).limit(limit + 1)).all()
    names = _find_names(session, [(row.user_id, row.assigned_to) for row in rows])
    views = [
        AnomalyEventView(
            row.id,
            row.at,
            row.what,
            row.user_id,
            names.get(row.user_id),
            row.note,
            row.severity,
            row.evidence,
            row.assigned_to,
            names.get(row.assigned_to),
            row.snoozed_until,
        )
        for row in rows
    ]
    return cut_page(views, limit, lambda view: ("", view.id))


def _find_names(
    session: Session, people: Sequence[tuple[int | None, int | None]]
) -> dict[int | None, str]:
    known = {person for pair in people for person in pair if person is not None}
    return {person: name for person, name in find_names(session, known).items()}


def _find_status(row: Anomaly, now: datetime) -> AnomalyStatus:
    if row.cleared_at is not None:
        return "cleared"
    if row.snoozed_until is not None and row.snoozed_until > now:
        return "snoozed"
    return "open" if row.acknowledged_at is None else "acknowledged"


def _view(session: Session, wanted: Select[Anomaly], now: datetime) -> list[AnomalyView]:
    rows = read_rows(session, wanted.with_only_columns(*Anomaly.__table__.c))
    names = _find_names(session, [(row.acknowledged_by, row.assigned_to) for row in rows])
    return [
        AnomalyView(
            row.id,
            row.fermentation_id,
            row.type,
            row.severity,
            row.title,
            row.explanation,
            row.since,
            row.opened_at,
            row.evidence,
            row.threshold,
            row.clears_when,
            row.deviation_score,
            _find_status(row, now),
            row.confirmed_at,
            row.confirmations,
            row.cleared_at,
            row.cleared_because,
            row.acknowledged_at,
            row.acknowledged_by,
            names.get(row.acknowledged_by),
            row.assigned_to,
            names.get(row.assigned_to),
            row.snoozed_until,
            row.reopened_at,
        )
        for row in rows
    ]
