"""The people of the winery."""

from flask import Blueprint, Response
from flask.typing import ResponseReturnValue

from winery_appliance.auth import people
from winery_appliance.auth.answers import ResetCodeAnswer, UserAnswer
from winery_appliance.auth.commands import AddUser, ChangeUser, ChoosePin, ListPeople, ResetPassword
from winery_appliance.auth.guards import current_actor, permitted
from winery_appliance.auth.passwords import hash_password
from winery_appliance.auth.people import PersonView
from winery_appliance.auth.permissions import Permission
from winery_appliance.core import web
from winery_appliance.core.openapi import IF_MATCH, ListOf, describes

blueprint = Blueprint("auth_api", __name__, url_prefix="/api/v1")


@blueprint.get("/users")
@describes({200: ListOf[UserAnswer]}, query=ListPeople)
@permitted(Permission.MANAGE_USERS)
def list_users() -> ResponseReturnValue:
    """Who is in the winery, by name; `deleted=true` lists who was removed."""
    actor = current_actor()
    wanted = web.read_query(ListPeople)
    with web.transaction(actor.winery_id) as session:
        page = people.list_people(
            session,
            actor=actor,
            deleted=wanted.deleted == "true",
            cursor=wanted.cursor,
            limit=wanted.limit,
        )
    return web.answer_written(ListOf[UserAnswer].write(page))


@blueprint.post("/users")
@describes({201: UserAnswer, 200: UserAnswer}, body=AddUser, problems=[409])
@permitted(Permission.MANAGE_USERS)
def add_user() -> ResponseReturnValue:
    """Let somebody in: 201 the first time, 200 for the same content again.

    Without a password nobody gets in as this person before they chose one with a one-time code.
    """
    actor = current_actor()
    command = web.read_json(AddUser)
    hashed = hash_password(command.password.get_secret_value() if command.password else None)
    with web.transaction(actor.winery_id) as session:
        person, created = people.add_person(session, command, hashed, actor=actor)
    response = _answer(person, 201 if created else 200)
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
    """Give somebody another name, login or role; what is not named stays.

    Another role ends every sign-in and token of that person. The last owner stays one.
    """
    actor = current_actor()
    seen = web.read_seen()
    command = web.read_json(ChangeUser)
    with web.transaction(actor.winery_id) as session:
        person = people.change_person(session, user_id, command, actor=actor, seen=seen)
    return _answer(person)


@blueprint.delete("/users/<id:user_id>")
@describes({204: None}, headers=IF_MATCH, problems=[409, 412])
@permitted(Permission.MANAGE_USERS)
def remove_user(user_id: int) -> ResponseReturnValue:
    """Shut somebody out: every sign-in and token ends. What they wrote keeps their name; they can be restored.

    The last owner stays. If-Match is heeded when it is sent.
    """
    actor = current_actor()
    seen = web.read_seen(needed=False)
    with web.transaction(actor.winery_id) as session:
        people.remove_person(session, user_id, actor=actor, seen=seen)
    return "", 204


@blueprint.post("/users/<id:user_id>/restore")
@describes({200: UserAnswer}, problems=[409])
@permitted(Permission.MANAGE_USERS)
def restore_user(user_id: int) -> ResponseReturnValue:
    """Let somebody who was removed in again, with role, password and PIN as they were."""
    actor = current_actor()
    with web.transaction(actor.winery_id) as session:
        person = people.restore_person(session, user_id, actor=actor)
    return _answer(person)


@blueprint.put("/users/<id:user_id>/pin")
@describes({204: None}, body=ChoosePin)
@permitted(Permission.MANAGE_USERS)
def set_user_pin(user_id: int) -> ResponseReturnValue:
    """Give somebody a PIN for the shared devices; what is signed in by the old one is signed out."""
    actor = current_actor()
    hashed = hash_password(web.read_json(ChoosePin).pin.get_secret_value())
    with web.transaction(actor.winery_id) as session:
        people.set_pin(session, user_id, hashed, actor=actor)
    return "", 204


@blueprint.delete("/users/<id:user_id>/pin")
@describes({204: None})
@permitted(Permission.MANAGE_USERS)
def clear_user_pin(user_id: int) -> ResponseReturnValue:
    """Take somebody's PIN away; what is signed in by it is signed out."""
    actor = current_actor()
    with web.transaction(actor.winery_id) as session:
        people.set_pin(session, user_id, None, actor=actor)
    return "", 204


@blueprint.post("/users/<id:user_id>/reset-code")
@describes({201: ResetCodeAnswer})
@permitted(Permission.MANAGE_USERS)
def make_reset_code(user_id: int) -> ResponseReturnValue:
    """A one-time code, good for a day, with which this person chooses a new password or PIN."""
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
    return web.answer_tagged(UserAnswer.show(person), person, status)
