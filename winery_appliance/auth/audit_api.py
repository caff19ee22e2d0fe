"""The audit log for the owner's programs."""

from flask import Blueprint
from flask.typing import ResponseReturnValue

from winery_appliance.auth import queries
from winery_appliance.auth.answers import AuditAnswer
from winery_appliance.auth.commands import ListAudit
from winery_appliance.auth.guards import current_actor, permitted
from winery_appliance.auth.permissions import Permission
from winery_appliance.core import web
from winery_appliance.core.openapi import ListOf, describes

blueprint = Blueprint("audit_api", __name__, url_prefix="/api/v1")


@blueprint.get("/audit-log")
@describes({200: ListOf[AuditAnswer]}, query=ListAudit)
@permitted(Permission.MANAGE_USERS)
def list_audit_log() -> ResponseReturnValue:
    """Who changed what and when, the newest first. Readings are not in it: each names its person and is never changed."""
    wanted = web.read_query(ListAudit)
    with web.reading(current_actor().winery_id) as session:
        page = queries.list_audit_entries(session, wanted)
    return web.answer_written(ListOf[AuditAnswer].write(page))
