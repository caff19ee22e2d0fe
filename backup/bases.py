"""Base copies: `pg_basebackup`, streamed into the store, full or against the one before.

The manifest is written last, after the producer ended well, its archive was whole, and all objects lie in the store: a base
without it does not exist.
"""

import contextlib
import json
import secrets
import signal
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import psycopg
from pydantic import BaseModel

from backup.envelope import Source, seal
from backup.files import copy_files
from backup.keys import load_note, need_site, open_site_nas, read_signing_key, save_file, state_dir
from backup.manifest import ObjectFacts, sign
from backup.pace import PacedReader
from backup.records import MANIFEST, SEALED, BaseFacts, Place
from backup.refusals import CouldNotRun
from backup.server_address import program_address
from backup.shipping import load_repository
from backup.spool import Spool
from backup.status import load_status
from backup.store import DirectoryStore
from backup.wal_format import parse_lsn
from backup.working_alone import working_alone
from winery_appliance.core.child_process import end_with_parent, wait_for
from winery_appliance.core.clock import now
from winery_appliance.core.postgres_programs import open_program, run_program
from winery_appliance.core.roles import role_url
from winery_appliance.core.settings import Settings

BLOCK = 512
LOG_S = 120.0
PG_MANIFEST = "backup_manifest"


class NewestBase(BaseModel):
    """What this machine notes of the newest base copy it made."""

    repository: str
    stretch: int
    id: str
    kit: int
    full_at: datetime
    begun_at: datetime


def load_newest_base(settings: Settings) -> NewestBase | None:
    """The newest base copy made here; None before the first."""
    return load_note(settings, "base.json", NewestBase)


class BaseWanted(BaseModel):
    """That somebody needs a base copy younger than `at`."""

    at: datetime


def ask_for_base(settings: Settings) -> None:
    """Have the streaming process make a base copy soon."""
    save_file(state_dir(settings) / "base-wanted.json", BaseWanted(at=now()).model_dump_json())


class TarTap:
    """Reads a tar stream through, keeping the file `backup_manifest` and noticing whether the archive came to its end."""

    def __init__(self, source: Source) -> None:
        self.manifest = b""
        self.ended = False
        self._source = source
        self._header = bytearray()
        self._left = 0  # bytes of the member at hand, with its padding
        self._keep = 0  # of them, bytes of the manifest

    def read(self, size: int = -1, /) -> bytes:
        """As the source's."""
        data = self._source.read(size)
        view = memoryview(data)
        while view and not self.ended:
            if self._left:
                step = min(self._left, len(view))
                if self._keep:
                    kept = min(self._keep, step)
                    self.manifest += bytes(view[:kept])
                    self._keep -= kept
                self._left -= step
            else:
                step = min(BLOCK - len(self._header), len(view))
                self._header += view[:step]
                if len(self._header) == BLOCK:
                    self._begin_member(bytes(self._header))
                    self._header.clear()
            view = view[step:]
        return data

    def _begin_member(self, header: bytes) -> None:
        if not any(header):
            self.ended = True
            return
        member = tarfile.TarInfo.frombuf(header, "utf-8", "surrogateescape")
        self._left = -(-member.size // BLOCK) * BLOCK
        self._keep = member.size if member.name == PG_MANIFEST else 0


def is_base_due(settings: Settings) -> bool:
    """Whether a base copy is due: none in this stretch of the log and for this kit, or the newest is old.

    Clocks may jump either way.
    """
    newest, repository = load_newest_base(settings), load_repository(settings)
    if repository is None:
        return False
    stretches = Spool(settings, repository.repository).stretches()
    if newest is None or not stretches:
        return bool(stretches)
    here = (repository.repository, stretches[-1].note.number, need_site(settings).kit.number)
    if (newest.repository, newest.stretch, newest.kit) != here:
        return True
    wanted = load_note(settings, "base-wanted.json", BaseWanted)
    if wanted is not None and newest.begun_at < wanted.at <= now():
        return True
    return abs(now() - newest.begun_at) >= timedelta(hours=settings.backup_base_hours)


def make_base(settings: Settings, *, full: bool = False, mb_s: float = 0.0) -> BaseFacts:
    """Make a base copy and publish it; incremental against the newest one if that may be, unless `full`.

    At most `mb_s` MB of the database a second are copied, if that is not 0.

    Raises CouldNotRun; then nothing was published.
    """
    with working_alone(settings, "base copy"):
        repository = load_repository(settings)
        stretches = Spool(settings, repository.repository).stretches() if repository else []
        if repository is None or not stretches:
            raise CouldNotRun(
                "The log is not streamed yet. Nothing was copied. Start: winery-backup stream"
            )
        copying = _Copying(settings, repository.repository, stretches[-1].note.number, mb_s)
        return copying.run(None if full else copying.find_parent())


class _Copying:
    def __init__(self, settings: Settings, repository: str, stretch: int, mb_s: float) -> None:
        self._settings = settings
        self._mb_s = mb_s
        self._site = need_site(settings)
        self._key = read_signing_key(settings)
        self._repository = repository
        self._stretch = stretch
        self._place = Place(site=self._site.site, repository=repository)
        self._begun = now()
        self._id = f"{self._begun:%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"

    @property
    def _pg_manifest_path(self) -> Path:
        return state_dir(self._settings) / "base.pg_manifest"

    def find_parent(self) -> NewestBase | None:
        """The newest base, if one may be made against it: of this repository, and its full one not too old."""
        newest = load_newest_base(self._settings)
        if newest is None or not self._pg_manifest_path.exists():
            return None
        age = self._begun - newest.full_at
        fresh = timedelta(0) <= age < timedelta(days=self._settings.backup_full_days)
        here = (self._repository, self._stretch, self._site.kit.number)
        same = (newest.repository, newest.stretch, newest.kit) == here
        return newest if fresh and same and self._summarizes() else None

    def run(self, parent: NewestBase | None) -> BaseFacts:
        with open_site_nas(self._settings, self._site, "base") as store:
            store.clear_drafts()
            try:
                facts, pg_manifest = self._copy(store, parent)
            except BaseException:
                store.remove(f"{self._place.bases}/{self._id}")
                raise
        save_file(self._pg_manifest_path, pg_manifest)
        note = NewestBase(
            repository=self._repository,
            stretch=self._stretch,
            id=self._id,
            kit=self._site.kit.number,
            full_at=parent.full_at if parent else self._begun,
            begun_at=self._begun,
        )
        save_file(state_dir(self._settings) / "base.json", note.model_dump_json())
        return facts

    def _copy(self, store: DirectoryStore, parent: NewestBase | None) -> tuple[BaseFacts, str]:
        with self._basebackup(parent) as process:
            assert process.stdout is not None
            archive = PacedReader(process.stdout, self._mb_s) if self._mb_s else process.stdout
            tap = TarTap(archive)
            name = "base.tar" + SEALED
            with store.create(self._place.base(self._id, name)) as draft:
                sealed = seal(tap, draft, self._site.recipients)
                _check_producer(process, tap)
                draft.publish()
        base = ObjectFacts.of(name, sealed)
        ranges = json.loads(tap.manifest)["WAL-Ranges"]
        self._await_log(parse_lsn(ranges[-1]["End-LSN"]))
        facts = BaseFacts(
            place=self._place.base(self._id, MANIFEST),
            id=self._id,
            parent=parent.id if parent else None,
            stretch=self._stretch,
            timeline=int(ranges[-1]["Timeline"]),
            start=parse_lsn(ranges[0]["Start-LSN"]),
            stop=parse_lsn(ranges[-1]["End-LSN"]),
            begun_at=self._begun,
            finished_at=now(),
            kit=self._site.kit.number,
            kit_made_at=self._site.kit.made_at,
            recipients=self._site.recipients,
            version=self._server_version(),
            base=base,
            files=copy_files(
                self._settings, store, f"{self._place.bases}/{self._id}", self._site.recipients
            ),
        )
        store.put(facts.place, sign(facts, self._key))
        return facts, tap.manifest.decode()

    @contextlib.contextmanager
    def _basebackup(self, parent: NewestBase | None) -> Iterator["subprocess.Popen[bytes]"]:
        where, environment = program_address(self._settings)
        arguments = ["-D", "-", "-F", "t", "-X", "none", "-c", "fast", "-w", "-d", where]
        # The archive as a whole bears a signed SHA-256; this one finds what a disk did to the files unpacked from it.
        arguments += ["-l", self._id, "--manifest-checksums=CRC32C"]
        if parent is not None:
            arguments += [f"--incremental={self._pg_manifest_path}"]
        with tempfile.TemporaryFile() as errors:
            process = open_program(
                self._settings,
                "pg_basebackup",
                arguments,
                environment=environment,
                stdout=subprocess.PIPE,
                stderr=errors,
                preexec_fn=end_with_parent(signal.SIGTERM),
            )
            process.errors = errors  # type: ignore[attr-defined]
            try:
                yield process
            finally:
                process.kill()
                assert process.stdout is not None
                process.stdout.close()
                process.wait()

    def _await_log(self, stop: int) -> None:
        """Wait until the log up to `stop` is on the NAS: without it the copy is of no use."""

        def is_there() -> bool:
            status = load_status(self._settings)
            here = (self._repository, self._stretch)
            return (
                status is not None
                and (status.repository, status.stretch) == here
                and (status.end or 0) >= stop
            )

        if not wait_for(is_there, LOG_S + 2 * self._settings.backup_every_s):
            raise CouldNotRun(
                "The log of the copy's making did not reach the NAS. Nothing was published."
            )

    def _summarizes(self) -> bool:
        """Whether the server keeps what incremental copies need."""
        try:
            with psycopg.connect(
                role_url(self._settings, "backup"), connect_timeout=5
            ) as connection:
                row = connection.execute("SHOW summarize_wal").fetchone()
        except psycopg.Error as error:
            raise CouldNotRun(
                f"The database does not answer: {error}. Nothing was copied."
            ) from error
        return row is not None and row[0] == "on"

    def _server_version(self) -> str:
        done = run_program(self._settings, "pg_basebackup", ["--version"])
        return done.stdout.decode().strip()


def _check_producer(process: "subprocess.Popen[bytes]", tap: TarTap) -> None:
    code = process.wait()
    if code == 0 and tap.ended and tap.manifest:
        return
    errors = process.errors  # type: ignore[attr-defined]
    errors.seek(0)
    said = errors.read()[-500:].decode(errors="replace").strip() or "no word"
    raise CouldNotRun(f"pg_basebackup ended with code {code}: {said}. Nothing was published.")
