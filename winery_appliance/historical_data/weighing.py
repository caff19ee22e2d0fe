"""Staged rows are weighed against each other and against the book: what is there already, contradicts, or lies outside.

Only wines that staging had a doubt about are looked at: of a sound file of a million rows, none.
"""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, case, func, literal_column, or_, select, text, update
from sqlalchemy.orm import Session, aliased

from winery_appliance.core.many_rows import is_among
from winery_appliance.core.words import say
from winery_appliance.fermentation.imported import current_readings
from winery_appliance.historical_data.import_models import StagedReading, StagedWine
from winery_appliance.historical_data.staging import Doubts

# Of a thousand decimals of a density no instrument has more.
SAME_VALUE = 1e-6
_SAVABLE = StagedReading.verdict.in_(("matched", "new"))


def weigh(session: Session, import_id: int, doubts: Doubts) -> dict[str, int]:
    """Find what is in the file or the book already, what contradicts, and what lies outside its wine; the counts."""
    # The planner knows nothing yet of rows that were copied in a moment ago, and takes ten thousand wines for one.
    session.execute(text("SET LOCAL enable_nestloop = off"))
    if doubts.refused:
        session.execute(
            update(StagedReading)
            .where(
                *_are_savable(import_id, doubts.refused),
                StagedWine.import_id == import_id,
                StagedWine.number == StagedReading.wine,
            )
            .values(verdict="refused", fault=StagedWine.fault, detail=StagedWine.detail)
        )
    if doubts.outside or doubts.known:
        wines = [*doubts.outside, *doubts.known]
        told = {
            "before": say("The fermentation began only at %(at)s UTC.", at="%s"),
            "after": say("The fermentation ended at %(at)s UTC.", at="%s"),
        }
        session.execute(text(_OUTSIDE), {"import_id": import_id, "wines": wines} | told)
    if doubts.repeated:
        _weigh_against_each_other(session, import_id, doubts.repeated)
    # The book is large, and has its indexes.
    session.execute(text("SET LOCAL enable_nestloop = on"))
    if doubts.known:
        _weigh_against_book(session, import_id)
    return count(session, import_id)


def _are_savable(import_id: int, wines: Sequence[int]) -> tuple[ColumnElement[bool], ...]:
    return StagedReading.import_id == import_id, is_among(StagedReading.wine, wines), _SAVABLE


# As the rules of a reading have it: whole minutes are typed, starts have seconds.
_OUTSIDE = """
UPDATE staged_readings r SET verdict = 'refused',
    fault = CASE WHEN r.measured_at < b.started_at THEN 'before_start' ELSE 'after_end' END,
    detail = CASE WHEN r.measured_at < b.started_at
        THEN format(:before, to_char(b.started_at, 'YYYY-MM-DD HH24:MI'))
        ELSE format(:after, to_char(b.ended_at, 'YYYY-MM-DD HH24:MI')) END
FROM (SELECT w.number, coalesce(f.started_at, w.started_at) AS started_at,
        CASE WHEN w.fermentation_id IS NULL THEN w.ended_at ELSE f.ended_at END AS ended_at
      FROM staged_wines w LEFT JOIN fermentations f ON f.id = w.fermentation_id WHERE w.import_id = :import_id) b
WHERE r.import_id = :import_id AND r.wine = b.number AND r.verdict IN ('matched', 'new') AND r.wine = ANY(:wines)
    AND (r.measured_at < b.started_at - interval '1 minute' OR r.measured_at > b.ended_at)
"""


def _weigh_against_each_other(session: Session, import_id: int, wines: Sequence[int]) -> None:
    twice = (
        select(
            StagedReading.wine.label("wine"),
            StagedReading.sample_type.label("sample_type"),
            StagedReading.measured_at.label("measured_at"),
            func.min(StagedReading.line).label("first"),
            func.max(StagedReading.line).label("last"),
            (func.max(StagedReading.value) - func.min(StagedReading.value) < SAME_VALUE).label(
                "same"
            ),
        )
        .where(*_are_savable(import_id, wines))
        .group_by(StagedReading.wine, StagedReading.sample_type, StagedReading.measured_at)
        .having(func.count() > 1)
        .subquery()
    )
    other = case((StagedReading.line == twice.c.first, twice.c.last), else_=twice.c.first)
    session.execute(
        update(StagedReading)
        .where(
            *_are_savable(import_id, wines),
            StagedReading.wine == twice.c.wine,
            StagedReading.sample_type == twice.c.sample_type,
            StagedReading.measured_at == twice.c.measured_at,
            or_(~twice.c.same, StagedReading.line > twice.c.first),
        )
        .values(
            verdict=case((twice.c.same, "duplicate"), else_="conflicting"),
            fault="twice_in_file",
            detail=case(
                (twice.c.same, func.format(say("The same as line %(line)s.", line="%s"), other)),
                else_=func.format(
                    say("Line %(line)s says something else for the same moment.", line="%s"), other
                ),
            ),
        )
    )


def _weigh_against_book(session: Session, import_id: int) -> None:
    known = current_readings().subquery()
    wine = aliased(StagedWine)
    same = func.abs(known.c.value - StagedReading.value) < SAME_VALUE
    session.execute(
        update(StagedReading)
        .where(
            StagedReading.import_id == import_id,
            StagedReading.verdict == "matched",
            wine.import_id == import_id,
            wine.number == StagedReading.wine,
            known.c.fermentation_id == wine.fermentation_id,
            known.c.sample_type == StagedReading.sample_type,
            known.c.measured_at == StagedReading.measured_at,
        )
        .values(
            verdict=case((same, "duplicate"), else_="conflicting"),
            fault="in_the_book",
            detail=case(
                (same, say("It is in the book already.")),
                else_=func.format(
                    say("The book says %(value)s for the same moment.", value="%s"),
                    known.c.value_typed,
                ),
            ),
        )
    )


def count(session: Session, import_id: int) -> dict[str, int]:
    """How many readings have which verdict, and how many wines are new, matched or refused."""
    verdicts = session.execute(
        select(StagedReading.verdict, func.count())
        .where(StagedReading.import_id == import_id)
        .group_by(StagedReading.verdict)
    )
    counts = {verdict: number for verdict, number in verdicts}
    kinds = case(
        (StagedWine.fault.is_not(None), "wines_refused"),
        (StagedWine.fermentation_id.is_not(None), "wines_matched"),
        else_="wines_new",
    )
    wines = session.execute(
        select(kinds, func.count())
        .where(StagedWine.import_id == import_id)
        .group_by(literal_column("1"))
    )
    return counts | {kind: number for kind, number in wines}
