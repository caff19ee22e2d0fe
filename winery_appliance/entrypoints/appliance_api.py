"""How the appliance is, for programs."""

from typing import Literal

from flask import Blueprint, current_app
from flask.typing import ResponseReturnValue
from pydantic import BaseModel, ConfigDict

from backup.health import assess
from winery_appliance.auth.guards import current_actor, permitted
from winery_appliance.auth.permissions import Permission
from winery_appliance.core import clock, web
from winery_appliance.core.openapi import Answer, When, describes
from winery_appliance.entrypoints.copies import find_copies
from winery_appliance.entrypoints.mending import mend
from winery_appliance.entrypoints.subsystems import Mend, find_worst, judge_subsystems

blueprint = Blueprint("appliance_api", __name__, url_prefix="/api/v1/status")


class MendPart(BaseModel):
    """What is to be tried at once: changes that could not be worked on, jobs that failed, or notices that wait."""

    model_config = ConfigDict(extra="forbid")

    what: Mend


class SubsystemAnswer(Answer):
    """One part of the appliance; `mend` names what can be tried at once."""

    key: str
    title: str
    level: Literal["green", "amber", "red"]
    sentence: str
    advice: str
    mend: Mend | None


class StatusAnswer(Answer):
    """How the appliance is: as its worst part, which comes first."""

    level: Literal["green", "amber", "red"]
    at: When
    subsystems: list[SubsystemAnswer]


@blueprint.get("")
@describes({200: StatusAnswer})
@permitted(Permission.CONFIGURE_CELLAR)
def get_status() -> ResponseReturnValue:
    """Every part: green, amber or red, one sentence, and what to do."""
    settings, now = web.settings(), clock.now()
    copies = assess(find_copies(settings), now)
    with web.transaction(current_actor().winery_id) as session:
        parts = judge_subsystems(session, settings, copies, replica=web.read_replica(), now=now)
    return web.answer_json(
        {
            "level": find_worst(parts),
            "at": now.isoformat(),
            "subsystems": [SubsystemAnswer.show(part) for part in parts],
        }
    )


@blueprint.post("/mend")
@describes({204: None}, body=MendPart)
@permitted(Permission.CONFIGURE_CELLAR)
def mend_part() -> ResponseReturnValue:
    """Try at once what waits or failed, instead of when it is due."""
    actor = current_actor()
    wanted = web.read_json(MendPart)
    with web.transaction(actor.winery_id) as session:
        mend(
            session,
            wanted.what,
            actor=actor,
            queue=current_app.extensions["winery_queue"],
            now=clock.now(),
        )
    return web.answer_empty()
