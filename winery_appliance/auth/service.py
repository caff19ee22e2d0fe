"""Use cases of auth: signing in and out, tokens, users."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid4

import jwt
from itsdangerous import BadSignature, Signer
from itsdangerous.encoding import base64_decode, base64_encode
from sqlalchemy import ColumnElement, and_, delete, func, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from winery_appliance.auth.commands import CreateUser
from winery_appliance.auth.models import AccessToken, SignInFailure, User, UserSession
from winery_appliance.auth.passwords import (
    hash_password,
    hash_secret,
    is_outdated,
    verify_password,
)
from winery_appliance.auth.permissions import BY_PIN, PERMISSIONS, Permission, Role, read_scopes
from winery_appliance.core import clock
from winery_appliance.core.db import Database, enter_winery
from winery_appliance.core.errors import (
    Conflict,
    FieldFault,
    NotAllowed,
    NotSignedIn,
    TooManyAttempts,
)
from winery_appliance.core.words import say

# After this many failures within the window the door stays shut for the rest of it: for one login from one address, and
# for one address whatever the logins. A second tablet next to it is not shut out by somebody else's guesses.
FAILURES_PER_LOGIN = 5
FAILURES_PER_ADDRESS = 40
FAILURE_WINDOW = timedelta(minutes=10)
TOKEN_ALGORITHM = "HS256"  # noqa: S105 - the name of an algorithm
SEEN_EVERY = timedelta(minutes=5)


@dataclass(frozen=True)
class Actor:
    """Who does something: a signed-in person, or a program in that person's name."""

    user_id: int
    winery_id: int
    role: Role
    display_name: str
    session_id: int | None = None
    token_id: UUID | None = None
    # What a limited way in may at most; None where the person's role alone decides.
    scopes: frozenset[Permission] | None = None

    def may(self, permission: Permission) -> bool:
        """Whether this person's role holds the permission, and the way they came in does."""
        within = self.scopes is None or permission in self.scopes
        return within and permission in PERMISSIONS[self.role]


def require(actor: Actor, permission: Permission) -> None:
    """Raise NotAllowed unless the actor has the permission."""
    if permission in PERMISSIONS[actor.role] and not actor.may(permission):
        refuse_limited(actor)
    if not actor.may(permission):
        raise NotAllowed(
            say(
                "Your role (%(role)s) does not allow this. Nothing was changed. Ask the "
                "owner of the winery if you need it.",
                role=actor.role,
            )
        )


def refuse_limited(actor: Actor) -> None:
    """Raise NotAllowed for a way in that may less than its person: it could give itself the rest."""
    if actor.scopes is not None:
        raise NotAllowed(
            say(
                "This way in does not allow it. Nothing was changed. Sign in with your password first."
            ),
            code="limited_access",
        )


def sign_in(
    db: Database,
    *,
    login: str,
    password: str,
    address: str,
) -> Actor:
    """Find the person behind `login` and check the password.

    Raises TooManyAttempts after repeated failures and NotSignedIn when login and password do not belong together;
    the two cases "no such login" and "wrong password" cannot be told apart. The check runs outside any transaction.
    """
    with db.transaction() as session:
        refuse_when_throttled(session, login, address)
        found = session.execute(
            text("SELECT * FROM door_find_user(:login)"), {"login": login}
        ).one_or_none()
    if not verify_password(found.hashed_password if found else None, password):
        with db.transaction() as session:
            session.add(SignInFailure(login=login, address=address))
        raise NotSignedIn(
            say("Name and password do not belong together. Check both and try again."),
            code="wrong_credentials",
        )
    assert found is not None
    with db.transaction(found.winery_id) as session:
        session.execute(
            delete(SignInFailure).where(
                SignInFailure.login == login, SignInFailure.address == address
            )
        )
        user = session.get_one(User, found.user_id)
        if is_outdated(found.hashed_password):
            user.hashed_password = hash_password(password)
        return Actor(user.id, user.winery_id, Role(user.role), user.display_name)


def refuse_when_throttled(session: Session, login: str, address: str) -> None:
    """Raise TooManyAttempts after too many failures for this login from this address, or from the address at all."""
    from_here = SignInFailure.address == address
    what_next = say("or ask the owner for a new password")
    for failed, limit in (
        (and_(from_here, SignInFailure.login == login), FAILURES_PER_LOGIN),
        (from_here, FAILURES_PER_ADDRESS),
    ):
        refuse_after(session, failed, limit, FAILURE_WINDOW, what_next)


def refuse_after(
    session: Session, failed: ColumnElement[bool], limit: int, window: timedelta, what_next: str
) -> None:
    """Raise TooManyAttempts when `limit` failures like `failed` lie within the last `window`."""
    failures, first, now = session.execute(
        select(func.count(), func.min(SignInFailure.failed_at), func.now()).where(
            SignInFailure.failed_at > func.now() - window, failed
        )
    ).one()
    if failures >= limit:
        wait = first + window - now
        minutes = max(1, round(wait.total_seconds() / 60))
        raise TooManyAttempts(
            say(
                "Too many wrong tries. Nothing is lost. Try again in %(minutes)s min, %(what_next)s.",
                minutes=minutes,
                what_next=what_next,
            ),
            retry_after_s=max(1, round(wait.total_seconds())),
        )


def open_session(
    session: Session,
    actor: Actor,
    *,
    lasts: timedelta,
    user_agent: str,
    device_id: int | None = None,
) -> str:
    """Sign a browser in; the secret for its cookie, which is stored nowhere on our side. `device_id`: by PIN, on it."""
    token = secrets.token_urlsafe(32)
    session.add(
        UserSession(
            winery_id=actor.winery_id,
            user_id=actor.user_id,
            token_hash=hash_secret(token),
            expires_at=clock.now() + lasts,
            user_agent=user_agent[:200],
            device_id=device_id,
        )
    )
    return token


def find_session(
    db: Database, token: str, *, lasts: timedelta, by_pin_lasts: timedelta
) -> Actor | None:
    """Whose cookie this is; None when it is unknown, run out or taken away. Sliding: being used keeps it alive."""
    with db.transaction() as session:
        found = session.execute(
            text("SELECT * FROM door_find_session(:hash)"), {"hash": hash_secret(token)}
        ).one_or_none()
        if found is None:
            return None
        enter_winery(session, found.winery_id)
        by_pin = found.device_id is not None
        if by_pin:
            lasts = by_pin_lasts
        now = clock.now()
        if now - found.last_seen_at > min(SEEN_EVERY, lasts / 10):
            session.execute(
                update(UserSession)
                .where(UserSession.id == found.session_id)
                .values(last_seen_at=now, expires_at=now + lasts)
            )
    return Actor(
        found.user_id,
        found.winery_id,
        Role(found.role),
        found.display_name,
        session_id=found.session_id,
        scopes=BY_PIN if by_pin else None,
    )


def sign_out(session: Session, actor: Actor) -> None:
    """End this browser's sign-in."""
    session.execute(delete(UserSession).where(UserSession.id == actor.session_id))


def sign_out_everywhere(session: Session, actor: Actor) -> None:
    """End every sign-in of this person and revoke every token. Raises NotAllowed for a limited way in."""
    refuse_limited(actor)
    end_sign_ins(session, actor.user_id)


def end_sign_ins(session: Session, user_id: int, *, but: int | None = None) -> None:
    """End every sign-in of somebody `but` one and revoke every token; who carries one must come through the door again."""
    session.execute(
        delete(UserSession).where(
            UserSession.user_id == user_id, UserSession.id.is_distinct_from(but)
        )
    )
    session.execute(
        update(AccessToken)
        .where(AccessToken.user_id == user_id, AccessToken.revoked_at.is_(None))
        .values(revoked_at=func.now())
    )


def issue_token(session: Session, actor: Actor, *, key: str, lasts: timedelta) -> str:
    """A signed token (JWT, HS256) with winery and role; its id stands in the database and can be revoked."""
    now = clock.now()
    token = AccessToken(
        id=uuid4(), winery_id=actor.winery_id, user_id=actor.user_id, expires_at=now + lasts
    )
    session.add(token)
    # The claims are for reading; only the row decides.
    claims = {
        "sub": str(actor.user_id),
        "winery": actor.winery_id,
        "role": str(actor.role),
        "jti": str(token.id),
        "iat": now,
        "exp": token.expires_at,
    }
    return jwt.encode(claims, key, algorithm=TOKEN_ALGORITHM)


def sign_token_id(token_id: UUID, *, key: str) -> str:
    """What a device carries for this row: the id and its signature, 66 characters, since an iSpindel's field takes 80."""
    return _short_signer(key).sign(base64_encode(token_id.bytes)).decode()


def _short_signer(key: str) -> Signer:
    return Signer(key, salt="token id", key_derivation="hmac", digest_method=hashlib.sha256)


def _read_token_id(token: str, key: str) -> UUID | None:
    """The id that a long or a short token names; None when its signature or its time says no."""
    try:
        if token.count(".") == 1:
            return UUID(bytes=base64_decode(_short_signer(key).unsign(token)))
        claims = jwt.decode(
            token, key, algorithms=[TOKEN_ALGORITHM], options={"require": ["exp", "jti", "sub"]}
        )
        return UUID(claims["jti"])
    except (BadSignature, jwt.InvalidTokenError, ValueError, TypeError, AttributeError):
        return None


def find_token(db: Database, token: str, *, key: str) -> Actor | None:
    """Whose token this is; None when the signature, the time or the row says no. The row's role counts, not a claim."""
    token_id = _read_token_id(token, key)
    if token_id is None:
        return None
    with db.transaction() as session:
        found = session.execute(
            text("SELECT * FROM door_find_token(:id)"), {"id": token_id}
        ).one_or_none()
        if found is None:
            return None
        now = clock.now()
        if found.last_used_at is None or now - found.last_used_at > SEEN_EVERY:
            enter_winery(session, found.winery_id)
            session.execute(
                update(AccessToken).where(AccessToken.id == token_id).values(last_used_at=now)
            )
    return Actor(
        found.user_id,
        found.winery_id,
        Role(found.role),
        found.display_name,
        token_id=token_id,
        scopes=None if found.scopes is None else read_scopes(found.scopes),
    )


def revoke_token(session: Session, actor: Actor, token_id: UUID) -> bool:
    """Revoke one of the actor's own tokens (any of the winery's for who manages users); whether there was one.

    Raises NotAllowed for a limited way in, except that a token may always end itself.
    """
    if token_id != actor.token_id:
        refuse_limited(actor)
    condition = update(AccessToken).where(
        AccessToken.id == token_id, AccessToken.revoked_at.is_(None)
    )
    if not actor.may(Permission.MANAGE_USERS):
        condition = condition.where(AccessToken.user_id == actor.user_id)
    revoked = session.scalar(condition.values(revoked_at=func.now()).returning(AccessToken.id))
    return revoked is not None


def create_user(session: Session, winery_id: int, command: CreateUser, hashed_password: str) -> int:
    """Add a person to a winery; the new user's id. Raises Conflict when the login is taken."""
    user = User(
        winery_id=winery_id,
        email=command.email,
        username=command.username,
        display_name=command.display_name,
        role=str(command.role),
        hashed_password=hashed_password,
    )
    try:
        with session.begin_nested():
            session.add(user)
    except IntegrityError as error:
        raise refuse_login(error) from error
    return user.id


def refuse_login(error: IntegrityError) -> Conflict:
    """What to raise when the database found a login in use."""
    field = "email" if "email" in str(error.orig) else "username"
    return Conflict(
        say(
            "Somebody already signs in with this %(field)s. Nothing was changed. Choose another.",
            field=field,
        ),
        code="login_taken",
        fields=[FieldFault(field, "taken", say("Already in use."))],
    )


def find_only_winery_name(session: Session) -> str | None:
    """The winery's name for the door; None while there is none, or when a name would tell who else lives here."""
    name: str | None = session.scalar(text("SELECT door_find_only_winery_name()"))
    return name
