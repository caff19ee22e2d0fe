"""The owner's pages of people: who is in the winery, and what one of them is."""

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from winery_appliance.auth import people
from winery_appliance.auth.commands import AddUser, ChangeUser, ChoosePin
from winery_appliance.auth.guards import current_actor, permitted
from winery_appliance.auth.passwords import hash_password
from winery_appliance.auth.people import PersonView
from winery_appliance.auth.permissions import Permission, Role
from winery_appliance.core import web
from winery_appliance.core.errors import AppError
from winery_appliance.core.typed_text import MAX_LIMIT
from winery_appliance.core.version_tags import make_tag
from winery_appliance.core.words import say

blueprint = Blueprint("people", __name__, url_prefix="/people")


@blueprint.get("")
@permitted(Permission.MANAGE_USERS)
def index() -> ResponseReturnValue:
    """Who is in the winery, who was removed, and a form to let somebody in."""
    return _show_everybody({"role": str(Role.CELLAR)})


@blueprint.post("")
@permitted(Permission.MANAGE_USERS)
def add() -> ResponseReturnValue:
    """Let somebody in, and show the one-time code with which they choose a password or a PIN."""
    actor = current_actor()
    given = _read_form("display_name", "username", "email", "role")
    try:
        command = web.parse(AddUser, given)
        hashed = hash_password(None)
        with web.transaction(actor.winery_id) as session:
            person, _ = people.add_person(session, command, hashed, actor=actor)
            made = people.make_reset_code(session, person.id, actor=actor)
    except AppError as error:
        return _show_everybody(request.form.to_dict(), error), web.status_of(error)
    _tell_code(person, made.code)
    return redirect(url_for("people.show", user_id=person.id), 303)


@blueprint.get("/<id:user_id>")
@permitted(Permission.MANAGE_USERS)
def show(user_id: int) -> ResponseReturnValue:
    """One person."""
    return _show_person(user_id)


@blueprint.post("/<id:user_id>")
@permitted(Permission.MANAGE_USERS)
def change(user_id: int) -> ResponseReturnValue:
    """Keep what the owner typed, unless somebody changed the person since the form was opened."""
    actor = current_actor()
    given = _read_form("display_name", "username", "email", "role")
    try:
        command = web.parse(ChangeUser, given)
        with web.transaction(actor.winery_id) as session:
            seen = {request.form.get("version", "")}
            person = people.change_person(session, user_id, command, actor=actor, seen=seen)
    except AppError as error:
        return _show_person(user_id, error), web.status_of(error)
    flash(say("%(display_name)s is saved.", display_name=person.display_name), "success")
    return redirect(url_for("people.show", user_id=user_id), 303)


@blueprint.post("/<id:user_id>/reset-code")
@permitted(Permission.MANAGE_USERS)
def make_reset_code(user_id: int) -> ResponseReturnValue:
    """Show a new one-time code, once."""
    actor = current_actor()
    with web.transaction(actor.winery_id) as session:
        person = people.get_person(session, user_id, actor=actor)
        made = people.make_reset_code(session, user_id, actor=actor)
    _tell_code(person, made.code)
    return redirect(url_for("people.show", user_id=user_id), 303)


@blueprint.post("/<id:user_id>/pin")
@permitted(Permission.MANAGE_USERS)
def set_pin(user_id: int) -> ResponseReturnValue:
    """Set a colleague's PIN, or take it away."""
    actor = current_actor()
    try:
        hashed = None
        if "clear" not in request.form:
            command = web.parse(ChoosePin, {"pin": request.form.get("pin", "").strip()})
            hashed = hash_password(command.pin.get_secret_value())
        with web.transaction(actor.winery_id) as session:
            people.set_pin(session, user_id, hashed, actor=actor)
    except AppError as error:
        return _show_person(user_id, error), web.status_of(error)
    flash(say("The PIN is taken away.") if hashed is None else say("The PIN is set."), "success")
    return redirect(url_for("people.show", user_id=user_id), 303)


@blueprint.post("/<id:user_id>/remove")
@permitted(Permission.MANAGE_USERS)
def remove(user_id: int) -> ResponseReturnValue:
    """Shut somebody out."""
    actor = current_actor()
    try:
        with web.transaction(actor.winery_id) as session:
            person = people.get_person(session, user_id, actor=actor)
            people.remove_person(session, user_id, actor=actor)
    except AppError as error:
        return _show_person(user_id, error), web.status_of(error)
    flash(
        say(
            "%(display_name)s is removed and signed out everywhere. What they wrote keeps their name.",
            display_name=person.display_name,
        ),
        "success",
    )
    return redirect(url_for("people.index"), 303)


@blueprint.post("/<id:user_id>/restore")
@permitted(Permission.MANAGE_USERS)
def restore(user_id: int) -> ResponseReturnValue:
    """Let somebody who was removed in again."""
    actor = current_actor()
    try:
        with web.transaction(actor.winery_id) as session:
            person = people.restore_person(session, user_id, actor=actor)
    except AppError as error:
        return _show_everybody({"role": str(Role.CELLAR)}, error), web.status_of(error)
    flash(
        say("%(display_name)s may sign in again, as before.", display_name=person.display_name),
        "success",
    )
    return redirect(url_for("people.show", user_id=user_id), 303)


def _read_form(*names: str) -> dict[str, str | None]:
    """In a form an empty field is no value."""
    return {name: request.form.get(name, "").strip() or None for name in names}


def _tell_code(person: PersonView, code: str) -> None:
    login = person.username or person.email
    flash(
        say(
            "%(code)s is the one-time code of %(display_name)s, shown only now. It is typed "
            "with the name %(login)s at /new-password or /new-pin, works once, and for a day.",
            code=code,
            display_name=person.display_name,
            login=login,
        )
    )


def _show_everybody(values: dict[str, str], error: AppError | None = None) -> str:
    actor = current_actor()
    with web.transaction(actor.winery_id) as session:
        living, removed = (
            people.list_people(session, actor=actor, deleted=deleted, limit=MAX_LIMIT).items
            for deleted in (False, True)
        )
    form = _make_form(values, error)
    return render_template("auth/people.html", people=living, removed=removed, form=form)


def _show_person(user_id: int, error: AppError | None = None) -> str:
    actor = current_actor()
    with web.transaction(actor.winery_id) as session:
        person = people.get_person(session, user_id, actor=actor)
    values = {name: str(value or "") for name, value in vars(person).items()}
    values |= {"version": make_tag(person)}
    if error is not None:
        values |= request.form.to_dict()
    return render_template("auth/person.html", person=person, form=_make_form(values, error))


def _make_form(values: dict[str, str], error: AppError | None) -> dict[str, Any]:
    faults = {field.path: field.detail for field in error.fields} if error else {}
    said = None if error is None or faults else error.detail
    return {"values": values, "errors": faults, "error": said}
