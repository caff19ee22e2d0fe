"""Fermentations and samples for programs."""

from typing import Any

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from winery_appliance.auth.guards import current_actor, permitted
from winery_appliance.auth.permissions import Permission
from winery_appliance.core import clock, web
from winery_appliance.core.errors import FieldFault, Invalid
from winery_appliance.core.units import CANONICAL, SampleType
from winery_appliance.fermentation import queries, service
from winery_appliance.fermentation.commands import RecordSample, StartFermentation
from winery_appliance.fermentation.queries import FermentationView, SampleView

blueprint = Blueprint("fermentation_api", __name__, url_prefix="/api/v1")

MAX_LIMIT = 2000
STATUSES = ("planned", "active", "completed", "cancelled")


@blueprint.get("/fermentations")
@permitted(Permission.READ_BOOK)
def list_fermentations() -> ResponseReturnValue:
    """Fermentations, the youngest first; `status` filters."""
    status = request.args.get("status")
    if status is not None and status not in STATUSES:
        raise _bad_query("status", f"One of {', '.join(STATUSES)}.")
    with web.transaction(current_actor().winery_id) as session:
        page = queries.list_fermentations(
            session, status=status, cursor=request.args.get("cursor"), limit=_read_limit(50)
        )
    items = [show_fermentation(item) for item in page.items]
    return web.answer_json({"items": items, "next_cursor": page.next_cursor})


@blueprint.post("/fermentations")
@permitted(Permission.RUN_FERMENTATIONS)
def start_fermentation() -> ResponseReturnValue:
    """Begin a fermentation; a vessel code that is new becomes a vessel."""
    actor = current_actor()
    command = web.read_json(StartFermentation)
    with web.transaction(actor.winery_id) as session:
        view = service.start_fermentation(session, command, actor=actor, now=clock.now())
    response = web.answer_json(show_fermentation(view), 201)
    response.headers["Location"] = f"/api/v1/fermentations/{view.id}"
    return response


@blueprint.get("/fermentations/<id:fermentation_id>")
@permitted(Permission.READ_BOOK)
def get_fermentation(fermentation_id: int) -> ResponseReturnValue:
    """One fermentation."""
    with web.transaction(current_actor().winery_id) as session:
        view = service.get_fermentation(session, fermentation_id)
    return web.answer_json(show_fermentation(view))


@blueprint.get("/fermentations/<id:fermentation_id>/samples")
@permitted(Permission.READ_BOOK)
def list_samples(fermentation_id: int) -> ResponseReturnValue:
    """Readings in the order they were measured; `sample_type` filters."""
    kind = request.args.get("sample_type")
    if kind is not None and kind not in list(SampleType):
        raise _bad_query("sample_type", f"One of {', '.join(SampleType)}.")
    with web.transaction(current_actor().winery_id) as session:
        service.get_fermentation(session, fermentation_id)
        page = queries.list_samples(
            session,
            fermentation_id,
            sample_type=SampleType(kind) if kind else None,
            cursor=request.args.get("cursor"),
            limit=_read_limit(200),
        )
    items = [show_sample(item) for item in page.items]
    return web.answer_json({"items": items, "next_cursor": page.next_cursor})


@blueprint.post("/fermentations/<id:fermentation_id>/samples")
@permitted(Permission.RECORD_SAMPLES)
def record_sample(fermentation_id: int) -> ResponseReturnValue:
    """Put a reading into the book: 201 the first time, 200 with the first result for the same body again."""
    actor = current_actor()
    command = web.read_json(RecordSample)
    with web.transaction(actor.winery_id) as session:
        recorded = service.record_sample(
            session, fermentation_id, command, actor=actor, now=clock.now()
        )
    return web.answer_json(show_sample(recorded.sample), 201 if recorded.created else 200)


def show_fermentation(view: FermentationView) -> dict[str, Any]:
    """A fermentation as the API tells it."""
    return {
        "id": view.id,
        "code": view.code,
        "vessel_code": view.vessel_code,
        "style": view.style,
        "yeast_strain": view.yeast_strain,
        "status": view.status,
        "started_at": view.started_at.isoformat(),
        "ended_at": view.ended_at.isoformat() if view.ended_at else None,
        "data_source": view.data_source,
        "created_at": view.created_at.isoformat(),
    }


def show_sample(view: SampleView) -> dict[str, Any]:
    """A reading as the API tells it: as typed, and canonical beside it."""
    return {
        "id": view.id,
        "client_uuid": str(view.client_uuid),
        "fermentation_id": view.fermentation_id,
        "sample_type": view.sample_type,
        "value": view.value,
        "unit": view.unit,
        "qualifier": view.qualifier,
        "sample_temperature": view.sample_temperature,
        "canonical_value": round(view.canonical, 4),
        "canonical_unit": CANONICAL[view.sample_type],
        "measured_at": view.measured_at.isoformat(),
        "received_at": view.received_at.isoformat(),
        "recorded_by": view.recorded_by,
        "confirmed": view.confirmed,
    }


def _read_limit(usual: int) -> int:
    text = request.args.get("limit", str(usual))
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= MAX_LIMIT):
        raise _bad_query("limit", f"A whole number from 1 to {MAX_LIMIT}.")
    return int(text)


def _bad_query(name: str, detail: str) -> Invalid:
    return Invalid(
        f"{name}: {detail}", code="bad_query", fields=[FieldFault(name, "bad_query", detail)]
    )
