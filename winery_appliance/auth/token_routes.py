"""A person's page of tokens for programs: made and shown once, listed, revoked. An owner sees all of the winery's."""

from datetime import timedelta
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from winery_appliance.auth import personal_tokens, service
from winery_appliance.auth.commands import CreatePersonalToken
from winery_appliance.auth.guards import current_actor, permitted, token_key
from winery_appliance.auth.permissions import Permission
from winery_appliance.auth.personal_tokens import LASTS_AT_MOST, MadeToken
from winery_appliance.core import clock, web
from winery_appliance.core.errors import AppError
from winery_appliance.core.typed_text import MAX_LIMIT
from winery_appliance.core.words import say

blueprint = Blueprint("tokens", __name__, url_prefix="/account/tokens")
# How long a token may last, to choose from; the API takes any moment up to the last of them.
DAYS = (30, 90, LASTS_AT_MOST.days)


@blueprint.get("")
@permitted(Permission.READ_BOOK)
def index() -> ResponseReturnValue:
    """The tokens, and a form for a new one."""
    return _show()


@blueprint.post("")
@permitted(Permission.READ_BOOK)
def make() -> ResponseReturnValue:
    """Make a token and show its secret: now and never again."""
    actor = current_actor()
    days = request.form.get("days", "")
    given = {
        "name": request.form.get("name", ""),
        "scopes": request.form.getlist("scopes"),
        "expires_at": (clock.now() + timedelta(days=int(days)) if days in map(str, DAYS) else None),
    }
    try:
        command = web.parse(CreatePersonalToken, given)
        with web.transaction(actor.winery_id) as session:
            made = personal_tokens.create_personal_token(
                session, command, actor=actor, key=token_key()
            )
    except AppError as error:
        return _show(error=error), web.status_of(error)
    answer = _show(made=made)
    return answer, {"Cache-Control": "no-store"}


@blueprint.post("/<uuid:token_id>/revoke")
@permitted(Permission.READ_BOOK)
def revoke(token_id: UUID) -> ResponseReturnValue:
    """End a token: the next request with it is refused."""
    actor = current_actor()
    with web.transaction(actor.winery_id) as session:
        ended = service.revoke_token(session, actor, token_id)
    if ended:
        flash(say("The token is revoked. No program gets in with it any more."), "success")
    else:
        flash(say("There is no such token, or it is revoked already."), "error")
    return redirect(url_for("tokens.index"), 303)


def _show(error: AppError | None = None, made: MadeToken | None = None) -> str:
    actor = current_actor()
    with web.transaction(actor.winery_id) as session:
        listed = personal_tokens.list_tokens(session, actor=actor, limit=MAX_LIMIT).items
    wrong = {field.path.split(".")[0]: field.detail for field in error.fields} if error else {}
    typed = request.form if error else {}
    form = {
        "values": {"name": typed.get("name", ""), "days": typed.get("days", str(DAYS[1]))},
        "scopes": request.form.getlist("scopes") if error else [str(Permission.READ_BOOK)],
        "errors": wrong,
        "error": error.detail if error and not wrong else None,
    }
    return render_template(
        "auth/tokens.html",
        tokens=listed,
        made=made,
        form=form,
        days=DAYS,
        scopes=[permission for permission in Permission if actor.may(permission)],
    )
