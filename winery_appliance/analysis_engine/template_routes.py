"""The pages of advice: what is built in, and what the winery writes instead or beside it. They work without script."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from winery_appliance.analysis_engine import advice
from winery_appliance.analysis_engine.advice_commands import ChangeTemplate, CreateTemplate
from winery_appliance.analysis_engine.advice_queries import TemplateView
from winery_appliance.analysis_engine.template_pages import (
    count_rows,
    fill_from_built_in,
    fill_from_template,
    list_figures,
    list_troubles,
    read_advice_page,
    read_form,
)
from winery_appliance.auth.guards import current_actor, permitted
from winery_appliance.auth.permissions import Permission
from winery_appliance.core import web
from winery_appliance.core.errors import AppError
from winery_appliance.core.words import say

blueprint = Blueprint("templates", __name__, url_prefix="/recommendation-templates")


@blueprint.get("")
@permitted(Permission.READ_BOOK)
def index() -> ResponseReturnValue:
    """Every template, by the trouble that it is for."""
    with web.transaction(current_actor().winery_id) as session:
        page = read_advice_page(session)
    return render_template("analysis_engine/advice_templates.html", page=page)


@blueprint.get("/new")
@permitted(Permission.CONFIGURE_CELLAR)
def write() -> ResponseReturnValue:
    """The form for a new one; with a type and a code it begins as the built-in one that it takes the place of."""
    with web.transaction(current_actor().winery_id) as session:
        values = fill_from_built_in(
            session, request.args.get("type", ""), request.args.get("code", "")
        )
    return _show_form(None, values)


@blueprint.post("/new")
@permitted(Permission.CONFIGURE_CELLAR)
def add() -> ResponseReturnValue:
    """Keep a new one."""
    actor, typed = current_actor(), request.form.to_dict()
    named = {name: typed.get(name, "") for name in ("anomaly_type", "code")}
    try:
        command = web.parse(CreateTemplate, named | read_form(typed))
        with web.transaction(actor.winery_id) as session:
            made = advice.create_template(session, command, actor=actor)
    except AppError as error:
        return _show_form(None, typed, error), 422
    return _tell_saved(made.view)


@blueprint.get("/<id:template_id>")
@permitted(Permission.CONFIGURE_CELLAR)
def show(template_id: int) -> ResponseReturnValue:
    """One of the winery's own, to be changed."""
    with web.transaction(current_actor().winery_id) as session:
        view, values = fill_from_template(session, template_id)
    return _show_form(view, values)


@blueprint.post("/<id:template_id>")
@permitted(Permission.CONFIGURE_CELLAR)
def change(template_id: int) -> ResponseReturnValue:
    """Keep what was typed, unless somebody changed it since the form was opened."""
    actor, typed = current_actor(), request.form.to_dict()
    with web.transaction(actor.winery_id) as session:
        before = advice.get_template(session, template_id)
    try:
        command = web.parse(ChangeTemplate, read_form(typed))
        with web.transaction(actor.winery_id) as session:
            view = advice.change_template(
                session, template_id, command, actor=actor, seen={typed.get("version", "")}
            )
    except AppError as error:
        return _show_form(before, typed, error), 422
    return _tell_saved(view)


@blueprint.post("/<id:template_id>/delete")
@permitted(Permission.CONFIGURE_CELLAR)
def delete(template_id: int) -> ResponseReturnValue:
    """Take one out; the built-in one that it replaced speaks again."""
    actor = current_actor()
    seen = {request.form.get("version", "")}
    try:
        with web.transaction(actor.winery_id) as session:
            advice.delete_template(session, template_id, actor=actor, seen=seen)
    except AppError as error:
        flash(error.detail, "error")
        return redirect(url_for("templates.show", template_id=template_id), 303)
    flash(say("It is taken out. It can be restored below."), "success")
    return redirect(url_for("templates.index"), 303)


@blueprint.post("/<id:template_id>/restore")
@permitted(Permission.CONFIGURE_CELLAR)
def restore(template_id: int) -> ResponseReturnValue:
    """Bring one back."""
    actor = current_actor()
    try:
        with web.transaction(actor.winery_id) as session:
            view = advice.restore_template(session, template_id, actor=actor)
    except AppError as error:
        flash(error.detail, "error")
        return redirect(url_for("templates.index"), 303)
    return _tell_saved(view)


def _tell_saved(view: TemplateView) -> ResponseReturnValue:
    flash(
        say("%(code)s is saved. The next analysis of a wine heeds it.", code=view.code), "success"
    )
    return redirect(url_for("templates.index"), 303)


def _show_form(
    view: TemplateView | None, values: dict[str, str], error: AppError | None = None
) -> str:
    faults = {field.path.split(".")[0]: field.detail for field in error.fields} if error else {}
    return render_template(
        "analysis_engine/advice_template.html",
        template=view,
        form={
            "values": values,
            "errors": faults,
            "error": error.detail if error and not faults else None,
        },
        troubles=list_troubles(),
        figures=list_figures(),
        rows=range(count_rows(values)),
    )
