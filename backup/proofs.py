"""Proofs: what is read, opened or restored to know that the copies come back; and the nightly drill."""

import random
import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta

from pydantic import BaseModel

from backup.access import Access, choose_plan
from backup.catalogue import Goal, Repository
from backup.envelope import measure, unseal
from backup.keys import read_operational, save_file, state_dir
from backup.manifest import ObjectFacts
from backup.refusals import CouldNotRun, Damaged
from backup.restore import Restore, Tell
from backup.store import Store
from winery_appliance.core.clock import monotonic_s, now
from winery_appliance.core.settings import Settings

TREND = 400  # proofs remembered, a year and a month of nights


class Proof(BaseModel):
    """What a trial restore came to."""

    at: datetime
    ok: bool
    words: str
    rto_s: float
    rpo_s: float | None = None
    lsn: str | None = None
    base: str | None = None
    tables: int = 0
    rows: int = 0


class _Nowhere:
    def write(self, data: bytes, /) -> int:
        return len(data)


def load_proof(settings: Settings) -> Proof | None:
    """The newest trial restore; None when there was none."""
    proofs = load_trend(settings)
    return proofs[-1] if proofs else None


def load_trend(settings: Settings) -> list[Proof]:
    """The trial restores remembered, the newest last."""
    try:
        lines = (state_dir(settings) / "proofs.jsonl").read_text(encoding="utf-8").splitlines()
        return [Proof.model_validate_json(line) for line in lines]
    except (OSError, ValueError):
        return []


def find_objects(repositories: list[Repository]) -> Iterator[tuple[str, ObjectFacts, int]]:
    """Every object that a manifest names: its key, what it must be, and the kit that opens it."""
    for repository in repositories:
        for base in repository.bases:
            for facts in (base.base, base.files):
                yield repository.place.base(base.id, facts.name), facts, base.kit
        for stretch in repository.stretches.values():
            for part in stretch.parts:
                folder = part.place.rpartition("/")[0]
                yield f"{folder}/{part.content.name}", part.content, part.kit


def verify_objects(
    store: Store,
    repositories: list[Repository],
    *,
    share: float,
    identities: list[str] | None,
) -> tuple[int, list[str]]:
    """Read a random `share` (0 to 1) of all objects and compare size and SHA-256; with `identities` open them too.

    How many were read, and what is wrong.
    """
    faults = [fault for repository in repositories for fault in repository.faults]
    objects = list(find_objects(repositories))
    wanted = max(1, round(share * len(objects))) if objects else 0
    for key, facts, _ in random.SystemRandom().sample(objects, wanted):
        try:
            with store.open(key) as file:
                if identities is not None:
                    unseal(file, _Nowhere(), identities, expected=facts.sealed)
                elif measure(file) != (facts.size, facts.sha256):
                    faults.append(f"{key}: its size or hash is not the one in the signed manifest")
        except FileNotFoundError:
            faults.append(f"{key}: it is missing")
        except Damaged as error:
            faults.append(f"{key}: {error}")
    return wanted, faults


def drill(
    settings: Settings,
    store: Store,
    repositories: list[Repository],
    access: Access,
    tell: Tell,
) -> Proof:
    """Restore the newest state beside the running appliance, look at every page of it, and remember what came of it."""
    begun_s, scratch = monotonic_s(), state_dir(settings) / "drill"
    shutil.rmtree(scratch, ignore_errors=True)
    try:
        plan = choose_plan(repositories, Goal(), None)
        identities, pg_bin = access.identities, settings.pg_bin
        work = Restore(store, plan, scratch, identities, pg_bin=pg_bin, tell=tell, thorough=True)
        restored = work.run()
        proof = Proof(
            at=now(),
            ok=True,
            words=restored.sentence(),
            rto_s=restored.took_s,
            rpo_s=(now() - restored.to).total_seconds() if restored.to else None,
            lsn=restored.lsn,
            base=plan.base.id,
            tables=restored.tables,
            rows=restored.rows,
        )
    except (CouldNotRun, OSError) as error:
        proof = Proof(at=now(), ok=False, words=str(error), rto_s=monotonic_s() - begun_s)
        _remember(settings, proof)
        raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    _remember(settings, proof)
    return proof


def _remember(settings: Settings, proof: Proof) -> None:
    kept = [*load_trend(settings), proof][-TREND:]
    text = "".join(one.model_dump_json() + "\n" for one in kept)
    save_file(state_dir(settings) / "proofs.jsonl", text)


def is_drill_due(settings: Settings) -> bool:
    """Whether a trial restore can be made unattended and the newest is old. Clocks may jump either way."""
    if settings.backup_drill_hours == 0 or read_operational(settings) is None:
        return False
    proof = load_proof(settings)
    return proof is None or abs(now() - proof.at) >= timedelta(hours=settings.backup_drill_hours)
