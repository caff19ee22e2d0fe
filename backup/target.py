"""A directory that a restore works in, until it is an appliance's data directory.

All work happens in its folder `.restore`, which no appliance takes for its data; what is there appears in its place only at
the very end, after the database was read. What was cut off is taken up again.
"""

import contextlib
import fcntl
import hashlib
import json
import secrets
import shutil
import signal
import tarfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from backup.archives import extract_plain
from backup.belt import Belt
from backup.disk import Disk, opened_disk
from backup.envelope import CHUNK, Source, unseal
from backup.keys import save_file
from backup.manifest import ObjectFacts
from backup.refusals import CouldNotRun, Damaged, KeyRefused, Missing
from backup.replay import Restored, explain_replay
from backup.store import Store
from winery_appliance.core import postgres
from winery_appliance.core.child_process import end_with_parent, wait_for
from winery_appliance.core.clock import monotonic_s
from winery_appliance.core.data_directory import DataDirectory
from winery_appliance.core.postgres_programs import run_program
from winery_appliance.core.secret_files import keep_secret
from winery_appliance.core.settings import Settings

WORK = ".restore"
NOTHING = frozenset({"lost+found"})
REPLAY_S = 24 * 3600.0
ROOM_BYTES = 200 << 20
KEPT_BYTES = 8 << 20  # of objects this large a store far away keeps what was read
TOLD_S = 1.0

# A server that is cut off here leaves nothing that is used: all is synced once, at the end.
UNSYNCED = {"fsync": "off", "synchronous_commit": "off"}

Tell = Callable[..., None]


class Meter:
    """Reads `source`, an object of `facts`, and tells every second how far and how fast it goes."""

    def __init__(self, source: Source, facts: ObjectFacts, tell: Tell) -> None:
        self._source, self._facts, self._tell = source, facts, tell
        self._begun_s = self._told_s = monotonic_s()
        self._read = 0

    def read(self, size: int = -1, /) -> bytes:
        """As the source's."""
        data = self._source.read(size)
        self._read += len(data)
        moment_s = monotonic_s()
        if moment_s - self._told_s >= TOLD_S:
            self._told_s = moment_s
            rate = self._read / (moment_s - self._begun_s)
            self._tell(
                "read",
                name=self._facts.name,
                bytes=self._read,
                of=self._facts.size,
                mb_s=round(rate / 1e6, 3),
                left_s=round((self._facts.size - self._read) / rate) if rate else None,
            )
        return data


class Target(ABC):
    """A restore into the directory `target`, from objects of `store`; what of is said by the kinds."""

    def __init__(
        self,
        store: Store,
        target: Path,
        identities: list[str],
        *,
        pg_bin: Path | None = None,
        tell: Tell = lambda *_, **__: None,
        thorough: bool = False,
    ) -> None:
        self._store = store
        self._identities = identities
        self._tell = tell
        self._thorough = thorough  # check every page and index by pg_amcheck too
        self._target = target.expanduser().absolute()
        self._work = self._target / WORK
        self._settings = Settings(data=self._target, pg_bin=pg_bin)
        self._done: set[str] = set()
        self._restored: Restored | None = None
        self._proving_s = 0.0

    @abstractmethod
    def _describe(self) -> dict[str, Any]:
        """What is restored, so that nothing else is taken up again in its place."""

    @abstractmethod
    def _check_version(self) -> None:
        """Raise CouldNotRun when this PostgreSQL cannot open the copies."""

    @property
    @abstractmethod
    def _room_bytes(self) -> int:
        """Bytes of disk it takes, the highest at any time."""

    @abstractmethod
    def _restore(self, begun_s: float, *, skip_verify: bool) -> Restored:
        """Make the database and the files in the folder of work."""

    @abstractmethod
    def _clear_unfinished(self) -> None:
        """Remove what an interrupted restore left that cannot be gone on with."""

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
        self._check_version()
        wanted, free = self._room_bytes + ROOM_BYTES, self._free_bytes()
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
        with self._only_one(), opened_disk(self._work) as disk:
            self._begin_journal()
            if self._restored is None:
                # A trial leaves the disk to the appliance that runs beside it.
                with contextlib.nullcontext() if self._thorough else disk.written_early():
                    self._restored = self._restore(begun_s, skip_verify=skip_verify)
                disk.sync()  # what is noted as restored must be so after a power cut; see UNSYNCED
                self._save_journal()
            self._put_in_place(disk)
        return self._restored

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
            self._restored = Restored.model_validate(journal["restored"])
        else:
            self._clear_unfinished()
        self._save_journal()

    def _save_journal(self) -> None:
        restored = self._restored.model_dump(mode="json") if self._restored else None
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

    def _unpack(self, key: str, facts: ObjectFacts, name: str) -> None:
        draft = self._work / f"{name}.unfinished"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        belt = Belt()

        def extract() -> None:
            try:
                with tarfile.open(mode="r|", fileobj=belt, bufsize=CHUNK) as tar:  # type: ignore[call-overload]
                    tar.copybufsize = CHUNK
                    extract_plain(tar, draft)
                while belt.read():
                    pass
            except (tarfile.TarError, EOFError, ValueError) as error:
                raise Damaged(f"{key}: its archive cannot be unpacked ({error})") from None

        with belt.emptied_by(extract):
            self._open(key, facts, belt)
        draft.rename(self._work / name)

    def _open(self, key: str, facts: ObjectFacts, sink: Any) -> None:
        keep = self._work / "read" if facts.size >= KEPT_BYTES else None
        if keep is not None:
            keep = self._begin_keeping(key, keep)
        try:
            with self._store.open(key, keep=keep) as source:
                metered = Meter(source, facts, self._tell)
                unseal(metered, sink, self._identities, expected=facts.sealed)
            if keep is not None:
                keep.unlink(missing_ok=True)
        except FileNotFoundError:
            raise Missing(f"{key}: it is missing") from None
        except Damaged as error:
            if keep is not None:  # another time it is read anew
                keep.unlink(missing_ok=True)
            raise Damaged(f"{key}: {error}") from None
        except KeyRefused as error:
            raise KeyRefused(f"{key}: {error}") from None

    def _begin_keeping(self, key: str, folder: Path) -> Path:
        """The file for what is read of an object, among those of this restore only this one."""
        folder.mkdir(mode=0o700, exist_ok=True)
        keep = folder / hashlib.sha256(key.encode()).hexdigest()
        for other in folder.iterdir():
            if other != keep:
                other.unlink()
        return keep

    def _call(
        self,
        program: str,
        arguments: Sequence[str | Path],
        environment: Mapping[str, str] | None = None,
        directory: Path | None = None,
    ) -> None:
        done = run_program(
            self._settings, program, arguments, environment=environment, directory=directory
        )
        if done.returncode != 0:
            said = (done.stdout + done.stderr).decode(errors="replace").strip()[-500:]
            raise Damaged(f"{program} found a fault: {said}")

    @contextlib.contextmanager
    def _serving(
        self, cluster: Path, options: Mapping[str, str], state: str = "ready"
    ) -> Iterator[tuple[int, str]]:
        """A server on the cluster, ready or (`standby`) replaying: its port, and what it has said so far."""
        path, port = self._work / "server.log", postgres.find_free_port()
        with path.open("wb") as log:
            server = postgres.start_server(
                self._settings,
                cluster,
                port,
                options={**UNSYNCED, **options},
                stderr=log,
                preexec_fn=end_with_parent(signal.SIGINT),
            )
            try:
                wait_for(
                    lambda: (
                        server.process.poll() is not None
                        or server.is_ready(state)
                        or server.is_ready()
                    ),
                    REPLAY_S,
                )
                told = path.read_text("utf-8", errors="replace")
                if server.process.poll() is not None:
                    raise explain_replay(told)
                yield port, told
            finally:
                server.stop()

    @property
    def _kept(self) -> Settings:
        return Settings(data=self._work / "files", pg_bin=self._settings.pg_bin)

    def _kept_password(self) -> str | None:
        """The administrator's password as it was; None where it was not among the files."""
        path = self._kept.secrets_dir / postgres.SECRET
        return path.read_text("ascii").strip() if path.exists() else None

    def _superuser_password(self, cluster: Path) -> str:
        """The administrator's password: as it was, else a new one."""
        kept = self._kept_password()
        if kept is None:
            kept = secrets.token_urlsafe(32)
            postgres.set_superuser_password(self._kept, cluster, kept)
            keep_secret(self._kept, postgres.SECRET, kept)
        return kept

    @contextlib.contextmanager
    def _proving(self) -> Iterator[None]:
        """Work that a trial does and a restore in need would not: it is no part of the time that one takes."""
        begun_s = monotonic_s()
        yield
        self._proving_s += monotonic_s() - begun_s

    def _measure(self, begun_s: float) -> float:
        return monotonic_s() - begun_s - self._proving_s

    def _check_pages(self, password: str, port: int) -> None:
        self._tell("pg_amcheck")
        arguments = ["-h", postgres.LOOPBACK, "-p", str(port), "-U", postgres.SUPERUSER, "-w"]
        arguments += ["--all", "--install-missing", "--heapallindexed"]
        with self._proving():
            self._call("pg_amcheck", arguments, {"PGPASSWORD": password})

    def _put_in_place(self, disk: Disk) -> None:
        """Let the data directory appear: files, then the database, then the mark by which the appliance takes it."""
        files, cluster = self._work / "files", self._work / "cluster"
        if files.is_dir():
            for entry in sorted(files.iterdir()):
                entry.rename(self._target / entry.name)
            files.rmdir()
        if cluster.is_dir():
            cluster.rename(self._target / "postgresql")
        self._mark()
        disk.sync()
        shutil.rmtree(self._work)

    def _mark(self) -> None:
        data = DataDirectory(self._target)
        data.claim()
        data.release()
