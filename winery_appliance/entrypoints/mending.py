"""What a button of the status page can mend: trying at once what is tried again later anyway."""

from datetime import datetime

from sqlalchemy.orm import Session

from winery_appliance.auth.permissions import Permission
from winery_appliance.auth.service import Actor, refuse_limited, require
from winery_appliance.core.jobs import Queue, find_job_errors, find_runs
from winery_appliance.core.outbox import retry_failing, wake_after_commit
from winery_appliance.entrypoints.subsystems import JOBS_LATE, Mend
from winery_appliance.notifications.service import retry_now


def mend(session: Session, what: Mend, *, actor: Actor, queue: Queue, now: datetime) -> None:
    """Try at once what waits or failed. Raises NotAllowed."""
    require(actor, Permission.CONFIGURE_CELLAR)
    refuse_limited(actor)
    if what == "events":
        retry_failing(session)
        wake_after_commit(session)
    elif what == "notices":
        retry_now(session, actor=actor, now=now)
    else:
        errors = find_job_errors(session)
        for name, (runs, begun, _) in find_runs(session).items():
            if name in errors or begun is None or now - begun > JOBS_LATE:
                queue.run_periodic(name, runs)
