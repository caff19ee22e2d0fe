"""Planning what is to be done: from a wine's page, and from the board by a key."""

from datetime import datetime, time, timedelta
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from winery_appliance.auth.guards import current_actor, permitted
from winery_appliance.auth.permissions import Permission
from winery_appliance.cellar_work import tasks
from winery_appliance.cellar_work.task_commands import PlanTask
from winery_appliance.core import clock, web
from winery_appliance.core.errors import AppError
from winery_appliance.core.figures import show_codes
from winery_appliance.core.words import N_, say
from winery_appliance.fermentation.service import get_fermentation
from winery_appliance.winery.queries import read_winery

blueprint = Blueprint("tasks", __name__, url_prefix="/fermentations/<id:fermentation_id>/tasks")
# What is decided of a tank in the morning; the keys of the board give these names.
PLANS = {
    "pump_over": ("cap_work", N_("Pump-over")),
    "punch_down": ("cap_work", N_("Punch-down")),
    "nutrient": ("addition", N_("Add nutrient")),
    "cool": ("other", N_("Cool it")),
    "warm": ("other", N_("Warm it")),
}
EVENING = time(20)


@blueprint.post("")
@permitted(Permission.PLAN_WORK)
def plan(fermentation_id: int) -> ResponseReturnValue:
    """Plan one of the usual things, or what was typed, for today or tomorrow evening."""
    actor, typed = current_actor(), request.form
    try:
        kind, title = PLANS.get(typed.get("plan", ""), ("other", ""))
        with web.transaction(actor.winery_id) as session:
            wine = get_fermentation(session, fermentation_id)
            command = web.parse(
                PlanTask,
                {
                    "client_uuid": _read_uuid(typed.get("client_uuid", "")),
                    "kind": kind,
                    "title": say(title) if title else typed.get("title", ""),
                    "fermentation_id": fermentation_id,
                    "assigned_to": _read_number(typed.get("assigned_to", "")),
                    "due_at": _find_evening(
                        ZoneInfo(read_winery(session).time_zone), tomorrow="tomorrow" in typed
                    ),
                },
            )
            planned = tasks.plan_task(session, command, actor=actor).view
    except AppError as error:
        flash(error.detail, "error")
    else:
        tank = show_codes(wine.vessel_codes) or wine.code
        flash(say("%(tank)s: %(task)s is planned.", tank=tank, task=planned.title), "success")
    if typed.get("show") == "board":
        return redirect(url_for("analysis.board"), 303)
    return redirect(url_for("analysis.show", fermentation_id=fermentation_id) + "#work", 303)


def _find_evening(zone: ZoneInfo, *, tomorrow: bool) -> datetime:
    """The evening of the day that is meant; the next one when today's is over."""
    now = clock.now().astimezone(zone)
    later = tomorrow or now.time() >= EVENING
    return datetime.combine(now.date() + timedelta(days=later), EVENING, zone)


def _read_uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        return uuid4()


def _read_number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None
