"""The process that carries copies from the NAS into the bucket: dumps, base copies, the programs of a restore, history.

It alone of the off-site copies touches the NAS, and may hang there without harm to the log.
"""

import functools
import hashlib
import time
from datetime import datetime

import psycopg
import structlog

from backup.bases import ask_for_base
from backup.keys import Site, need_site, open_site_nas, read_signing_key
from backup.records import Place, RepositoryFacts
from backup.refusals import CouldNotRun
from backup.shipping import load_repository
from backup.store import Store
from backup.wheelhouse import read_tools
from sync.configuration import find_location
from sync.copies_waiting import CopiesWaiting, Copy
from sync.group import load_group, load_sharing
from sync.history import HistoryExport
from sync.lease import Lease
from sync.notes import NUDGE, PAUSED, open_journal
from sync.patience import Backoff, Pace, is_open
from sync.pool import pull, share
from sync.pushing import Pusher
from sync.reports import COPIES, CopiesReport, keep_since, load_report, save_report
from sync.repository import BucketStore
from sync.storage import Bucket
from sync.troubles import LeaseLost, StoreTrouble, Unreachable
from winery_appliance.core.child_process import wait_for
from winery_appliance.core.clock import monotonic_s, now
from winery_appliance.core.kept_sentence import Kept, keep
from winery_appliance.core.settings import Settings
from winery_appliance.core.words import N_

log = structlog.get_logger("winery.sync")

LOOK_S = 10.0
TURN_S = 0.5
HISTORY_S = 3600.0
HISTORY_AGAIN_S = 300.0
POOL_S = 6 * 3600.0
ASK_S = 600.0  # between two wishes for a base copy
LOG_S = 60.0  # how long a manifest waits for the log before something else has its turn
SAVED_S = 1.0


class Interrupted(Exception):
    """Something else comes first: it was paused, or its hours are over."""


class CopiesLane:
    """Carries the copies of `repository`."""

    def __init__(self, settings: Settings, repository: RepositoryFacts) -> None:
        self._settings, self._repository = settings, repository
        self._journal = open_journal(settings)
        self._bucket = Bucket(find_location(settings))
        self._lease = Lease(self._bucket, self._journal, repository)
        pace = Pace(settings.offsite_kbit_s * 125.0)
        self._pusher = Pusher(self._bucket, self._journal, pace, self._between)
        self._backoff = Backoff()
        self._report = load_report(settings, COPIES, CopiesReport) or CopiesReport(at=now())
        self._due_s = 0.0
        self._asked_s = -ASK_S
        self._history_due_s = 0.0
        self._pool_due_s = 0.0
        self._saved_s = 0.0
        self._nudge = self._journal.note(NUDGE)
        self._begun_bytes, self._begun_s = 0, 0.0

    def run(self) -> None:
        """Until killed."""
        while True:
            self.turn()
            time.sleep(TURN_S)

    def turn(self) -> None:
        """Carry what waits, if anything may go now."""
        nudge = self._journal.note(NUDGE)
        if nudge != self._nudge:
            self._nudge, self._due_s, self._pool_due_s = nudge, 0.0, 0.0
        if monotonic_s() < self._due_s:
            return
        self._due_s = monotonic_s() + LOOK_S
        self._report.why_idle = self._why_not()
        if self._report.why_idle is None:
            self._try()
        self._save()

    def _try(self) -> None:
        try:
            self._carry_all()
        except Interrupted as reason:
            self._report.why_idle = str(reason)
        except StoreTrouble as trouble:
            self._fail(trouble, trouble.kind)
        except FileNotFoundError:
            pass  # it expired on the NAS meanwhile
        except (CouldNotRun, OSError) as trouble:
            self._fail(StoreTrouble.of(trouble), "nas")
        else:
            self._backoff.succeed()
            self._report.trouble = None
        finally:
            self._report.doing = None

    def _carry_all(self) -> None:
        site = need_site(self._settings)
        with open_site_nas(self._settings, site, "offsite") as store:
            place = Place(site=site.site, repository=self._repository.repository)
            key = read_signing_key(self._settings)
            waiting = CopiesWaiting(store, self._journal, place, site.verify_key, key)
            copies = waiting.find()
            self._report.waiting = [f"{copy.kind} {copy.id}" for copy in copies]
            for copy in copies:
                if not self._carry(store, copy):
                    break
            self._carry_tools(store, site)
        if waiting.needs_base and monotonic_s() - self._asked_s > ASK_S:
            self._asked_s = monotonic_s()
            log.info("a base copy is asked for: the off-site log has none to begin from")
            ask_for_base(self._settings)
        self._carry_history(site)
        self._carry_pool(site)

    def _carry(self, store: Store, copy: Copy) -> bool:
        """Carry a copy; False when the log that it needs is not off-site yet."""
        for key, facts in copy.objects:
            self._begin(f"{copy.kind} {copy.id}", facts.size)
            source = functools.partial(store.open, key)
            self._pusher.push(key, source, facts.size, facts.sha256, kept=copy.kept)
        if copy.waits_for is not None and not wait_for(lambda: self._is_log_there(copy), LOG_S):
            self._report.why_idle = "A base copy waits for the log of its making."
            return False
        self._lease.hold()
        self._pusher.put(copy.key, copy.manifest, kept=copy.kept)
        for key, _ in copy.objects:
            self._journal.forget_sent(key)
        kind = "base" if copy.kept == "base" else "dump"
        newest = getattr(self._report, f"{kind}_at")
        moment = datetime.fromisoformat(copy.at)
        if newest is None or moment >= newest:
            setattr(self._report, kind, copy.id)
            setattr(self._report, f"{kind}_at", moment)
        self._report.waiting = self._report.waiting[1:]
        log.info("off-site", copy=copy.id)
        return True

    def _is_log_there(self, copy: Copy) -> bool:
        assert copy.waits_for is not None
        number, stop = copy.waits_for
        reached = self._journal.stretches(self._repository.repository).get(number, (0, 0))
        return reached[1] >= stop

    def _carry_tools(self, store: Store, site: Site) -> None:
        """The programs of a restore: the only objects that a later release replaces, and the only readable ones."""
        folder = f"{site.prefix}/tools"
        names = read_tools(store, site.site, site.verify_key)
        for name in names:
            key = f"{folder}/{name}"
            data = store.read(key)
            if self._journal.sent_hash(key) != hashlib.sha256(data).hexdigest():
                self._begin(f"programs {name}", len(data))
                self._between(0, len(data))
                self._pusher.put(key, data, replace=True)
        self._report.tools = bool(names)

    def _carry_history(self, site: Site) -> None:
        """Once an hour the closed days that changed, behind everything a restore needs."""
        if self._settings.offsite_history == "off" or monotonic_s() < self._history_due_s:
            return
        self._lease.hold()
        key = read_signing_key(self._settings)
        export = HistoryExport(self._settings, site, key, self._journal, self._pusher)
        try:
            periods = export.export(self._begin)
        except psycopg.Error as error:  # no reason for the copies to wait
            words = keep(
                N_("The history of samples could not be read from the database: %(why)s"),
                why=str(error),
            )
            known = self._report.history_trouble
            self._report.history_trouble = keep_since(
                known, "history", words, now(), HISTORY_AGAIN_S
            )
            self._history_due_s = monotonic_s() + HISTORY_AGAIN_S
            return
        self._report.history_trouble = None
        self._history_due_s = monotonic_s() + HISTORY_S
        if periods:
            self._report.history_day = periods[-1]

    def _carry_pool(self, site: Site) -> None:
        """A few times a day, last of all: our patterns for sister wineries, and theirs. What fails here hinders nothing."""
        if monotonic_s() < self._pool_due_s:
            return
        self._pool_due_s = monotonic_s() + POOL_S
        try:
            words = self._share_and_pull(site)
        except (Unreachable, LeaseLost):
            self._pool_due_s = 0.0
            raise
        except (CouldNotRun, psycopg.Error) as error:
            words = keep(
                N_("What sister wineries share could not be exchanged: %(why)s"), why=str(error)
            )
        if words is None:
            self._report.pool_trouble = None
            return
        known = self._report.pool_trouble
        self._report.pool_trouble = keep_since(known, "pool", words, now(), POOL_S)

    def _share_and_pull(self, site: Site) -> Kept | None:
        """Exchange patterns; what was wrong with some of them."""
        group, sharing = load_group(self._settings), load_sharing(self._settings)
        if group is None or sharing is None:
            return None
        self._lease.hold()
        self._begin(f"patterns for {group.name}", 0)
        key = read_signing_key(self._settings)
        day = share(self._settings, site, key, group, sharing, self._journal, self._pusher)
        self._report.shared_day = day or self._report.shared_day
        store = BucketStore(self._bucket)
        try:
            found = pull(self._settings, site.site, group, sharing, store)
        finally:
            store.close()
        bad = [one.site for one in found if one.trouble]
        if not bad:
            return None
        return keep(
            N_(
                "What these sister wineries share is damaged or not signed by them, and was not taken in: %(sites)s"
            ),
            sites=", ".join(bad),
        )

    def _why_not(self) -> str | None:
        if self._journal.note(PAUSED):
            return "Somebody paused the off-site copies. Go on: winery-sync resume"
        if not is_open(self._settings.offsite_hours, now()):
            return f"Copies go out between {self._settings.offsite_hours} o'clock (UTC)."
        return None

    def _begin(self, what: str, size: int) -> None:
        self._report.doing, self._report.of_bytes, self._report.done_bytes = what, size, 0
        self._begun_bytes, self._begun_s = self._pusher.sent_bytes, monotonic_s()

    def _between(self, done: int, of: int) -> None:
        """Between two parts: say how far it is, and stop where that is wanted."""
        reason = self._why_not()
        if reason is not None:
            raise Interrupted(reason)
        self._report.done_bytes, self._report.of_bytes = done, of
        sent = self._pusher.sent_bytes - self._begun_bytes
        if sent:
            self._report.rate = sent / max(monotonic_s() - self._begun_s, 0.001)
        self._backoff.succeed()
        if monotonic_s() - self._saved_s > SAVED_S:
            self._save()

    def _fail(self, trouble: StoreTrouble, kind: str) -> None:
        pause_s = self._backoff.fail(trouble)
        self._due_s = monotonic_s() + pause_s
        if self._report.trouble is None:
            log.warning("off-site", kind=kind, trouble=str(trouble))
        self._report.trouble = keep_since(
            self._report.trouble, kind, trouble.sentence, now(), pause_s
        )

    def _save(self) -> None:
        self._saved_s = monotonic_s()
        self._report.at = now()
        save_report(self._settings, COPIES, self._report)


def carry_copies(settings: Settings) -> None:
    """Carry until killed. Raises CouldNotRun."""
    repository = load_repository(settings)
    if repository is None:
        raise CouldNotRun("There is no repository yet; `winery-backup stream` makes it.")
    CopiesLane(settings, repository).run()
