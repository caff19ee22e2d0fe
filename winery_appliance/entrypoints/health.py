"""Whether the process lives and whether it can serve; for supervisors, load balancers and people."""

from flask import Blueprint, request
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import SQLAlchemyError

from winery_appliance.core import web
from winery_appliance.core.jobs import is_worker_alive
from winery_appliance.core.schema import is_at_head

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def healthz() -> ResponseReturnValue:
    """This process answers."""
    return web.answer_json({"status": "alive"})


@blueprint.get("/readyz")
def readyz() -> ResponseReturnValue:
    """Database reachable, schema at head, a worker seen in the last minute.

    With `?of=web` the worker is told of and does not count: whoever sends people here asks whether this process can serve
    them, and readings are kept without a worker. So is where heavy reading runs, where a read replica is set.
    """
    checks = {"database": False, "schema": False, "worker": False}
    try:
        with web.transaction() as session:
            checks["database"] = True
            checks["schema"] = is_at_head(session)
            checks["worker"] = is_worker_alive(session)
    except SQLAlchemyError:
        pass  # what was not reached stays false, and the answer says which
    counted = {"database", "schema"} if request.args.get("of") == "web" else set(checks)
    ready = all(checks[name] for name in counted)
    body: dict[str, object] = {"status": "ready" if ready else "not ready", "checks": checks}
    if (replica := web.read_replica()) is not None:
        body["reads"] = "replica" if replica.is_used else "primary"
    return web.answer_json(body, 200 if ready else 503)
