"""The way back: from a repository and a key to a data directory that the appliance starts on.

All work happens in a folder `.restore` of the target, which no appliance takes for its data; what is there appears in its
place only at the very end, after the database has replayed up to the record that had to be reached and every table was
read.
PostgreSQL itself would open a database silently where a damaged log ends: it is told which record it must reach.
"""

import contextlib
import fcntl
import json
import os
import secrets
import shutil
import signal
import tarfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from backup.catalogue import Goal, Plan
from backup.envelope import unseal
from backup.keys import save_file
from backup.manifest import ObjectFacts
from backup.records import WalFacts
from backup.refusals import CouldNotRun, Damaged, KeyRefused, NotReached
from backup.replay import LAST_COMMIT, REDO_DONE, Restored, explain_replay, read_tables
from backup.store import Store
from backup.wal_format import SEGMENT, format_lsn
from winery_appliance.core import postgres
from winery_appliance.core.child_process import end_with_parent, wait_for
from winery_appliance.core.clock import monotonic_s
from winery_appliance.core.data_directory import DataDirectory
from winery_appliance.core.postgres_processes import stop_leftovers
from winery_appliance.core.postgres_programs import MAJOR, hand_to_server, run_program
from winery_appliance.core.secret_files import keep_secret
from winery_appliance.core.settings import Settings

WORK = ".restore"
NOTHING = frozenset({"lost+found"})
REPLAY_S = 24 * 3600.0
ROOM_BYTES = 200 << 20

Tell = Callable[..., None]


class Restore:
    """One restore of `plan` out of `store` into the directory `target`."""

    def __init__(
        self,
        store: Store,
        plan: Plan,
        target: Path,
        identities: list[str],
        *,
        pg_bin: Path | None = None,
        tell: Tell = lambda *_, **__: None,
        thorough: bool = False,
    ) -> None:
        self._store = store
        self._plan = plan
        self._identities = identities
        self._tell = tell
        self._thorough = thorough  # check every page and index by pg_amcheck too
        self._target = target.expanduser().absolute()
        self._work = self._target / WORK
        self._settings = Settings(data=self._target, pg_bin=pg_bin)
        self._done: set[str] = set()
        self._restored: Restored | None = None

    def check(self, *, resume: bool) -> None:
        """Raise CouldNotRun unless the target is empty, or `resume` may go on with the same restore in it, and the disk has
        room. Changes nothing.
        """
        names = set()
        if self._target.exists():
            names = {entry.name for entry in self._target.iterdir()} - NOTHING
        if names and not (WORK in names and resume):
            more = " Add --resume to go on with the restore in it." if WORK in names else ""
            raise CouldNotRun(
                f"{self._target} is not empty. Nothing was written.{more or ' Choose an empty directory.'}"
            )
        if names and self._read_journal()["plan"] != self._describe():
            raise CouldNotRun(
                f"{self._target} holds a restore to another moment. Nothing was written. Choose an empty directory."
            )
        if self._plan.repository.facts.major != MAJOR:
            raise CouldNotRun(
                f"These copies are of PostgreSQL {self._plan.repository.facts.major}; this is {MAJOR}. Nothing was written."
            )
        wanted, free = self._plan.plain_size + ROOM_BYTES, self._free_bytes()
        if not names and free < wanted:
            raise CouldNotRun(
                f"The disk of {self._target} has {free >> 20} MB free; {wanted >> 20} MB are needed. Nothing was written."
            )

    def run(self, *, resume: bool = False, skip_verify: bool = False) -> Restored:
        """Restore; what it came to. Can be taken up again with `resume` after any interruption.

        Raises CouldNotRun, Damaged, KeyRefused, NotReached: then the target holds no database.
        """
        begun_s = monotonic_s()
        self.check(resume=resume)
        self._target.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._work.mkdir(mode=0o700, exist_ok=True)
        with self._only_one():
            self._begin_journal()
            if self._restored is None:
                self._fetch()
                cluster = self._build_cluster(skip_verify=skip_verify)
                self._restored = self._replay(cluster, begun_s)
                self._save_journal()
            self._put_in_place()
        return self._restored

    def _describe(self) -> dict[str, Any]:
        plan = self._plan
        return {
            "repository": plan.repository.facts.repository,
            "base": plan.base.id,
            "time": plan.goal.time.isoformat() if plan.goal.time else None,
            "target": format_lsn(plan.target),
        }

    def _free_bytes(self) -> int:
        place = self._target
        while not place.exists():
            place = place.parent
        return shutil.disk_usage(place).free

    @contextlib.contextmanager
    def _only_one(self) -> Iterator[None]:
        with (self._work / "lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise CouldNotRun(f"Another restore works in {self._target}.") from error
            yield

    def _read_journal(self) -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads((self._work / "journal.json").read_text("utf-8"))
            return found
        except (OSError, ValueError):
            return {"plan": self._describe(), "done": [], "restored": None}

    def _begin_journal(self) -> None:
        journal = self._read_journal()
        self._done = set(journal["done"])
        if journal["restored"]:
            self._restored = Restored.read(journal["restored"])
        elif "replay" in self._done:  # cut off in the middle: what it worked on is not as unpacked
            stop_leftovers(self._work / "cluster")
            for path in self._work.iterdir():
                if path.is_dir():
                    shutil.rmtree(path)
            self._done.clear()
        self._save_journal()

    def _save_journal(self) -> None:
        restored = self._restored.write() if self._restored else None
        content = {"plan": self._describe(), "done": sorted(self._done), "restored": restored}
        save_file(self._work / "journal.json", json.dumps(content))

    @contextlib.contextmanager
    def _once(self, step: str) -> Iterator[bool]:
        """Whether a step is still to be done; it counts as done when the block ends well."""
        if step in self._done:
            yield False
            return
        yield True
        self._done.add(step)
        self._save_journal()

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

    def _unpack(self, key: str, facts: ObjectFacts, name: str) -> None:
        draft = self._work / f"{name}.unfinished"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        reading, writing = os.pipe()
        faults: list[Exception] = []

        def extract() -> None:
            try:
                with (
                    os.fdopen(reading, "rb") as source,
                    tarfile.open(mode="r|", fileobj=source) as tar,
                ):
                    tar.extractall(draft, filter="data")
                    while source.read(1 << 20):
                        pass
            except Exception as error:  # noqa: BLE001 - handed to the thread that waits
                faults.append(error)

        extractor = threading.Thread(target=extract, daemon=True)
        extractor.start()
        try:
            with os.fdopen(writing, "wb") as sink:
                self._open(key, facts, sink)
        except BrokenPipeError:
            pass  # the extractor tells why
        finally:
            extractor.join()
        if faults:
            if isinstance(faults[0], OSError) and faults[0].errno is not None:
                raise faults[0]
            raise Damaged(f"{key}: its archive cannot be unpacked ({faults[0]})")
        draft.rename(self._work / name)

    def _open(self, key: str, facts: ObjectFacts, sink: Any) -> None:
        try:
            with self._store.open(key) as source:
                unseal(source, sink, self._identities, expected=facts.sealed)
        except FileNotFoundError:
            raise Damaged(f"{key}: it is missing") from None
        except Damaged as error:
            raise Damaged(f"{key}: {error}") from None
        except KeyRefused as error:
            raise KeyRefused(f"{key}: {error}") from None

    def _build_segment(self, segment: str, parts: list[WalFacts]) -> None:
        place = self._plan.repository.place
        folder = self._work / "wal"
        folder.mkdir(mode=0o700, exist_ok=True)
        draft = folder / f"{segment}.unfinished"
        with draft.open("wb") as file:
            for part in parts:
                key = part.place.rpartition("/")[0] + "/" + part.content.name
                assert key.startswith(place.root)
                self._open(key, part.content, file)
            file.truncate(SEGMENT)
        draft.rename(folder / segment)

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

    def _call(
        self,
        program: str,
        arguments: Sequence[str | Path],
        environment: Mapping[str, str] | None = None,
    ) -> None:
        done = run_program(self._settings, program, arguments, environment=environment)
        if done.returncode != 0:
            said = (done.stdout + done.stderr).decode(errors="replace").strip()[-500:]
            raise Damaged(f"{program} found a fault: {said}")

    def _replay(self, cluster: Path, begun_s: float) -> Restored:
        with self._once("replay"):
            pass
        for segment in sorted((self._work / "wal").iterdir()):
            segment.rename(cluster / "pg_wal" / segment.name)
        (cluster / "recovery.signal").touch(mode=0o600)
        hand_to_server(cluster)
        self._tell("replay", to=format_lsn(self._plan.target))
        with self._serving(cluster, self._recovery_options()) as (_, told):
            pass
        self._check_reached(told)
        password = self._superuser_password(cluster)
        self._tell("check")
        with self._serving(cluster, {}) as (port, _):
            tables, rows = read_tables(password, port)
            if self._thorough:
                self._check_pages(password, port)
        return self._sum_up(told, tables, rows, monotonic_s() - begun_s)

    @contextlib.contextmanager
    def _serving(self, cluster: Path, options: dict[str, str]) -> Iterator[tuple[int, str]]:
        """A server on the cluster, ready: its port, and what it has said so far."""
        path, port = self._work / "server.log", postgres.find_free_port()
        with path.open("wb") as log:
            server = postgres.start_server(
                self._settings,
                cluster,
                port,
                options=options,
                stderr=log,
                preexec_fn=end_with_parent(signal.SIGINT),
            )
            try:
                wait_for(lambda: server.process.poll() is not None or server.is_ready(), REPLAY_S)
                told = path.read_text("utf-8", errors="replace")
                if server.process.poll() is not None:
                    raise explain_replay(told)
                yield port, told
            finally:
                server.stop()

    def _recovery_options(self) -> dict[str, str]:
        options = {
            "restore_command": "false",  # all of the log lies in pg_wal
            "recovery_target_action": "promote",
            "recovery_target_timeline": "current",
            "hot_standby": "off",
        }
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

    def _superuser_password(self, cluster: Path) -> str:
        """The administrator's password: as it was, else a new one."""
        kept = Settings(data=self._work / "files", pg_bin=self._settings.pg_bin)
        path = kept.secrets_dir / postgres.SECRET
        if not path.exists():
            made = secrets.token_urlsafe(32)
            postgres.set_superuser_password(kept, cluster, made)
            keep_secret(kept, postgres.SECRET, made)
        return path.read_text("ascii").strip()

    def _check_pages(self, password: str, port: int) -> None:
        self._tell("pg_amcheck")
        arguments = ["-h", postgres.LOOPBACK, "-p", str(port), "-U", postgres.SUPERUSER, "-w"]
        arguments += ["--all", "--install-missing", "--heapallindexed"]
        self._call("pg_amcheck", arguments, {"PGPASSWORD": password})

    def _sum_up(self, told: str, tables: int, rows: int, took_s: float) -> Restored:
        found, last = LAST_COMMIT.search(told), self._plan.last_commit
        moment = datetime.fromisoformat(found[1]).replace(tzinfo=UTC) if found else None
        if moment is None and self._plan.goal == Goal():
            moment = last  # no commit came after the base copy
        behind_s = max(0.0, (last - moment).total_seconds()) if last and moment else 0.0
        done = REDO_DONE.search(told)
        lsn = done[1] if done else format_lsn(self._plan.base.stop)
        return Restored(moment, lsn, behind_s, tables, rows, took_s)

    def _put_in_place(self) -> None:
        """Let the data directory appear: files, then the database, then the mark by which the appliance takes it."""
        os.sync()
        files, cluster = self._work / "files", self._work / "cluster"
        if files.is_dir():
            for entry in sorted(files.iterdir()):
                entry.rename(self._target / entry.name)
            files.rmdir()
        if cluster.is_dir():
            cluster.rename(self._target / "postgresql")
        data = DataDirectory(self._target)
        data.claim()
        data.release()
        os.sync()
        shutil.rmtree(self._work)
