"""Tokens for programs."""

from datetime import timedelta
from uuid import UUID

from flask import Blueprint
from flask.typing import ResponseReturnValue

from winery_appliance.auth import service
from winery_appliance.auth.answers import TokenAnswer
from winery_appliance.auth.commands import CreateToken
from winery_appliance.auth.guards import current_actor, permitted, token_key
from winery_appliance.auth.permissions import Permission
from winery_appliance.core import web
from winery_appliance.core.errors import NotFound
from winery_appliance.core.openapi import describes

blueprint = Blueprint("auth_api", __name__, url_prefix="/api/v1")


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
