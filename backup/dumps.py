"""Portable dumps: the winery's database as `pg_dump` tells it, for a later PostgreSQL and for years, with all files beside.

The dump is made of one snapshot whose tables were counted and hashed, so that a trial restore can be compared exactly.
Where the log stood still while the snapshot was taken, its position is noted: replayed up to there, the base copies must
give the very same tables.
"""

import contextlib
import json
import re
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import psycopg
from psycopg.conninfo import make_conninfo
from pydantic import BaseModel

from backup.catalogue import find_repositories, read_repository
from backup.envelope import seal
from backup.files import copy_files
from backup.keys import load_note, need_site, open_site_nas, read_signing_key, save_file, state_dir
from backup.manifest import ObjectFacts, sign
from backup.records import MANIFEST, SEALED, TABLES, DumpFacts, Place, RepositoryFacts
from backup.refusals import CouldNotRun
from backup.server_address import program_address
from backup.shipping import load_repository
from backup.store import DirectoryStore, Store
from backup.tables import Connection, hash_tables, prepare_comparison
from backup.working_alone import working_alone
from winery_appliance.core.child_process import end_with_parent, wait_for
from winery_appliance.core.clock import now
from winery_appliance.core.postgres_programs import MAJOR, open_program, run_program
from winery_appliance.core.roles import database_name, role_url
from winery_appliance.core.settings import Settings

DUMP = "db.dump" + SEALED
ROLES = "backup/roles.sql"
QUIET_S = 10.0
# A dump lies under the longest period that it is the first of, a further one of a day under "extra".
PERIODS = {"yearly": "%Y", "monthly": "%Y-%m", "weekly": "%G-%V", "daily": "%Y-%m-%d"}
EXTRA = "extra"
KEPT = {"yearly": 7, "monthly": 12, "weekly": 8, "daily": 14}
NEWEST = 2


class NewestDump(BaseModel):
    """What this machine notes of the newest dump it made."""

    id: str
    kit: int
    made_at: datetime


@dataclass(frozen=True)
class _Snapshot:
    """A snapshot that others can use while `reader` stays open; `lsn` where the log stood still."""

    reader: Connection
    name: str
    moment: datetime
    lsn: int | None


def load_newest_dump(settings: Settings) -> NewestDump | None:
    """The newest dump made here; None before the first."""
    return load_note(settings, "dump.json", NewestDump)


def is_dump_due(settings: Settings) -> bool:
    """Whether a dump is due: none for this kit, or the newest is old. Clocks may jump either way."""
    if settings.backup_dump_hours == 0:
        return False
    newest = load_newest_dump(settings)
    if newest is None or newest.kit != need_site(settings).kit.number:
        return True
    return abs(now() - newest.made_at) >= timedelta(hours=settings.backup_dump_hours)


def choose_tier(moment: datetime, earlier: Sequence[datetime]) -> str:
    """Where a dump of `moment` lies, beside the `earlier` ones: stores that expire by folder can do so by it."""
    for tier, period in PERIODS.items():
        if f"{moment:{period}}" not in {f"{other:{period}}" for other in earlier}:
            return tier
    return EXTRA


def choose_expired_dumps(
    dumps: Sequence[tuple[str, datetime]], proven: Sequence[str] = ()
) -> list[str]:
    """The ids of the dumps that may be removed; `dumps` are ids and moments in the order they were made in.

    The first of each of the newest days, weeks, months and years that have one stay, the newest in any case, and the
    `proven` ones. Whatever the present clock says, it is not asked.
    """
    kept = set(proven) | {dump_id for dump_id, _ in dumps[-NEWEST:]}
    for tier, period in PERIODS.items():
        firsts: dict[str, str] = {}
        for dump_id, moment in dumps:
            firsts.setdefault(f"{moment:{period}}", dump_id)
        kept |= set(list(firsts.values())[-KEPT[tier] :])
    return [dump_id for dump_id, _ in dumps if dump_id not in kept]


def list_dumps(store: Store, site: str, verify_key: str | None) -> list[DumpFacts]:
    """Every dump of a site that can be read, the oldest first."""
    found = [
        dump
        for name in find_repositories(store, site)
        for dump in read_repository(store, site, name, verify_key).dumps
    ]
    return sorted(found, key=lambda dump: (dump.number, dump.id))


def make_dump(settings: Settings) -> DumpFacts:
    """Make a portable dump and publish it. Raises CouldNotRun; then nothing was published."""
    site, repository = need_site(settings), load_repository(settings)
    if repository is None:
        raise CouldNotRun("Nothing is copied yet. Nothing was dumped. Start: winery-backup stream")
    with working_alone(settings, "dump"), open_site_nas(settings, site, "dump") as store:
        store.clear_drafts()
        earlier = list_dumps(store, site.site, site.verify_key)
        facts = _Dumping(settings, repository, earlier).run(store)
    note = NewestDump(id=facts.id, kit=facts.kit, made_at=facts.made_at)
    save_file(state_dir(settings) / "dump.json", note.model_dump_json())
    return facts


class _Dumping:
    def __init__(
        self, settings: Settings, repository: RepositoryFacts, earlier: Sequence[DumpFacts]
    ) -> None:
        self._settings = settings
        self._site = need_site(settings)
        self._place = Place(site=self._site.site, repository=repository.repository)
        self._database = database_name(settings)
        self._number = max((dump.number for dump in earlier), default=0) + 1
        self._earlier = [dump.made_at for dump in earlier]

    def run(self, store: DirectoryStore) -> DumpFacts:
        try:
            with self._snapshot() as snapshot:
                tier = choose_tier(snapshot.moment, self._earlier)
                dump_id = f"{self._number:06}-{snapshot.moment:%Y%m%dT%H%M%SZ}"
                folder = self._place.dump(tier, dump_id, "").rstrip("/")
                store.remove(folder)  # of an attempt that was cut off
                tables = hash_tables(snapshot.reader)
                dump = self._dump(store, folder, snapshot)
        except psycopg.Error as error:
            raise CouldNotRun(
                f"The database could not be read: {str(error).strip()}. Nothing was published."
            ) from error
        listed = json.dumps([table.model_dump() for table in tables]).encode()
        more = {ROLES: self._tell_roles(), TABLES: listed}
        files = copy_files(self._settings, store, folder, self._site.recipients, more)
        facts = DumpFacts(
            place=f"{folder}/{MANIFEST}",
            id=dump_id,
            number=self._number,
            tier=tier,
            made_at=snapshot.moment,
            finished_at=now(),
            database=self._database,
            lsn=snapshot.lsn,
            kit=self._site.kit.number,
            kit_made_at=self._site.kit.made_at,
            recipients=self._site.recipients,
            version=run_program(self._settings, "pg_dump", ["--version"]).stdout.decode().strip(),
            major=MAJOR,
            dump=dump,
            files=files,
            tables=tables,
        )
        store.put(facts.place, sign(facts, read_signing_key(self._settings)))
        return facts

    @contextlib.contextmanager
    def _snapshot(self) -> Iterator[_Snapshot]:
        """A snapshot of the database, at a moment at which the log stood still if one comes soon."""
        with self._connect() as reader, self._connect() as watcher:
            prepare_comparison(reader)
            reader.autocommit = False
            reader.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            reader.read_only = True
            taken: list[_Snapshot] = []

            def is_quiet() -> bool:
                reader.rollback()
                before = _read_position(watcher)
                row = reader.execute(
                    "SELECT pg_export_snapshot(), pg_snapshot_xmin(s) = pg_snapshot_xmax(s) "
                    "FROM pg_current_snapshot() s"
                ).fetchone()
                assert row is not None
                is_exact = bool(row[1]) and _read_position(watcher) == before
                taken.append(_Snapshot(reader, str(row[0]), now(), before if is_exact else None))
                return is_exact

            wait_for(is_quiet, QUIET_S)
            yield taken[-1]

    def _connect(self) -> Connection:
        return psycopg.connect(
            role_url(self._settings, "backup"),
            connect_timeout=5,
            autocommit=True,
            application_name="winery-dump",
        )

    def _dump(self, store: DirectoryStore, folder: str, snapshot: _Snapshot) -> ObjectFacts:
        where, environment = self._address()
        arguments = ["-F", "c", "-Z", "0", f"--snapshot={snapshot.name}", "-w", "-d", where]
        with (
            tempfile.TemporaryFile() as errors,
            open_program(
                self._settings,
                "pg_dump",
                arguments,
                environment=environment,
                stdout=subprocess.PIPE,
                stderr=errors,
                preexec_fn=end_with_parent(signal.SIGTERM),
            ) as process,
            store.create(f"{folder}/{DUMP}") as draft,
        ):
            assert process.stdout is not None
            try:
                sealed = seal(process.stdout, draft, self._site.recipients)
            except BaseException:
                process.kill()
                raise
            if process.wait() != 0:
                errors.seek(0)
                said = errors.read()[-500:].decode(errors="replace").strip() or "no word"
                raise CouldNotRun(
                    f"pg_dump ended with code {process.returncode}: {said}. Nothing was published."
                )
            draft.publish()
        return ObjectFacts.of(DUMP, sealed)

    def _tell_roles(self) -> bytes:
        """The roles and their memberships as SQL, without passwords: the appliance gives them those of its secrets."""
        where, environment = self._address()
        arguments = ["--roles-only", "--no-role-passwords", "-w", "-d", where]
        done = run_program(self._settings, "pg_dumpall", arguments, environment=environment)
        if done.returncode != 0:
            said = done.stderr.decode(errors="replace").strip()[-500:]
            raise CouldNotRun(
                f"pg_dumpall could not read the roles: {said}. Nothing was published."
            )
        with self._connect() as connection:
            row = connection.execute("SELECT rolname FROM pg_roles WHERE oid = 10").fetchone()
        assert row is not None  # whoever made the cluster; every cluster has one already
        first = re.compile(rf'(CREATE|ALTER) ROLE "?{re.escape(str(row[0]))}"?[ ;]')
        lines = done.stdout.decode().splitlines(keepends=True)
        return "".join(line for line in lines if not first.match(line)).encode()

    def _address(self) -> tuple[str, dict[str, str]]:
        where, environment = program_address(self._settings)
        return make_conninfo(where, dbname=self._database), environment


def _read_position(connection: Connection) -> int:
    row = connection.execute("SELECT pg_current_wal_insert_lsn() - '0/0'").fetchone()
    assert row is not None
    return int(row[0])
