"""A standby made of copies: a base copy and the log behind it, which the server it is of carries on with."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from backup.catalogue import Plan
from backup.refusals import CouldNotRun
from backup.replay import Restored
from backup.restore import Restore
from backup.store import Store
from winery_appliance.core.postgres_programs import hand_to_server

ROLE = "winery_backup"
SECRET = "database_backup"  # noqa: S105 - the name of a secret, not its value


class Standby(Restore):
    """One standby of `plan` in the directory `target`: in the end its folder `postgresql`, no secrets, and nothing that an
    appliance would take for its data. It never ends its replay by itself.
    """

    def __init__(
        self,
        store: Store,
        plan: Plan,
        target: Path,
        identities: list[str],
        *,
        primary: str,
        **options: Any,
    ) -> None:
        """`primary`: the address of the server that the copies are of, `postgresql://` or libpq's words; a password in it
        counts, else that of the role `winery_backup` in the copies does. Others as Restore's. Raises CouldNotRun when it is
        no address.
        """
        super().__init__(store, plan, target, identities, **options)
        try:
            given = conninfo_to_dict(primary)
        except psycopg.ProgrammingError as error:
            raise CouldNotRun(
                f"The primary's address cannot be read ({str(error).strip()}). Nothing was written. "
                "Write it as postgresql://HOST:PORT."
            ) from error
        self._primary = {
            name: str(value) for name, value in given.items() if value and name != "dbname"
        }

    def _describe(self) -> dict[str, Any]:
        return super()._describe() | {"standby": True}

    def _restore(self, begun_s: float, *, skip_verify: bool) -> Restored:
        self._fetch()
        cluster = self._build_cluster(skip_verify=skip_verify)
        with self._once("replay"):
            pass
        self._lay_log(cluster)
        with (cluster / "postgresql.auto.conf").open("a", encoding="utf-8") as file:
            file.write(f"primary_conninfo = {_quote(self._find_primary())}\n")
            # A page that is being read shall not be broken off because the primary tidied up meanwhile.
            file.write("hot_standby_feedback = on\n")
        (cluster / "standby.signal").touch(mode=0o600)
        hand_to_server(cluster)
        shutil.rmtree(self._kept.data)
        plan = self._plan
        return Restored(
            to=plan.last_commit,
            lsn=None,
            behind_s=0.0,
            tables=0,
            rows=0,
            took_s=self._measure(begun_s),
            follows=self._primary.get("host") or self._primary.get("hostaddr") or "its primary",
        )

    def _find_primary(self) -> str:
        """How the standby connects to its primary."""
        own: Mapping[str, str] = {"user": ROLE, "application_name": "winery-standby"}
        if "password" not in self._primary and "passfile" not in self._primary:
            path = self._kept.secrets_dir / SECRET
            if not path.exists():
                raise CouldNotRun(
                    f"The copies do not hold the password of {ROLE}. No database was left. "
                    "Name it in the primary's address."
                )
            own = {**own, "password": path.read_text("ascii").strip()}
        return make_conninfo("", **{**own, **self._primary})

    def _mark(self) -> None:
        """No appliance runs on it."""


def _quote(value: str) -> str:
    """As a value in PostgreSQL's configuration."""
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"
