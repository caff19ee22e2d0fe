"""The way back: from a repository and a key to a data directory that the appliance starts on.

PostgreSQL itself would open a database silently where a damaged log ends: it is told which record it must reach.
"""

import hashlib
import io
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg

from backup.catalogue import Goal, Plan
from backup.envelope import unseal
from backup.records import SEALED, DumpFacts, WalFacts
from backup.refusals import CouldNotRun, Damaged, Missing, NotReached
from backup.replay import (
    LAST_COMMIT,
    REDO_DONE,
    Reading,
    Restored,
    connect_restored,
    read_databases,
)
from backup.store import Store
from backup.tables import find_differences, hash_tables
from backup.target import REPLAY_S, Target
from backup.wal_format import SEGMENT, format_lsn
from winery_appliance.core.child_process import wait_for
from winery_appliance.core.postgres_processes import stop_leftovers
from winery_appliance.core.postgres_programs import HERE, MAJOR, hand_to_server

# All of the log that is replayed lies in pg_wal.
REPLAYING = {"restore_command": "false", "recovery_target_timeline": "current"}


class Restore(Target):
    """One restore of `plan` out of `store` into the directory `target`."""

    def __init__(
        self,
        store: Store,
        plan: Plan,
        target: Path,
        identities: list[str],
        *,
        witness: DumpFacts | None = None,
        **options: Any,
    ) -> None:
        """`options` as Target's. On the way the database is compared with `witness`, a dump of a position it passes."""
        super().__init__(store, target, identities, **options)
        self._plan = plan
        self._witness = witness

    def _check_version(self) -> None:
        if self._plan.repository.facts.major != MAJOR:
            raise CouldNotRun(
                f"These copies are of PostgreSQL {self._plan.repository.facts.major}; this is {MAJOR}. Nothing was written."
            )

    @property
    def _room_bytes(self) -> int:
        return self._plan.plain_size

    def _restore(self, begun_s: float, *, skip_verify: bool) -> Restored:
        self._fetch()
        cluster = self._build_cluster(skip_verify=skip_verify)
        return self._replay(cluster, begun_s, skip_verify=skip_verify)

    def _clear_unfinished(self) -> None:
        """What a replay that was cut off worked on is not as it was unpacked."""
        if "replay" in self._done:
            stop_leftovers(self._work / "cluster")
            for path in self._work.iterdir():
                if path.is_dir():
                    shutil.rmtree(path)
            self._done.clear()

    def _describe(self) -> dict[str, Any]:
        plan = self._plan
        return {
            "repository": plan.repository.facts.repository,
            "base": plan.base.id,
            "time": plan.goal.time.isoformat() if plan.goal.time else None,
            "target": format_lsn(plan.target),
        }

    def _fetch(self) -> None:
        """Read, decrypt and unpack every object, each checked against its signed hash before it is used."""
        place, read_bytes = self._plan.repository.place, 0

        def say(name: str, size: int) -> None:
            nonlocal read_bytes
            read_bytes += size
            self._tell("unpack", name=name, bytes=read_bytes, of=self._plan.size)

        for base in self._plan.chain:
            with self._once(f"base {base.id}") as to_do:
                if to_do:
                    self._unpack(place.base(base.id, base.base.name), base.base, base.id)
            say(base.base.name, base.base.size)
        newest = self._plan.base
        with self._once("files") as to_do:
            if to_do:
                self._unpack(place.base(newest.id, newest.files.name), newest.files, "files")
        say(newest.files.name, newest.files.size)
        for segment in sorted({part.segment for part in self._plan.parts}):
            parts = [part for part in self._plan.parts if part.segment == segment]
            with self._once(f"segment {segment}") as to_do:
                if to_do:
                    self._build_segment(segment, parts)
            say(segment, sum(part.content.size for part in parts))

    def _build_segment(self, segment: str, parts: list[WalFacts]) -> None:
        folder = self._work / "wal"
        folder.mkdir(mode=0o700, exist_ok=True)
        draft = folder / f"{segment}.unfinished"
        with draft.open("wb") as file:
            try:
                for part in parts:
                    self._open(part.content_place, part.content, file)
            except Missing:
                content = self._cut_from_whole(segment, parts)
                if content is None:
                    raise
                file.seek(0)
                file.write(content)
            file.truncate(SEGMENT)
        draft.rename(folder / segment)

    def _cut_from_whole(self, segment: str, parts: list[WalFacts]) -> memoryview | None:
        """What pieces held, out of the whole segment that takes their place where the appliance goes on copying; None where
        there is none. The pieces' own signed hashes tell that it is the same. Raises Damaged.
        """
        whole = io.BytesIO()
        key = self._plan.repository.place.segment(self._plan.base.stretch, segment) + SEALED
        try:
            with self._store.open(key) as source:
                unseal(source, whole, self._identities)
        except FileNotFoundError:
            return None
        except Damaged as error:
            raise Damaged(f"{key}: {error}") from None
        base = parts[0].start - parts[0].start % SEGMENT
        content = whole.getbuffer()
        for part in parts:
            found = hashlib.sha256(content[part.start - base : part.end - base])
            if found.hexdigest() != part.content.plain_sha256:
                raise Damaged(f"{key}: it is not what its pieces were")
        return content[parts[0].start - base : parts[-1].end - base]

    def _build_cluster(self, *, skip_verify: bool) -> Path:
        """Put the copies together; the cluster as it was copied, with the log to be replayed at hand."""
        cluster = self._work / "cluster"
        with self._once("cluster") as to_do:
            if not to_do:
                return cluster
            shutil.rmtree(cluster, ignore_errors=True)
            folders = [self._work / base.id for base in self._plan.chain]
            if len(folders) > 1:
                self._tell("combine", copies=len(folders))
                self._call("pg_combinebackup", ["-N", "-o", cluster, *folders])
            if not skip_verify:
                self._tell("pg_verifybackup")
                self._call(
                    "pg_verifybackup", ["-n", "-q", cluster if len(folders) > 1 else folders[0]]
                )
            if len(folders) == 1:
                folders[0].rename(cluster)
        return cluster

    def _replay(self, cluster: Path, begun_s: float, *, skip_verify: bool) -> Restored:
        with self._once("replay"):
            pass
        self._lay_log(cluster)
        (cluster / "recovery.signal").touch(mode=0o600)
        hand_to_server(cluster)
        witness = self._witness if self._kept_password() else None
        if witness is not None:
            self._compare(cluster, witness)
        self._tell("replay", to=format_lsn(self._plan.target))
        # A password can be made only for a cluster whose replay is over: then a second server has to be started.
        is_known = self._kept_password() is not None
        with self._serving(cluster, self._recovery_options()) as (port, told):
            self._check_reached(told)
            read = self._read(self._superuser_password(cluster), port) if is_known else None
        if read is None:
            password = self._superuser_password(cluster)
            with self._serving(cluster, {}) as (port, _):
                read = self._read(password, port)
        is_checked = read.has_checksums and not skip_verify
        if is_checked:
            self._tell("pg_checksums")
            self._call("pg_checksums", ["--check", "-D", HERE], directory=cluster)
        moment, lsn, behind_s = self._sum_up(told)
        return Restored(
            to=moment,
            lsn=lsn,
            behind_s=behind_s,
            tables=read.tables,
            rows=read.rows,
            uncounted=read.uncounted,
            pages_whole=is_checked,
            took_s=self._measure(begun_s),
            held=read.held,
            witness=witness.id if witness else None,
        )

    def _lay_log(self, cluster: Path) -> None:
        for segment in sorted((self._work / "wal").iterdir()):
            segment.rename(cluster / "pg_wal" / segment.name)

    def _read(self, password: str, port: int) -> Reading:
        self._tell("check")
        try:
            found = read_databases(password, port, thorough=self._thorough)
        except (
            psycopg.InternalError
        ) as error:  # the classes XX and beyond: pages or rows that make no sense
            raise Damaged(f"The restored database cannot be read: {str(error).strip()}") from error
        if self._thorough:
            self._check_pages(password, port)
        return found

    def _compare(self, cluster: Path, witness: DumpFacts) -> None:
        """Replay up to where the dump was made, and hold every table against it. Raises Damaged."""
        assert witness.lsn is not None
        where = format_lsn(witness.lsn)
        self._tell("compare", at=where, dump=witness.id)
        stop = {"recovery_target_lsn": where, "recovery_target_inclusive": "off"}
        options = {**REPLAYING, **stop, "recovery_target_action": "pause", "hot_standby": "on"}
        password = self._superuser_password(cluster)
        with (
            self._proving(),
            self._serving(cluster, options, "standby") as (port, _),
            connect_restored(password, port, witness.database) as connection,
        ):

            def is_there() -> bool:
                row = connection.execute("SELECT pg_get_wal_replay_pause_state()").fetchone()
                return row is not None and row[0] == "paused"

            if not wait_for(is_there, REPLAY_S):
                raise NotReached(f"The replay did not reach {where}. The database is not used.")
            differences = find_differences(witness.tables, hash_tables(connection))
        if differences:
            raise Damaged(f"At {where} it differs from dump {witness.id}: {'; '.join(differences)}")

    def _recovery_options(self) -> Mapping[str, str]:
        options = {**REPLAYING, "recovery_target_action": "promote", "hot_standby": "off"}
        time, last = self._plan.goal.time, self._plan.last_commit
        if time is not None and last is not None and time < last:
            options["recovery_target_time"] = time.isoformat()
        else:
            options["recovery_target_lsn"] = format_lsn(self._plan.target)
        return options

    def _check_reached(self, told: str) -> None:
        done = REDO_DONE.search(told)
        wanted = format_lsn(self._plan.target)
        if self._plan.goal == Goal() and (done is None or done[1] != wanted):
            raise NotReached(
                f"The database ended at {done[1] if done else 'no record'}, not at {wanted}. It is not used."
            )

    def _sum_up(self, told: str) -> tuple[datetime | None, str, float]:
        """The moment and position reached, and how many seconds before the last known commit that is."""
        found, last = LAST_COMMIT.search(told), self._plan.last_commit
        moment = datetime.fromisoformat(found[1]).replace(tzinfo=UTC) if found else None
        if moment is None and self._plan.goal == Goal():
            moment = last  # no commit came after the base copy
        behind_s = max(0.0, (last - moment).total_seconds()) if last and moment else 0.0
        if self._plan.goal == Goal():  # all was replayed; the last commit may bear an earlier time
            behind_s = 0.0
        done = REDO_DONE.search(told)
        return moment, done[1] if done else format_lsn(self._plan.base.stop), behind_s
