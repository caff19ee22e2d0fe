"""The pages of rules: look, try on a past vintage, and only then switch on. They work without script."""

from collections.abc import Mapping

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from winery_appliance.analysis_engine import rule_changing
from winery_appliance.analysis_engine.rule_commands import AskReplay, ChangeRule
from winery_appliance.analysis_engine.rule_pages import (
    read_replay_page,
    read_rule_page,
    read_rules_page,
)
from winery_appliance.analysis_engine.tuning import STYLES
from winery_appliance.auth.guards import current_actor, permitted
from winery_appliance.auth.permissions import Permission
from winery_appliance.core import web
from winery_appliance.core.errors import AppError
from winery_appliance.core.words import say

blueprint = Blueprint("rules", __name__, template_folder="templates", url_prefix="/rules")
_LIMIT = "limit_"  # before the name of a limit in the form


@blueprint.get("")
@permitted(Permission.READ_BOOK)
def index() -> ResponseReturnValue:
    """Every check, where the winery has its own limits, and the last replays."""
    with web.transaction(current_actor().winery_id) as session:
        page = read_rules_page(session)
    return render_template("analysis_engine/rules.html", page=page, styles=STYLES)


@blueprint.get("/<check>/<style>")
@permitted(Permission.READ_BOOK)
def show(check: str, style: str) -> ResponseReturnValue:
    """One check for one style."""
    return _show(check, style, None, None)


@blueprint.post("/<check>/<style>")
@permitted(Permission.CONFIGURE_CELLAR)
def change(check: str, style: str) -> ResponseReturnValue:
    """Keep what was typed, unless somebody changed it since the form was opened."""
    actor = current_actor()
    typed = request.form.to_dict()
    try:
        command = web.parse(ChangeRule, _read_form(typed))
        with web.transaction(actor.winery_id) as session:
            seen = {request.form.get("version", "")}
            rule_changing.change_rule(session, check, style, command, actor=actor, seen=seen)
    except AppError as error:
        return _show(check, style, typed, error), 422
    flash(say("The rule is saved. Wines that ferment are judged by it now."), "success")
    return redirect(url_for("rules.show", check=check, style=style), 303)


@blueprint.post("/<check>/<style>/replays")
@permitted(Permission.CONFIGURE_CELLAR)
def try_out(check: str, style: str) -> ResponseReturnValue:
    """See what a past vintage would have brought with what was typed; nothing is saved."""
    actor = current_actor()
    typed = request.form.to_dict()
    try:
        rule = _read_form(typed) | {"check": check, "style": style}
        asked = {"vintage": typed.get("vintage", ""), "rules": [rule]}
        command = web.parse(AskReplay, asked)
        with web.transaction(actor.winery_id) as session:
            replay = rule_changing.ask_replay(session, command, actor=actor)
    except AppError as error:
        return _show(check, style, typed, error), 422
    return redirect(url_for("rules.replay", replay_id=replay.id), 303)


@blueprint.get("/replays/<id:replay_id>")
@permitted(Permission.READ_BOOK)
def replay(replay_id: int) -> ResponseReturnValue:
    """What a replay found; until it is done the page asks again by itself."""
    with web.transaction(current_actor().winery_id) as session:
        page = read_replay_page(session, replay_id)
    return render_template("analysis_engine/replay.html", page=page, prefix=_LIMIT)


def _read_form(typed: Mapping[str, str]) -> dict[str, object]:
    """The switch and the limits of a form; numbers may be typed with a comma."""
    limits = {
        name.removeprefix(_LIMIT): value.replace(",", ".").strip()
        for name, value in typed.items()
        if name.startswith(_LIMIT) and value.strip()
    }
    return {"in_use": typed.get("in_use") == "yes", "limits": limits}


def _show(check: str, style: str, typed: Mapping[str, str] | None, error: AppError | None) -> str:
    with web.transaction(current_actor().winery_id) as session:
        page = read_rule_page(session, check, style)
    values = {f"{_LIMIT}{name}": f"{value:g}" for name, value in page.rule.limits}
    values |= {"in_use": "yes" if page.rule.in_use else "", "version": page.version}
    if typed is not None:
        values |= {"in_use": "", **typed}
    faults = {}
    for field in error.fields if error else ():
        name = field.path.split("limits.")[-1]
        faults[f"{_LIMIT}{name}" if "limits." in field.path else name] = field.detail
    said = None if error is None or faults else error.detail
    form = {"values": values, "errors": faults, "error": said}
    return render_template(
        "analysis_engine/rule.html", page=page, form=form, styles=STYLES, prefix=_LIMIT
    )
