"""A copy of the database on this server, made before an update touches anything."""

import os
from pathlib import Path

from appliance.compose import DOCKER, Compose
from appliance.files import sync_folder
from appliance.layout import Layout
from appliance.programs import stream
from appliance.refusals import Failed

KEPT = 3
# In the database's own container, by its own programs: nothing of the web is needed.
DUMP = (
    "PGPASSWORD=$(cat /run/secrets/postgres_superuser) "
    "exec pg_dump --host=127.0.0.1 --username=postgres --format=custom winery"
)
LIST = "exec pg_restore --list >/dev/null"


def copy_before_update(layout: Layout, compose: Compose, version: str) -> Path:
    """The dump's file, read back by pg_restore; the newest three are kept. Raises Failed."""
    folder = layout.state / "before-update"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    draft = folder / ".new"
    database = compose.containers().get("db")
    if database is None:
        raise Failed("the database does not run, so it cannot be copied")
    number = database["Id"]
    stream(DOCKER, "exec", number, "bash", "-o", "pipefail", "-c", DUMP, into=draft)
    stream(DOCKER, "exec", "--interactive", number, "bash", "-c", LIST, out_of=draft)
    with draft.open("rb") as file:
        os.fsync(file.fileno())
    target = folder / f"{version}.dump"
    draft.replace(target)
    sync_folder(folder)
    for old in sorted(folder.glob("*.dump"), key=lambda path: path.stat().st_mtime)[:-KEPT]:
        old.unlink()
    return target
