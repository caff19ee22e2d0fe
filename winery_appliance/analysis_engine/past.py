"""What the winery's own finished ferments taught: learned now and then, outside every transaction, and kept."""

import hashlib
import hmac
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection, Engine, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from winery_appliance.analysis_engine.forecasting.finished import PastFerment
from winery_appliance.analysis_engine.forecasting.kept_lessons import (
    FORMAT,
    LIBRARY,
    pack_lessons,
    unpack_lessons,
)
from winery_appliance.analysis_engine.forecasting.learning import learn
from winery_appliance.analysis_engine.forecasting.lessons import UNTAUGHT, Lessons
from winery_appliance.analysis_engine.measurements import Ferment, Reading
from winery_appliance.analysis_engine.models import KeptLessons
from winery_appliance.analysis_engine.situation import find_yan
from winery_appliance.core.db import Database
from winery_appliance.fermentation.queries import (
    FermentationView,
    SampleView,
    list_fermentations,
    read_samples,
)

# The newest tell most; each takes some 0.2 s to learn from, and readings meanwhile are analysed beside it.
MOST_PAST = 150
LEAST_PAST = 5
# A correction in an old book is learned from after a while even if nothing else has changed.
LEARNED_EVERY_DAYS = 7

# By winery what this process read last, and when that was learned.
_READ: dict[int, tuple[datetime, Lessons]] = {}


@dataclass(frozen=True)
class Past:
    """Finished ferments to learn from; `mark` changes when there are others."""

    mark: str
    ferments: tuple[PastFerment, ...]


def learn_from_past(db: Database, winery_id: int, *, now: datetime) -> bool:
    """Learn from the winery's finished ferments if there are others than last time; whether it did."""
    with db.transaction(winery_id) as session:
        past = _read_past(session, winery_id, now)
    if past is None:
        return False
    packed = pack_lessons(learn(past.ferments), _derive_key(db.engine))
    with db.transaction(winery_id) as session:
        values = {"learned_from": past.mark, "ferments": len(past.ferments), "content": packed}
        session.execute(
            insert(KeptLessons)
            .values(winery_id=winery_id, **values)
            .on_conflict_do_update(
                index_elements=["winery_id"],
                set_={**values, "learned_at": func.clock_timestamp()},
            )
        )
    return True


def _read_past(session: Session, winery_id: int, now: datetime) -> Past | None:
    """What there is to learn from; None when it is too little, or what was learned from last time."""
    wines = list_fermentations(session, status="completed", limit=MOST_PAST).items
    if len(wines) < LEAST_PAST:
        return None
    facts = [(wine.id, wine.style, wine.started_at, wine.ended_at) for wine in wines]
    week = now.toordinal() // LEARNED_EVERY_DAYS
    mark = hashlib.sha256(repr((FORMAT, LIBRARY, week, facts)).encode()).hexdigest()
    known = select(KeptLessons.learned_from).where(KeptLessons.winery_id == winery_id)
    if session.scalar(known) == mark:
        return None
    # The newest last, as they are learned from.
    return Past(mark, tuple(read_past_ferment(session, wine) for wine in reversed(wines)))


def find_vintage(wine: FermentationView) -> int:
    """The vintage of a wine; where nobody wrote it down, the year it began in."""
    return wine.vintage or wine.started_at.year


def read_past_ferment(session: Session, wine: FermentationView) -> PastFerment:
    """A finished wine with its readings, as they were known then."""
    readings = [to_past_reading(sample, wine) for sample in read_samples(session, wine.id)]
    ferment = Ferment(style=wine.style, started_at=wine.started_at, yeast_strain=wine.yeast_strain)
    yan = find_yan(ferment, readings)
    return PastFerment(
        Ferment(wine.style, wine.started_at, wine.yeast_strain, yan_mg_l=yan), tuple(readings)
    )


def read_lessons(session: Session, winery_id: int) -> Lessons:
    """What was learned last; unpacked once in each process."""
    learned_at = session.scalar(
        select(KeptLessons.learned_at).where(KeptLessons.winery_id == winery_id)
    )
    if learned_at is None:
        return UNTAUGHT
    known = _READ.get(winery_id)
    if known is None or known[0] != learned_at:
        content = session.scalars(
            select(KeptLessons.content).where(KeptLessons.winery_id == winery_id)
        ).one()
        known = (learned_at, unpack_lessons(content, _derive_key(session.get_bind())) or UNTAUGHT)
        _READ[winery_id] = known
    return known[1]


def _derive_key(bind: Engine | Connection) -> bytes:
    """What lessons are signed with: only who connects as the worker can make some that a worker reads.

    With another password the earlier ones are refused, and learned anew.
    """
    password = bind.engine.url.password or ""
    return hmac.new(password.encode(), b"lessons of finished ferments", hashlib.sha256).digest()


def to_past_reading(sample: SampleView, wine: FermentationView) -> Reading:
    """A reading of a finished wine as it was known then; what came to the book afterwards was known when it was taken."""
    reading = to_reading(sample)
    if wine.ended_at is not None and reading.recorded_at > wine.ended_at:
        return replace(reading, recorded_at=reading.measured_at)
    return reading


def to_reading(sample: SampleView) -> Reading:
    """A reading of the book as the engine takes it."""
    return Reading(
        sample_id=sample.id,
        sample_type=sample.sample_type,
        value=sample.canonical,
        qualifier=sample.qualifier,
        measured_at=sample.measured_at,
        recorded_at=sample.received_at,
        confirmed=sample.confirmed,
        unit=sample.unit,
    )
