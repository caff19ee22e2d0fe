"""The work on one import, stage by stage: read, recognise, map, parse, match, validate, preview; then save, or undo.

Each stage ends in a state in the import's row. Whoever is killed on the way leaves either that state or the one before, and
the next who comes takes the stage up again: reading starts anew, saving and undoing go on with the wines that are left.
"""

import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path

import psycopg
import structlog
from sqlalchemy import func, select, text, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from winery_appliance.core import clock
from winery_appliance.core.db import Database
from winery_appliance.core.errors import AppError
from winery_appliance.core.processor_pressure import Rest
from winery_appliance.core.words import say, speaking
from winery_appliance.fermentation.imported import find_ids_by_code
from winery_appliance.fermentation.whereabouts import list_occupancies
from winery_appliance.historical_data import staging
from winery_appliance.historical_data.columns import fingerprint, name_columns
from winery_appliance.historical_data.files import Row, open_file
from winery_appliance.historical_data.import_commands import Answers
from winery_appliance.historical_data.import_models import Import, ImportMapping
from winery_appliance.historical_data.matching import Codes
from winery_appliance.historical_data.parsing import (
    ParsedRow,
    Reading,
    forget_sentences,
    make_parser,
)
from winery_appliance.historical_data.questions import Question, Survey
from winery_appliance.historical_data.readers import guess_uses
from winery_appliance.historical_data.recognition import Layout, guess_header, recognise, walk
from winery_appliance.historical_data.replicates import merge_replicates
from winery_appliance.historical_data.saving import save_wines, undo_wines
from winery_appliance.historical_data.weighing import weigh
from winery_appliance.winery.queries import find_in_wineries, list_vessels, read_winery

log = structlog.get_logger("winery.imports")

PENDING = ("waiting", "saving", "undoing")
NOTE_EVERY_S = 1.0
BEHIND_OTHERS = 19  # of the system's 19 steps; people wait for pages, nobody for an import


def stand_back() -> None:
    """Let everybody else on the machine go first from now on: this thread's work may take a little longer."""
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), BEHIND_OTHERS)


class Stopped(Exception):
    """Somebody cancelled the import while it was worked on."""


def run_pending_imports(db: Database, folder: Path) -> int:
    """Work on every import that waits for it, one after the other, in every winery; how many there were.

    `db` connects as the role `worker`; the files lie in `folder`.
    """
    pending = select(Import.id).where(Import.state.in_(PENDING)).order_by(Import.id)
    return sum(run_import(db, folder, *each) for each in find_in_wineries(db, pending))


def run_import(
    db: Database,
    folder: Path,
    winery_id: int,
    import_id: int,
    watch: Callable[[int, int], None] = lambda _done, _total: None,
) -> bool:
    """Work on one import until it needs a person or is over; False when somebody else is at it.

    `watch` is told how many steps are done, and of how many, about once a second.
    """
    with db.advisory_lock(f"import/{winery_id}/{import_id}") as mine:
        if not mine:
            return False
        with db.transaction(winery_id) as session:
            language = read_winery(session).language
        with speaking(language):
            forget_sentences()
            _attempt(_Work(db, folder, winery_id, import_id, watch))
    return True


def _attempt(work: "_Work") -> None:
    """Do what is to be done, and say in the import's row where that is not possible."""
    try:
        work.run()
    except Stopped:
        work.stop()
    except AppError as refusal:
        work.fail(refusal.detail)
    except OSError as error:
        told = say(
            "The file cannot be read (%(why)s). Nothing was saved. Upload it again.",
            why=error.strerror,
        )
        work.fail(told)
    except (OperationalError, psycopg.OperationalError):  # COPY knows nothing of SQLAlchemy
        raise
    except Exception:
        # One file must not keep the others waiting for ever.
        log.exception("import failed", import_id=work.import_id)
        work.fail(say("Something went wrong on our side. Whole wines or nothing were saved."))


class _Work:
    """One import in the hands of one worker."""

    def __init__(
        self,
        db: Database,
        folder: Path,
        winery_id: int,
        import_id: int,
        watch: Callable[[int, int], None],
    ) -> None:
        self.db, self.winery_id, self.import_id, self.watch = db, winery_id, import_id, watch
        self.path = find_path(folder, winery_id, import_id)
        self.total = 0
        self.noted_s = 0.0
        self.rest = Rest()

    def run(self) -> None:
        """Do what the state asks for."""
        with self.db.transaction(self.winery_id) as session:
            state = session.get_one(Import, self.import_id).state
        if state == "waiting":
            self._read()
        elif state == "saving":
            save_wines(self.db, self.winery_id, self.import_id, self.begin, self.note)
        elif state == "undoing":
            undo_wines(self.db, self.winery_id, self.import_id, self.begin, self.note)

    def begin(self, total: int) -> None:
        """A stage of so many steps begins."""
        self.total = total
        self._change(steps_done=0, steps_total=total, stage_started_at=func.now())

    def note(self, done: int) -> None:
        """So many steps are done; others go first. Raises Stopped when somebody cancelled meanwhile."""
        self.rest.take()
        now_s = clock.monotonic_s()
        if now_s - self.noted_s < NOTE_EVERY_S:
            return
        self.noted_s = now_s
        self.watch(done, self.total)
        with self.db.transaction(self.winery_id) as session:
            cancelled = session.scalar(
                update(Import)
                .where(Import.id == self.import_id)
                .values(steps_done=done)
                .returning(Import.cancel_requested)
            )
        if cancelled:
            raise Stopped

    def stop(self) -> None:
        """Leave it as somebody wished: what is saved stays and can be undone; what was only read is forgotten."""
        with self.db.transaction(self.winery_id) as session:
            row = session.get_one(Import, self.import_id, with_for_update=True)
            row.cancel_requested = False
            if row.state == "waiting":
                row.state = "cancelled"
                staging.forget(session, self.import_id)
            elif row.state == "saving":
                row.state = "stopped"

    def fail(self, why: str) -> None:
        """Say why nothing more can come of the file; what is saved of it can be undone."""
        log.info("import refused", import_id=self.import_id, reason=why)
        with self.db.transaction(self.winery_id) as session:
            row = session.get_one(Import, self.import_id, with_for_update=True)
            row.failure, row.cancel_requested = why[:500], False
            if row.state in ("saving", "undoing"):
                row.state = "stopped"
                return
            row.state = "failed"
            staging.forget(session, self.import_id)

    def _change(self, **values: object) -> None:
        with self.db.transaction(self.winery_id) as session:
            session.execute(update(Import).where(Import.id == self.import_id).values(**values))

    def _read(self) -> None:
        with self.db.transaction(self.winery_id) as session:
            row = session.get_one(Import, self.import_id)
            zone = read_winery(session).time_zone
            asked = Answers.model_validate(row.answers)
            named = row.mapping_name
        file = open_file(self.path)
        layout = recognise(file.rows(), asked.columns, reader_id=asked.reader)
        with self.db.transaction(self.winery_id) as session:
            answers = _recall(session, layout, file.rows(), named).merge(asked)
        if layout is None or answers.columns != asked.columns:
            layout = recognise(file.rows(), answers.columns, reader_id=answers.reader)
        if layout is None:
            self._ask_for_columns(file.rows())
            return
        survey = self._survey(file.rows(), layout, answers)
        units = {str(kind): str(unit) for kind, unit in answers.units.items()}
        questions = list(
            survey.ask(
                layout,
                date_order=answers.date_order,
                units=units,
                styles=answers.styles,
                wine=answers.wine,
                moment=answers.moment,
            )
        )
        header = [
            {"name": name, "title": title, "use": layout.uses[name]}
            for name, title in zip(layout.names, layout.titles, strict=True)
        ]
        known: dict[str, object] = {
            "reader": layout.reader.id,
            "fingerprint": layout.fingerprint,
            "header": header,
            "answers": answers.written(),
            "questions": [asdict(question) for question in questions],
        }
        if questions:
            self._change(state="asking", **known)
            return
        order = answers.date_order or layout.reader.date_order or survey.dates.conclude()
        how = Reading(order, zone, clock.now(), units, answers.wine, answers.moment)
        self._stage(file.rows, layout, answers, how, survey.rows, known)

    def _ask_for_columns(self, rows: Iterator[Row]) -> None:
        header = guess_header(rows)
        if header is None:
            self.fail(say("The file has no row that could be a header. Nothing was saved."))
            return
        uses = guess_uses(header.cells)
        columns = [
            {"name": name, "title": title, "use": use}
            for (name, use), title in zip(uses.items(), header.cells, strict=True)
        ]
        question = Question(
            "columns",
            say("Which columns say whose a reading is, when it was taken, and what it says?"),
        )
        self._change(state="asking", header=columns, questions=[asdict(question)])

    def _survey(self, rows: Iterator[Row], layout: Layout, answers: Answers) -> Survey:
        self.begin(0)
        survey = Survey()
        for under, row in walk(rows, layout, answers.columns):
            survey.add(under, row)
            if survey.rows % 5000 == 0:
                self.note(0)
        return survey

    def _stage(
        self,
        rows: Callable[[], Iterator[Row]],
        layout: Layout,
        answers: Answers,
        how: Reading,
        total: int,
        known: dict[str, object],
    ) -> None:
        self.begin(total)
        with self.db.transaction(self.winery_id) as session:
            session.execute(text("SET LOCAL statement_timeout = 0"))
            session.execute(text("SET LOCAL work_mem = '64MB'"))
            staging.forget(session, self.import_id)
            matcher = staging.Matcher(_read_book(session), answers, layout.reader.makes_wines)
            walked = merge_replicates(walk(rows(), layout, answers.columns))
            parsed = _parse_all(walked, how)
            done = staging.copy_rows(session, self.import_id, parsed, matcher, self.note)
            wines = matcher.wines.values()
            doubts = staging.stage_wines(session, self.import_id, wines, how, answers)
            counts = weigh(session, self.import_id, doubts) | {"rows": done}
            session.execute(
                update(Import)
                .where(Import.id == self.import_id)
                .values(state="ready", counts=counts, steps_done=done, **known)
            )


def _parse_all(rows: Iterator[tuple[Layout, Row]], how: Reading) -> Iterator[ParsedRow]:
    """Every row by the parser of the header it stands under."""
    under, parse = None, None
    for layout, row in rows:
        if layout is not under or parse is None:
            under, parse = layout, make_parser(layout, how)
        yield parse(row)


def _recall(session: Session, layout: Layout | None, rows: Iterator[Row], name: str | None) -> Answers:  # fmt: skip
    """What was answered before for these columns, or under this name."""
    wanted = select(ImportMapping.answers)
    if name is not None:
        wanted = wanted.where(func.lower(ImportMapping.name) == name.lower())
    elif layout is not None:
        wanted = wanted.where(ImportMapping.fingerprint == layout.fingerprint)
    else:
        header = guess_header(rows)
        if header is None:
            return Answers()
        wanted = wanted.where(ImportMapping.fingerprint == tell_fingerprint(header))
    found = session.scalar(wanted)
    return Answers() if found is None else Answers.model_validate(found)


def tell_fingerprint(header: Row) -> str:
    """By what a mapping of this header is remembered."""
    return fingerprint(name_columns([cell.strip() for cell in header.cells]))


def _read_book(session: Session) -> staging.Book:
    vessels = {vessel.code: vessel.id for vessel in list_vessels(session)}
    stays: dict[int, list[staging.Stay]] = {}
    for lay in list_occupancies(session):
        stay = staging.Stay(lay.since, lay.until, lay.fermentation_id)
        stays.setdefault(lay.vessel_id, []).append(stay)
    return staging.Book(Codes.gather(find_ids_by_code(session)), Codes.gather(vessels), stays)


def find_path(folder: Path, winery_id: int, import_id: int) -> Path:
    """Where the file of an import lies, or grows while it is uploaded."""
    return folder / f"{winery_id}-{import_id}"


KEEP_FILES = timedelta(days=30)


def tidy_imports(db: Database, folder: Path, *, now: datetime) -> int:
    """Forget files and staged rows of imports that are over for a month; how many imports."""
    over = select(Import.id).where(
        Import.state.in_(("saved", "undone", "cancelled", "failed", "uploading")),
        Import.created_at < now - KEEP_FILES,
    )
    tidied = 0
    for winery_id, import_id in find_in_wineries(db, over):
        path = find_path(folder, winery_id, import_id)
        if path.exists():
            with db.transaction(winery_id) as session:
                staging.forget(session, import_id)
            path.unlink()
            tidied += 1
    return tidied
