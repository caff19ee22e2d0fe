"""What must be there before the processes start: roles, schema, rows of the periodic jobs, demo or setup code."""

from backup.key_commands import set_up_keys
from backup.keys import load_site, state_dir
from backup.nas import is_other_disk
from backup.refusals import CouldNotRun
from winery_appliance.core import sealing
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
HANDED_SECRETS = (
    SECRET,
    *(f"database_{role}" for role in ROLES),
    "session_key",
    "token_key",
    sealing.SECRET,
    "grafana_admin",
)


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
            is_new = not exists_any_winery(session)
        copies = prepare_copies(settings, demo=demo)
        if is_new and demo:
            load_demo(app, settings)
        if demo or not is_new:
            return [*tell_logins(settings), *copies]
        with app.transaction() as session:
            code = make_setup_code(session)
        return [
            f"Setup code: {code}",
            "Open the address, type the code, and name your winery.",
            *copies,
        ]
    finally:
        worker.dispose()
        app.dispose()


def prepare_copies(settings: Settings, *, demo: bool) -> list[str]:
    """Make the demo its own keys, so that it is copied from the start; what a person should know of the copies.

    Where secrets are handed over, copying is a matter of another container.
    """
    if settings.secrets is not None:
        return []
    root = settings.nas_root
    if load_site(settings) is None:
        if not demo:
            return [
                "Nothing is copied yet. Make a recovery kit: winery-backup keys init --kit FILE"
            ]
        kit = state_dir(settings) / "demo-kit.txt"
        kit.unlink(missing_ok=True)  # of a start that was cut off
        kit.with_suffix(".html").unlink(missing_ok=True)
        kit.parent.mkdir(mode=0o700, exist_ok=True)
        try:
            plain = settings.nas is None or not is_other_disk(root)
            set_up_keys(settings, kit, "demo", custody="operational", plain_folder=plain)
        except (CouldNotRun, OSError) as error:
            return [f"Nothing is copied: {error}"]
    if settings.nas is None:
        return [
            f"Copies go to {root}, on this machine: no help when it is lost. Name a NAS with --nas DIR."
        ]
    return [f"Copies go to {root}."]
