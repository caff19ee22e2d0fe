"""Where probes and their bridges send what they read, in the shapes they know, with a token of their own."""

from collections.abc import Sequence

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from winery_appliance.auth.guards import token_key
from winery_appliance.auth.permissions import Permission
from winery_appliance.auth.service import Actor, find_token
from winery_appliance.core import clock, web
from winery_appliance.core.db import identify
from winery_appliance.core.errors import AppError, NotAllowed, NotFound
from winery_appliance.core.openapi import describes
from winery_appliance.core.words import say
from winery_appliance.devices import queries, service
from winery_appliance.devices.answers import ReadingOutcomesAnswer
from winery_appliance.devices.bridges import (
    IspindelReport,
    TiltReport,
    read_ispindel,
    read_tilt,
)
from winery_appliance.devices.commands import DeviceReadingItem
from winery_appliance.devices.service import Outcome

blueprint = Blueprint("bridges_api", __name__, url_prefix="/api/v1/ingest")


@blueprint.post("/ispindel")
@describes({200: ReadingOutcomesAnswer}, body=IspindelReport, problems=[403, 404])
def ingest_ispindel() -> ResponseReturnValue:
    """Take in what an iSpindel sends; its name is the code of the device, its token one made under Tokens.

    Choose the service "HTTPS" there, this path, and the token. A gravity under 2 is a specific gravity, else °Plato.
    """
    report = web.parse(IspindelReport, request.get_json(force=True, silent=True))
    actor = _find_sender(report.token)
    outcomes = _record(report.name, read_ispindel(report, clock.now()), actor)
    return _answer(outcomes)


@blueprint.post("/tilt")
@describes({200: ReadingOutcomesAnswer}, body=TiltReport, problems=[403, 404])
def ingest_tilts() -> ResponseReturnValue:
    """Take in what a TiltBridge sends for each Tilt it hears; a red one is the device `Tilt-Red`, its `apiKey` the token.

    A Tilt that is no device here does not stop the others; where none is, the answer is 404.
    """
    report = web.parse(TiltReport, request.get_json(force=True, silent=True))
    actor = _find_sender(report.apiKey)
    outcomes: list[Outcome] = []
    unknown: AppError | None = None
    for colour, tilt in report.tilts.items():
        try:
            outcomes += _record(f"Tilt-{colour}", read_tilt(tilt, clock.now()), actor)
        except NotFound as error:
            unknown = error
    if unknown is not None and not outcomes:
        raise unknown
    return _answer(outcomes)


def _find_sender(token: str | None) -> Actor:
    """Whose token came along, in the body as these devices send it, or in the header. Raises NotAllowed."""
    kind, _, sent = request.headers.get("Authorization", "").partition(" ")
    given = token or (sent.strip() if kind.lower() == "bearer" else "")
    actor = find_token(web.database(), given, key=token_key()) if given else None
    if actor is None or not actor.may(Permission.RECORD_SAMPLES):
        raise NotAllowed(
            say(
                "No token that may record came along. Nothing was saved. Make one for this device under Tokens."
            ),
            code="wrong_token",
        )
    identify(actor.user_id, f"token {actor.token_id}")
    return actor


def _record(code: str, items: Sequence[DeviceReadingItem], actor: Actor) -> list[Outcome]:
    with web.transaction(actor.winery_id) as session:
        device_id = queries.find_device_id(session, code)
        if device_id is None:
            raise NotFound(
                say(
                    "There is no device %(code)s. Nothing was saved. Add it, then it is heard.",
                    code=code,
                )
            )
        return service.record_readings(session, device_id, items, actor=actor, now=clock.now())


def _answer(outcomes: Sequence[Outcome]) -> ResponseReturnValue:
    told = ReadingOutcomesAnswer.model_validate({"items": outcomes})
    return web.answer_written(told.model_dump_json())
