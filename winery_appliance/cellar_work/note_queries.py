"""What may be read of notes: plain data, never rows, and never a photo's bytes unless it is asked for."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Row, Select, select, tuple_
from sqlalchemy.orm import Session

from winery_appliance.cellar_work.models import FermentationNote, NotePhoto
from winery_appliance.core.paging import Page, cut_page, read_cursor, read_moment


@dataclass(frozen=True)
class PhotoView:
    """What is known of a photo without looking at it."""

    width: int
    height: int
    digest: str


@dataclass(frozen=True)
class NoteView:
    """One note, and what is known of its photo where it has one."""

    id: int
    client_uuid: UUID
    fermentation_id: int
    user_id: int
    content: str
    noted_at: datetime
    created_at: datetime
    deleted_at: datetime | None
    photo: PhotoView | None


_Found = Row[FermentationNote, int | None, int | None, str | None]


def list_notes(
    session: Session,
    fermentation_id: int | None,
    *,
    deleted: bool = False,
    cursor: str | None = None,
    limit: int = 200,
) -> Page[NoteView]:
    """Notes of a fermentation, or of all, in the order they were written; `deleted` lists the deleted ones instead.

    Raises Invalid for a cursor that is not ours.
    """
    place = tuple_(FermentationNote.noted_at, FermentationNote.id)
    gone = FermentationNote.deleted_at
    wanted = _notes().where(gone.is_not(None) if deleted else gone.is_(None))
    if fermentation_id is not None:
        wanted = wanted.where(FermentationNote.fermentation_id == fermentation_id)
    if cursor is not None:
        wanted = wanted.where(place > tuple_(*read_cursor(cursor, read_moment)))
    wanted = wanted.order_by(FermentationNote.noted_at, FermentationNote.id).limit(limit + 1)
    notes = [_view(row) for row in session.execute(wanted)]
    return cut_page(notes, limit, lambda note: (note.noted_at.isoformat(), note.id))


def find_note(session: Session, fermentation_id: int, note_id: int) -> NoteView | None:
    """A note of this fermentation, deleted or not."""
    wanted = _notes().where(
        FermentationNote.id == note_id, FermentationNote.fermentation_id == fermentation_id
    )
    row = session.execute(wanted).one_or_none()
    return _view(row) if row else None


def read_photo(session: Session, note_id: int, *, small: bool) -> bytes:
    """The JPEG of a note that has one."""
    column = NotePhoto.thumbnail if small else NotePhoto.image
    return session.execute(select(column).where(NotePhoto.note_id == note_id)).scalar_one()


def read_photos(session: Session) -> Iterator[tuple[int, bytes]]:
    """The JPEG of every note that has one, by note; a few at a time are in memory."""
    rows = select(NotePhoto.note_id, NotePhoto.image).order_by(NotePhoto.note_id)
    for row in session.execute(rows.execution_options(yield_per=10)):
        yield row.note_id, row.image


def _notes() -> Select[FermentationNote, int | None, int | None, str | None]:
    return select(FermentationNote, NotePhoto.width, NotePhoto.height, NotePhoto.digest).outerjoin(
        NotePhoto, NotePhoto.note_id == FermentationNote.id
    )


def _view(found: _Found) -> NoteView:
    row, width, height, digest = found
    photo = (
        None
        if width is None or height is None or digest is None
        else PhotoView(width, height, digest)
    )
    return NoteView(
        row.id,
        row.client_uuid,
        row.fermentation_id,
        row.user_id,
        row.content,
        row.noted_at,
        row.created_at,
        row.deleted_at,
        photo,
    )
