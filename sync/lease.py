"""Which machine writes for a site: a small object that only its holder can renew.

A clone of a machine knows all that the machine knows, but the store renews a lease only to who knows its newest state: the
first to renew goes on, the other has lost. A machine restored from copies has a younger repository and takes the lease
over by itself.
"""

import secrets
from datetime import datetime

from pydantic import BaseModel, ValidationError

from backup.records import RepositoryFacts
from sync.journal import Journal
from sync.storage import Bucket
from sync.troubles import LeaseLost, Taken
from winery_appliance.core.clock import monotonic_s, now
from winery_appliance.core.words import N_

ETAG, LOST, TAKE_OVER = "lease etag", "lease lost", "take over"
FRESH_S = 10.0
TRIES = 4


class LeaseFacts(BaseModel):
    """What stands in the lease."""

    repository: str
    made_at: datetime
    nonce: str
    at: datetime


class Lease:
    """The lease of the site of `repository`."""

    def __init__(self, bucket: Bucket, journal: Journal, repository: RepositoryFacts) -> None:
        self._bucket, self._journal, self._repository = bucket, journal, repository
        self._key = f"v1/sites/{repository.site}/lease.json"
        self._held_s = -FRESH_S

    def hold(self) -> None:
        """See that the lease is ours, now. Raises LeaseLost, after which nothing may be written; StoreTrouble."""
        if monotonic_s() - self._held_s < FRESH_S:
            return
        for _ in range(TRIES):
            if self._renew():
                self._held_s = monotonic_s()
                self._journal.set_note(LOST, None)
                return
            self._look()
        raise LeaseLost(
            N_("The lease of this site changes hands all the time. Nothing more is written.")
        )

    def _renew(self) -> bool:
        nonce = secrets.token_hex(16)
        facts = LeaseFacts(
            repository=self._repository.repository,
            made_at=self._repository.made_at,
            nonce=nonce,
            at=now(),
        )
        self._journal.add_nonce(nonce)
        etag = self._journal.note(ETAG)
        try:
            etag = self._bucket.put(self._key, facts.model_dump_json().encode(), instead_of=etag)
        except (Taken, FileNotFoundError):
            return False
        self._journal.set_note(ETAG, etag)
        return True

    def _look(self) -> None:
        """Learn who holds it; LeaseLost unless that is us, or who came before us."""
        try:
            data, etag = self._bucket.read(self._key)
        except FileNotFoundError:
            self._journal.set_note(ETAG, None)
            return
        try:
            there = LeaseFacts.model_validate_json(data)
        except ValidationError:
            there = None
        is_ours = there is not None and self._journal.knows_nonce(there.nonce)
        is_before_us = there is not None and there.made_at < self._repository.made_at
        if is_ours or is_before_us or self._journal.note(TAKE_OVER):
            self._journal.set_note(ETAG, etag)
            self._journal.set_note(TAKE_OVER, None)
            return
        lost = LeaseLost(
            N_(
                "Another machine writes the off-site copies of %(site)s (its lease: %(since)s): this one "
                "may be a clone or have "
                "been set back. Nothing more is written from here. If this is the one that shall go on: winery-sync resume "
                "--take-over"
            ),
            site=self._repository.site,
            since=f"{there.at:%Y-%m-%d %H:%M} UTC" if there else "?",
        )
        self._journal.set_note(LOST, str(lost))
        raise lost
