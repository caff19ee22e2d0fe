"""Use cases around PINs: who can be chosen on a shared device, and signing in there with a few digits.

A PIN is short, so that only a device whose secret is known may try one, and each person's tries on it are counted.
"""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import and_, delete, select
from sqlalchemy.orm import Session

from winery_appliance.auth.devices import Device
from winery_appliance.auth.models import SignInFailure, User
from winery_appliance.auth.passwords import verify_password
from winery_appliance.auth.people import give_pin
from winery_appliance.auth.permissions import BY_PIN, Role
from winery_appliance.auth.service import (
    FAILURE_WINDOW,
    Actor,
    refuse_after,
    refuse_limited,
)
from winery_appliance.core.db import Database
from winery_appliance.core.errors import NotSignedIn, TooManyAttempts
from winery_appliance.core.words import say

# A person's wrong PINs on one device. Five soon after each other are a slip or a guess and cost minutes; twenty in a day
# are a guess, and with four digits a chance of 20 in 10 000. Nobody else, and no other tablet, is kept waiting.
TRIES = 5
TRIES_A_DAY = 20


@dataclass(frozen=True)
class PinPerson:
    """Somebody who can be chosen on a shared device."""

    user_id: int
    display_name: str


def list_pin_people(session: Session) -> list[PinPerson]:
    """Who has a PIN, by name."""
    rows = session.execute(
        select(User.id, User.display_name)
        .where(User.deleted_at.is_(None), User.hashed_pin.is_not(None))
        .order_by(User.display_name, User.id)
    )
    return [PinPerson(*row) for row in rows]


def choose_pin(session: Session, hashed_pin: str, *, actor: Actor) -> None:
    """Set one's own PIN; ends the sign-ins by the old one. Raises NotAllowed for a limited way in."""
    refuse_limited(actor)
    give_pin(session, actor.user_id, hashed_pin)


def sign_in_by_pin(db: Database, device: Device, user_id: int, pin: str) -> Actor:
    """Who this is, if the PIN is theirs; they may what a PIN allows at most. The check runs outside any transaction.

    Raises TooManyAttempts after repeated failures of this person on this device, and NotSignedIn; whether there is such
    a person cannot be told.
    """
    tried = f"pin {user_id}", f"device {device.id}"
    # One try at a time, so that no tries are made side by side before the first of them counts.
    with db.advisory_lock("/".join(tried)) as mine:
        if not mine:
            raise TooManyAttempts(say("Another try is being checked. Try again."), retry_after_s=1)
        return _check_pin(db, device, user_id, pin, tried)


def _check_pin(
    db: Database, device: Device, user_id: int, pin: str, tried: tuple[str, str]
) -> Actor:
    login, address = tried
    failed = and_(SignInFailure.login == login, SignInFailure.address == address)
    with db.transaction(device.winery_id) as session:
        what_next = say("or sign in with your password")
        refuse_after(session, failed, TRIES, FAILURE_WINDOW, what_next)
        refuse_after(session, failed, TRIES_A_DAY, timedelta(days=1), what_next)
        user = session.scalar(select(User).where(User.id == user_id, User.deleted_at.is_(None)))
    if not verify_password(user.hashed_pin if user else None, pin):
        with db.transaction() as session:
            session.add(SignInFailure(login=login, address=address))
        raise NotSignedIn(say("This is not the PIN. Try again."), code="wrong_pin")
    assert user is not None
    with db.transaction() as session:
        session.execute(delete(SignInFailure).where(failed))
    return Actor(user.id, user.winery_id, Role(user.role), user.display_name, scopes=BY_PIN)
