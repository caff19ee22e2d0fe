"""Receives the log for off-site by a slot of its own: neither a dead NAS stops it, nor a dead line the NAS.

As for the NAS, what cannot be continued begins anew in a further stretch. Which stretch is written is decided here alone.
"""

import contextlib
import secrets
import shutil
import signal

import psycopg
import structlog

from backup.kept_child import KeptChild
from backup.records import RepositoryFacts
from backup.server_address import program_address
from backup.shipping import load_repository
from backup.spool import Spool, SpoolStretch, StretchNote
from sync.configuration import sync_dir
from sync.journal import Journal
from sync.notes import BROKEN, FLOOR, NEW_STRETCH
from winery_appliance.core.child_process import end_with_parent
from winery_appliance.core.clock import now
from winery_appliance.core.kept_sentence import Kept, keep
from winery_appliance.core.postgres_programs import PostgresRefused, open_program
from winery_appliance.core.roles import role_url
from winery_appliance.core.settings import Settings
from winery_appliance.core.words import N_

log = structlog.get_logger("winery.sync")

SLOT = "winery_offsite"
FLOOR_BYTES = 512 << 20  # below this much free disk nothing more is taken up
Connection = psycopg.Connection[tuple[object, ...]]


class Receiving:
    """Keeps `pg_receivewal` running into the off-site spool. `trouble` is what hinders, in words."""

    def __init__(self, settings: Settings, journal: Journal) -> None:
        self._settings, self._journal = settings, journal
        self._child = KeptChild()
        self._stretch: SpoolStretch | None = None
        self.repository: RepositoryFacts | None = None
        self.trouble: Kept | None = None

    def check(self) -> None:
        """See that the log of the cluster we copy is received, and begin anew what cannot be continued."""
        try:
            with psycopg.connect(
                role_url(self._settings, "backup"), connect_timeout=5, autocommit=True
            ) as connection:
                self.trouble = self._follow(connection)
            if self.trouble is None:
                self._keep_receiving()
        except (psycopg.Error, PostgresRefused) as error:
            why = str(error).strip().splitlines()[0]
            self.trouble = keep(N_("The database does not answer: %(why)s"), why=why)

    def end(self) -> None:
        """End the receiver."""
        self._child.end(signal.SIGINT)

    def _follow(self, connection: Connection) -> Kept | None:
        row = connection.execute(
            "SELECT system_identifier::text, timeline_id FROM pg_control_system(), pg_control_checkpoint()"
        ).fetchone()
        known = load_repository(self._settings)
        assert row is not None
        if known is None or (known.system_identifier, known.timeline) != (row[0], int(str(row[1]))):
            self.end()
            return keep(
                N_("Nothing is copied from this database yet; winery-backup stream begins it.")
            )
        if self.repository is not None and self.repository.repository != known.repository:
            self.end()
            self._stretch = None
        self.repository = known
        self._follow_slot(connection, known.repository)
        if shutil.disk_usage(self._settings.data).free < FLOOR_BYTES:
            self.end()
            return keep(
                N_(
                    "The disk of this machine is nearly full: nothing more is taken up for off-site."
                )
            )
        return None

    def _follow_slot(self, connection: Connection, repository: str) -> None:
        spool = Spool(self._settings, repository, sync_dir(self._settings) / "spool")
        spool.forget_others()
        stretches = spool.stretches()
        slot = connection.execute(
            "SELECT wal_status, active_pid FROM pg_replication_slots WHERE slot_name = %s", (SLOT,)
        ).fetchone()
        is_lost = slot is None or slot[0] == "lost"
        number = stretches[-1].note.number if stretches else 0
        broken = self._journal.note(BROKEN)
        reason = self._journal.note(NEW_STRETCH)
        if broken is not None and broken[0] < number:  # of one that is over
            self._journal.set_note(BROKEN, None)
            broken = None
        if stretches and not is_lost and not broken and not reason:
            self._stretch = stretches[-1]
            return
        if not stretches:
            reason = "the first records of this repository off-site"
        elif broken:
            reason = broken[1]
        elif is_lost:
            reason = "the server gave up the slot: nobody received for too long"
        self.end()
        if slot is not None and (is_lost or broken or not stretches):
            _drop_slot(connection, slot[1])
            slot = None
        number = max(number, int(self._journal.note(FLOOR) or 0)) + 1
        note = StretchNote(number=number, token=secrets.token_hex(8), reason=str(reason))
        self._stretch = spool.begin(note)
        if slot is None:
            connection.execute("SELECT pg_create_physical_replication_slot(%s, true)", (SLOT,))
        for done in (BROKEN, NEW_STRETCH):
            self._journal.set_note(done, None)
        log.warning("a new stretch of the off-site log begins", number=number, reason=reason)

    def _keep_receiving(self) -> None:
        if self._stretch is None or not self._child.is_due():
            return
        for name in self._stretch.drop_truncated():
            log.warning("a cut off file was removed from the spool", name=name)
        where, environment = program_address(self._settings)
        arguments = ["-D", str(self._stretch.path), "-S", SLOT, "--synchronous", "--no-loop", "-w"]
        process = open_program(
            self._settings,
            "pg_receivewal",
            [*arguments, "-d", where],
            environment=environment,
            preexec_fn=end_with_parent(signal.SIGINT),
        )
        self._child.started(process)


def drop_slot(settings: Settings) -> None:
    """Give the slot back, when nothing goes off-site any more: else the server would keep its log for it."""
    with (
        contextlib.suppress(psycopg.Error),
        psycopg.connect(
            role_url(settings, "backup"), connect_timeout=5, autocommit=True
        ) as connection,
    ):
        slot = connection.execute(
            "SELECT wal_status, active_pid FROM pg_replication_slots WHERE slot_name = %s", (SLOT,)
        ).fetchone()
        if slot is not None:
            _drop_slot(connection, slot[1])
            log.info("the off-site slot is given back", at=now().isoformat())


def _drop_slot(connection: Connection, holder: object) -> None:
    if holder is not None:
        connection.execute("SELECT pg_terminate_backend(%s, 5000)", (holder,))
    connection.execute("SELECT pg_drop_replication_slot(%s)", (SLOT,))
