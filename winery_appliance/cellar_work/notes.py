"""Use cases of notes: write one, with a photo or without, take it out of sight, and bring it back."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from winery_appliance.auth.permissions import Permission
from winery_appliance.auth.service import Actor, require
from winery_appliance.cellar_work.commands import RecordNote
from winery_appliance.cellar_work.entries import Recorded
from winery_appliance.cellar_work.events import NoteDeleted, NoteRestored, NoteWritten
from winery_appliance.cellar_work.models import FermentationNote, NotePhoto
from winery_appliance.cellar_work.note_queries import NoteView, find_note
from winery_appliance.cellar_work.photos import Photo
from winery_appliance.core import outbox
from winery_appliance.core.errors import Conflict, FieldFault, NotFound, refuse_field
from winery_appliance.core.version_tags import refuse_stale
from winery_appliance.core.words import say
from winery_appliance.fermentation.queries import hold_fermentation
from winery_appliance.fermentation.rules import FUTURE_TOLERANCE
from winery_appliance.fermentation.service import get_fermentation


def write_note(
    session: Session,
    fermentation_id: int,
    command: RecordNote,
    photo: Photo | None,
    body_hash: bytes,
    *,
    actor: Actor,
    now: datetime,
) -> Recorded[NoteView]:
    """Write a note; a retry with the same UUID and `body_hash` finds the first one and changes nothing.

    Raises NotAllowed, NotFound, Invalid for an empty note or one of the future, and Conflict when the UUID belongs to
    another note. Also of a cancelled fermentation something may be worth writing.
    """
    require(actor, Permission.RECORD_CELLAR_WORK)
    hold_fermentation(session, fermentation_id, alone=False)
    get_fermentation(session, fermentation_id)
    earlier = _find_earlier(session, command, body_hash)
    if earlier is not None:
        return Recorded(earlier, created=False)
    if not command.content and photo is None:
        raise refuse_field("content", "empty", say("A note needs words or a photo."))
    noted_at = command.noted_at or now
    if noted_at > now + FUTURE_TOLERANCE:
        raise refuse_field("noted_at", "in_future", say("This time has not come yet."))
    note_id = session.scalar(
        insert(FermentationNote)
        .values(
            winery_id=actor.winery_id,
            fermentation_id=fermentation_id,
            user_id=actor.user_id,
            client_uuid=command.client_uuid,
            content=command.content,
            noted_at=noted_at,
            body_hash=body_hash,
        )
        .on_conflict_do_nothing(index_elements=["winery_id", "client_uuid"])
        .returning(FermentationNote.id)
    )
    if note_id is None:  # the same note arrived twice at once, and the other one was first
        winner = _find_earlier(session, command, body_hash)
        assert winner is not None
        return Recorded(winner, created=False)
    if photo is not None:
        _keep_photo(session, actor.winery_id, note_id, photo)
    outbox.publish(session, NoteWritten(actor.winery_id, fermentation_id, note_id))
    return Recorded(get_note(session, fermentation_id, note_id), created=True)


def _find_earlier(session: Session, command: RecordNote, body_hash: bytes) -> NoteView | None:
    found = session.scalar(
        select(FermentationNote).where(FermentationNote.client_uuid == command.client_uuid)
    )
    if found is None:
        return None
    if found.body_hash != body_hash:
        raise Conflict(
            say("This UUID belongs to another note. The first one stands; this one was not saved."),
            code="uuid_reused",
            fields=[FieldFault("client_uuid", "reused", say("Belongs to another note."))],
        )
    return find_note(session, found.fermentation_id, found.id)


def _keep_photo(session: Session, winery_id: int, note_id: int, photo: Photo) -> None:
    session.execute(
        insert(NotePhoto).values(
            winery_id=winery_id,
            note_id=note_id,
            digest=photo.digest,
            width=photo.width,
            height=photo.height,
            image=photo.image,
            thumbnail=photo.thumbnail,
        )
    )


def get_note(session: Session, fermentation_id: int, note_id: int) -> NoteView:
    """The note. Raises NotFound, also for one that is deleted, of another fermentation or another winery's."""
    found = find_note(session, fermentation_id, note_id)
    if found is None or found.deleted_at is not None:
        raise NotFound(say("There is no such note in this winery."))
    return found


def delete_note(
    session: Session,
    fermentation_id: int,
    note_id: int,
    *,
    actor: Actor,
    seen: Collection[str] | None,
) -> None:
    """Take a note out of sight, its photo with it. Raises NotAllowed, NotFound and ChangedMeanwhile."""
    require(actor, Permission.CORRECT_ANY_WORK)
    row = _hold(session, fermentation_id, note_id)
    refuse_stale(get_note(session, fermentation_id, note_id), seen)
    row.deleted_at = func.now()
    outbox.publish(session, NoteDeleted(actor.winery_id, fermentation_id, note_id))


def restore_note(session: Session, fermentation_id: int, note_id: int, *, actor: Actor) -> NoteView:
    """Bring a deleted note back; one that is not deleted stays as it is. Raises NotAllowed and NotFound."""
    require(actor, Permission.CORRECT_ANY_WORK)
    row = _hold(session, fermentation_id, note_id)
    if row.deleted_at is not None:
        row.deleted_at = None
        session.flush()
        outbox.publish(session, NoteRestored(actor.winery_id, fermentation_id, note_id))
    return get_note(session, fermentation_id, note_id)


def _hold(session: Session, fermentation_id: int, note_id: int) -> FermentationNote:
    found = session.scalar(
        select(FermentationNote)
        .where(FermentationNote.id == note_id, FermentationNote.fermentation_id == fermentation_id)
        .with_for_update()
    )
    if found is None:
        raise NotFound(say("There is no such note in this winery."))
    return found
