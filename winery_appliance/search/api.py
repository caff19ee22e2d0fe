"""Search for programs."""

from flask import Blueprint
from flask.typing import ResponseReturnValue

from winery_appliance.auth.guards import current_actor, permitted
from winery_appliance.auth.permissions import Permission
from winery_appliance.core import web
from winery_appliance.core.openapi import ListOf, describes
from winery_appliance.core.paging import Page
from winery_appliance.search import queries
from winery_appliance.search.answers import HitAnswer
from winery_appliance.search.commands import Search

blueprint = Blueprint("search_api", __name__, url_prefix="/api/v1")


@blueprint.get("/search")
@describes({200: ListOf[HitAnswer]}, query=Search)
@permitted(Permission.READ_BOOK)
def search() -> ResponseReturnValue:
    """What has `q` in its code or name: the same first, then what begins with it, then what holds it.

    One page: whoever finds too much asks for more characters.
    """
    asked = web.read_query(Search)
    with web.reading(current_actor().winery_id) as session:
        hits = queries.find(session, asked.q, limit=asked.limit)
    return web.answer_written(ListOf[HitAnswer].write(Page(hits, None)))
