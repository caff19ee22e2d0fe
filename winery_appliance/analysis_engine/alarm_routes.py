"""The inbox of alarms, and what people do with one from there or from the wine's page. Every form works without script."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from pydantic import BaseModel

from winery_appliance.analysis_engine import anomalies
from winery_appliance.analysis_engine.alarm_pages import TABS, Show, read_alarm_page, read_inbox
from winery_appliance.analysis_engine.anomaly_commands import (
    AcknowledgeAnomaly,
    AssignAnomaly,
    ReopenAnomaly,
    SnoozeAnomaly,
)
from winery_appliance.analysis_engine.anomaly_queries import AnomalyView
from winery_appliance.auth.guards import current_actor, permitted
from winery_appliance.auth.permissions import Permission
from winery_appliance.core import clock, web
from winery_appliance.core.errors import Conflict, Invalid
from winery_appliance.core.web import IdConverter
from winery_appliance.core.words import say
from winery_appliance.winery.queries import read_winery

blueprint = Blueprint("alarms", __name__, template_folder="templates", url_prefix="/anomalies")
MORNING = time(6)


@blueprint.get("")
@permitted(Permission.READ_BOOK)
def inbox() -> ResponseReturnValue:
    """What asks for somebody, across all tanks, the worst first."""
    asked = request.args.get("show", "")
    show: Show = next((tab for tab in TABS if tab == asked), "open")
    actor = current_actor()
    with web.transaction(actor.winery_id) as session:
        view = read_inbox(session, show, actor=actor, now=clock.now())
    return render_template("analysis_engine/anomalies.html", inbox=view, tabs=TABS)


@blueprint.get("/<id:anomaly_id>")
@permitted(Permission.READ_BOOK)
def show_alarm(anomaly_id: int) -> ResponseReturnValue:
    """One alarm and everything that became of it."""
    with web.transaction(current_actor().winery_id) as session:
        page = read_alarm_page(session, anomaly_id, now=clock.now())
    return render_template("analysis_engine/anomaly.html", page=page)


@blueprint.post("/<id:anomaly_id>/acknowledge")
@permitted(Permission.ACKNOWLEDGE_ALARMS)
def acknowledge(anomaly_id: int) -> ResponseReturnValue:
    """I have it."""
    return _change(
        anomaly_id, AcknowledgeAnomaly, {}, anomalies.acknowledge_anomaly, say("You have it.")
    )


@blueprint.post("/<id:anomaly_id>/assign")
@permitted(Permission.HANDLE_ALARMS)
def assign(anomaly_id: int) -> ResponseReturnValue:
    """Give it to somebody, or to nobody."""
    whose = _read_id(f"assigned_to_{anomaly_id}")
    said = say("It is somebody's now.") if whose else say("It is nobody's now.")
    return _change(
        anomaly_id, AssignAnomaly, {"assigned_to": whose}, anomalies.assign_anomaly, said
    )


@blueprint.post("/<id:anomaly_id>/snooze")
@permitted(Permission.HANDLE_ALARMS)
def snooze(anomaly_id: int) -> ResponseReturnValue:
    """Let it sleep for a while."""
    with web.transaction(current_actor().winery_id) as session:
        zone = ZoneInfo(read_winery(session).time_zone)
    until = find_moment(request.form.get(f"until_{anomaly_id}", ""), clock.now(), zone)
    return _change(
        anomaly_id, SnoozeAnomaly, {"until": until}, anomalies.snooze_anomaly, say("It sleeps.")
    )


@blueprint.post("/<id:anomaly_id>/reopen")
@permitted(Permission.HANDLE_ALARMS)
def reopen(anomaly_id: int) -> ResponseReturnValue:
    """Let it ask for somebody again."""
    return _change(
        anomaly_id, ReopenAnomaly, {}, anomalies.reopen_anomaly, say("It is open again.")
    )


def find_moment(choice: str, now: datetime, zone: ZoneInfo) -> datetime:
    """The end of a snooze: in four hours, or at six in the morning so many days ahead, by the winery's clock."""
    if choice == "4h":
        return now + timedelta(hours=4)
    days = int(choice) if choice in {"1", "2", "7"} else 1
    morning = (now.astimezone(zone) + timedelta(days=days)).date()
    return datetime.combine(morning, MORNING, zone)


def _change(
    anomaly_id: int,
    kind: type[BaseModel],
    given: Mapping[str, object],
    change: Callable[..., AnomalyView],
    said: str,
) -> ResponseReturnValue:
    """Do it and go back to where one came from; what was refused is told there."""
    actor = current_actor()
    try:
        with web.transaction(actor.winery_id) as session:
            command = web.parse(kind, given)
            change(session, anomaly_id, command, actor=actor, seen=None, now=clock.now())
    except (Conflict, Invalid) as error:
        flash(error.detail, "error")
    else:
        flash(said)
    wine = _read_id("wine")
    if wine is not None:
        return redirect(url_for("analysis.show", fermentation_id=wine) + "#analysis", 303)
    if request.form.get("show") == "board":
        return redirect(url_for("analysis.board"), 303)
    if request.form.get("show") == "one":
        return redirect(url_for("alarms.show_alarm", anomaly_id=anomaly_id), 303)
    return redirect(url_for("alarms.inbox"), 303)


def _read_id(field: str) -> int | None:
    """A row's id that a form sent; None for anything else."""
    sent = request.form.get(field, "")
    return int(sent) if re.fullmatch(IdConverter.regex, sent) else None
