"""Use cases of the second factor: codes of an app by time (RFC 6238), recovery codes, and who is asked for them."""

from dataclasses import dataclass
from datetime import datetime
from hmac import compare_digest

import pyotp
from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from winery_appliance.auth.models import (
    RecoveryCode,
    SecondFactor,
    SignInRules,
    User,
    UserSession,
)
from winery_appliance.auth.own_password import note_guess, prove_password, refuse_guessing
from winery_appliance.auth.passwords import hash_code, make_readable_secret
from winery_appliance.auth.permissions import Permission, Role
from winery_appliance.auth.service import Actor, refuse_limited, require
from winery_appliance.core import clock, sealing
from winery_appliance.core.db import Database
from winery_appliance.core.errors import Conflict, NotAllowed, NotFound, NotSignedIn, refuse_field
from winery_appliance.core.settings import Settings
from winery_appliance.core.words import say

ASKED_ROLES = frozenset({Role.OWNER, Role.WINEMAKER})
STEP_S = 30
RECOVERY_CODES = 10
_CODE_LENGTH = 12  # 60 bits


@dataclass(frozen=True)
class FactorView:
    """Whether a person has a second factor, how many recovery codes are left, and whether the winery asks for one."""

    confirmed: bool
    recovery_codes_left: int
    required: bool


@dataclass(frozen=True)
class NewFactor:
    """A secret for an app, told only now: as text, and as the address that a picture of it holds."""

    secret: str
    uri: str


def read_factor(session: Session, *, user_id: int, role: Role) -> FactorView:
    """How it stands with this person's second factor."""
    confirmed = session.scalar(
        select(SecondFactor.confirmed_at).where(SecondFactor.user_id == user_id)
    )
    left = session.scalar(
        select(func.count()).select_from(RecoveryCode).where(RecoveryCode.user_id == user_id)
    )
    return FactorView(
        confirmed is not None,
        left or 0 if confirmed is not None else 0,
        role in ASKED_ROLES and is_required(session),
    )


def is_required(session: Session) -> bool:
    """Whether this winery asks its owners and winemakers for a second factor."""
    return bool(session.scalar(select(SignInRules.second_factor_required)))


def start_factor(
    db: Database, password: str, *, actor: Actor, keys: Settings, issuer: str
) -> NewFactor:
    """A new secret for an app; it counts once a code of it was typed.

    Raises NotAllowed for a limited way in, NotSignedIn for a wrong password, TooManyAttempts, Conflict where there is one.
    """
    prove_password(db, password, actor=actor)
    with db.transaction(actor.winery_id) as session:
        user = session.get_one(User, actor.user_id)
        label = user.email or user.username or user.display_name
    secret = pyotp.random_base32()
    with db.transaction(actor.winery_id) as session:
        row = session.scalar(
            select(SecondFactor).where(SecondFactor.user_id == actor.user_id).with_for_update()
        )
        if row is not None and row.confirmed_at is not None:
            raise Conflict(
                say("You have a second factor. Nothing was changed. Take it away first."),
                code="factor_exists",
            )
        sealed = sealing.seal(keys, secret)
        session.execute(
            insert(SecondFactor)
            .values(winery_id=actor.winery_id, user_id=actor.user_id, secret_sealed=sealed)
            .on_conflict_do_update(
                index_elements=["winery_id", "user_id"], set_={"secret_sealed": sealed}
            )
        )
    return NewFactor(secret, pyotp.TOTP(secret).provisioning_uri(name=label, issuer_name=issuer))


def confirm_factor(db: Database, code: str, *, actor: Actor, keys: Settings) -> list[str]:
    """Let it count from now on; the recovery codes, told only here.

    Raises NotAllowed, Conflict, Invalid, TooManyAttempts.
    """
    refuse_limited(actor)
    with db.transaction(actor.winery_id) as session:
        refuse_guessing(session, actor.user_id, _what_next())
        row = _hold(session, actor.user_id)
        if row is None or row.confirmed_at is not None:
            raise Conflict(say("There is no second factor to confirm."), code="nothing_to_confirm")
        fits = _spend_app_code(row, code, keys, clock.now())
        if fits:
            row.confirmed_at = clock.now()
            session.flush()
            return _make_recovery_codes(session, actor)
    note_guess(db, actor.user_id)
    raise _wrong_code()


def renew_recovery_codes(db: Database, code: str, *, actor: Actor, keys: Settings) -> list[str]:
    """New recovery codes in place of the old. Raises NotAllowed, NotSignedIn for a wrong code, TooManyAttempts."""
    refuse_limited(actor)
    check_code(db, actor, code, keys=keys)
    with db.transaction(actor.winery_id) as session:
        return _make_recovery_codes(session, actor)


def remove_factor(db: Database, code: str, *, actor: Actor, keys: Settings) -> None:
    """Sign in by password alone again. Raises NotAllowed where the winery asks for it, NotSignedIn, TooManyAttempts."""
    refuse_limited(actor)
    with db.transaction(actor.winery_id) as session:
        if actor.role in ASKED_ROLES and is_required(session):
            raise NotAllowed(
                say("Your winery asks your role for a second factor. Nothing was changed."),
                code="factor_required",
            )
    check_code(db, actor, code, keys=keys)
    with db.transaction(actor.winery_id) as session:
        session.execute(delete(SecondFactor).where(SecondFactor.user_id == actor.user_id))


def take_factor_away(session: Session, user_id: int, *, actor: Actor) -> None:
    """For who lost phone and codes: their password alone opens until they set up another. Raises NotAllowed, NotFound."""
    require(actor, Permission.MANAGE_USERS)
    refuse_limited(actor)
    if session.get(User, user_id) is None:
        raise NotFound(say("There is no such person in this winery."))
    session.execute(delete(SecondFactor).where(SecondFactor.user_id == user_id))


def set_rules(session: Session, required: bool, *, actor: Actor) -> None:
    """Ask owners and winemakers for a second factor, or not; whoever lacks one is signed out and sets it up next time.

    Raises NotAllowed, and Conflict for an owner who has none: the door would shut behind them.
    """
    require(actor, Permission.CONFIGURE_WINERY)
    refuse_limited(actor)
    has = select(SecondFactor.user_id).where(SecondFactor.confirmed_at.is_not(None))
    if required and session.scalar(has.where(SecondFactor.user_id == actor.user_id)) is None:
        raise Conflict(
            say("Set up your own second factor first. Nothing was changed."),
            code="own_factor_first",
        )
    session.execute(
        insert(SignInRules)
        .values(winery_id=actor.winery_id, second_factor_required=required)
        .on_conflict_do_update(
            index_elements=["winery_id"], set_={"second_factor_required": required}
        )
    )
    if required:
        asked = select(User.id).where(User.role.in_(ASKED_ROLES), User.id.not_in(has))
        session.execute(
            delete(UserSession).where(
                UserSession.user_id.in_(asked), UserSession.device_id.is_(None)
            )
        )


def check_code(db: Database, actor: Actor, code: str, *, keys: Settings) -> None:
    """Check the code of somebody whose password was right; it is used up. Raises NotSignedIn, TooManyAttempts."""
    with db.transaction(actor.winery_id) as session:
        refuse_guessing(session, actor.user_id, _what_next())
        row = _hold(session, actor.user_id)
        if row is not None and (
            _spend_app_code(row, code, keys, clock.now())
            or _spend_recovery_code(session, actor.user_id, code)
        ):
            return
    note_guess(db, actor.user_id)
    raise NotSignedIn(
        say("This code does not work. An app's code works once, for half a minute."),
        code="wrong_code",
    )


def _hold(session: Session, user_id: int) -> SecondFactor | None:
    return session.scalar(
        select(SecondFactor).where(SecondFactor.user_id == user_id).with_for_update()
    )


def _spend_app_code(row: SecondFactor, code: str, keys: Settings, now: datetime) -> bool:
    """Whether it is a code of about now, and later than any that was used (RFC 6238, 5.2)."""
    typed = code.replace(" ", "").replace("-", "")
    otp = pyotp.TOTP(sealing.unseal(keys, row.secret_sealed), interval=STEP_S)
    step = int(now.timestamp()) // STEP_S
    for each in (step - 1, step, step + 1):
        if each > row.last_step and compare_digest(otp.generate_otp(each).encode(), typed.encode()):
            row.last_step = each
            return True
    return False


def _spend_recovery_code(session: Session, user_id: int, code: str) -> bool:
    spent = session.scalar(
        delete(RecoveryCode)
        .where(RecoveryCode.user_id == user_id, RecoveryCode.code_hash == hash_code(code))
        .returning(RecoveryCode.id)
    )
    return spent is not None


def _make_recovery_codes(session: Session, actor: Actor) -> list[str]:
    session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == actor.user_id))
    codes = [make_readable_secret(_CODE_LENGTH) for _ in range(RECOVERY_CODES)]
    session.add_all(
        RecoveryCode(winery_id=actor.winery_id, user_id=actor.user_id, code_hash=hash_code(code))
        for code in codes
    )
    return codes


def _what_next() -> str:
    return say("or ask an owner to take the second factor away")


def _wrong_code() -> Exception:
    return refuse_field(
        "code", "wrong_code", say("This code does not work; see that the clock is right.")
    )
