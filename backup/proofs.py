"""Proofs: what is read, opened or restored to know that the copies come back; and the nightly drill."""

import random
import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from pydantic import BaseModel

from backup.access import Access, check_keys, choose_plan
from backup.catalogue import Goal, Plan, Repository
from backup.dump_restore import DumpRestore
from backup.envelope import measure, unseal
from backup.keys import read_operational, save_file, state_dir
from backup.manifest import ObjectFacts
from backup.records import MANIFEST, SEALED, SIGNED, DumpFacts, TableFacts
from backup.refusals import CouldNotRun, Damaged, RepositoryAway, keep_words
from backup.restore import Restore
from backup.status import load_status
from backup.store import Store
from backup.target import Tell
from backup.wal_format import SEGMENT_NAME
from winery_appliance.core.clock import monotonic_s, now
from winery_appliance.core.kept_sentence import Kept
from winery_appliance.core.postgres_programs import PostgresRefused
from winery_appliance.core.settings import Settings

TREND = 400  # proofs remembered, a year and a month of nights
NAS, OFFSITE = "", "-offsite"  # whose trial restores: each has a trend of its own
AGAIN = timedelta(days=1)  # after a failure off-site


class Proof(BaseModel):
    """What a trial restore came to."""

    at: datetime
    ok: bool
    words: Kept
    rto_s: float
    rpo_s: float | None = None
    lsn: str | None = None
    base: str | None = None
    tables: int = 0
    rows: int = 0
    dump: str | None = None  # restored, too, and found equal
    witness: str | None = None  # the dump that the replayed log was held against, and found equal
    held: list[TableFacts] = []  # the newest proof's alone


class _Nowhere:
    def write(self, data: bytes, /) -> int:
        return len(data)


def load_proof(settings: Settings) -> Proof | None:
    """The newest trial restore; None when there was none."""
    proofs = load_trend(settings)
    return proofs[-1] if proofs else None


def load_success(settings: Settings) -> Proof | None:
    """The newest trial restore that succeeded; None when there was none."""
    return next((proof for proof in reversed(load_trend(settings)) if proof.ok), None)


def load_trend(settings: Settings, of: str = NAS) -> list[Proof]:
    """The trial restores remembered, the newest last."""
    try:
        lines = _trend_path(settings, of).read_text(encoding="utf-8").splitlines()
        return [Proof.model_validate_json(line) for line in lines]
    except (OSError, ValueError):
        return []


def find_objects(repositories: list[Repository]) -> Iterator[tuple[str, ObjectFacts, int]]:
    """Every object that a manifest names: its key, what it must be, and the kit that opens it."""
    for repository in repositories:
        for base in repository.bases:
            for facts in (base.base, base.files):
                yield repository.place.base(base.id, facts.name), facts, base.kit
        for dump in repository.dumps:
            for facts in (dump.dump, dump.files):
                key = repository.place.dump(dump.tier, dump.id, facts.name)
                yield key, facts, dump.kit
        for stretch in repository.stretches.values():
            for part in stretch.parts:
                yield part.content_place, part.content, part.kit


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
            if not _is_replaced(store, key):
                faults.append(f"{key}: it is missing")
        except Damaged as error:
            faults.append(f"{key}: {error}")
    return wanted, faults


def _is_replaced(store: Store, key: str) -> bool:
    """Whether an object went as it should, while an appliance went on copying: a piece when its segment was whole, any
    other after its manifest.
    """
    folder, _, name = key.rpartition("/")
    if SEGMENT_NAME.fullmatch(folder.rpartition("/")[2]):
        return store.exists(folder + SIGNED)
    manifest = (
        key.removesuffix(SEALED) + SIGNED if SEGMENT_NAME.match(name) else f"{folder}/{MANIFEST}"
    )
    return not store.exists(manifest)


def drill(
    settings: Settings,
    store: Store,
    repositories: list[Repository],
    access: Access,
    tell: Tell,
    of: str = NAS,
) -> Proof:
    """Restore the newest state and the newest dump beside the running appliance, and remember what came of it.

    Every page and index is looked at. The replayed log is held against a dump it passes, the restored dump against what was
    dumped, table by table.
    """
    begun_s, scratch = monotonic_s(), state_dir(settings) / f"drill{of}"
    shutil.rmtree(scratch, ignore_errors=True)
    options: dict[str, Any] = {"pg_bin": settings.pg_bin, "tell": tell, "thorough": True}
    try:
        rpo_s = _measure_rpo(settings) if of == NAS else None
        plan = choose_plan(repositories, Goal(), None)
        check_keys(plan.chain, access)
        witness = find_witness(plan)
        work = Restore(store, plan, scratch, access.identities, witness=witness, **options)
        restored = work.run()
        shutil.rmtree(scratch)
        words = restored.sentence()
        dump = _try_dump(store, repositories, access, scratch, options)
        if dump is not None:
            words += f"; dump {dump} gave every table back"
        proof = Proof(
            at=now(),
            ok=True,
            words=words,
            rto_s=restored.took_s,
            rpo_s=rpo_s,
            lsn=restored.lsn,
            base=plan.base.id,
            tables=restored.tables,
            rows=restored.rows,
            dump=dump,
            witness=restored.witness,
            held=restored.held,
        )
    except (CouldNotRun, PostgresRefused, OSError, psycopg.Error) as error:
        if not isinstance(error, RepositoryAway):
            took_s = monotonic_s() - begun_s
            proof = Proof(at=now(), ok=False, words=keep_words(error), rto_s=took_s)
            _remember(settings, proof, of)
        raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    _remember(settings, proof, of)
    return proof


def _measure_rpo(settings: Settings) -> float | None:
    """Seconds of records that a loss of this machine would cost now."""
    status = load_status(settings)
    shipped = status.shipped_at if status else None
    return (now() - shipped).total_seconds() if shipped else None


def find_witness(plan: Plan) -> DumpFacts | None:
    """The newest dump whose position the log of `plan` passes on its way."""
    dumps = plan.repository.dumps
    told = [dump for dump in dumps if dump.tables]
    passed = [d for d in told if d.lsn is not None and plan.base.stop <= d.lsn <= plan.target]
    return passed[-1] if passed else None


def _try_dump(
    store: Store,
    repositories: list[Repository],
    access: Access,
    scratch: Path,
    options: dict[str, Any],
) -> str | None:
    """Restore the newest dump that the keys at hand open; its id."""
    found = [
        (repository.place, dump)
        for repository in repositories
        for dump in repository.dumps
        if set(dump.recipients) & set(access.recipients)
    ]
    if not found:
        return None
    place, dump = max(found, key=lambda one: one[1].number)
    DumpRestore(store, place, dump, scratch, access.identities, **options).run()
    return dump.id


def _trend_path(settings: Settings, of: str) -> Path:
    return state_dir(settings) / f"proofs{of}.jsonl"


def _remember(settings: Settings, proof: Proof, of: str) -> None:
    earlier = [one.model_copy(update={"held": []}) for one in load_trend(settings, of)]
    kept = [*earlier, proof][-TREND:]
    text = "".join(one.model_dump_json() + "\n" for one in kept)
    save_file(_trend_path(settings, of), text)


def is_drill_due(settings: Settings) -> bool:
    """Whether a trial restore can be made unattended and the newest is old. Clocks may jump either way."""
    if settings.backup_drill_hours == 0 or read_operational(settings) is None:
        return False
    proof = load_proof(settings)
    return proof is None or abs(now() - proof.at) >= timedelta(hours=settings.backup_drill_hours)


def is_offsite_drill_due(settings: Settings) -> bool:
    """The same for a trial restore from the bucket; one that failed is tried again after a day."""
    if settings.offsite_drill_days == 0 or read_operational(settings) is None:
        return False
    trend = load_trend(settings, OFFSITE)
    if not trend:
        return True
    pause = timedelta(days=settings.offsite_drill_days) if trend[-1].ok else AGAIN
    return abs(now() - trend[-1].at) >= pause
