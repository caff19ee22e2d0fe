"""What must be there before the processes start: roles, schema, rows of the periodic jobs, demo or setup code."""

from winery_appliance.core.db import Database
from winery_appliance.core.jobs import register_jobs
from winery_appliance.core.postgres import SECRET
from winery_appliance.core.roles import ROLES, prepare_roles, role_url
from winery_appliance.core.schema import migrate
from winery_appliance.core.settings import Settings
from winery_appliance.demo.loading import load_demo
from winery_appliance.demo.people import tell_logins
from winery_appliance.entrypoints.periodic import JOBS
from winery_appliance.winery.service import exists_any_winery, make_setup_code

# What all processes together need. Each is handed only what it reads: its role's password, and the web the two keys.
HANDED_SECRETS = (SECRET, *(f"database_{role}" for role in ROLES), "session_key", "token_key")


def prepare(settings: Settings, *, demo: bool) -> list[str]:
    """Make ready what is missing; the lines a person should read. Safe to repeat.

    Raises DatabaseRefused with a sentence when the server cannot be used.
    """
    prepare_roles(settings)
    migrate(role_url(settings, "owner"))
    worker = Database(role_url(settings, "worker"), pool_size=1)
    app = Database(role_url(settings, "app"), pool_size=1)
    try:
        with worker.transaction() as session:
            register_jobs(session, JOBS)
        with app.transaction() as session:
            if exists_any_winery(session):
                return tell_logins(settings)
        if demo:
            load_demo(app, settings)
            return tell_logins(settings)
        with app.transaction() as session:
            code = make_setup_code(session)
        return [f"Setup code: {code}", "Open the address, type the code, and name your winery."]
    finally:
        worker.dispose()
        app.dispose()
