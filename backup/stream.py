"""`winery-backup stream`: receives the log all the time and sees that it reaches the NAS.

Two children: `pg_receivewal` writes to the spool whatever the NAS does, and the shipping process carries it away. When the
log cannot be continued (the server gave it up, or the copy is another one), a new stretch begins by itself, the gap is
named, and a new base copy is made at once. The spool is bounded: past its limit nothing more is received, and past
`max_slot_wal_keep_size` the server gives the slot up. Recording goes on in every case.
"""

import contextlib
import os
import secrets
import select
import shutil
import signal
import subprocess
import sysconfig
from pathlib import Path

import psycopg
import structlog

from backup.bases import is_base_due, load_newest_base
from backup.child_words import log_words
from backup.dumps import is_dump_due
from backup.kept_child import KeptChild
from backup.keys import load_site, state_dir
from backup.proofs import is_drill_due
from backup.records import RepositoryFacts
from backup.refusals import keep_words
from backup.server_address import program_address
from backup.shipping import Report, begin_repository, load_repository
from backup.spool import Spool, SpoolStretch, StretchNote
from backup.status import Status
from winery_appliance.core.child_process import end_with_parent
from winery_appliance.core.clock import monotonic_s, now
from winery_appliance.core.kept_sentence import Kept, keep
from winery_appliance.core.postgres_programs import PostgresRefused, open_program
from winery_appliance.core.roles import role_url
from winery_appliance.core.settings import Settings, child_environment
from winery_appliance.core.words import N_

log = structlog.get_logger("winery.backup")

SLOT = "winery_nas"
TURN_S = 0.25
CHECK_S = 5.0
SILENT_S = 30.0  # a shipping process that reports nothing for so long hangs on the NAS
JOB_PAUSES_S = (1.0, 10.0, 60.0, 600.0, 3600.0)  # a copy that fails fills the NAS while it tries
JOB_LONGEST_S = (
    86400.0  # one that hangs on a NAS that was mounted anew would be the last of its kind
)
SAVE_S = 1.0
FLOOR_BYTES = 512 << 20  # below this much free disk nothing more is spooled
MIB = 1 << 20


class Stream:
    """The running stream."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._receiver, self._shipping = KeptChild(), KeptChild()
        self._base, self._dump, self._tools, self._drill = (
            KeptChild(JOB_PAUSES_S) for _ in range(4)
        )
        self._tools_started = False
        self._repository: RepositoryFacts | None = None
        self._stretch: SpoolStretch | None = None
        self._report = Report()
        self._report_text = b""
        self._heard_s = 0.0
        self._server_end: int | None = None
        self._checked_s = -CHECK_S
        self._saved_s = -SAVE_S
        self._spool_bytes = 0
        self._trouble: dict[str, Kept] = {}
        self._stopping = False

    def run(self) -> None:
        """Stream until SIGTERM or SIGINT."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        try:
            while not self._stopping:
                self._turn()
                self._listen(TURN_S)
        finally:
            self._end_children()
            for job in (self._dump, self._tools, self._drill):
                job.end()

    def _stop(self, *_: object) -> None:
        self._stopping = True

    def _turn(self) -> None:
        if load_site(self._settings) is None:
            self._note(
                "keys",
                keep(N_("There are no keys: run winery-backup keys init. Nothing is copied.")),
            )
            self._save_status()
            return
        self._note("keys", None)
        if monotonic_s() - self._checked_s >= CHECK_S:
            self._checked_s = monotonic_s()
            self._check_server()
            if self._stretch is not None:
                self._keep_jobs()
        if self._stretch is not None:
            self._keep_receiving(self._stretch)
            self._keep_shipping()
        self._check_space()  # each turn: a busy server fills a disk in seconds
        self._save_status()

    def _check_server(self) -> None:
        """See that there is a slot on the cluster we know, and begin anew what cannot be continued."""
        try:
            with psycopg.connect(
                role_url(self._settings, "backup"), connect_timeout=5, autocommit=True
            ) as connection:
                self._follow_cluster(connection)
                self._follow_slot(connection)
            self._note("server", None)
        except (psycopg.Error, PostgresRefused) as error:
            words = keep(N_("The database does not answer: %(why)s"), why=_first_line(error))
            self._note("server", words)

    def _follow_cluster(self, connection: psycopg.Connection[tuple[object, ...]]) -> None:
        row = connection.execute(
            "SELECT system_identifier::text, timeline_id, pg_current_wal_flush_lsn() - '0/0' "
            "FROM pg_control_system(), pg_control_checkpoint()"
        ).fetchone()
        assert row is not None
        system, timeline, end = str(row[0]), int(str(row[1])), int(str(row[2]))
        self._server_end = end
        if self._repository is None:
            self._repository = load_repository(self._settings)
        known = self._repository
        if known is None or (known.system_identifier, known.timeline) != (system, timeline):
            site = load_site(self._settings)
            assert site is not None
            self._end_children()
            self._repository = begin_repository(
                self._settings,
                site,
                f"{now():%Y%m%dT%H%M%S}-{secrets.token_hex(3)}",
                system=system,
                timeline=timeline,
                major=connection.info.server_version // 10000,
            )
            log.info("a new repository begins", repository=self._repository.repository)
            self._stretch = None

    def _follow_slot(self, connection: psycopg.Connection[tuple[object, ...]]) -> None:
        assert self._repository is not None
        spool = Spool(self._settings, self._repository.repository)
        spool.forget_others()
        stretches = spool.stretches()
        slot = connection.execute(
            "SELECT wal_status, active_pid FROM pg_replication_slots WHERE slot_name = %s", (SLOT,)
        ).fetchone()
        status = None if slot is None else slot[0]
        broken = self._report.broken if self._stretch is not None else None
        if self._report.stretch != (self._stretch.note.number if self._stretch else 0):
            broken = None
        if stretches and status not in (None, "lost") and not broken:
            self._stretch = stretches[-1]
            return
        if not stretches:
            reason = N_("the first records of this repository")
        elif status is None:
            reason = N_("the server's slot was gone")
        else:
            reason = broken or N_("the server gave up the slot: copies lagged too far behind")
        self._end_children()
        if slot is not None:
            _drop_slot(connection, slot[1])
        number = stretches[-1].note.number + 1 if stretches else 1
        note = StretchNote(number=number, token=secrets.token_hex(8), reason=reason)
        self._stretch = spool.begin(note)
        connection.execute("SELECT pg_create_physical_replication_slot(%s, true)", (SLOT,))
        log.warning("a new stretch of the log begins", number=number, reason=reason)
        self._report = Report()

    def _check_space(self) -> None:
        if self._repository is None:
            return
        size = Spool(self._settings, self._repository.repository).size()
        self._spool_bytes = size
        free = shutil.disk_usage(state_dir(self._settings)).free
        if size > self._settings.backup_spool_mb * MIB or free < FLOOR_BYTES:
            self._note(
                "space",
                keep(
                    N_(
                        "Copies wait on this machine (%(size)s MB, %(free)s MB free): nothing more is taken up "
                        "until the NAS "
                        "is back. Recording goes on."
                    ),
                    size=size // MIB,
                    free=free // MIB,
                ),
            )
            self._receiver.end(signal.SIGINT)
        else:
            self._note("space", None)

    def _keep_receiving(self, stretch: SpoolStretch) -> None:
        if not self._receiver.is_due() or "space" in self._trouble or "server" in self._trouble:
            return
        for name in stretch.drop_truncated():
            log.warning("a cut off file was removed from the spool", name=name)
        where, environment = program_address(self._settings)
        arguments = ["-D", str(stretch.path), "-S", SLOT, "--synchronous", "--no-loop", "-w"]
        try:
            process = open_program(
                self._settings,
                "pg_receivewal",
                [*arguments, "-d", where],
                environment=environment,
                stderr=subprocess.PIPE,
                preexec_fn=end_with_parent(signal.SIGINT),
            )
        except PostgresRefused as error:
            self._note("receiver", keep_words(error))
            self._receiver.forget()
            return
        log_words(process, "pg_receivewal")
        self._note("receiver", None)
        self._receiver.started(process)

    def _keep_shipping(self) -> None:
        child = self._shipping
        if child.process is not None and monotonic_s() - self._heard_s > self._patience_s():
            words = N_("The NAS at %(root)s hangs. New records wait on this machine.")
            self._note("nas", keep(words, root=str(self._settings.nas_root)))
            log.warning("shipping hangs and is ended")
            child.end(signal.SIGKILL)
        if child.is_due():
            self._report_text = b""
            self._heard_s = monotonic_s()
            child.started(self._start_own("ship", stdout=subprocess.PIPE))
            assert child.process is not None
            assert child.process.stdout is not None
            os.set_blocking(child.process.stdout.fileno(), False)

    def _patience_s(self) -> float:
        return SILENT_S + self._settings.backup_every_s

    def _keep_jobs(self) -> None:
        """Start what is due: a base copy (at once where the log has none to begin from), the programs of a restore beside
        it, the portable dump and the trial restore.
        """
        for job in (self._base, self._dump, self._tools, self._drill):
            if job.is_older(JOB_LONGEST_S):
                log.warning("a job of the copies hangs and is ended")
                job.end(signal.SIGKILL)
        newest = load_newest_base(self._settings)
        assert self._stretch is not None
        assert self._repository is not None
        here = (self._repository.repository, self._stretch.note.number)
        is_there = newest is not None and (newest.repository, newest.stretch) == here
        missing = keep(N_("No base copy of this stretch is finished yet."))
        self._note("base", None if is_there else missing)
        if self._report.end is None:
            return
        if self._base.is_due() and is_base_due(self._settings):
            self._base.started(
                self._start_job("base", "--if-due", "--mb-s", str(self._settings.backup_mb_s))
            )
        if not is_there:
            return
        if self._settings.backup_tools and not self._tools_started:
            self._tools_started = True
            self._tools.started(self._start_job("tools"))
        if self._dump.is_due() and is_dump_due(self._settings):
            self._dump.started(self._start_job("dump", "--if-due"))
        is_dumping = self._dump.process is not None  # the trial restore proves the new dump, too
        if not is_dumping and self._drill.is_due() and is_drill_due(self._settings):
            self._drill.started(self._start_job("drill"))

    def _start_job(self, *arguments: str) -> subprocess.Popen[bytes]:
        """A command that does its work and ends. What it tells a person is left out; `status` shows what became of it."""
        log.info("a job of the copies was started", job=arguments[0])
        process = self._start_own(*arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        log_words(process, arguments[0])
        return process

    def _start_own(
        self, *arguments: str, stdout: int, stderr: int | None = None
    ) -> subprocess.Popen[bytes]:
        command = [str(Path(sysconfig.get_path("scripts"), "winery-backup")), *arguments]
        return subprocess.Popen(
            command,
            env=child_environment(self._settings),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,  # shipping writes lines of its own
            start_new_session=True,
            preexec_fn=end_with_parent(signal.SIGTERM),
        )

    def _listen(self, timeout_s: float) -> None:
        """Take up the reports of the shipping process for a moment."""
        process = self._shipping.process
        pipes = [process.stdout] if process is not None and process.stdout is not None else []
        with contextlib.suppress(InterruptedError):
            ready, _, _ = select.select(pipes, [], [], timeout_s)
            for pipe in ready:
                self._report_text += pipe.read() or b""
        lines = self._report_text.split(b"\n")
        self._report_text = lines.pop()
        for line in lines:
            self._take_report(Report.model_validate_json(line))
        if pipes and ready and not lines and process is not None and process.poll() is not None:
            self._shipping.forget()  # its end wakes `select` again and again

    def _take_report(self, report: Report) -> None:
        self._heard_s = monotonic_s()
        self._note("nas", report.error)
        if report.error is None:
            self._report = report
        if report.broken:
            self._checked_s = -CHECK_S  # look at it at once

    def _end_children(self) -> None:
        self._receiver.end(signal.SIGINT)
        self._shipping.end(signal.SIGKILL)
        self._base.end()

    def _note(self, name: str, trouble: Kept | None) -> None:
        """Keep a trouble for the status; its beginning and end are logged."""
        if (trouble is None) != (name not in self._trouble):
            self._saved_s = -SAVE_S  # whoever asks is told at once
        if trouble is None:
            if self._trouble.pop(name, None) is not None:
                log.info("copies: over", trouble=name)
            return
        if name not in self._trouble:
            log.warning("copies", trouble=str(trouble))
        self._trouble[name] = trouble

    def _save_status(self) -> None:
        if monotonic_s() - self._saved_s < SAVE_S:
            return
        self._saved_s = monotonic_s()
        status = Status(
            at=now(),
            repository=self._repository.repository if self._repository else None,
            stretch=self._stretch.note.number if self._stretch else None,
            reason=self._stretch.note.reason if self._stretch else None,
            server_end=self._server_end,
            end=self._report.end,
            last_commit=self._report.last_commit,
            shipped_at=self._report.shipped_at,
            spool_bytes=self._spool_bytes,
            trouble=sorted(self._trouble.values(), key=str),
        )
        with contextlib.suppress(OSError):  # on a full disk the status is late, and nothing worse
            path = state_dir(self._settings) / "status.json"
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft = path.with_suffix(".new")
            draft.write_text(status.model_dump_json(indent=1), encoding="utf-8")
            draft.replace(path)


def _drop_slot(connection: psycopg.Connection[tuple[object, ...]], holder: object) -> None:
    if holder is not None:
        connection.execute("SELECT pg_terminate_backend(%s, 5000)", (holder,))
    connection.execute("SELECT pg_drop_replication_slot(%s)", (SLOT,))


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
