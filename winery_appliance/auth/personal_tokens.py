"""Use cases around the tokens that a person makes for programs: named, limited, listed."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import delete, func, select, tuple_
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from winery_appliance.auth.commands import CreatePersonalToken
from winery_appliance.auth.models import AccessToken, User
from winery_appliance.auth.permissions import Permission
from winery_appliance.auth.service import Actor, refuse_limited, sign_token_id
from winery_appliance.core import clock
from winery_appliance.core.errors import Conflict, FieldFault, Invalid
from winery_appliance.core.paging import Page, cut_page, read_cursor
from winery_appliance.core.words import say

LASTS = timedelta(days=90)
# A year and a day: what is renewed once a year is renewed by somebody who still knows what it is for.
LASTS_AT_MOST = timedelta(days=366)


@dataclass(frozen=True)
class TokenView:
    """A token as its person sees it; without a name it came of a sign-in and may what its person may."""

    id: UUID
    name: str | None
    user_id: int
    display_name: str
    scopes: list[str] | None
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True)
class MadeToken:
    """A new token and its secret, told only here."""

    view: TokenView
    secret: str


def create_personal_token(
    session: Session, command: CreatePersonalToken, *, actor: Actor, key: str
) -> MadeToken:
    """Make a token that may no more than its scopes and its person.

    Raises NotAllowed for a limited way in, Invalid for scopes beyond the role or an expiry out of bounds, Conflict when
    a living token of this person has the name.
    """
    refuse_limited(actor)
    now = clock.now()
    expires_at = command.expires_at or now + LASTS
    _check(command, expires_at, now, actor)
    session.execute(
        delete(AccessToken).where(
            AccessToken.user_id == actor.user_id, AccessToken.expires_at <= func.now()
        )
    )
    token = AccessToken(
        id=uuid4(),
        winery_id=actor.winery_id,
        user_id=actor.user_id,
        name=command.name,
        scopes=sorted(set(command.scopes)),
        expires_at=expires_at,
    )
    try:
        with session.begin_nested():
            session.add(token)
    except IntegrityError as error:
        raise Conflict(
            say(
                "You have a token of this name. Nothing was made. Choose another name, or revoke that one."
            ),
            code="name_taken",
            fields=[FieldFault("name", "taken", say("Already in use."))],
        ) from error
    return MadeToken(_view(token, actor.display_name), sign_token_id(token.id, key=key))


def list_tokens(
    session: Session, *, actor: Actor, cursor: str | None = None, limit: int = 50
) -> Page[TokenView]:
    """The actor's tokens (all of the winery's for who manages users), the newest first; revoked ones until they run out.

    Raises NotAllowed for a limited way in, Invalid for a cursor that is not ours.
    """
    refuse_limited(actor)
    wanted = select(AccessToken, User.display_name).join(User, User.id == AccessToken.user_id)
    if not actor.may(Permission.MANAGE_USERS):
        wanted = wanted.where(AccessToken.user_id == actor.user_id)
    if cursor is not None:
        place, _ = read_cursor(cursor, _read_place)
        wanted = wanted.where(tuple_(AccessToken.created_at, AccessToken.id) < tuple_(*place))
    rows = session.execute(
        wanted.order_by(AccessToken.created_at.desc(), AccessToken.id.desc()).limit(limit + 1)
    )
    views = [_view(token, name) for token, name in rows]
    # An id of 128 bits does not fit a cursor's number: it stands in the key, behind the moment.
    return cut_page(views, limit, lambda view: (f"{view.created_at.isoformat()} {view.id}", 1))


def _check(command: CreatePersonalToken, expires_at: datetime, now: datetime, actor: Actor) -> None:
    beyond = sorted(scope for scope in set(command.scopes) if not actor.may(scope))
    if beyond:
        raise Invalid(
            say(
                "Your role (%(role)s) does not hold %(beyond)s. Nothing was made.",
                role=actor.role,
                beyond=", ".join(beyond),
            ),
            code="scope_beyond_role",
            fields=[FieldFault("scopes", "scope_beyond_role", say("More than your role holds."))],
        )
    if not now < expires_at <= now + LASTS_AT_MOST:
        raise Invalid(
            say(
                "A token ends within %(days)s days from now. Nothing was made.",
                days=LASTS_AT_MOST.days,
            ),
            code="bad_expiry",
            fields=[
                FieldFault(
                    "expires_at",
                    "bad_expiry",
                    say("Within %(days)s days from now.", days=LASTS_AT_MOST.days),
                )
            ],
        )


def _read_place(key: str) -> tuple[datetime, UUID]:
    moment, _, token_id = key.partition(" ")
    return datetime.fromisoformat(moment), UUID(token_id)


def _view(row: AccessToken, display_name: str) -> TokenView:
    return TokenView(
        row.id,
        row.name,
        row.user_id,
        display_name,
        row.scopes,
        row.created_at,
        row.expires_at,
        row.revoked_at,
        row.last_used_at,
    )
