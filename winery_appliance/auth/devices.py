"""Use cases around the tablets that a cellar shares: named, enrolled on themselves, revoked."""

import secrets
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import case, delete, func, select, text, tuple_, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from winery_appliance.auth.commands import EnrollDevice, NameDevice, RenameDevice
from winery_appliance.auth.models import SharedDevice, SignInFailure, UserSession
from winery_appliance.auth.passwords import hash_code, hash_secret, make_readable_secret
from winery_appliance.auth.permissions import Permission
from winery_appliance.auth.service import SEEN_EVERY, Actor, refuse_when_throttled, require
from winery_appliance.core import clock
from winery_appliance.core.db import Database, enter_winery
from winery_appliance.core.errors import Conflict, FieldFault, Invalid, NotFound
from winery_appliance.core.paging import Page, cut_page, read_cursor
from winery_appliance.core.version_tags import refuse_stale
from winery_appliance.core.words import say

Seen = Collection[str] | None
CODE_LASTS = timedelta(hours=24)
_CODE_LENGTH = 12  # 60 bits, as for a new password
_ENROLMENT = "device enrolment"  # whose failure it is: no login, so that it has a blank


@dataclass(frozen=True)
class Device:
    """The shared device that asks."""

    id: int
    winery_id: int
    name: str


@dataclass(frozen=True)
class DeviceView:
    """A shared device: named, then enrolled, perhaps revoked."""

    id: int
    name: str
    created_at: datetime
    enrolled_at: datetime | None
    # Not in the tag of a version: it changes by mere use.
    last_seen_at: datetime | None = field(repr=False)
    revoked_at: datetime | None


@dataclass(frozen=True)
class NamedDevice:
    """A device that waits for its one-time code, told only here."""

    view: DeviceView
    code: str
    expires_at: datetime


def list_devices(
    session: Session, *, actor: Actor, cursor: str | None = None, limit: int = 50
) -> Page[DeviceView]:
    """Devices of the winery, the revoked last. Raises NotAllowed, Invalid for a cursor that is not ours."""
    require(actor, Permission.CONFIGURE_CELLAR)
    place = tuple_(case((SharedDevice.revoked_at.is_(None), "0"), else_="1"), SharedDevice.id)
    wanted = select(SharedDevice).order_by(*place.clauses)
    if cursor is not None:
        wanted = wanted.where(place > tuple_(*read_cursor(cursor, str)))
    views = [_view(row) for row in session.scalars(wanted.limit(limit + 1))]
    return cut_page(views, limit, lambda view: ("1" if view.revoked_at else "0", view.id))


def get_device(session: Session, device_id: int, *, actor: Actor) -> DeviceView:
    """One device, also a revoked one. Raises NotAllowed and NotFound."""
    require(actor, Permission.CONFIGURE_CELLAR)
    row = session.get(SharedDevice, device_id)
    if row is None:
        raise _unknown()
    return _view(row)


def name_device(session: Session, command: NameDevice, *, actor: Actor) -> tuple[NamedDevice, bool]:
    """Let a tablet enroll itself with a one-time code, good for a day, and whether it is a new one.

    For one that waits for its code already there is a new code, and the old one loses its worth. Raises NotAllowed, and
    Conflict for the name of an enrolled one.
    """
    require(actor, Permission.CONFIGURE_CELLAR)
    code, expires_at = make_readable_secret(_CODE_LENGTH), clock.now() + CODE_LASTS
    row = session.scalar(
        select(SharedDevice)
        .where(
            func.lower(SharedDevice.name) == func.lower(command.name),
            SharedDevice.enrolled_at.is_(None),
            SharedDevice.revoked_at.is_(None),
        )
        .with_for_update()
    )
    created = row is None
    row = row or _add(session, command.name, actor)
    row.code_hash, row.code_expires_at = hash_code(code), expires_at
    session.flush()
    return NamedDevice(_view(row), code, expires_at), created


def rename_device(
    session: Session, device_id: int, command: RenameDevice, *, actor: Actor, seen: Seen
) -> DeviceView:
    """Call a device something else. Raises NotAllowed, NotFound, ChangedMeanwhile, Conflict for a used name."""
    row = _hold(session, device_id, actor, seen)
    try:
        with session.begin_nested():
            row.name = command.name or row.name
    except IntegrityError as error:
        raise _taken() from error
    return _view(row)


def enroll_this_device(session: Session, command: NameDevice, *, actor: Actor) -> str:
    """Make the browser that asks a shared device; the secret for its cookie.

    Raises NotAllowed, Conflict for a used name.
    """
    row = _add(session, command.name, actor)
    return _hand_over(session, row.id)


def enroll_device(db: Database, command: EnrollDevice, *, address: str) -> str:
    """Make the browser that knows the one-time code a shared device; the secret for its cookie.

    Raises TooManyAttempts, counted with the sign-ins from this address, and Invalid for a code that does not work.
    """
    hashed = hash_code(command.code)
    with db.transaction() as session:
        refuse_when_throttled(session, _ENROLMENT, address)
        found = session.execute(
            text("SELECT * FROM door_find_device_code(:hash)"), {"hash": hashed}
        ).one_or_none()
        if found is not None:
            enter_winery(session, found.winery_id)
            used = session.scalar(
                update(SharedDevice)
                .where(SharedDevice.id == found.device_id, SharedDevice.code_hash == hashed)
                .values(code_hash=None, code_expires_at=None)
                .returning(SharedDevice.id)
            )
            if used is not None:
                return _hand_over(session, used)
    with db.transaction() as session:
        session.add(SignInFailure(login=_ENROLMENT, address=address))
    raise Invalid(
        say("This code does not work. Nothing was changed. Check it, or ask for a new one."),
        code="wrong_code",
        fields=[FieldFault("code", "wrong_code", say("Not a code, used, or too old."))],
    )


def revoke_device(session: Session, device_id: int, *, actor: Actor, seen: Seen = None) -> None:
    """End a shared device and every sign-in by PIN on it, for good.

    There is no way back: a tablet is revoked because it may be in strange hands, and with it the secret that a way back
    would make good again. Its name is free at once, and to enroll it anew takes a minute. Raises NotAllowed, NotFound,
    ChangedMeanwhile.
    """
    row = _hold(session, device_id, actor, seen)
    row.revoked_at, row.code_hash, row.code_expires_at = clock.now(), None, None
    session.execute(delete(UserSession).where(UserSession.device_id == device_id))


def _hold(session: Session, device_id: int, actor: Actor, seen: Seen) -> SharedDevice:
    require(actor, Permission.CONFIGURE_CELLAR)
    row = session.scalar(
        select(SharedDevice)
        .where(SharedDevice.id == device_id, SharedDevice.revoked_at.is_(None))
        .with_for_update()
    )
    if row is None:
        raise _unknown()
    refuse_stale(_view(row), seen)
    return row


def find_device(db: Database, token: str) -> Device | None:
    """The device that carries this secret; None when it is unknown or revoked."""
    if not token:
        return None
    with db.transaction() as session:
        found = session.execute(
            text("SELECT * FROM door_find_device(:hash)"), {"hash": hash_secret(token)}
        ).one_or_none()
        if found is None:
            return None
        now = clock.now()
        if now - found.last_seen_at > SEEN_EVERY:
            enter_winery(session, found.winery_id)
            session.execute(
                update(SharedDevice)
                .where(SharedDevice.id == found.device_id)
                .values(last_seen_at=now)
            )
    return Device(found.device_id, found.winery_id, found.name)


def _add(session: Session, name: str, actor: Actor) -> SharedDevice:
    require(actor, Permission.CONFIGURE_CELLAR)
    row = SharedDevice(winery_id=actor.winery_id, name=name, created_by=actor.user_id)
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError as error:
        raise _taken() from error
    return row


def _taken() -> Conflict:
    return Conflict(
        say(
            "There is a shared device of this name. Nothing was changed. Choose another, or revoke that one."
        ),
        code="name_taken",
        fields=[FieldFault("name", "taken", say("Already in use."))],
    )


def _unknown() -> NotFound:
    return NotFound(say("There is no such device, or it is revoked already."))


def _hand_over(session: Session, device_id: int) -> str:
    token, now = secrets.token_urlsafe(32), clock.now()
    session.execute(
        update(SharedDevice)
        .where(SharedDevice.id == device_id)
        .values(token_hash=hash_secret(token), enrolled_at=now, last_seen_at=now)
    )
    return token


def _view(row: SharedDevice) -> DeviceView:
    return DeviceView(
        row.id, row.name, row.created_at, row.enrolled_at, row.last_seen_at, row.revoked_at
    )
