"""The last stages of an import: each wine comes into the book, or leaves it again, as a whole by one commit.

A wine that is saved has its row in `imported_wines` by the same commit, so whoever is killed and begins again goes on
behind the last one. The first wine of a file is committed alone, then as many together as were saved before, up to
MOST_TOGETHER: a small file goes wine by wine, and a large one waits for the disk seldom. Where the book refuses one of
several, none of them was written, and each is saved alone.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    and_,
    bindparam,
    cast,
    func,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA, UUID, Insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from winery_appliance.auth.permissions import Role
from winery_appliance.auth.service import Actor
from winery_appliance.core import clock, outbox
from winery_appliance.core.db import Database
from winery_appliance.core.errors import AppError, Conflict, Invalid
from winery_appliance.core.many_rows import insert_rows, is_among
from winery_appliance.core.words import say
from winery_appliance.fermentation import imported
from winery_appliance.fermentation.imported import (
    ImportedFermentation,
    hold_living,
    tell_of_samples,
)
from winery_appliance.fermentation.queries import hold_fermentation
from winery_appliance.fermentation.service import code_taken
from winery_appliance.fruit_origin.imported import (
    ImportedLot,
    find_or_add_lots,
    remove_unused_lot,
)
from winery_appliance.historical_data.events import tell_of_past
from winery_appliance.historical_data.import_events import (
    FermentationImportUndone,
    ImportSaved,
)
from winery_appliance.historical_data.import_models import (
    Import,
    ImportedWine,
    StagedReading,
    StagedWine,
)
from winery_appliance.historical_data.weighing import count

Note = Callable[[int], None]
# A commit for every so many wines keeps locks short and a cancelling quick.
MOST_TOGETHER = 64
# Until somebody counts the rows of a book that was empty a moment ago, the server looks for each wine that a reading names
# through all wines of the winery.
COUNT_EVERY = 16 * MOST_TOGETHER


def save_wines(db: Database, winery_id: int, import_id: int, begin: Note, note: Note) -> None:
    """Save every wine that waits and is not refused, then say so. Raises what `note` raises to stop, between two wines.

    Raises Invalid when what was staged is gone: the server had crashed, and the file must be read again first.
    """
    with db.transaction(winery_id) as session:
        told = session.get_one(Import, import_id)
        created_by, expected = told.created_by, told.counts
        if not _is_staged(session, import_id, expected):
            told.state = "waiting"
            told.failure = say(
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
    saver = _Saver(db, winery_id, import_id, created_by)
    count_at = done + MOST_TOGETHER
    while left:
        together = left[: min(max(1, done), MOST_TOGETHER)]
        del left[: len(together)]
        saver.save(together)
        done += len(together)
        if done >= count_at:
            count_at = done + COUNT_EVERY
            saver.let_server_count()
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
    """Saves the wines of one import. What is the same for all of them is made once."""

    def __init__(self, db: Database, winery_id: int, import_id: int, created_by: int) -> None:
        self.db, self.winery_id, self.import_id = db, winery_id, import_id
        self.created_by = created_by
        # Who pressed Save was asked for the right to it there.
        self.actor = Actor(created_by, winery_id, Role.OWNER, "import")
        self.insert_readings = _insert_readings(import_id)

    def let_server_count(self) -> None:
        """Let the server plan for as many wines and lots as there are now."""
        with self.db.transaction() as session:
            session.execute(text("ANALYZE fermentations, harvest_lots"))

    def save(self, numbers: Sequence[int]) -> None:
        """Wines with all their readings by one commit; where one is refused, each by its own."""
        try:
            with self.db.transaction(self.winery_id) as session:
                self._save(session, self._read(session, numbers))
        except (AppError, IntegrityError) as refusal:
            if len(numbers) > 1:
                for number in numbers:
                    self.save([number])
            elif isinstance(refusal, AppError):
                with self.db.transaction(self.winery_id) as session:
                    self._refuse(session, numbers[0], refusal)
            else:
                raise

    def _read(self, session: Session, numbers: Sequence[int]) -> Sequence[StagedWine]:
        return session.scalars(
            select(StagedWine)
            .where(StagedWine.import_id == self.import_id, is_among(StagedWine.number, numbers))
            .order_by(StagedWine.number)
        ).all()

    def _refuse(self, session: Session, number: int, refusal: AppError) -> None:
        why = {"fault": refusal.code, "detail": refusal.detail}
        of_import = StagedWine.import_id == self.import_id
        session.execute(
            update(StagedWine).where(of_import, StagedWine.number == number).values(**why)
        )
        session.execute(
            update(StagedReading)
            .where(_is_savable(self.import_id), StagedReading.wine == number)
            .values(verdict="refused", **why)
        )

    def _save(self, session: Session, wines: Sequence[StagedWine]) -> None:
        known = {w.number: w.fermentation_id for w in wines if w.fermentation_id is not None}
        if hold_living(session, list(known.values())) < set(known.values()):
            raise Conflict(say("Its fermentation was deleted meanwhile."), code="wine_deleted")
        new = [wine for wine in wines if wine.fermentation_id is None]
        ids = known | self._add(session, new)
        made_lots = self._add_lots(session, new, ids)
        session.connection().execute(
            self.insert_readings,
            {
                "numbers": list(ids),
                "ids": list(ids.values()),
                "first": wines[0].number,
                "last": wines[-1].number,
                "winery_id": self.winery_id,
                "import_id": self.import_id,
                "recorded_by": self.created_by,
            },
        )
        told = [
            {
                "winery_id": self.winery_id,
                "import_id": self.import_id,
                "number": wine.number,
                "fermentation_id": ids[wine.number],
                "is_new": wine.fermentation_id is None,
                "variety": wine.variety,
                "vineyard": wine.vineyard,
                "made_lot_id": made_lots.get(wine.number),
            }
            for wine in wines
        ]
        session.execute(insert_rows(ImportedWine, told))
        tell_of_samples(
            session, list(known.values()), winery_id=self.winery_id, import_id=self.import_id
        )
        outbox.publish_all(session, tell_of_past(self.winery_id, list(ids.values())))

    def _add(self, session: Session, wines: Sequence[StagedWine]) -> dict[int, int]:
        """The fermentations of new wines by number. Raises Conflict when the code of one is taken."""
        told = [_tell(wine) for wine in wines]
        added = imported.add_imported(
            session, told, winery_id=self.winery_id, created_by=self.created_by, now=clock.now()
        )
        ids = {}
        for wine, row_id in zip(wines, added, strict=True):
            if row_id is None:
                raise code_taken(wine.code)
            ids[wine.number] = row_id
        return ids

    def _add_lots(
        self, session: Session, wines: Sequence[StagedWine], ids: Mapping[int, int]
    ) -> dict[int, int]:
        """Say which fruit new wines came from; the lots that had to be made for it, by the wine's number."""
        made_lots, fruit = {}, []
        for wine in wines:
            if wine.started_at and wine.vineyard and wine.variety and wine.kg:
                harvested_on = wine.harvested_on or wine.started_at.date()
                vintage = wine.vintage or str(harvested_on.year)
                code = wine.lot or wine.code
                lot = ImportedLot(code, wine.vineyard, wine.variety, vintage, harvested_on, wine.kg)
                fruit.append((wine.number, lot))
        lots = find_or_add_lots(
            session, [lot for _, lot in fruit], now=clock.now(), actor=self.actor
        )
        sources = []
        for (number, lot), (lot_id, is_made) in zip(fruit, lots, strict=True):
            sources.append((ids[number], lot_id, lot.kg))
            if is_made:
                made_lots[number] = lot_id
        imported.add_imported_sources(session, sources, winery_id=self.winery_id)
        return made_lots


def _is_savable(import_id: int) -> ColumnElement[bool]:
    return and_(StagedReading.import_id == import_id, StagedReading.verdict.in_(("matched", "new")))


def _insert_readings(import_id: int) -> Insert:
    """A statement that saves the readings of wines by their `numbers`, which lie from `first` to `last`, under `ids`.

    The range is there for the planner, which knows nothing of rows that were copied in a moment ago.
    """
    wines = (
        func.unnest(
            bindparam("numbers", type_=ARRAY(Integer)), bindparam("ids", type_=ARRAY(BigInteger))
        )
        .table_valued("number", "fermentation_id", name="wines")
        .render_derived()
    )
    name = _name_reading()
    return imported.insert_imported_samples(
        select(
            wines.c.fermentation_id,
            StagedReading.line,
            name,
            StagedReading.sample_type,
            StagedReading.value_typed,
            StagedReading.unit,
            StagedReading.qualifier,
            StagedReading.sample_temperature_c,
            StagedReading.value,
            StagedReading.measured_at,
            func.uuid_send(name, type_=BYTEA),
        )
        .join(wines, wines.c.number == StagedReading.wine)
        .where(
            _is_savable(import_id),
            StagedReading.wine.between(
                bindparam("first", type_=Integer), bindparam("last", type_=Integer)
            ),
        )
        .order_by(StagedReading.wine, StagedReading.measured_at, StagedReading.line)
    )


def _name_reading() -> ColumnElement[Any]:
    """The same UUID for the same reading of an import, however often it is saved: import, line and place in the form 8 of
    RFC 9562. They rise with the file, so that the index of a million of them grows at its end and not everywhere.
    """

    def digits(number: Any, width: int) -> ColumnElement[str]:
        return func.lpad(func.to_hex(number), width, "0")

    r = StagedReading
    return cast(
        func.concat(
            digits(r.import_id, 12), "8", digits(r.line.op(">>")(20), 3),
            "8", digits(r.line.op("&")(0xFFFFF), 5), digits(cast(r.place, Integer), 10),
        ),
        UUID(as_uuid=True),
    )  # fmt: skip


def _tell(wine: StagedWine) -> ImportedFermentation:
    if wine.style is None or wine.started_at is None or wine.ended_at is None:
        raise Invalid(say("The file does not say enough of this wine."), code="not_enough")
    return ImportedFermentation(
        wine.code,
        wine.style,
        wine.yeast_strain or "unknown",
        wine.started_at,
        wine.ended_at,
        wine.volume_l,
        _read_year(wine),
    )


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
            reason=say("The import of %(name)s was undone.", name=name),
        )
    session.delete(wine)
    event = FermentationImportUndone(winery_id, wine.fermentation_id, import_id)
    outbox.publish(session, event)
