"""Tokens for programs: by password for a day's work, or made by a person, named and limited."""

from datetime import timedelta
from uuid import UUID

from flask import Blueprint
from flask.typing import ResponseReturnValue

from winery_appliance.auth import personal_tokens, service
from winery_appliance.auth.answers import PersonalTokenAnswer, TokenAnswer, TokenListedAnswer
from winery_appliance.auth.commands import CreatePersonalToken, CreateToken, ListTokens
from winery_appliance.auth.guards import current_actor, permitted, token_key
from winery_appliance.auth.permissions import Permission
from winery_appliance.core import web
from winery_appliance.core.errors import NotFound
from winery_appliance.core.openapi import ListOf, describes

blueprint = Blueprint("tokens_api", __name__, url_prefix="/api/v1")


@blueprint.post("/tokens")
@describes({201: TokenAnswer}, body=CreateToken, problems=[401, 429])
def create_token() -> ResponseReturnValue:
    """A token for the person behind e-mail (or username) and password."""
    command = web.read_json(CreateToken)
    actor = service.sign_in(
        web.database(),
        login=command.email,
        password=command.password.get_secret_value(),
        address=web.client_address(),
    )
    lasts = timedelta(hours=web.settings().token_hours)
    with web.transaction(actor.winery_id) as session:
        token = service.issue_token(session, actor, key=token_key(), lasts=lasts)
    body = {
        "access_token": token,
        "token_type": "Bearer",
        "expires_in": int(lasts.total_seconds()),
    }
    return web.answer_json(body, 201)


@blueprint.delete("/tokens/<uuid:token_id>")
@describes({204: None})
@permitted(Permission.READ_BOOK)
def revoke_token(token_id: UUID) -> ResponseReturnValue:
    """Revoke a token by its id, the `jti` of its claims."""
    actor = current_actor()
    with web.transaction(actor.winery_id) as session:
        if not service.revoke_token(session, actor, token_id):
            raise NotFound("There is no such token, or it is revoked already.")
    return "", 204


@blueprint.get("/tokens")
@describes({200: ListOf[TokenListedAnswer]}, query=ListTokens)
@permitted(Permission.READ_BOOK)
def list_tokens() -> ResponseReturnValue:
    """Your tokens, the newest first, revoked ones until they run out; an owner sees all of the winery."""
    actor = current_actor()
    wanted = web.read_query(ListTokens)
    with web.transaction(actor.winery_id) as session:
        page = personal_tokens.list_tokens(
            session, actor=actor, cursor=wanted.cursor, limit=wanted.limit
        )
    return web.answer_written(ListOf[TokenListedAnswer].write(page))


@blueprint.post("/personal-tokens")
@describes({201: PersonalTokenAnswer}, body=CreatePersonalToken, problems=[409])
@permitted(Permission.READ_BOOK)
def create_personal_token() -> ResponseReturnValue:
    """Make a named token for a program, limited to `scopes`, for at most 366 days; its secret is told only here.

    It never may more than its person at the moment of asking. A limited token makes no others.
    """
    actor = current_actor()
    command = web.read_json(CreatePersonalToken)
    with web.transaction(actor.winery_id) as session:
        made = personal_tokens.create_personal_token(session, command, actor=actor, key=token_key())
    shown = TokenListedAnswer.show(made.view)
    return web.answer_json(shown | {"access_token": made.secret, "token_type": "Bearer"}, 201)
