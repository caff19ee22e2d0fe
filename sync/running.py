"""`winery-sync run`: keeps the receiver and the two processes that carry, and tells how they are.

The log and the copies are carried by processes of their own: a NAS that hangs holds up no record, a large copy neither.
One that is silent for long is ended and started again; the journal makes that harmless.
"""

import signal
import subprocess
import sysconfig
import time
from datetime import timedelta
from pathlib import Path

import structlog

from backup.access import BUCKET
from backup.kept_child import KeptChild
from backup.keys import load_site
from backup.proofs import is_offsite_drill_due
from sync.configuration import is_set_up
from sync.notes import open_journal
from sync.patience import is_open
from sync.receiving import Receiving, drop_slot
from sync.reports import (
    COPIES,
    LOG,
    RUN,
    CopiesReport,
    LogReport,
    RunReport,
    Trouble,
    load_report,
    save_report,
)
from winery_appliance.core.child_process import end_with_parent
from winery_appliance.core.clock import monotonic_s, now
from winery_appliance.core.kept_sentence import Kept, keep
from winery_appliance.core.settings import Settings, child_environment
from winery_appliance.core.words import N_

log = structlog.get_logger("winery.sync")

TURN_S = 0.5
CHECK_S = 5.0
DRILL_PAUSE_S = 3600.0  # after one that the line did not let through
SILENT = timedelta(
    minutes=30
)  # a part of the largest kind takes a quarter of an hour over the worst line we think of


class Running:
    """The running off-site copies."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._children = {"log": KeptChild(), "copies": KeptChild()}
        self._drill = KeptChild((DRILL_PAUSE_S,))
        self._receiving: Receiving | None = None
        self._of: str | None = None  # the repository that the children carry
        self._stopping = False
        self._slot_dropped = False
        self._known: dict[str, Trouble] = {}

    def run(self) -> None:
        """Until SIGTERM or SIGINT."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        try:
            checked_s = -CHECK_S
            while not self._stopping:
                if monotonic_s() - checked_s >= CHECK_S:
                    checked_s = monotonic_s()
                    self._turn()
                time.sleep(TURN_S)
        finally:
            for child in (*self._children.values(), self._drill):
                child.end(signal.SIGKILL)
            if self._receiving is not None:
                self._receiving.end()

    def _stop(self, *_: object) -> None:
        self._stopping = True

    def _turn(self) -> None:
        if not is_set_up(self._settings):
            if not self._slot_dropped:
                self._slot_dropped = True
                drop_slot(self._settings)
            return
        if load_site(self._settings) is None:
            words = N_("There are no keys yet, so nothing goes off-site: winery-backup keys init")
            self._tell({"keys": keep(words)})
            return
        if self._receiving is None:
            self._receiving = Receiving(self._settings, open_journal(self._settings))
        self._receiving.check()
        hindered = self._receiving.trouble
        trouble: dict[str, Kept] = {"database": hindered} if hindered else {}
        repository = self._receiving.repository
        if repository is not None:
            if self._of not in (None, repository.repository):
                for child in self._children.values():
                    child.end(signal.SIGKILL)
            self._of = repository.repository
            self._keep_carrying()
            self._keep_proving()
        self._tell(trouble)

    def _keep_carrying(self) -> None:
        newest = {
            "log": load_report(self._settings, LOG, LogReport),
            "copies": load_report(self._settings, COPIES, CopiesReport),
        }
        for name, child in self._children.items():
            report = newest[name]
            runs_long = monotonic_s() - child.started_s > SILENT.total_seconds()
            is_silent = report is None or abs(now() - report.at) > SILENT
            if child.process is not None and runs_long and is_silent:
                log.warning("a carrying process is silent and is ended", name=name)
                child.end(signal.SIGKILL)
            if child.is_due():
                child.started(self._start("winery-sync", "carry", name))

    def _keep_proving(self) -> None:
        """Once a month, in the hours of the copies, restore from the bucket: until then it is only hoped for."""
        copies = load_report(self._settings, COPIES, CopiesReport)
        if copies is None or copies.base is None or not self._drill.is_due():
            return
        if is_offsite_drill_due(self._settings) and is_open(self._settings.offsite_hours, now()):
            log.info("a trial restore from the bucket begins")
            self._drill.started(self._start("winery-backup", "drill", "--repo", BUCKET))

    def _start(self, program: str, *arguments: str) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [str(Path(sysconfig.get_path("scripts"), program)), *arguments],
            env=child_environment(self._settings),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=end_with_parent(signal.SIGKILL),
        )

    def _tell(self, trouble: dict[str, Kept]) -> None:
        moment = now()
        self._known = {
            name: self._known.get(name) or Trouble(kind=name, words=words, since=moment)
            for name, words in trouble.items()
        }
        save_report(self._settings, RUN, RunReport(at=moment, trouble=list(self._known.values())))
