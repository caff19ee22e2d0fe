"""The process that carries the spool to the NAS.

It alone touches the NAS, so that a hanging one hangs nothing else: whoever started it reads its reports, and may kill it
when they cease.
"""

import json
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime

from pydantic import BaseModel

from backup.keys import Site, need_site, open_site_nas, read_signing_key, save_file, state_dir
from backup.nas import explain_io
from backup.records import Place, RepositoryFacts
from backup.refusals import CouldNotRun, Damaged, keep_words
from backup.shipper import StretchBroken, StretchShipper
from backup.spool import Spool, SpoolStretch
from backup.store import DirectoryStore
from winery_appliance.core.clock import monotonic_s, now
from winery_appliance.core.kept_sentence import Kept
from winery_appliance.core.settings import Settings

OpenStore = Callable[[Site], AbstractContextManager[DirectoryStore]]


class Report(BaseModel):
    """How far the shipping is; one line of JSON each time."""

    stretch: int = 0
    end: int | None = None
    last_commit: datetime | None = None
    shipped_at: datetime | None = None
    error: Kept | None = None
    broken: str | None = None


def load_repository(settings: Settings) -> RepositoryFacts | None:
    """The repository this appliance writes to now; None before the first."""
    try:
        text = (state_dir(settings) / "repository.json").read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    return RepositoryFacts.model_validate_json(text)


def begin_repository(
    settings: Settings, site: Site, repository: str, *, system: str, timeline: int, major: int
) -> RepositoryFacts:
    """Note that copies go to a new repository from now on."""
    facts = RepositoryFacts(
        place=Place(site=site.site, repository=repository).facts,
        repository=repository,
        site=site.site,
        system_identifier=system,
        timeline=timeline,
        major=major,
        made_at=now(),
    )
    save_file(state_dir(settings) / "repository.json", facts.model_dump_json())
    return facts


class Shipping:
    """Ships all stretches in the spool, again and again."""

    def __init__(
        self,
        settings: Settings,
        repository: RepositoryFacts,
        *,
        spool: Spool | None = None,
        open_store: OpenStore | None = None,
        detached: bool = False,
    ) -> None:
        """From `spool` into the store that `open_store` opens, by default to the NAS; `detached` as StretchShipper's."""
        self._settings = settings
        self._key = read_signing_key(settings)
        self._repository = repository
        self._spool = spool or Spool(settings, repository.repository)
        self._open_store = open_store or (lambda site: open_site_nas(settings, site, "ship"))
        self._detached = detached
        self._shippers: dict[int, StretchShipper] = {}
        self._drafts_cleared = False

    def turn(self) -> Report:
        """Ship what is there; what came of it. Nothing is raised but what would be a fault of ours."""
        report = Report()
        try:
            site = need_site(self._settings)  # anew each time: there may be a new kit
            with self._open_store(site) as store:
                if not self._drafts_cleared:
                    store.clear_drafts()
                    self._drafts_cleared = True
                stretches = self._spool.stretches()
                for stretch in stretches:
                    report = self._ship_stretch(store, site, stretch, last=stretch is stretches[-1])
        except OSError as error:
            self._shippers.clear()
            report.error = keep_words(explain_io(error, self._settings.nas_root))
        except CouldNotRun as error:
            self._shippers.clear()
            report.error = keep_words(error)
        return report

    def _ship_stretch(
        self, store: DirectoryStore, site: Site, stretch: SpoolStretch, *, last: bool
    ) -> Report:
        number = stretch.note.number
        report = Report(stretch=number)
        try:
            shipper = self._shippers.get(number)
            if shipper is None:
                shipper = StretchShipper(
                    store, site, self._key, self._repository, stretch, detached=self._detached
                )
                self._shippers[number] = shipper
            shipper.use(store, site)
            shipper.ship()
        except (StretchBroken, Damaged) as broken:
            self._shippers.pop(number, None)
            report.broken = str(broken)
        else:
            report.end = shipper.progress.end
            report.last_commit = shipper.progress.last_commit
            report.shipped_at = now()
        if not last:
            stretch.remove()
            self._shippers.pop(number, None)
        return report


def ship_until_killed(settings: Settings) -> None:
    """Ship every `backup_every_s` seconds and report each time on standard output."""
    repository = load_repository(settings)
    if repository is None:
        raise CouldNotRun("There is no repository yet; `winery-backup stream` makes it.")
    shipping = Shipping(settings, repository)
    due = monotonic_s()
    while True:
        report = shipping.turn()
        sys.stdout.write(json.dumps(report.model_dump(mode="json")) + "\n")
        sys.stdout.flush()
        due = max(due + settings.backup_every_s, monotonic_s())
        time.sleep(max(0.0, due - monotonic_s()))
