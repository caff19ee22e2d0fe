"""How the appliance is, for who answers for it: a panel for each part that keeps a state of its own."""

from flask import Blueprint, current_app, render_template
from flask.typing import ResponseReturnValue

from backup.health import assess
from winery_appliance.auth.guards import permitted
from winery_appliance.auth.permissions import Permission
from winery_appliance.core.clock import now
from winery_appliance.core.settings import Settings

blueprint = Blueprint("status", __name__)


@blueprint.get("/status")
@permitted(Permission.CONFIGURE_CELLAR)
def show() -> ResponseReturnValue:
    """The copies: what is red, amber or green, what to do, and the trial restores of late."""
    settings: Settings = current_app.extensions["winery_settings"]
    return render_template("status.html", copies=assess(settings, now()))
