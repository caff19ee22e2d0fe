"""How the copies are, from what this machine knows: nobody has to ask a NAS that may hang."""

from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import BaseModel

from backup.bases import load_newest_base
from backup.keys import load_site
from backup.proofs import load_proof
from backup.refusals import Damaged, KeyRefused, Stale
from backup.status import load_status
from winery_appliance.core.settings import Settings

SILENT = timedelta(seconds=60)
LATE = timedelta(minutes=5)
PROOF_AGE = timedelta(days=2)

Level = Literal["green", "amber", "red"]


class Health(BaseModel):
    """The state of the copies. `code` is the exit code that says the same: 0, 2 damage or a gap, 3 stale, 4 no key."""

    level: Level
    code: int
    reasons: list[str]
    rpo_s: float | None = None
    last_commit: datetime | None = None
    shipped_at: datetime | None = None
    spool_bytes: int = 0
    nas: str | None = None
    gap: str | None = None
    base: str | None = None
    base_at: datetime | None = None
    kit: int | None = None
    kit_proven_at: datetime | None = None
    proven_at: datetime | None = None
    proof: dict[str, Any] | None = None


def assess(settings: Settings, moment: datetime) -> Health:
    """How the copies are at `moment`. Green must mean: they come back. What was not proven lately is amber at best."""
    site = load_site(settings)
    if site is None:
        words = "There are no keys, so nothing is copied. Run: winery-backup keys init --kit FILE"
        return Health(level="red", code=KeyRefused.exit_code, reasons=[words])
    status, base, proof = load_status(settings), load_newest_base(settings), load_proof(settings)
    red: list[str] = []
    amber: list[str] = []
    code = 0
    if status is None or abs(moment - status.at) > SILENT:
        red.append("The process that copies does not run: winery-backup stream")
    else:
        red += status.trouble
    shipped = status.shipped_at if status else None
    if shipped is None or abs(moment - shipped) > LATE + timedelta(seconds=settings.backup_every_s):
        red.append("New records have not reached the NAS lately.")
    if red:
        code = Stale.exit_code
    if not site.kit.is_proven(moment):
        amber.append(
            f"Kit {site.kit.number} was not proven in the last 90 days: winery-backup keys prove --identity -"
        )
    if not site.mounted:
        amber.append("The copies lie in a folder of this machine: no help when it is lost.")
    if proof is None or abs(moment - proof.at) > PROOF_AGE:
        amber.append("No restore was proven in the last two days: winery-backup drill")
    elif not proof.ok:
        red.append(f"The last trial restore failed: {proof.words}")
        code = Damaged.exit_code
    if amber and not code:
        code = Stale.exit_code
    return Health(
        level="red" if red else "amber" if amber else "green",
        code=code,
        reasons=red + amber,
        rpo_s=(moment - shipped).total_seconds() if shipped else None,
        last_commit=status.last_commit if status else None,
        shipped_at=shipped,
        spool_bytes=status.spool_bytes if status else 0,
        gap=status.reason if status and (status.stretch or 0) > 1 else None,
        nas=str(settings.nas_root),
        base=base.id if base else None,
        base_at=base.begun_at if base else None,
        kit=site.kit.number,
        kit_proven_at=site.kit.proven_at,
        proven_at=proof.at if proof and proof.ok else None,
        proof=proof.model_dump(mode="json") if proof else None,
    )
