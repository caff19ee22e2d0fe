"""Use cases around the people of a winery: who is in it, what they are, and new passwords for those who lost theirs."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Select, delete, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from winery_appliance.auth.commands import (
    ChangeUser,
    CreateUser,
    ResetPassword,
    ResetPin,
    SpendCode,
)
from winery_appliance.auth.models import PasswordReset, SignInFailure, User, UserSession
from winery_appliance.auth.passwords import hash_code, hash_password, make_readable_secret
from winery_appliance.auth.permissions import Permission, Role
from winery_appliance.auth.service import (
    Actor,
    create_user,
    end_sign_ins,
    refuse_when_throttled,
    require,
)
from winery_appliance.core import clock
from winery_appliance.core.db import Database
from winery_appliance.core.errors import Conflict, FieldFault, Invalid, NotFound

RESET_CODE_LASTS = timedelta(hours=24)
_CODE_LENGTH = (
    12  # 60 bits, for a code that lives a day and can be guessed at five times in ten minutes
)


@dataclass(frozen=True)
class PersonView:
    """Somebody who may sign in, or could until they were disabled."""

    id: int
    email: str | None
    username: str | None
    display_name: str
    role: Role
    is_active: bool
    created_at: datetime


@dataclass(frozen=True)
class ResetCode:
    """A one-time code, told once, and until when it works."""

    code: str
    expires_at: datetime


def list_people(session: Session, *, actor: Actor) -> list[PersonView]:
    """Everybody of the winery by name, the disabled too. Raises NotAllowed."""
    require(actor, Permission.MANAGE_USERS)
    rows = session.scalars(
        select(User).where(User.deleted_at.is_(None)).order_by(User.display_name, User.id)
    )
    return [_view(row) for row in rows]


def get_person(session: Session, user_id: int, *, actor: Actor) -> PersonView:
    """One person of the winery. Raises NotAllowed and NotFound."""
    require(actor, Permission.MANAGE_USERS)
    return _view(_find(session, user_id))


def add_person(
    session: Session, command: CreateUser, hashed_password: str, *, actor: Actor
) -> PersonView:
    """Let somebody in. Raises NotAllowed, and Conflict when the login is taken."""
    require(actor, Permission.MANAGE_USERS)
    user_id = create_user(session, actor.winery_id, command, hashed_password)
    return get_person(session, user_id, actor=actor)


def lock_person(session: Session, user_id: int, *, actor: Actor) -> PersonView:
    """The person as they are now, and stay until this transaction ends. Raises NotAllowed and NotFound.

    The winery's owners are locked with them, always in the same order: of two who change owners at once, the second
    waits and then sees what the first left.
    """
    require(actor, Permission.MANAGE_USERS)
    session.execute(_active_owners().with_for_update())
    return _view(_find(session, user_id, lock=True))


def change_person(
    session: Session, user_id: int, command: ChangeUser, *, actor: Actor
) -> PersonView:
    """Give somebody another name or role, shut them out or let them in again; what is None stays.

    Another role and being shut out end every sign-in and token. Raises NotAllowed, NotFound, and Conflict for the last
    owner who can sign in.
    """
    before = lock_person(session, user_id, actor=actor)
    user = _find(session, user_id)
    role = command.role or before.role
    is_active = before.is_active if command.is_active is None else command.is_active
    if before.role == Role.OWNER and before.is_active and (role != Role.OWNER or not is_active):
        _refuse_for_last_owner(session, user_id)
    user.role, user.is_active = str(role), is_active
    user.display_name = command.display_name or before.display_name
    if role != before.role or not is_active:
        end_sign_ins(session, user_id)
    session.flush()
    return _view(user)


def _refuse_for_last_owner(session: Session, user_id: int) -> None:
    if not [owner for owner in session.scalars(_active_owners()) if owner != user_id]:
        raise Conflict(
            "This is the last owner who can sign in. Nothing was changed. Make somebody else an owner first.",
            code="last_owner",
        )


def make_reset_code(session: Session, user_id: int, *, actor: Actor) -> ResetCode:
    """A one-time code with which this person chooses a new password; the codes before it lose their worth.

    Only its hash is kept. Raises NotAllowed, NotFound, and Conflict for who is disabled.
    """
    person = get_person(session, user_id, actor=actor)
    if not person.is_active:
        raise Conflict(
            f"{person.display_name} is disabled and could not sign in. Nothing was changed. Enable the login first.",
            code="user_disabled",
        )
    made = ResetCode(make_readable_secret(_CODE_LENGTH), clock.now() + RESET_CODE_LASTS)
    values = {
        "code_hash": hash_code(made.code),
        "created_at": func.now(),
        "expires_at": made.expires_at,
    }
    session.execute(
        insert(PasswordReset)
        .values(winery_id=actor.winery_id, user_id=user_id, **values)
        .on_conflict_do_update(index_elements=["winery_id", "user_id"], set_=values)
    )
    return made


def reset_password(db: Database, command: ResetPassword, *, address: str) -> None:
    """Choose a new password with a one-time code; ends every sign-in and token of the person. Raises as `spend_code`."""
    hashed = hash_password(command.password.get_secret_value())
    spend_code(
        db, command, lambda session, user_id: give_password(session, user_id, hashed), address
    )


def reset_pin(db: Database, command: ResetPin, *, address: str) -> None:
    """Choose a new PIN with a one-time code; ends the sign-ins by PIN. Raises as `spend_code`."""
    hashed = hash_password(command.pin.get_secret_value())
    spend_code(db, command, lambda session, user_id: give_pin(session, user_id, hashed), address)


def spend_code(
    db: Database, asked: SpendCode, act: Callable[[Session, int], None], address: str
) -> None:
    """Use up a one-time code and do what it was asked for, both or neither.

    Raises TooManyAttempts, counted together with failed sign-ins, and Invalid when login and code do not belong
    together or the code was used or is older than a day; which of these it is cannot be told.
    """
    with db.transaction() as session:
        refuse_when_throttled(session, asked.login, address)
        found = session.execute(
            text("SELECT * FROM door_find_user(:login)"), {"login": asked.login}
        ).one_or_none()
    if found is not None:
        with db.transaction(found.winery_id) as session:
            if _use_code(session, found.user_id, asked.code):
                act(session, found.user_id)
                return
    with db.transaction() as session:
        session.add(SignInFailure(login=asked.login, address=address))
    raise Invalid(
        "This code does not work. Nothing was changed. Check name and code, or ask the owner for a new code.",
        code="wrong_code",
        fields=[FieldFault("code", "wrong_code", "Not this person's code, used, or too old.")],
    )


def give_pin(session: Session, user_id: int, hashed_pin: str) -> None:
    """Set a person's PIN and end the sign-ins by the old one. Raises NotFound."""
    _find(session, user_id, lock=True).hashed_pin = hashed_pin
    session.execute(
        delete(UserSession).where(
            UserSession.user_id == user_id, UserSession.device_id.is_not(None)
        )
    )


def give_password(session: Session, user_id: int, hashed_password: str) -> None:
    """Set a person's password, end every sign-in and token, and forget failed attempts. Raises NotFound."""
    _find(session, user_id, lock=True).hashed_password = hashed_password
    end_sign_ins(session, user_id)
    forget_failures(session, user_id)


def forget_failures(session: Session, user_id: int) -> None:
    """Open the door again for who tried too often. Raises NotFound."""
    user = _find(session, user_id)
    logins = [login.lower() for login in (user.email, user.username) if login]
    session.execute(delete(SignInFailure).where(SignInFailure.login.in_(logins)))


def _use_code(session: Session, user_id: int, code: str) -> bool:
    used = session.scalar(
        delete(PasswordReset)
        .where(
            PasswordReset.user_id == user_id,
            PasswordReset.code_hash == hash_code(code),
            PasswordReset.expires_at > clock.now(),
        )
        .returning(PasswordReset.user_id)
    )
    return used is not None


def _active_owners() -> Select[int]:
    return (
        select(User.id)
        .where(User.role == str(Role.OWNER), User.is_active, User.deleted_at.is_(None))
        .order_by(User.id)
    )


def _find(session: Session, user_id: int, *, lock: bool = False) -> User:
    wanted = select(User).where(User.id == user_id, User.deleted_at.is_(None))
    if lock:
        wanted = wanted.with_for_update().execution_options(populate_existing=True)
    user = session.scalar(wanted)
    if user is None:
        raise NotFound("There is no such person in this winery.")
    return user


def _view(row: User) -> PersonView:
    return PersonView(
        row.id,
        row.email,
        row.username,
        row.display_name,
        Role(row.role),
        row.is_active,
        row.created_at,
    )
