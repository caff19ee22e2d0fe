"""Tokens for programs: by password for a day's work, or made by a person, named and limited."""

from datetime import timedelta
from uuid import UUID

from flask import Blueprint
from flask.typing import ResponseReturnValue

from winery_appliance.auth import personal_tokens, second_factor, service
from winery_appliance.auth.answers import PersonalTokenAnswer, TokenAnswer, TokenListedAnswer
from winery_appliance.auth.commands import CreatePersonalToken, CreateToken, ListTokens
from winery_appliance.auth.guards import current_actor, permitted, token_key
from winery_appliance.auth.permissions import Permission
from winery_appliance.auth.service import Actor
from winery_appliance.core import web
from winery_appliance.core.errors import NotFound, NotSignedIn
from winery_appliance.core.openapi import ListOf, describes
from winery_appliance.core.words import say

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
    _check_factor(actor, command)
    lasts = timedelta(hours=web.settings().token_hours)
    with web.transaction(actor.winery_id) as session:
        token = service.issue_token(session, actor, key=token_key(), lasts=lasts)
    body = {
        "access_token": token,
        "token_type": "Bearer",
        "expires_in": int(lasts.total_seconds()),
    }
    return web.answer_json(body, 201)


def _check_factor(actor: Actor, command: CreateToken) -> None:
    """A password alone gives no token to who has a second factor, or needs one."""
    with web.transaction(actor.winery_id) as session:
        factor = second_factor.read_factor(session, user_id=actor.user_id, role=actor.role)
    if factor.confirmed and command.code is not None:
        code = command.code.get_secret_value()
        second_factor.check_code(web.database(), actor, code, keys=web.settings())
    elif factor.confirmed:
        raise NotSignedIn(
            say("Send the code of your second factor, too, as `code`."),
            code="second_factor_required",
        )
    elif factor.required:
        raise NotSignedIn(
            say("Your winery asks you for a second factor. Set it up in a browser first."),
            code="second_factor_missing",
        )


@blueprint.delete("/tokens/<uuid:token_id>")
@describes({204: None})
@permitted(Permission.READ_BOOK)
def revoke_token(token_id: UUID) -> ResponseReturnValue:
    """Revoke a token by its id, the `jti` of its claims."""
    actor = current_actor()
    with web.transaction(actor.winery_id) as session:
        if not service.revoke_token(session, actor, token_id):
            raise NotFound(say("There is no such token, or it is revoked already."))
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
