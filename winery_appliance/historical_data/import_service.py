"""Use cases of imports: a file comes in pieces, is answered for, saved, cancelled or undone. A worker does the work."""

import hashlib
import os
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from winery_appliance.auth.permissions import Permission
from winery_appliance.auth.service import Actor, require
from winery_appliance.core import outbox
from winery_appliance.core.errors import Conflict, FieldFault, Invalid, NotFound, Unavailable
from winery_appliance.core.words import say
from winery_appliance.historical_data.import_commands import Answers, BeginImport
from winery_appliance.historical_data.import_events import (
    ImportConfirmed,
    ImportReceived,
    ImportUndone,
)
from winery_appliance.historical_data.import_models import Import, ImportMapping
from winery_appliance.historical_data.import_queries import ImportView, find_import, view_import

PIECE_BYTES = 8 * 2**20
# What is true of one file only is not remembered for the next.
OF_ONE_FILE = ("wine", "moment")
_ALIVE = Import.state.not_in(("undone", "cancelled", "failed"))


def begin_import(
    session: Session, command: BeginImport, *, actor: Actor
) -> tuple[ImportView, bool]:
    """Announce a file, and whether that was new; the same announcement again finds the first.

    Raises NotAllowed, Invalid for a mapping that nobody remembers, and Conflict when the UUID belongs to another file.
    """
    require(actor, Permission.RUN_FERMENTATIONS)
    if command.mapping is not None:
        _refuse_unknown_mapping(session, command.mapping)
    added = session.scalar(
        insert(Import)
        .values(
            winery_id=actor.winery_id,
            client_uuid=command.client_uuid,
            file_name=command.file_name,
            size_bytes=command.size_bytes,
            mapping_name=command.mapping,
            created_by=actor.user_id,
        )
        .on_conflict_do_nothing(index_elements=["winery_id", "client_uuid"])
        .returning(Import.id)
    )
    if added is not None:
        return get_import(session, added), True
    earlier = session.execute(
        select(Import).where(Import.client_uuid == command.client_uuid)
    ).scalar_one()
    if (earlier.file_name, earlier.size_bytes) != (command.file_name, command.size_bytes):
        raise Conflict(
            say("This UUID belongs to another file. Nothing was saved."), code="uuid_reused"
        )
    return view_import(earlier), False


def _refuse_unknown_mapping(session: Session, name: str) -> None:
    known = session.scalars(select(ImportMapping.name).order_by(ImportMapping.name)).all()
    if name.lower() not in (other.lower() for other in known):
        told = ", ".join(known) or "none yet"
        raise Invalid(
            say(
                "No mapping %(name)s is remembered. Nothing was saved. There are: %(told)s.",
                name=name,
                told=told,
            ),
            code="unknown_mapping",
            fields=[FieldFault("mapping", "unknown_mapping", say("Not remembered."))],
        )


def get_import(session: Session, import_id: int) -> ImportView:
    """The import. Raises NotFound, also for another winery's."""
    found = find_import(session, import_id)
    if found is None:
        raise NotFound(say("There is no such import in this winery."))
    return found


def add_piece(
    session: Session, import_id: int, offset: int, piece: bytes, path: Path, *, actor: Actor
) -> ImportView:
    """Write a piece of a file to disk behind what is there; a piece that is there already changes nothing.

    With the last one the file is read. Raises NotAllowed, NotFound, Invalid for a piece that is too large or reaches beyond
    the file, Conflict for one that leaves a gap and for a file that is in the book already, and Unavailable when the disk
    is full.
    """
    require(actor, Permission.RUN_FERMENTATIONS)
    row = _hold(session, import_id, "uploading")
    if offset + len(piece) <= row.received_bytes:
        return view_import(row)
    if offset != row.received_bytes:
        raise Conflict(
            say(
                "%(received_bytes)s bytes are here; the next piece begins there.",
                received_bytes=row.received_bytes,
            ),
            code="wrong_offset",
        )
    if not piece or len(piece) > PIECE_BYTES or offset + len(piece) > row.size_bytes:
        raise Invalid(
            say(
                "A piece has 1 to %(PIECE_BYTES)s bytes and ends with the file.",
                PIECE_BYTES=PIECE_BYTES,
            ),
            code="wrong_piece",
        )
    _write(path, offset, piece)
    row.received_bytes = offset + len(piece)
    if row.received_bytes == row.size_bytes:
        receive(session, row.id, hash_file(path))
    session.flush()
    return view_import(row)


def _write(path: Path, offset: int, piece: bytes) -> None:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with path.open("r+b" if path.exists() else "w+b") as file:
            file.truncate(offset)  # what a piece left behind whose transaction was undone
            file.seek(offset)
            file.write(piece)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise Unavailable(
            say(
                "The piece could not be written (%(strerror)s). Nothing was saved. Free some "
                "space on the server's disk and send it again.",
                strerror=error.strerror,
            )
        ) from error


def hash_file(path: Path) -> str:
    """What tells one content from another, whatever the file is called."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def find_same_file(session: Session, content_hash: str) -> ImportView | None:
    """The import of the same content that is in the book or on its way there."""
    row = session.scalar(select(Import).where(Import.content_hash == content_hash, _ALIVE))
    return view_import(row) if row else None


def receive(session: Session, import_id: int, content_hash: str) -> None:
    """The file is here as a whole: a worker reads it. Raises Conflict when the same content came before."""
    row = session.get_one(Import, import_id)
    same = find_same_file(session, content_hash)
    if same is None:
        try:
            with session.begin_nested():
                row.content_hash, row.state = content_hash, "waiting"
                row.received_bytes = row.size_bytes
        except IntegrityError:  # the same file came twice at once, and the other one was first
            session.refresh(row)
            same = find_same_file(session, content_hash)
    if same is not None:
        raise Conflict(
            say(
                "This file came in before, as %(file_name)s (import %(id)s, %(state)s). Nothing was saved twice.",
                file_name=same.file_name,
                id=same.id,
                state=same.state,
            ),
            code="same_file",
        )
    outbox.publish(session, ImportReceived(row.winery_id, row.id))


def answer_import(
    session: Session, import_id: int, answers: Answers, *, actor: Actor
) -> ImportView:
    """Take answers on top of those given before; a worker reads the file again with them.

    Raises NotAllowed, NotFound, and Conflict when the import is not waiting for answers.
    """
    require(actor, Permission.RUN_FERMENTATIONS)
    row = _hold(session, import_id, "asking", "ready", "waiting")
    row.answers = Answers.model_validate(row.answers).merge(answers).written()
    row.questions, row.state = [], "waiting"
    outbox.publish(session, ImportReceived(row.winery_id, row.id))
    return view_import(row)


def save_import(session: Session, import_id: int, *, actor: Actor) -> ImportView:
    """Save what the preview showed: a worker does it, a transaction for each wine. The answers are remembered.

    Raises NotAllowed, NotFound, and Conflict when there is nothing to save or the preview is not ready.
    """
    require(actor, Permission.RUN_FERMENTATIONS)
    row = _hold(session, import_id, "ready", "stopped", "saving", "saved")
    if row.state in ("saving", "saved"):
        return view_import(row)
    if not has_news(view_import(row)):
        raise Conflict(
            say("Nothing in this file is new. Nothing was saved."), code="nothing_to_save"
        )
    row.state = "saving"
    _remember(session, row)
    outbox.publish(session, ImportConfirmed(row.winery_id, row.id))
    session.flush()
    return view_import(row)


def has_news(view: ImportView) -> bool:
    """Whether a file that was read brings anything that the book does not have."""
    return any(view.counts.get(what) for what in ("new", "matched", "wines_new"))


def _remember(session: Session, row: Import) -> None:
    """Keep the answers for the next file with these columns, under the name of the first."""
    answers = {name: value for name, value in row.answers.items() if name not in OF_ONE_FILE}
    if not answers or row.fingerprint is None:
        return
    known = session.scalar(
        select(ImportMapping).where(ImportMapping.fingerprint == row.fingerprint)
    )
    if known is not None:
        known.answers = answers
        return
    name = Path(row.file_name).stem[:60] or "file"
    taken = session.scalar(
        select(func.count()).where(func.lower(ImportMapping.name) == name.lower())
    )
    session.add(
        ImportMapping(
            winery_id=row.winery_id,
            name=f"{name} {row.id}" if taken else name,
            fingerprint=row.fingerprint,
            answers=answers,
        )
    )


def cancel_import(session: Session, import_id: int, *, actor: Actor) -> ImportView:
    """Give an import up; while it is saved, the wines saved so far stay, to be gone on with or undone.

    Raises NotAllowed, NotFound, and Conflict when it is over.
    """
    require(actor, Permission.RUN_FERMENTATIONS)
    row = _hold(
        session, import_id, "uploading", "waiting", "asking", "ready", "saving", "cancelled"
    )
    if row.state in ("waiting", "saving"):
        row.cancel_requested = True
    else:
        row.state = "cancelled"
    session.flush()
    return view_import(row)


def undo_import(session: Session, import_id: int, *, actor: Actor) -> ImportView:
    """Take everything that a file brought out of the book again; a worker does it.

    Raises NotAllowed, NotFound, and Conflict when nothing of it is in the book.
    """
    require(actor, Permission.RUN_FERMENTATIONS)
    row = _hold(session, import_id, "saved", "stopped", "undoing", "undone")
    if row.state in ("saved", "stopped"):
        row.state, row.cancel_requested = "undoing", False
        outbox.publish(session, ImportUndone(row.winery_id, row.id))
        session.flush()
    return view_import(row)


def _hold(session: Session, import_id: int, *states: str) -> Import:
    row = session.get(Import, import_id, with_for_update=True, populate_existing=True)
    if row is None:
        raise NotFound(say("There is no such import in this winery."))
    if row.state not in states:
        raise Conflict(
            say("This import is %(state)s. Nothing was changed.", state=row.state),
            code="wrong_state",
        )
    return row
