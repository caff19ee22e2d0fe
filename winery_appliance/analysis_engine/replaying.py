"""The worker's look at a past vintage: what the rules as they stand would have said, and what others would.

It is loaded in one transaction and stored in another; between them, while it computes, none is held.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import structlog
from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from winery_appliance.analysis_engine.forecasting.finished import PastFerment
from winery_appliance.analysis_engine.forecasting.forecast import Forecast
from winery_appliance.analysis_engine.forecasting.learning import learn
from winery_appliance.analysis_engine.forecasting.lessons import UNTAUGHT, Lessons
from winery_appliance.analysis_engine.logged_work import read_logged_work
from winery_appliance.analysis_engine.measurements import RuleSetting
from winery_appliance.analysis_engine.models import Replay
from winery_appliance.analysis_engine.past import (
    LEAST_PAST,
    MOST_PAST,
    find_vintage,
    read_past_ferment,
)
from winery_appliance.analysis_engine.replay import Alarm, compare_rules
from winery_appliance.analysis_engine.replay_files import RecordedFerment
from winery_appliance.analysis_engine.rule_queries import read_rules
from winery_appliance.analysis_engine.tuning import tune_checks
from winery_appliance.core.db import Database
from winery_appliance.core.words import say
from winery_appliance.fermentation.queries import FermentationView, list_fermentations
from winery_appliance.winery.queries import find_in_wineries

log = structlog.get_logger("winery.replays")

PENDING = ("waiting", "running")
MOST_FERMENTS = 400  # of one vintage; the newest
MOST_SEARCHED = 4000  # finished wines among which a vintage is looked for
KEPT = 50  # replays of a winery; older ones are forgotten
NOTE_EVERY_S = 1.0
# Whether these were right is told by how the ferment ended; of the others nobody can say it afterwards.
TOLD_BY_THE_END = ("stuck", "sluggish", "slow_start", "atypical")


@dataclass(frozen=True)
class _Wine:
    """A finished wine of the vintage, ready to be looked at."""

    view: FermentationView
    recorded: RecordedFerment


@dataclass(frozen=True)
class _Work:
    """All that a replay needs, as of one moment."""

    wines: tuple[_Wine, ...]
    others: tuple[PastFerment, ...]
    now: tuple[RuleSetting, ...]
    then: tuple[RuleSetting, ...]


def run_pending_replays(db: Database) -> int:
    """Work on every replay that waits for it, in every winery; how many there were. `db` connects as the role `worker`."""
    pending = select(Replay.id).where(Replay.state.in_(PENDING)).order_by(Replay.id)
    return sum(run_replay(db, *each) for each in find_in_wineries(db, pending))


def run_replay(db: Database, winery_id: int, replay_id: int) -> bool:
    """Work on one replay until it is over; False when somebody else is at it."""
    with db.advisory_lock(f"replay/{winery_id}/{replay_id}") as mine:
        if not mine:
            return False

        def note(done: int) -> None:
            _change(db, winery_id, replay_id, ferments_done=done)

        try:
            with db.transaction(winery_id) as session:
                work = _load(session, replay_id)
            if work is None:
                return False
            _change(db, winery_id, replay_id, state="running", ferments_total=len(work.wines))
            result = _look_back(work, note)
            _change(
                db,
                winery_id,
                replay_id,
                state="done",
                ferments_done=len(work.wines),
                finished_at=func.clock_timestamp(),
                result=result,
            )
        except OperationalError:
            raise  # the database is away; whoever comes next begins anew
        except Exception:
            # One replay must not keep the others waiting for ever.
            log.exception("replay failed", replay_id=replay_id)
            why = say("Something went wrong on our side. Nothing in the book was changed.")
            _change(db, winery_id, replay_id, state="failed", failure=why)
        with db.transaction(winery_id) as session:
            newest = select(Replay.id).order_by(Replay.id.desc()).limit(KEPT)
            session.execute(
                delete(Replay).where(Replay.id.not_in(newest), Replay.state.not_in(PENDING))
            )
    return True


def _change(db: Database, winery_id: int, replay_id: int, **values: object) -> None:
    with db.transaction(winery_id) as session:
        session.execute(update(Replay).where(Replay.id == replay_id).values(**values))


def _load(session: Session, replay_id: int) -> _Work | None:
    row = session.get(Replay, replay_id)
    if row is None or row.state not in PENDING:
        return None
    newest = list_fermentations(session, status="completed", limit=MOST_SEARCHED).items
    of_vintage = [wine for wine in newest if find_vintage(wine) == row.vintage][:MOST_FERMENTS]
    others = [wine for wine in newest if find_vintage(wine) != row.vintage][:MOST_PAST]
    now = read_rules(session)
    tried = [RuleSetting(**rule) for rule in row.rules]
    replaced = {(one.check, one.style) for one in tried}
    return _Work(
        wines=tuple(_read_wine(session, wine) for wine in of_vintage),
        others=tuple(read_past_ferment(session, wine) for wine in reversed(others)),
        now=now,
        then=(*(one for one in now if (one.check, one.style) not in replaced), *tried),
    )


def _read_wine(session: Session, wine: FermentationView) -> _Wine:
    past = read_past_ferment(session, wine)
    done = read_logged_work(session, wine.id)
    return _Wine(wine, RecordedFerment(wine.code, past.ferment, tuple(past.readings), done))


def _look_back(work: _Work, note: Callable[[int], None]) -> dict[str, Any]:
    """Every wine by both sets of rules; learned from other vintages only, as it could have been then."""
    lessons = _learn_from(work.others) if len(work.others) >= LEAST_PAST else UNTAUGHT
    told: dict[str, list[dict[str, Any]]] = {"now": [], "then": []}
    in_time = 0
    noted_s = time.monotonic()
    for done, wine in enumerate(work.wines, start=1):
        style = wine.view.style
        rules = [tune_checks(work.now, style), tune_checks(work.then, style)]
        alarms, last = compare_rules(wine.recorded, lessons, rules)
        well = _was_in_time(last)
        in_time += well
        for key, found in zip(told, alarms, strict=True):
            told[key] += _tell(found, wine.view, well)
        if time.monotonic() - noted_s >= NOTE_EVERY_S:
            noted_s = time.monotonic()
            note(done)
    return {
        "ferments": len(work.wines),
        "in_time": in_time,
        "learned_from": len(work.others),
        **told,
    }


@lru_cache(maxsize=1)
def _learn_from(others: tuple[PastFerment, ...]) -> Lessons:
    """Who tries a rule tries another one next, on the same vintage: what took the longest is then known."""
    return learn(others)


def _was_in_time(last: Forecast | None) -> bool:
    return last is not None and last.found_dry and last.dry_h.p50 <= last.deadline_h


def _tell(found: Sequence[Alarm], wine: FermentationView, well: bool) -> list[dict[str, Any]]:
    return [
        {
            "fermentation_id": wine.id,
            "code": wine.code,
            "check": alarm.check,
            "severity": alarm.severity,
            "opened_at": alarm.opened_at.isoformat(),
            "cleared_at": None if alarm.cleared_at is None else alarm.cleared_at.isoformat(),
            "false": well if alarm.check in TOLD_BY_THE_END else None,
        }
        for alarm in found
        if alarm.severity != "info"
    ]
