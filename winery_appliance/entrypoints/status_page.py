"""How the appliance is, for who answers for it: every part in a line, and a button where one can mend it."""

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from backup.health import Health, assess
from sync.health import assess_offsite
from winery_appliance.auth.guards import current_actor, permitted
from winery_appliance.auth.permissions import Permission
from winery_appliance.core import clock, web
from winery_appliance.core.words import say
from winery_appliance.entrypoints.appliance_api import MendPart
from winery_appliance.entrypoints.copies import find_copies
from winery_appliance.entrypoints.handover import has_authority
from winery_appliance.entrypoints.mending import mend
from winery_appliance.entrypoints.subsystems import Subsystem, find_worst, judge_subsystems

blueprint = Blueprint("status", __name__)


@blueprint.get("/status")
@permitted(Permission.CONFIGURE_CELLAR)
def show() -> ResponseReturnValue:
    """Every part: green, amber or red, and what to do; then the copies, with the trial restores of late."""
    parts, copies = look()
    return render_template(
        "status.html",
        parts=parts,
        level=find_worst(parts),
        copies=copies,
        offsite=assess_offsite(find_copies(web.settings()), clock.now()),
        phones=has_authority(web.settings()),
    )


def look() -> tuple[list[Subsystem], Health]:
    """Every part of the appliance as it is now, and of the copies all that is known."""
    settings, now = web.settings(), clock.now()
    copies = assess(find_copies(settings), now)
    with web.transaction(current_actor().winery_id) as session:
        return judge_subsystems(
            session, settings, copies, replica=web.read_replica(), now=now
        ), copies


@blueprint.post("/status/mend")
@permitted(Permission.CONFIGURE_CELLAR)
def mend_part() -> ResponseReturnValue:
    """Try at once what waits or failed."""
    actor = current_actor()
    wanted = web.parse(MendPart, {"what": request.form.get("what", "")})
    with web.transaction(actor.winery_id) as session:
        mend(
            session,
            wanted.what,
            actor=actor,
            queue=current_app.extensions["winery_queue"],
            now=clock.now(),
        )
    flash(say("It is tried at once. Load the page again in a few seconds."))
    return redirect(url_for("status.show"), 303)
