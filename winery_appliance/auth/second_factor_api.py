"""The second factor for programs."""

from flask import Blueprint, session
from flask.typing import ResponseReturnValue

from winery_appliance.auth import guards, second_factor
from winery_appliance.auth.answers import (
    NewSecondFactorAnswer,
    RecoveryCodesAnswer,
    SecondFactorAnswer,
    SignInRulesAnswer,
)
from winery_appliance.auth.commands import CheckCode, SetSignInRules, StartSecondFactor
from winery_appliance.auth.guards import current_actor, permitted
from winery_appliance.auth.permissions import Permission
from winery_appliance.core import web
from winery_appliance.core.openapi import describes

blueprint = Blueprint("second_factor_api", __name__, url_prefix="/api/v1")


@blueprint.get("/account/second-factor")
@describes({200: SecondFactorAnswer})
@permitted(Permission.READ_BOOK)
def get_second_factor() -> ResponseReturnValue:
    """Whether you have a second factor, how many recovery codes are left, and whether your role needs one."""
    actor = current_actor()
    with web.transaction(actor.winery_id) as opened:
        view = second_factor.read_factor(opened, user_id=actor.user_id, role=actor.role)
    return web.answer_json(SecondFactorAnswer.show(view))


@blueprint.post("/account/second-factor")
@describes({201: NewSecondFactorAnswer}, body=StartSecondFactor, problems=[409, 429])
@permitted(Permission.READ_BOOK)
def start_second_factor() -> ResponseReturnValue:
    """A secret for an app, told only here; it counts once a code of it was confirmed."""
    actor = current_actor()
    command = web.read_json(StartSecondFactor)
    new = second_factor.start_factor(
        web.database(),
        command.password.get_secret_value(),
        actor=actor,
        keys=web.settings(),
        issuer="Winery",
    )
    return web.answer_json({"secret": new.secret, "uri": new.uri}, 201)


@blueprint.post("/account/second-factor/confirm")
@describes({200: RecoveryCodesAnswer}, body=CheckCode, problems=[409, 429])
@permitted(Permission.READ_BOOK)
def confirm_second_factor() -> ResponseReturnValue:
    """Let it count from now on; the recovery codes are told only here."""
    command = web.read_json(CheckCode)
    codes = second_factor.confirm_factor(
        web.database(),
        command.code.get_secret_value(),
        actor=current_actor(),
        keys=web.settings(),
    )
    session.pop(guards.MISSING_FACTOR, None)
    return web.answer_json({"recovery_codes": codes})


@blueprint.post("/account/second-factor/remove")
@describes({204: None}, body=CheckCode, problems=[429])
@permitted(Permission.READ_BOOK)
def remove_second_factor() -> ResponseReturnValue:
    """Sign in by password alone again; a code of the app, or a recovery code, is needed."""
    command = web.read_json(CheckCode)
    second_factor.remove_factor(
        web.database(),
        command.code.get_secret_value(),
        actor=current_actor(),
        keys=web.settings(),
    )
    return web.answer_empty()


@blueprint.delete("/users/<id:user_id>/second-factor")
@describes({204: None})
@permitted(Permission.MANAGE_USERS)
def take_second_factor_away(user_id: int) -> ResponseReturnValue:
    """For who lost phone and codes: their password alone opens until they set up another."""
    actor = current_actor()
    with web.transaction(actor.winery_id) as opened:
        second_factor.take_factor_away(opened, user_id, actor=actor)
    return web.answer_empty()


@blueprint.get("/sign-in-rules")
@describes({200: SignInRulesAnswer})
@permitted(Permission.READ_BOOK)
def get_sign_in_rules() -> ResponseReturnValue:
    """Whether owners and winemakers need a second factor."""
    with web.transaction(current_actor().winery_id) as opened:
        required = second_factor.is_required(opened)
    return web.answer_json({"second_factor_required": required})


@blueprint.put("/sign-in-rules")
@describes({200: SignInRulesAnswer}, body=SetSignInRules, problems=[409])
@permitted(Permission.CONFIGURE_WINERY)
def set_sign_in_rules() -> ResponseReturnValue:
    """Ask owners and winemakers for a second factor, or not; who lacks one is signed out. Your own comes first."""
    actor = current_actor()
    command = web.read_json(SetSignInRules)
    with web.transaction(actor.winery_id) as opened:
        second_factor.set_rules(opened, command.second_factor_required, actor=actor)
    return web.answer_json({"second_factor_required": command.second_factor_required})
