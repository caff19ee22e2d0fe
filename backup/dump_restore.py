"""The way back from a portable dump: a new cluster, filled with it, and every table compared with what was dumped."""

import json
import shutil
from pathlib import Path
from typing import Any

from backup.records import TABLES, DumpFacts, Place, TableFacts
from backup.refusals import CouldNotRun, Damaged
from backup.replay import Restored, connect_restored
from backup.store import Store
from backup.tables import find_differences, hash_tables
from backup.target import Target
from winery_appliance.core import postgres
from winery_appliance.core.postgres_processes import stop_leftovers
from winery_appliance.core.postgres_programs import MAJOR

ROOM = 3  # times the dump: itself, the tables with their indexes, the log of filling them


class DumpRestore(Target):
    """One restore of the dump `facts` out of `store` into the directory `target`."""

    def __init__(
        self,
        store: Store,
        place: Place,
        facts: DumpFacts,
        target: Path,
        identities: list[str],
        **options: Any,
    ) -> None:
        """`options` as Target's."""
        super().__init__(store, target, identities, **options)
        self._place = place
        self._facts = facts

    def _describe(self) -> dict[str, Any]:
        return {"repository": self._place.repository, "dump": self._facts.id}

    def _check_version(self) -> None:
        if self._facts.major > MAJOR:
            raise CouldNotRun(
                f"This dump is of PostgreSQL {self._facts.major}; this is {MAJOR}. Nothing was written."
            )

    @property
    def _room_bytes(self) -> int:
        return ROOM * self._facts.dump.plain_size + self._facts.files.plain_size

    def _clear_unfinished(self) -> None:
        """A database that was cut off while it was filled is made anew."""
        cluster = postgres.cluster_dir(self._kept)
        if cluster.exists():
            stop_leftovers(cluster)
            shutil.rmtree(cluster)

    def _restore(self, begun_s: float, *, skip_verify: bool) -> Restored:
        facts, dump = self._facts, self._work / "db.dump"
        size = facts.dump.size + facts.files.size
        with self._once("files") as to_do:
            if to_do:
                self._unpack(self._key(facts.files.name), facts.files, "files")
        self._tell("unpack", name=facts.files.name, bytes=facts.files.size, of=size)
        with self._once("dump") as to_do:
            if to_do:
                with dump.open("wb") as file:
                    self._open(self._key(facts.dump.name), facts.dump, file)
        self._tell("unpack", name=facts.dump.name, bytes=size, of=size)
        postgres.ensure_cluster(self._kept)
        cluster = postgres.cluster_dir(self._kept)
        password = self._superuser_password(cluster)
        with self._serving(cluster, {}) as (port, _):
            self._tell("pg_restore")
            self._fill(dump, password, port)
            self._tell("check")
            with connect_restored(password, port, facts.database) as connection:
                held = hash_tables(connection)
                connection.execute("ANALYZE")
            differences = find_differences(self._expected(), held)
            if differences:
                raise Damaged(f"dump {facts.id}: {'; '.join(differences)}")
            if self._thorough:
                self._check_pages(password, port)
        dump.unlink()
        return Restored(
            to=facts.made_at,
            lsn=None,
            behind_s=0.0,
            tables=len(held),
            rows=sum(table.rows for table in held),
            took_s=self._measure(begun_s),
            held=held,
            dump=facts.id,
        )

    def _expected(self) -> list[TableFacts]:
        """What the dumped snapshot held: by the manifest, or where that is silent by the files that it names."""
        if self._facts.tables:
            return self._facts.tables
        listed = json.loads((self._kept.data / TABLES).read_text("utf-8"))
        return [TableFacts.model_validate(table) for table in listed]

    def _fill(self, dump: Path, password: str, port: int) -> None:
        where = ["-h", postgres.LOOPBACK, "-p", str(port), "-U", postgres.SUPERUSER, "-w"]
        environment = {"PGPASSWORD": password}
        roles = self._kept.data / "backup" / "roles.sql"
        quiet = ["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", "postgres", "-f"]
        self._call("psql", [*where, *quiet, roles], environment)
        self._call("pg_restore", [*where, "-e", "-C", "-d", "postgres", dump], environment)

    def _key(self, name: str) -> str:
        return self._place.dump(self._facts.tier, self._facts.id, name)
