"""How the copies are, from what this machine knows: nobody has to ask a NAS that may hang.

The streaming process leaves its state in `status.json`, every job its newest success and failure beside it, trial restores
theirs in `proofs.jsonl`. Each finding is one sentence and what to do; the worst of them is the state of the whole.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import BaseModel

from backup.bases import NewestBase, load_newest_base
from backup.dumps import NewestDump, load_newest_dump
from backup.job_failures import load_failure
from backup.keys import Site, load_site
from backup.proofs import Proof, load_trend
from backup.refusals import CouldNotRun, Damaged, KeyRefused, Stale
from backup.status import Status, load_status
from winery_appliance.core.settings import Settings
from winery_appliance.core.words import N_, ngettext, say

SILENT = timedelta(seconds=60)
LATE = timedelta(minutes=5)
PROOF_AGE = timedelta(days=2)
GRACE = 2  # a copy is late when it is older than so many of its periods
SHOWN = 30  # trial restores of the trend

# Of each kind of copy: that it failed, that it is missing, how old it is.
COPIES = {
    "base": (
        N_("The newest base copy failed: %(why)s"),
        N_("There is no recent base copy."),
        N_("The newest base copy is %(age)s old."),
    ),
    "dump": (
        N_("The newest portable dump failed: %(why)s"),
        N_("There is no recent portable dump."),
        N_("The newest portable dump is %(age)s old."),
    ),
}

Level = Literal["green", "amber", "red"]
LEVELS: tuple[Level, ...] = ("green", "amber", "red")


class Finding(BaseModel):
    """One thing that was looked at: what is so, and what to do about it, in the language that is spoken while it is judged.

    `code` is the exit code it alone would give.
    """

    name: str
    level: Level
    words: str
    remedy: str = ""
    code: int = 0


class Trial(BaseModel):
    """A trial restore in the trend."""

    at: datetime
    ok: bool
    rto_s: float
    rpo_s: float | None


class Health(BaseModel):
    """The state of the copies. `code` is the exit code that says the same: 0, 2 damage, 3 stale, 4 no key."""

    level: Level
    code: int
    reasons: list[str]
    findings: list[Finding]
    rpo_s: float | None = None
    last_commit: datetime | None = None
    shipped_at: datetime | None = None
    spool_bytes: int = 0
    nas: str | None = None
    gap: str | None = None
    base: str | None = None
    base_at: datetime | None = None
    dump: str | None = None
    dump_at: datetime | None = None
    kit: int | None = None
    kit_proven_at: datetime | None = None
    proven_at: datetime | None = None
    proof: dict[str, Any] | None = None
    trend: list[Trial] = []


def assess(settings: Settings, moment: datetime) -> Health:
    """How the copies are at `moment`. Green must mean: they come back. What was not proven lately is amber at best."""
    try:
        site = load_site(settings)
    except CouldNotRun as error:
        return sum_up([Finding(name="keys", level="red", words=str(error), code=1)])
    if site is None:
        return sum_up([_tell_no_keys(settings)])
    status, trend = load_status(settings), load_trend(settings)
    base, dump = load_newest_base(settings), load_newest_dump(settings)
    proof = trend[-1] if trend else None
    findings = [
        *_judge_stream(settings, status, moment),
        _judge_copy(
            settings, "base", base.begun_at if base else None, settings.backup_base_hours, moment
        ),
    ]
    if settings.backup_dump_hours:
        dumped = dump.made_at if dump else None
        findings.append(_judge_copy(settings, "dump", dumped, settings.backup_dump_hours, moment))
    findings += [
        _judge_proof(trend, moment),
        _judge_kit(site, moment),
        _judge_place(site, settings),
    ]
    return sum_up(findings).model_copy(
        update=_tell_status(status, moment)
        | _tell_copies(base, dump)
        | {
            "nas": str(settings.nas_root),
            "kit": site.kit.number,
            "kit_proven_at": site.kit.proven_at,
            "proven_at": next((one.at for one in reversed(trend) if one.ok), None),
            "proof": proof.model_dump(mode="json") | {"words": str(proof.words)} if proof else None,
            "trend": [Trial.model_validate(one.model_dump()) for one in trend[-SHOWN:]],
        }
    )


def _tell_no_keys(settings: Settings) -> Finding:
    words = say("There are no keys, so nothing is copied.")
    remedy = "winery-backup keys init --kit FILE"
    if load_status(settings) is None:  # a container's own, empty folder looks so, too
        words = say(
            "Nothing is known of copies in %(folder)s: no keys, and no process that copies.",
            folder=settings.data,
        )
        remedy += say("; where copies are made elsewhere: winery-backup status there")
    return Finding(name="keys", level="red", words=words, remedy=remedy, code=KeyRefused.exit_code)


def sum_up(findings: list[Finding]) -> Health:
    """The state of the whole: the worst of its parts, and what to do about each that is not well."""
    bad = sorted(
        (finding for finding in findings if finding.level != "green"),
        key=lambda finding: -LEVELS.index(finding.level),
    )
    codes = [finding.code for finding in bad if finding.level == bad[0].level]
    return Health(
        level=bad[0].level if bad else "green",
        # Damage found is the worst that can be said; it is said also beside a process that does not run.
        code=Damaged.exit_code if Damaged.exit_code in codes else (codes or [0])[0],
        reasons=[
            finding.words + (f" {finding.remedy}" if finding.remedy else "") for finding in bad
        ],
        findings=findings,
    )


def _judge_stream(settings: Settings, status: Status | None, moment: datetime) -> Iterator[Finding]:
    stale = Stale.exit_code
    if status is None or abs(moment - status.at) > SILENT:
        words, remedy = say("The process that copies does not run."), "winery-backup stream"
        yield Finding(name="stream", level="red", words=words, remedy=remedy, code=stale)
    else:
        for trouble in status.trouble:
            yield Finding(name="stream", level="red", words=str(trouble), code=stale)
    shipped = status.shipped_at if status else None
    if shipped is None or abs(moment - shipped) > LATE + timedelta(seconds=settings.backup_every_s):
        words = say("New records have not reached the NAS lately.")
        remedy = say(
            "See that the NAS is on, mounted at %(root)s, and not full.", root=settings.nas_root
        )
        yield Finding(name="log", level="red", words=words, remedy=remedy, code=stale)
    else:
        words = say("All records reached the NAS %(age)s ago.", age=tell_age(moment - shipped))
        yield Finding(name="log", level="green", words=words)


def _judge_copy(
    settings: Settings, name: str, at: datetime | None, every_h: int, moment: datetime
) -> Finding:
    failed, missing, fresh = COPIES[name]
    failure = load_failure(settings, name)
    if failure is not None:
        trouble = say(failed, why=failure.words)
    elif at is None or abs(moment - at) > GRACE * timedelta(hours=every_h):
        trouble = say(missing)
    else:
        return Finding(name=name, level="green", words=say(fresh, age=tell_age(moment - at)))
    return Finding(
        name=name,
        level="amber",
        words=trouble,
        remedy=f"winery-backup {name}",
        code=Stale.exit_code,
    )


def _judge_proof(trend: list[Proof], moment: datetime) -> Finding:
    proof, remedy = trend[-1] if trend else None, "winery-backup drill"
    if proof is not None and not proof.ok:
        words = say("The last trial restore failed: %(why)s", why=proof.words)
        remedy = say(
            "winery-backup verify names what is damaged; a full copy begins anew: winery-backup base --full"
        )
        return Finding(
            name="proof", level="red", words=words, remedy=remedy, code=Damaged.exit_code
        )
    if proof is None or abs(moment - proof.at) > PROOF_AGE:
        words = say("No restore was proven in the last two days.")
        return Finding(
            name="proof", level="amber", words=words, remedy=remedy, code=Stale.exit_code
        )
    words = say(
        "A trial restore %(age)s ago gave everything back in %(seconds)s s.",
        age=tell_age(moment - proof.at),
        seconds=f"{proof.rto_s:.0f}",
    )
    return Finding(name="proof", level="green", words=words)


def _judge_kit(site: Site, moment: datetime) -> Finding:
    if site.kit.is_proven(moment):
        words = say("Kit %(number)s is proven.", number=site.kit.number)
        return Finding(name="kit", level="green", words=words)
    return Finding(
        name="kit",
        level="amber",
        words=say("Kit %(number)s was not proven in the last 90 days.", number=site.kit.number),
        remedy="winery-backup keys prove --identity -",
        code=Stale.exit_code,
    )


def _judge_place(site: Site, settings: Settings) -> Finding:
    if site.mounted:
        words = say("The NAS is at %(root)s.", root=settings.nas_root)
        return Finding(name="nas", level="green", words=words)
    return Finding(
        name="nas",
        level="amber",
        words=say("The copies lie in a folder of this machine: no help when it is lost."),
        remedy=say("Mount a NAS, name it in WINERY_NAS, and make new keys for it."),
        code=Stale.exit_code,
    )


def _tell_status(status: Status | None, moment: datetime) -> dict[str, Any]:
    if status is None:
        return {}
    shipped = status.shipped_at
    return {
        "rpo_s": (moment - shipped).total_seconds() if shipped else None,
        "last_commit": status.last_commit,
        "shipped_at": shipped,
        "spool_bytes": status.spool_bytes,
        "gap": say(status.reason) if status.reason and (status.stretch or 0) > 1 else None,
    }


def _tell_copies(base: NewestBase | None, dump: NewestDump | None) -> dict[str, Any]:
    return {
        "base": base.id if base else None,
        "base_at": base.begun_at if base else None,
        "dump": dump.id if dump else None,
        "dump_at": dump.made_at if dump else None,
    }


def tell_age(age: timedelta) -> str:
    """A length of time in its largest fitting unit."""
    seconds = max(0.0, age.total_seconds())
    if seconds >= 2 * 86400:
        return say("%(n)s days", n=int(seconds // 86400))
    if seconds >= 2 * 3600:
        return say("%(n)s hours", n=int(seconds // 3600))
    if seconds >= 2 * 60:
        return say("%(n)s minutes", n=int(seconds // 60))
    return ngettext("%(num)s second", "%(num)s seconds", round(seconds))


def render_metrics(health: Health, moment: datetime) -> str:
    """The same as numbers, in Prometheus' text format (version 0.0.4), for a collector of files."""
    proof = health.trend[-1] if health.trend else None

    def age(at: datetime | None) -> float | None:
        return (moment - at).total_seconds() if at else None

    gauges: dict[str, float | None] = {
        "level": LEVELS.index(health.level),
        "rpo_seconds": health.rpo_s,
        "spool_bytes": health.spool_bytes,
        "base_age_seconds": age(health.base_at),
        "dump_age_seconds": age(health.dump_at),
        "kit_proof_age_seconds": age(health.kit_proven_at),
        "restore_proof_age_seconds": age(health.proven_at),
        "restore_proof_success": float(proof.ok) if proof else None,
        "restore_rto_seconds": proof.rto_s if proof else None,
        "restore_rpo_seconds": proof.rpo_s if proof else None,
    }
    lines = [
        f"# TYPE winery_backup_{name} gauge\nwinery_backup_{name} {value:g}\n"
        for name, value in gauges.items()
        if value is not None
    ]
    return "".join(lines)
