"""Anomalies for programs: which there are, what became of each, and what people do with them."""

from collections.abc import Callable

from flask import Blueprint, Response
from flask.typing import ResponseReturnValue
from pydantic import BaseModel

from winery_appliance.analysis_engine import anomalies, anomaly_queries
from winery_appliance.analysis_engine.anomaly_commands import (
    AcknowledgeAnomaly,
    AssignAnomaly,
    ListAnomalies,
    ListHistory,
    ReopenAnomaly,
    SnoozeAnomaly,
)
from winery_appliance.analysis_engine.anomaly_queries import AnomalyView
from winery_appliance.analysis_engine.answers import AnomalyAnswer, AnomalyEventAnswer
from winery_appliance.auth.guards import current_actor, permitted
from winery_appliance.auth.permissions import Permission
from winery_appliance.core import clock, web
from winery_appliance.core.openapi import IF_MATCH, ListOf, describes

blueprint = Blueprint("anomalies_api", __name__, url_prefix="/api/v1/anomalies")
REFUSALS = [409, 412, 428]


@blueprint.get("")
@describes({200: ListOf[AnomalyAnswer]}, query=ListAnomalies)
@permitted(Permission.READ_BOOK)
def list_anomalies() -> ResponseReturnValue:
    """Anomalies, the last opened first; without `status` all that are not cleared, `mine=true` one's own."""
    actor = current_actor()
    wanted = web.read_query(ListAnomalies)
    with web.transaction(actor.winery_id) as session:
        page = anomaly_queries.list_anomalies(
            session,
            now=clock.now(),
            kind=wanted.type,
            assigned_to=actor.user_id if wanted.mine == "true" else None,
            **wanted.model_dump(exclude={"mine", "type"}),
        )
    return web.answer_written(ListOf[AnomalyAnswer].write(page))


@blueprint.get("/<id:anomaly_id>")
@describes({200: AnomalyAnswer})
@permitted(Permission.READ_BOOK)
def get_anomaly(anomaly_id: int) -> ResponseReturnValue:
    """One anomaly."""
    with web.transaction(current_actor().winery_id) as session:
        view = anomalies.get_anomaly(session, anomaly_id, now=clock.now())
    return _answer(view)


@blueprint.get("/<id:anomaly_id>/history")
@describes({200: ListOf[AnomalyEventAnswer]}, query=ListHistory)
@permitted(Permission.READ_BOOK)
def list_anomaly_history(anomaly_id: int) -> ResponseReturnValue:
    """Everything that became of an anomaly, the first thing first; without `user_id` the analysis did it."""
    wanted = web.read_query(ListHistory)
    with web.transaction(current_actor().winery_id) as session:
        anomalies.get_anomaly(session, anomaly_id, now=clock.now())
        page = anomaly_queries.list_anomaly_history(session, anomaly_id, **wanted.model_dump())
    return web.answer_written(ListOf[AnomalyEventAnswer].write(page))


@blueprint.post("/<id:anomaly_id>/acknowledge")
@describes({200: AnomalyAnswer}, body=AcknowledgeAnomaly, headers=IF_MATCH, problems=REFUSALS)
@permitted(Permission.ACKNOWLEDGE_ALARMS)
def acknowledge_anomaly(anomaly_id: int) -> ResponseReturnValue:
    """Say that one has it."""
    return _change(anomaly_id, AcknowledgeAnomaly, anomalies.acknowledge_anomaly)


@blueprint.post("/<id:anomaly_id>/assign")
@describes({200: AnomalyAnswer}, body=AssignAnomaly, headers=IF_MATCH, problems=REFUSALS)
@permitted(Permission.HANDLE_ALARMS)
def assign_anomaly(anomaly_id: int) -> ResponseReturnValue:
    """Give it to somebody, or with null to nobody."""
    return _change(anomaly_id, AssignAnomaly, anomalies.assign_anomaly)


@blueprint.post("/<id:anomaly_id>/snooze")
@describes({200: AnomalyAnswer}, body=SnoozeAnomaly, headers=IF_MATCH, problems=REFUSALS)
@permitted(Permission.HANDLE_ALARMS)
def snooze_anomaly(anomaly_id: int) -> ResponseReturnValue:
    """Let it sleep until a moment, at most 30 days; it wakes up sooner when it gets graver."""
    return _change(anomaly_id, SnoozeAnomaly, anomalies.snooze_anomaly)


@blueprint.post("/<id:anomaly_id>/reopen")
@describes({200: AnomalyAnswer}, body=ReopenAnomaly, headers=IF_MATCH, problems=REFUSALS)
@permitted(Permission.HANDLE_ALARMS)
def reopen_anomaly(anomaly_id: int) -> ResponseReturnValue:
    """Let it ask for somebody again; a cleared one stays open until the next reading tells."""
    return _change(anomaly_id, ReopenAnomaly, anomalies.reopen_anomaly)


def _change(anomaly_id: int, kind: type[BaseModel], change: Callable[..., AnomalyView]) -> Response:
    actor = current_actor()
    seen = web.read_seen()
    command = web.read_json(kind)
    with web.transaction(actor.winery_id) as session:
        view = change(session, anomaly_id, command, actor=actor, seen=seen, now=clock.now())
    return _answer(view)


def _answer(view: AnomalyView) -> Response:
    return web.answer_tagged(AnomalyAnswer.show(view), view)
