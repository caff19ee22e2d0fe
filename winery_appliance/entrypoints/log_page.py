"""The log of the last weeks, for the owner to search."""

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from winery_appliance.auth.guards import current_actor, permitted
from winery_appliance.auth.permissions import Permission
from winery_appliance.core import web
from winery_appliance.core.errors import Invalid
from winery_appliance.core.paging import Page
from winery_appliance.entrypoints.log_search import LineView, SearchLog, search_log

blueprint = Blueprint("log", __name__)


@blueprint.get("/log")
@permitted(Permission.CONFIGURE_WINERY)
def show() -> ResponseReturnValue:
    """Lines that fit what was asked for, the newest first."""
    given = {name: value for name, value in request.args.items() if value.strip()}
    found: Page[LineView] = Page([], None)
    error, status = None, 200
    try:
        wanted = web.parse(SearchLog, given)
        with web.reading(current_actor().winery_id) as session:
            found = search_log(session, wanted)
    except Invalid as refusal:
        error, status = refusal.detail.removeprefix("Nothing was saved. "), 422
    page = render_template("log.html", found=vars(found), wanted_lines=given, error=error)
    return page, status
