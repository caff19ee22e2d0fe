"""Use cases around the people of a winery: who is in it, what they are, and new passwords for those who lost theirs."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, delete, func, or_, select, text, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from winery_appliance.auth.commands import (
    AddUser,
    ChangeUser,
    ChooseUnits,
    ResetPassword,
    ResetPin,
    SpendCode,
)
from winery_appliance.auth.models import PasswordReset, SignInFailure, User, UserSession
from winery_appliance.auth.passwords import (
    hash_code,
    hash_password,
    make_readable_secret,
    verify_password,
)
from winery_appliance.auth.permissions import Permission, Role
from winery_appliance.auth.service import (
    Actor,
    create_user,
    end_sign_ins,
    refuse_login,
    refuse_when_throttled,
    require,
)
from winery_appliance.core import clock
from winery_appliance.core.db import Database
from winery_appliance.core.errors import Conflict, FieldFault, Invalid, NotFound
from winery_appliance.core.paging import Page, cut_page, read_cursor
from winery_appliance.core.version_tags import refuse_stale
from winery_appliance.core.words import say

RESET_CODE_LASTS = timedelta(hours=24)
_CODE_LENGTH = (
    12  # 60 bits, for a code that lives a day and can be guessed at five times in ten minutes
)


Seen = Collection[str] | None
_LIVING = User.deleted_at.is_(None)


@dataclass(frozen=True)
class PersonView:
    """Somebody who may sign in, or could until they were removed."""

    id: int
    email: str | None
    username: str | None
    display_name: str
    role: Role
    has_pin: bool
    created_at: datetime
    deleted_at: datetime | None


@dataclass(frozen=True)
class ResetCode:
    """A one-time code, told once, and until when it works."""

    code: str
    expires_at: datetime


def list_people(
    session: Session,
    *,
    actor: Actor,
    deleted: bool = False,
    cursor: str | None = None,
    limit: int = 50,
) -> Page[PersonView]:
    """Who is in the winery, or who was removed, by name. Raises NotAllowed, Invalid for a cursor that is not ours."""
    require(actor, Permission.MANAGE_USERS)
    by_name = func.lower(User.display_name)
    wanted = select(User).where(User.deleted_at.is_not(None) if deleted else _LIVING)
    if cursor is not None:
        name, row_id = read_cursor(cursor, str)
        wanted = wanted.where(tuple_(by_name, User.id) > tuple_(func.lower(name), row_id))
    rows = session.scalars(wanted.order_by(by_name, User.id).limit(limit + 1))
    views = [_view(row) for row in rows]
    return cut_page(views, limit, lambda view: (view.display_name, view.id))


def get_person(session: Session, user_id: int, *, actor: Actor) -> PersonView:
    """One person of the winery. Raises NotAllowed and NotFound, also for who was removed."""
    require(actor, Permission.MANAGE_USERS)
    return _view(_find(session, user_id))


def find_person(session: Session, login: str, *, actor: Actor) -> PersonView | None:
    """Who signs in as `login` (small letters), else who did last before they were removed. Raises NotAllowed."""
    require(actor, Permission.MANAGE_USERS)
    found = session.scalar(
        select(User)
        .where(or_(func.lower(User.email) == login, func.lower(User.username) == login))
        .order_by(User.deleted_at.desc().nulls_first())
        .limit(1)
    )
    return _view(found) if found else None


def add_person(
    session: Session, command: AddUser, hashed_password: str, *, actor: Actor
) -> tuple[PersonView, bool]:
    """Let somebody in, and whether this call did it: the same content again finds the first.

    Without a password nobody can sign in before a one-time code was used. Raises NotAllowed, and Conflict when the login
    is somebody else's or the content differs.
    """
    require(actor, Permission.MANAGE_USERS)
    try:
        user_id = create_user(session, actor.winery_id, command, hashed_password)
    except Conflict:
        earlier = _find_same(session, command)
        if earlier is None:
            raise
        return _view(earlier), False
    return get_person(session, user_id, actor=actor), True


def _find_same(session: Session, command: AddUser) -> User | None:
    """The person with just this content, the password included where one is given."""
    given = command.model_dump(exclude={"password"})
    same = [getattr(User, name).is_not_distinct_from(value) for name, value in given.items()]
    found = session.scalar(select(User).where(_LIVING, *same))
    if found is None or command.password is None:
        return found
    right = verify_password(found.hashed_password, command.password.get_secret_value())
    return found if right else None


def change_person(
    session: Session, user_id: int, command: ChangeUser, *, actor: Actor, seen: Seen = None
) -> PersonView:
    """Give somebody another name, login or role. Another role ends every sign-in and token.

    Raises NotAllowed, NotFound, ChangedMeanwhile, Invalid for nobody's login, and Conflict for the last owner or a login
    that is taken.
    """
    user = _hold(session, user_id, actor, seen)
    values = command.model_dump(mode="json", exclude_unset=True)
    if values.get("role", user.role) != user.role:
        if user.role == Role.OWNER:
            _refuse_for_last_owner(session, user_id)
        end_sign_ins(session, user_id)
    if not (values.get("email", user.email) or values.get("username", user.username)):
        raise Invalid(
            say(
                "Nobody could sign in as this person. Nothing was changed. Leave an e-mail or a username."
            ),
            code="no_login",
            fields=[FieldFault("username", "needed", say("Give an e-mail or a username."))],
        )
    _write(session, user, values)
    return _view(user)


def remove_person(session: Session, user_id: int, *, actor: Actor, seen: Seen = None) -> None:
    """Shut somebody out at once: every sign-in, token and one-time code ends. What they wrote keeps their name.

    Raises NotAllowed, NotFound, ChangedMeanwhile, and Conflict for the last owner.
    """
    user = _hold(session, user_id, actor, seen)
    if user.role == Role.OWNER:
        _refuse_for_last_owner(session, user_id)
    user.deleted_at = clock.now()
    session.execute(delete(PasswordReset).where(PasswordReset.user_id == user_id))
    end_sign_ins(session, user_id)


def restore_person(session: Session, user_id: int, *, actor: Actor) -> PersonView:
    """Let somebody who was removed in again, with role, password and PIN as they were.

    Who is not removed stays as they are. Raises NotAllowed, NotFound, and Conflict when the login is another's by now.
    """
    require(actor, Permission.MANAGE_USERS)
    user = _find(session, user_id, lock=True, also_removed=True)
    if user.deleted_at is not None:
        # Who was signing in while they were removed may have left one more.
        end_sign_ins(session, user_id)
        _write(session, user, {"deleted_at": None})
    return _view(user)


def set_pin(session: Session, user_id: int, hashed_pin: str | None, *, actor: Actor) -> None:
    """Give somebody a PIN, or with None take it away; ends the sign-ins by the old one. Raises NotAllowed, NotFound."""
    require(actor, Permission.MANAGE_USERS)
    give_pin(session, user_id, hashed_pin)


def choose_units(session: Session, command: ChooseUnits, *, actor: Actor) -> None:
    """Read sugar and temperature in these units from now on; None is the winery's."""
    _write(session, session.get_one(User, actor.user_id), command.model_dump())


def make_reset_code(session: Session, user_id: int, *, actor: Actor) -> ResetCode:
    """A one-time code with which this person chooses a new password or PIN; the codes before it lose their worth.

    Only its hash is kept. Raises NotAllowed and NotFound.
    """
    require(actor, Permission.MANAGE_USERS)
    _find(session, user_id, lock=True)
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
        say(
            "This code does not work. Nothing was changed. Check name and code, or ask the owner for a new code."
        ),
        code="wrong_code",
        fields=[FieldFault("code", "wrong_code", say("Not this person's code, used, or too old."))],
    )


def give_pin(session: Session, user_id: int, hashed_pin: str | None) -> None:
    """Set a person's PIN, or with None take it away, and end the sign-ins by the old one. Raises NotFound."""
    _find(session, user_id, lock=True).hashed_pin = hashed_pin
    session.execute(
        delete(UserSession).where(
            UserSession.user_id == user_id, UserSession.device_id.is_not(None)
        )
    )


def give_password(
    session: Session, user_id: int, hashed_password: str, *, but: int | None = None
) -> None:
    """Set a person's password, end every sign-in but one and every token, and forget failed attempts. Raises NotFound."""
    _find(session, user_id, lock=True).hashed_password = hashed_password
    end_sign_ins(session, user_id, but=but)
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


def _hold(session: Session, user_id: int, actor: Actor, seen: Seen) -> User:
    """The person, who stays as they are until this transaction ends.

    The winery's owners are locked with them, always in the same order: of two who change owners at once, the second
    waits and then sees what the first left.
    """
    require(actor, Permission.MANAGE_USERS)
    session.execute(_owners().with_for_update())
    user = _find(session, user_id, lock=True)
    refuse_stale(_view(user), seen)
    return user


def _owners() -> Select[int]:
    return select(User.id).where(User.role == str(Role.OWNER), _LIVING).order_by(User.id)


def _refuse_for_last_owner(session: Session, user_id: int) -> None:
    if not [owner for owner in session.scalars(_owners()) if owner != user_id]:
        raise Conflict(
            say(
                "This is the last owner who can sign in. Nothing was changed. Make somebody else an owner first."
            ),
            code="last_owner",
        )


def _write(session: Session, user: User, values: dict[str, Any]) -> None:
    try:
        with session.begin_nested():
            for name, value in values.items():
                setattr(user, name, value)
    except IntegrityError as error:
        raise refuse_login(error) from error


def _find(
    session: Session, user_id: int, *, lock: bool = False, also_removed: bool = False
) -> User:
    wanted = select(User).where(User.id == user_id)
    if not also_removed:
        wanted = wanted.where(_LIVING)
    if lock:
        wanted = wanted.with_for_update().execution_options(populate_existing=True)
    user = session.scalar(wanted)
    if user is None:
        raise NotFound(say("There is no such person in this winery."))
    return user


def _view(row: User) -> PersonView:
    return PersonView(
        row.id,
        row.email,
        row.username,
        row.display_name,
        Role(row.role),
        row.hashed_pin is not None,
        row.created_at,
        row.deleted_at,
    )
