"""One's own password: proving that one knows it, and choosing another."""

from datetime import timedelta

from sqlalchemy.orm import Session

from winery_appliance.auth.commands import ChangePassword
from winery_appliance.auth.models import SignInFailure, User
from winery_appliance.auth.passwords import hash_password, verify_password
from winery_appliance.auth.people import give_password
from winery_appliance.auth.service import Actor, refuse_after, refuse_limited
from winery_appliance.core.db import Database
from winery_appliance.core.errors import NotSignedIn
from winery_appliance.core.words import say

# Whoever is signed in may guess so often at the password or a code of that person, from wherever: of a million codes three
# are right at any moment.
GUESSES, GUESS_WINDOW = 5, timedelta(minutes=10)
GUESSES_A_DAY, DAY = 30, timedelta(hours=24)


def change_password(db: Database, command: ChangePassword, *, actor: Actor) -> None:
    """Choose a new password with the old one; ends every other sign-in and every token of the person.

    Raises NotAllowed for a limited way in, NotSignedIn for a wrong old password, TooManyAttempts. Both passwords are worked
    on outside any transaction.
    """
    prove_password(db, command.current_password.get_secret_value(), actor=actor)
    hashed = hash_password(command.new_password.get_secret_value())
    with db.transaction(actor.winery_id) as session:
        give_password(session, actor.user_id, hashed, but=actor.session_id)


def prove_password(db: Database, password: str, *, actor: Actor) -> None:
    """Go on only for who knows the password: whoever finds a browser open cannot shut its person out.

    Raises NotAllowed for a limited way in, NotSignedIn for a wrong password, TooManyAttempts.
    """
    refuse_limited(actor)
    with db.transaction(actor.winery_id) as session:
        refuse_guessing(session, actor.user_id, say("or ask an owner for a one-time code"))
        hashed = session.get_one(User, actor.user_id).hashed_password
    if not verify_password(hashed, password):
        note_guess(db, actor.user_id)
        raise NotSignedIn(
            say("This is not your password. Nothing was changed."), code="wrong_password"
        )


def refuse_guessing(session: Session, user_id: int, what_next: str) -> None:
    """Raise TooManyAttempts after too many wrong guesses at what this person knows or has."""
    theirs = SignInFailure.login == _who(user_id)
    refuse_after(session, theirs, GUESSES, GUESS_WINDOW, what_next)
    refuse_after(session, theirs, GUESSES_A_DAY, DAY, what_next)


def note_guess(db: Database, user_id: int) -> None:
    """Count a wrong guess."""
    with db.transaction() as session:
        session.add(SignInFailure(login=_who(user_id), address="-"))


def _who(user_id: int) -> str:
    """Whose failure it is: no login, so that it has a blank."""
    return f"second factor {user_id}"
