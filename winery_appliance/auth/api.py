"""The people of the winery."""

from flask import Blueprint, Response
from flask.typing import ResponseReturnValue

from winery_appliance.auth import people
from winery_appliance.auth.answers import ResetCodeAnswer, UserAnswer
from winery_appliance.auth.commands import AddUser, ChangeUser, ResetPassword
from winery_appliance.auth.guards import current_actor, permitted
from winery_appliance.auth.passwords import hash_password
from winery_appliance.auth.people import PersonView
from winery_appliance.auth.permissions import Permission
from winery_appliance.core import web
from winery_appliance.core.openapi import IF_MATCH, ListOf, describes
from winery_appliance.core.paging import Page
from winery_appliance.core.version_tags import make_tag, refuse_stale

blueprint = Blueprint("auth_api", __name__, url_prefix="/api/v1")


@blueprint.get("/users")
@describes({200: ListOf[UserAnswer]})
@permitted(Permission.MANAGE_USERS)
def list_users() -> ResponseReturnValue:
    """Everybody of the winery, the disabled too."""
    actor = current_actor()
    with web.transaction(actor.winery_id) as session:
        found = people.list_people(session, actor=actor)
    return web.answer_written(ListOf[UserAnswer].write(Page(found, None)))


@blueprint.post("/users")
@describes({201: UserAnswer}, body=AddUser, problems=[409])
@permitted(Permission.MANAGE_USERS)
def add_user() -> ResponseReturnValue:
    """Let somebody in."""
    actor = current_actor()
    command = web.read_json(AddUser)
    hashed = hash_password(command.password.get_secret_value())
    with web.transaction(actor.winery_id) as session:
        person = people.add_person(session, command, hashed, actor=actor)
    response = _answer(person, 201)
    response.headers["Location"] = f"/api/v1/users/{person.id}"
    return response


@blueprint.get("/users/<id:user_id>")
@describes({200: UserAnswer})
@permitted(Permission.MANAGE_USERS)
def get_user(user_id: int) -> ResponseReturnValue:
    """One person, with the ETag that a change must name."""
    actor = current_actor()
    with web.transaction(actor.winery_id) as session:
        person = people.get_person(session, user_id, actor=actor)
    return _answer(person)


@blueprint.patch("/users/<id:user_id>")
@describes(
    {200: UserAnswer},
    body=ChangeUser,
    headers=IF_MATCH,
    problems=[409, 412, 428],
)
@permitted(Permission.MANAGE_USERS)
def change_user(user_id: int) -> ResponseReturnValue:
    """Give somebody another name or role, shut them out or let them in again.

    Another role and being shut out end every sign-in and token of that person. The last owner who can sign in stays one.
    """
    actor = current_actor()
    command = web.read_json(ChangeUser)
    with web.transaction(actor.winery_id) as session:
        current = people.lock_person(session, user_id, actor=actor)
        refuse_stale(current, web.read_seen())
        person = people.change_person(session, user_id, command, actor=actor)
    return _answer(person)


@blueprint.post("/users/<id:user_id>/reset-code")
@describes({201: ResetCodeAnswer}, problems=[409])
@permitted(Permission.MANAGE_USERS)
def make_reset_code(user_id: int) -> ResponseReturnValue:
    """A one-time code, good for a day, with which this person chooses a new password."""
    actor = current_actor()
    with web.transaction(actor.winery_id) as session:
        made = people.make_reset_code(session, user_id, actor=actor)
    return web.answer_json(ResetCodeAnswer.show(made), 201)


@blueprint.post("/password-resets")
@describes({204: None}, body=ResetPassword, problems=[429])
def reset_password() -> ResponseReturnValue:
    """Choose a new password with a one-time code; ends every sign-in and token of the person."""
    people.reset_password(
        web.database(), web.read_json(ResetPassword), address=web.client_address()
    )
    return "", 204


def _answer(person: PersonView, status: int = 200) -> Response:
    response = web.answer_json(UserAnswer.show(person), status)
    response.set_etag(make_tag(person))
    return response
