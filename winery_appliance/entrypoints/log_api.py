"""The log of the last weeks for programs."""

from typing import Any

from flask import Blueprint
from flask.typing import ResponseReturnValue

from winery_appliance.auth.guards import current_actor, permitted
from winery_appliance.auth.permissions import Permission
from winery_appliance.core import web
from winery_appliance.core.openapi import Answer, ListOf, When, describes
from winery_appliance.entrypoints.log_search import SearchLog, search_log

blueprint = Blueprint("log_api", __name__, url_prefix="/api/v1/log")


class LogLineAnswer(Answer):
    """One line of a process's log; `request_id` joins what one request led to, from the page to the analysis."""

    id: int
    at: When
    process: str
    level: str
    event: str
    request_id: str | None
    job_id: str | None
    user_id: int | None
    details: dict[str, Any]


@blueprint.get("")
@describes({200: ListOf[LogLineAnswer]}, query=SearchLog)
@permitted(Permission.CONFIGURE_WINERY)
def list_log_lines() -> ResponseReturnValue:
    """Log lines of the last weeks, the newest first."""
    wanted = web.read_query(SearchLog)
    with web.reading(current_actor().winery_id) as session:
        page = search_log(session, wanted)
    return web.answer_written(ListOf[LogLineAnswer].write(page))
