"""The last stages of an import: each wine comes into the book, or leaves it again, in one transaction of its own.

A wine that is saved has its row in `imported_wines` by the same commit, so whoever is killed and begins again goes on
behind the last one; the disk need not be waited for at each wine, because a wine that a crash takes back is saved again.
"""

from collections.abc import Callable

from sqlalchemy import ColumnElement, and_, cast, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import BYTEA, UUID
from sqlalchemy.orm import Session

from winery_appliance.auth.permissions import Role
from winery_appliance.auth.service import Actor
from winery_appliance.core import clock, outbox
from winery_appliance.core.db import Database
from winery_appliance.core.errors import AppError, Invalid
from winery_appliance.fermentation import imported
from winery_appliance.fermentation.imported import ImportedFermentation
from winery_appliance.fermentation.queries import hold_fermentation
from winery_appliance.fruit_origin.imported import find_or_add_lot, remove_unused_lot
from winery_appliance.historical_data.import_events import (
    FermentationImported,
    FermentationImportUndone,
    ImportSaved,
)
from winery_appliance.historical_data.import_models import (
    Import,
    ImportedWine,
    StagedReading,
    StagedWine,
)
from winery_appliance.historical_data.staging import count

Note = Callable[[int], None]


def save_wines(db: Database, winery_id: int, import_id: int, begin: Note, note: Note) -> None:
    """Save every wine that waits and is not refused, then say so. Raises what `note` raises to stop, between two wines.

    Raises Invalid when what was staged is gone: the server had crashed, and the file must be read again first.
    """
    with db.transaction(winery_id) as session:
        told = session.get_one(Import, import_id)
        created_by, expected = told.created_by, told.counts
        if not _is_staged(session, import_id, expected):
            told.state = "waiting"
            told.failure = (
                "The server was restarted. The file is read again; then save it once more."
            )
            return
        left = _list_left(session, import_id)
        done = session.scalar(
            select(func.count())
            .select_from(ImportedWine)
            .where(ImportedWine.import_id == import_id)
        )
    done = done or 0
    begin(done + len(left))
    saver = _Saver(winery_id, import_id, created_by)
    for number in left:
        with db.transaction(winery_id) as session:
            session.execute(text("SET LOCAL synchronous_commit = off"))
            saver.save(session, number)
        done += 1
        note(done)
    with db.transaction(winery_id) as session:
        row = session.get_one(Import, import_id, with_for_update=True)
        row.state, row.saved_at, row.steps_done, row.cancel_requested = "saved", clock.now(), done, False  # fmt: skip
        row.failure = None
        row.counts = count(session, import_id) | {"rows": row.counts.get("rows", 0)}
        outbox.publish(session, ImportSaved(winery_id, import_id))


def _is_staged(session: Session, import_id: int, expected: dict[str, int]) -> bool:
    there = session.scalar(
        select(func.count()).select_from(StagedWine).where(StagedWine.import_id == import_id)
    )
    return there == sum(n for name, n in expected.items() if name.startswith("wines_"))


def _list_left(session: Session, import_id: int) -> list[int]:
    saved = select(ImportedWine.number).where(ImportedWine.import_id == import_id)
    return list(
        session.scalars(
            select(StagedWine.number)
            .where(
                StagedWine.import_id == import_id,
                StagedWine.fault.is_(None),
                StagedWine.number.not_in(saved),
            )
            .order_by(StagedWine.number)
        )
    )


class _Saver:
    """Saves the wines of one import."""

    def __init__(self, winery_id: int, import_id: int, created_by: int) -> None:
        self.winery_id, self.import_id, self.created_by = winery_id, import_id, created_by
        # Who pressed Save was asked for the right to it there.
        self.actor = Actor(created_by, winery_id, Role.OWNER, "import")

    def save(self, session: Session, number: int) -> None:
        """One wine with all its readings; a refusal of the book becomes the wine's fault."""
        wine = session.get_one(StagedWine, (self.import_id, number))
        try:
            with session.begin_nested():
                self._save(session, wine)
        except AppError as refusal:
            session.execute(
                update(StagedWine)
                .where(StagedWine.import_id == self.import_id, StagedWine.number == number)
                .values(fault=refusal.code, detail=refusal.detail)
            )
            session.execute(
                update(StagedReading)
                .where(self._readings(number))
                .values(verdict="refused", fault=refusal.code, detail=refusal.detail)
            )

    def _readings(self, number: int) -> ColumnElement[bool]:
        return and_(
            StagedReading.import_id == self.import_id,
            StagedReading.wine == number,
            StagedReading.verdict.in_(("matched", "new")),
        )

    def _save(self, session: Session, wine: StagedWine) -> None:
        is_new = wine.fermentation_id is None
        made_lot_id = None
        if wine.fermentation_id is None:
            fermentation_id, made_lot_id = self._add(session, wine)
        else:
            fermentation_id = wine.fermentation_id
            hold_fermentation(session, fermentation_id, alone=False)
        place = func.concat(
            StagedReading.import_id, "/", StagedReading.line, "/", StagedReading.place
        )
        added = imported.add_imported_samples(
            session,
            fermentation_id,
            select(
                StagedReading.line,
                cast(func.md5(place), UUID(as_uuid=True)),
                StagedReading.sample_type,
                StagedReading.value_typed,
                StagedReading.unit,
                StagedReading.qualifier,
                StagedReading.sample_temperature_c,
                StagedReading.value,
                StagedReading.measured_at,
                cast(func.decode(func.md5(place), "hex"), BYTEA),
            )
            .where(self._readings(wine.number))
            .order_by(StagedReading.measured_at, StagedReading.line),
            winery_id=self.winery_id,
            import_id=self.import_id,
            recorded_by=self.created_by,
        )
        session.execute(
            insert(ImportedWine).values(
                winery_id=self.winery_id,
                import_id=self.import_id,
                number=wine.number,
                fermentation_id=fermentation_id,
                is_new=is_new,
                variety=wine.variety,
                vineyard=wine.vineyard,
                made_lot_id=made_lot_id,
            )
        )
        if added and not is_new:
            imported.tell_of_samples(session, fermentation_id, winery_id=self.winery_id)
        event = FermentationImported(self.winery_id, fermentation_id, self.import_id)
        outbox.publish(session, event)

    def _add(self, session: Session, wine: StagedWine) -> tuple[int, int | None]:
        """The fermentation, and the harvest lot that had to be made for it."""
        made_lot_id = None
        if wine.style is None or wine.started_at is None or wine.ended_at is None:
            raise Invalid("The file does not say enough of this wine.", code="not_enough")
        told = ImportedFermentation(
            wine.code,
            wine.style,
            wine.yeast_strain or "unknown",
            wine.started_at,
            wine.ended_at,
            wine.volume_l,
            _read_year(wine),
        )
        fermentation_id = imported.add_imported(
            session, told, winery_id=self.winery_id, created_by=self.created_by, now=clock.now()
        )
        if wine.vineyard and wine.variety and wine.kg:
            harvested_on = wine.harvested_on or wine.started_at.date()
            lot_id, made = find_or_add_lot(
                session,
                code=wine.lot or wine.code,
                vineyard=wine.vineyard,
                variety=wine.variety,
                vintage=wine.vintage or str(harvested_on.year),
                harvested_on=harvested_on,
                kg=wine.kg,
                now=clock.now(),
                actor=self.actor,
            )
            made_lot_id = lot_id if made else None
            imported.add_imported_source(
                session, fermentation_id, lot_id, wine.kg, winery_id=self.winery_id
            )
        return fermentation_id, made_lot_id


def _read_year(wine: StagedWine) -> int | None:
    """The vintage where the file names a year, else the year of the harvest."""
    if wine.vintage and wine.vintage.isdecimal() and 1500 <= int(wine.vintage) < 2200:
        return int(wine.vintage)
    return wine.harvested_on.year if wine.harvested_on else None


def undo_wines(db: Database, winery_id: int, import_id: int, begin: Note, note: Note) -> None:
    """Take out of the book what the import brought, wine by wine; it ends even where somebody cancels.

    A wine that others wrote to since stays, without the readings of the import.
    """
    with db.transaction(winery_id) as session:
        row = session.get_one(Import, import_id)
        by, name = row.created_by, row.file_name
        left = session.scalars(
            select(ImportedWine.number).where(ImportedWine.import_id == import_id)
        ).all()
    begin(len(left))
    for done, number in enumerate(left, start=1):
        with db.transaction(winery_id) as session:
            _undo(session, winery_id, import_id, number, by=by, name=name)
        note(done)
    with db.transaction(winery_id) as session:
        row = session.get_one(Import, import_id, with_for_update=True)
        row.state, row.steps_done, row.cancel_requested = "undone", len(left), False


def _undo(
    session: Session, winery_id: int, import_id: int, number: int, *, by: int, name: str
) -> None:
    key = (winery_id, import_id, number)
    wine = session.get(ImportedWine, key)
    if wine is None:
        return
    hold_fermentation(session, wine.fermentation_id, alone=False)
    if wine.is_new and not imported.is_touched(session, wine.fermentation_id, import_id=import_id):
        imported.remove_imported(session, wine.fermentation_id, now=clock.now())
        if wine.made_lot_id is not None:
            remove_unused_lot(session, wine.made_lot_id, now=clock.now())
    else:
        imported.void_imported_samples(
            session,
            wine.fermentation_id,
            winery_id=winery_id,
            import_id=import_id,
            voided_by=by,
            reason=f"The import of {name} was undone.",
        )
    session.delete(wine)
    event = FermentationImportUndone(winery_id, wine.fermentation_id, import_id)
    outbox.publish(session, event)
