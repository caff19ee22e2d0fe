"""The process that seals the log and brings it into the bucket, whatever else is on its way.

Sealing goes on while the line is away: the log does not lie here in the clear, and takes little room. Everything is decided
anew from what lies here and from the journal, so that it may be killed at any moment.
"""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import structlog

from backup.keys import Site, need_site, read_signing_key
from backup.records import Place, RepositoryFacts
from backup.refusals import CouldNotRun, Damaged
from backup.shipping import Report, Shipping, load_repository
from backup.spool import Spool
from backup.store import DirectoryStore
from sync.configuration import find_location, sync_dir
from sync.journal import Journal
from sync.lease import Lease
from sync.log_waiting import Waiting, WaitingLog, is_long_absence
from sync.notes import ABSENT, BROKEN, FLOOR, FULL, NEW_STRETCH, NUDGE, PAUSED, RATE, open_journal
from sync.patience import Backoff, Pace
from sync.pushing import Pusher
from sync.reports import LOG, LogReport, keep_since, load_report, save_report
from sync.storage import Bucket
from sync.troubles import StoreTrouble
from winery_appliance.core.clock import monotonic_s, now
from winery_appliance.core.kept_sentence import keep
from winery_appliance.core.settings import Settings
from winery_appliance.core.words import N_

log = structlog.get_logger("winery.sync")

TURN_S = 0.25
MIB = 1 << 20
USUAL_RATE = 625_000.0  # bytes a second, 5 Mbit/s: until something was measured
MEASURED_BYTES = 256 << 10


class LogLane:
    """Seals and pushes the log of `repository`."""

    def __init__(self, settings: Settings, repository: RepositoryFacts) -> None:
        self._settings, self._repository = settings, repository
        self._journal: Journal = open_journal(settings)
        self._bucket = Bucket(find_location(settings))
        self._root = sync_dir(settings) / "staged"
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        site = need_site(settings)
        self._place = Place(site=site.site, repository=repository.repository)
        self._store = DirectoryStore(self._root, "seal")
        self._waiting = WaitingLog(self._store, self._journal, self._place, site.verify_key)
        spool = Spool(settings, repository.repository, sync_dir(settings) / "spool")
        self._sealing = Shipping(
            settings, repository, spool=spool, open_store=self._open_store, detached=True
        )
        self._lease = Lease(self._bucket, self._journal, repository)
        self._pusher = Pusher(self._bucket, self._journal, Pace(0), self._between)
        self._backoff = Backoff()
        self._report = load_report(settings, LOG, LogReport) or LogReport(at=now())
        self._report.repository = repository.repository
        self._seal_due_s = self._push_due_s = 0.0
        self._nudge = self._journal.note(NUDGE)
        self._was_away = True  # whether anything came through since the line was away

    def run(self) -> None:
        """Until killed."""
        while True:
            self.turn()
            time.sleep(TURN_S)

    def turn(self) -> None:
        """Seal what is due, push what waits as far as the line carries, tell how it is."""
        nudge = self._journal.note(NUDGE)
        if nudge != self._nudge:
            self._nudge, self._seal_due_s, self._push_due_s = nudge, 0.0, 0.0
        sealed = self._seal_if_due()
        if self._journal.note(PAUSED):
            self._report.trouble = keep_since(
                self._report.trouble, "paused", PAUSED_WORDS, now(), 0
            )
            self._save(measured=sealed)
        elif monotonic_s() >= self._push_due_s:
            self._push_all()
            self._save(measured=True)

    @contextlib.contextmanager
    def _open_store(self, _: Site) -> Iterator[DirectoryStore]:
        yield self._store

    def _between(self, *_: int) -> None:
        self._seal_if_due()

    def _seal_if_due(self) -> bool:
        if monotonic_s() < self._seal_due_s:
            return False
        self._seal_due_s = monotonic_s() + self._settings.offsite_every_s
        report: Report = self._sealing.turn()
        if report.broken:
            self._break(report.stretch, report.broken)
        if report.end is not None:
            self._report.stretch, self._report.last_commit = report.stretch, report.last_commit
        self._bound_waiting()
        return True

    def _push_all(self) -> None:
        try:
            for waiting in iter(self._next, None):
                self._push(waiting)
                if self._was_away:
                    self._was_away = False
                    self._consider_absence()
                if self._journal.note(NEW_STRETCH) == ABSENT:
                    return  # it begins in a moment, and goes first
        except StoreTrouble as trouble:
            self._fail(trouble, trouble.kind)
        except FileNotFoundError:
            pass  # it was superseded while it was read: look again
        except (CouldNotRun, OSError) as trouble:
            self._fail(StoreTrouble.of(trouble), "fault")
        else:
            self._push_due_s = 0.0
            self._backoff.succeed()
            self._report.trouble = None
            self._report.sent_at = now()

    def _next(self) -> Waiting | None:
        return next(self._waiting.find(), None)

    def _push(self, waiting: Waiting) -> None:
        begun_s, before = monotonic_s(), self._pusher.sent_bytes
        try:
            self._push_manifest(waiting) if waiting.is_manifest else self._push_content(waiting)
        except Damaged as error:
            self._give_up(waiting.stretch, str(error))
        sent = self._pusher.sent_bytes - before
        if sent >= MEASURED_BYTES:
            self._journal.set_note(RATE, sent / max(monotonic_s() - begun_s, 0.001))
        self._report.sent_bytes += sent
        self._backoff.succeed()

    def _push_content(self, waiting: Waiting) -> None:
        content = self._waiting.facts(waiting).content
        self._pusher.push(
            waiting.key,
            lambda: self._store.open(waiting.key),
            content.size,
            content.sha256,
            kept="log",
        )

    def _push_manifest(self, waiting: Waiting) -> None:
        self._lease.hold()
        self._pusher.put(waiting.key, self._store.read(waiting.key), kept="log")
        self._waiting.note_sent(waiting)
        newest = max(self._waiting.stretches())
        if waiting.stretch != newest and self._waiting.is_empty(waiting.stretch):
            self._waiting.drop_stretch(waiting.stretch)  # all of an older one is off-site
        elif waiting.stretch == newest and waiting.segment is not None:
            self._report.stretch = waiting.stretch
            self._report.end = self._waiting.facts(waiting).end

    def _give_up(self, stretch: int, words: str) -> None:
        """What lies here is damaged, or somebody else wrote under our keys: leave that alone and begin anew beside it."""
        names = self._bucket.names(self._place.wal)
        self._journal.set_note(FLOOR, max((int(name) for name in names), default=0))
        self._break(stretch, words)
        self._waiting.drop_stretch(stretch)

    def _break(self, stretch: int, words: str) -> None:
        log.warning("the off-site log must begin anew", stretch=stretch, why=words)
        self._journal.set_note(BROKEN, [stretch, words])

    def _consider_absence(self) -> None:
        """The line is back: after a long absence a new base copy goes first, and what waited follows."""
        size, _, oldest = self._waiting.measure()
        rate = float(self._journal.note(RATE) or USUAL_RATE)
        if is_long_absence(oldest, size, rate, now()):
            self._journal.set_note(NEW_STRETCH, ABSENT)

    def _bound_waiting(self) -> None:
        """Past the space that may be used here, the oldest that waits is given up, and a new base copy closes the gap."""
        limit = self._settings.offsite_spool_mb * MIB
        if _measure_folder(self._root) <= limit:
            return
        numbers = sorted(self._waiting.stretches())
        for number in numbers[:-1]:
            log.warning("waited too long for the line: given up", stretch=number)
            self._waiting.drop_stretch(number)
            if _measure_folder(self._root) <= limit:
                return
        self._journal.set_note(NEW_STRETCH, FULL)

    def _fail(self, trouble: StoreTrouble, kind: str) -> None:
        pause_s = self._backoff.fail(trouble)
        self._push_due_s = monotonic_s() + pause_s
        self._was_away = True
        if self._report.trouble is None:
            log.warning("off-site", kind=kind, trouble=str(trouble))
        self._report.trouble = keep_since(
            self._report.trouble, kind, trouble.sentence, now(), pause_s
        )

    def _save(self, *, measured: bool) -> None:
        report = self._report
        report.at = now()
        if measured:
            report.waiting_bytes, report.waiting_objects, report.oldest = self._waiting.measure()
        report.rate = self._journal.note(RATE)
        offset = self._bucket.clock_offset
        report.clock_offset_s = offset.total_seconds() if offset is not None else None
        save_report(self._settings, LOG, report)


PAUSED_WORDS = keep(
    N_("Somebody paused the off-site copies. New records wait here. Go on: winery-sync resume")
)


def carry_log(settings: Settings) -> None:
    """Seal and push until killed. Raises CouldNotRun."""
    repository = load_repository(settings)
    if repository is None:
        raise CouldNotRun("There is no repository yet; `winery-backup stream` makes it.")
    read_signing_key(settings)
    LogLane(settings, repository).run()


def _measure_folder(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            total += path.stat().st_blocks * 512
    return total
