"""The watched folder: whatever is put there comes into the book by itself, if a person would have had nothing to say to it.

At each look every file is carried one step further, by the state of its import: noted, taken in, saved, put away. So
whoever is killed on the way leaves a file where the next look finds it, and the same content never comes twice.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from winery_appliance.auth.permissions import Role
from winery_appliance.auth.queries import find_first_owner
from winery_appliance.auth.service import Actor
from winery_appliance.core.db import Database
from winery_appliance.core.errors import AppError, NotFound
from winery_appliance.core.words import N_, say, speaking
from winery_appliance.historical_data import folder_files
from winery_appliance.historical_data import import_service as service
from winery_appliance.historical_data.files import MOST_BYTES
from winery_appliance.historical_data.folder_files import Note
from winery_appliance.historical_data.import_commands import BeginImport
from winery_appliance.historical_data.import_job import find_path
from winery_appliance.historical_data.import_models import Import, ImportMapping
from winery_appliance.historical_data.import_queries import ImportView
from winery_appliance.historical_data.readers import find_readers
from winery_appliance.historical_data.refused_rows import open_refused_rows
from winery_appliance.winery.queries import WineryName, list_wineries, read_winery

log = structlog.get_logger("winery.watched_folder")

_WORKING = ("waiting", "saving", "undoing", "uploading")


@dataclass(frozen=True)
class _Settled:
    """A file is over: imported, or not, with the reason."""

    imported: bool
    reason: str = ""


def look_into_folder(db: Database, folder: Path, imports: Path) -> int:
    """Look once into the watched folder; how many files were put away. `imports` is where files wait to be read.

    With one winery its files lie in the folder itself, with several each has a folder by its code in there. Raises OSError
    for a folder that cannot be watched.
    """
    with db.transaction() as session:
        wineries = list_wineries(session)
    settled = 0
    for winery in wineries:
        room = folder if len(wineries) == 1 else folder / Path(winery.code).name
        folder_files.prepare_folder(room)
        with db.transaction(winery.id) as session:
            language = read_winery(session).language
        with speaking(language):
            settled += _Watcher(db, room, imports, winery).look()
    return settled


class _Watcher:
    """One look into the folder of one winery."""

    def __init__(self, db: Database, folder: Path, imports: Path, winery: WineryName) -> None:
        self.db, self.folder, self.imports, self.winery = db, folder, imports, winery

    def look(self) -> int:
        """Carry every file one step further."""
        before = folder_files.read_notes(self.folder)
        notes: dict[str, Note] = {}
        settled = 0
        for name, signature in folder_files.look(self.folder).items():
            note = before.get(name)
            if note is None or note.signature != signature:
                notes[name] = Note(signature)  # new, or somebody still writes to it
                continue
            notes[name] = note
            try:
                over = self._carry_on(name, note)
            except OSError as error:  # a full disk, say: the file stays where it is
                log.warning("file not taken in", file=name, error=error.strerror)
                continue
            if over is not None:
                self._put_away(name, over)
                del notes[name]
                settled += 1
        folder_files.write_notes(self.folder, notes)
        return settled

    def _put_away(self, name: str, over: _Settled) -> None:
        if over.imported:
            folder_files.move_to_done(self.folder, name)
        else:
            folder_files.quarantine(self.folder, name, over.reason)
        log.info("file put away", file=name, imported=over.imported, reason=over.reason)

    def _carry_on(self, name: str, note: Note) -> _Settled | None:
        size = note.signature[0]
        if not 0 < size <= MOST_BYTES:
            told = say("The file is empty. Nothing was saved.")
            if size:
                told = say(
                    "The file is larger than %(most)s MB. Nothing was saved. Split it.",
                    most=MOST_BYTES // 2**20,
                )
            return _Settled(False, told)
        with self.db.transaction(self.winery.id) as session:
            owner = find_first_owner(session)
        if owner is None:
            return None  # the winery is not set up yet
        actor = Actor(owner, self.winery.id, Role.OWNER, "watched folder")
        if note.import_id is None:
            note.import_id, came_before = self._take_in(name, size, actor)
            if came_before is not None and came_before.state == "saved":
                return _Settled(True)
            return None
        return self._judge(note.import_id, actor)

    def _take_in(self, name: str, size: int, actor: Actor) -> tuple[int, ImportView | None]:
        """The import of this content: a new one of a copy of the file, or that of an earlier time."""
        source = self.folder / name
        content_hash = service.hash_file(source)
        with self.db.transaction(self.winery.id) as session:
            same = service.find_same_file(session, content_hash)
            if same is not None:
                return same.id, same
            command = BeginImport(client_uuid=uuid4(), file_name=name[:200], size_bytes=size)
            view, _ = service.begin_import(session, command, actor=actor)
            path = find_path(self.imports, self.winery.id, view.id)
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                shutil.copyfile(source, path)
                service.receive(session, view.id, service.hash_file(path))
            except BaseException:
                path.unlink(missing_ok=True)
                raise
            return view.id, None

    def _leave_refused(self, session: Session, view: ImportView) -> None:
        """Put the rows of a saved file that were refused into quarantine, to be mended and put into the folder again."""
        path = find_path(self.imports, self.winery.id, view.id)
        try:
            refused = open_refused_rows(session, view.id, path)
        except NotFound:
            return
        told = say(
            "%(rows)s rows of %(name)s were not saved; each says why in its last column. The others are in the book. "
            "Mend these and put the file back into the folder.",
            rows=refused.rows,
            name=view.file_name,
        )
        with refused.file:
            folder_files.leave_in_quarantine(self.folder, refused.file_name, refused.file, told)

    def _judge(self, import_id: int, actor: Actor) -> _Settled | None:
        with self.db.transaction(self.winery.id) as session:
            view = service.get_import(session, import_id)
            if view.state in _WORKING:
                return None
            if view.state == "saved":
                self._leave_refused(session, view)
                return _Settled(True)
            if view.state != "ready":
                return _Settled(False, _tell(view))
            if not service.has_news(view):
                odd = sum(view.counts.get(what, 0) for what in ("refused", "conflicting"))
                service.cancel_import(session, import_id, actor=actor)
                told = say(
                    "Nothing in it can be saved: %(counts)s. Import %(id)s tells each row's reason.",
                    counts=_count(view),
                    id=view.id,
                )
                return _Settled(not odd, told if odd else "")
            if not _is_known(session, view):
                return _Settled(False, _ask_for_first_look(view))
            try:
                service.save_import(session, import_id, actor=actor)
            except AppError as refusal:
                return _Settled(False, refusal.detail)
        return None


def _is_known(session: Session, view: ImportView) -> bool:
    """Whether nobody need look at the preview: an instrument's file, or a header that a person had saved before."""
    if any(reader.id == view.reader and not reader.makes_wines for reader in find_readers()):
        return True
    fingerprint = session.get_one(Import, view.id).fingerprint
    mapped = select(ImportMapping.id).where(ImportMapping.fingerprint == fingerprint)
    saved = select(Import.id).where(Import.fingerprint == fingerprint, Import.state == "saved")
    return session.scalar(mapped.limit(1)) is not None or session.scalar(saved.limit(1)) is not None


def _ask_for_first_look(view: ImportView) -> str:
    return say(
        "Nobody has imported a file with these columns yet, and this one would bring new wines (%(counts)s). Nothing was "
        "saved. Look at import %(id)s in the appliance and save it there; the next file with these columns comes in by "
        "itself.",
        counts=_count(view),
        id=view.id,
    )


def _tell(view: ImportView) -> str:
    if view.state == "asking":
        asked = " ".join(question["text"] for question in view.questions)
        return say(
            "It cannot be read without an answer: %(asked)s Nothing was saved. Answer it at import %(id)s in the appliance "
            "and save it there; the answers are remembered for the next file with these columns.",
            asked=asked,
            id=view.id,
        )
    if view.state == "failed":
        return view.failure or say("It cannot be read. Nothing was saved.")
    told = say("Its import %(id)s was ended before it was saved.", id=view.id)
    return f"{told} {view.failure or say('Put it here again to import it once more.')}"


def _count(view: ImportView) -> str:
    counts = sorted(
        (say(words), view.counts[name]) for name, words in _COUNTED.items() if name in view.counts
    )
    return ", ".join(f"{words}: {n}" for words, n in counts)


_COUNTED = {
    "rows": N_("rows"), "new": N_("new readings"), "matched": N_("readings of wines in the book"),
    "duplicate": N_("duplicate"), "conflicting": N_("conflicting"), "refused": N_("refused"), "left_out": N_("left out"),
    "wines_new": N_("new wines"), "wines_matched": N_("wines in the book"), "wines_refused": N_("refused wines"),
}  # fmt: skip
