"""How the off-site copies are, from what their processes leave behind: nobody has to ask a store that may be away."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from pydantic import BaseModel

from backup.health import LEVELS, Finding, Level, tell_age
from backup.proofs import OFFSITE, Proof, load_trend
from backup.refusals import Damaged, KeyRefused, Stale
from sync.configuration import is_set_up
from sync.reports import COPIES, LOG, RUN, CopiesReport, LogReport, RunReport, load_report
from winery_appliance.core.settings import Settings
from winery_appliance.core.words import say

SILENT = timedelta(minutes=2)
LATE = timedelta(minutes=10)  # so long a line may be away before somebody should know
VERY_LATE = timedelta(days=1)
BASE_AGE = timedelta(days=8)
PROOF_GRACE = timedelta(days=15)
SHOWN = 12  # trial restores, a year's
MOST_OFFSET_S = 300.0
STALE = Stale.exit_code
MILD = ("retry", "paused", "nas", "history", "pool")
SIGNS = {"auth": KeyRefused.exit_code}


class OffsiteHealth(BaseModel):
    """The state of the off-site copies. `code` is the exit code that says the same; `left_s` what waits will take."""

    level: Level
    code: int
    findings: list[Finding]
    bucket: str | None = None
    last_commit: datetime | None = None
    sent_at: datetime | None = None
    rpo_s: float | None = None
    waiting_bytes: int = 0
    waiting: list[str] = []
    doing: str | None = None
    done_bytes: int = 0
    of_bytes: int = 0
    rate: float | None = None
    left_s: float | None = None
    base: str | None = None
    base_at: datetime | None = None
    dump: str | None = None
    dump_at: datetime | None = None
    clock_offset_s: float | None = None
    proven_at: datetime | None = None  # the newest trial restore from the bucket that succeeded
    trend: list[Proof] = []


def assess_offsite(settings: Settings, moment: datetime) -> OffsiteHealth:
    """How the off-site copies are at `moment`."""
    if not is_set_up(settings):
        words = say("No copies leave the house: fire and theft would take box and NAS together.")
        finding = Finding(
            name="offsite",
            level="amber",
            words=words,
            remedy=say("Name a bucket in WINERY_OFFSITE."),
            code=STALE,
        )
        return OffsiteHealth(level="amber", code=STALE, findings=[finding])
    run = load_report(settings, RUN, RunReport)
    log = load_report(settings, LOG, LogReport)
    copies = load_report(settings, COPIES, CopiesReport)
    trend = load_trend(settings, OFFSITE)
    findings = [
        *_judge_process(run, moment),
        *_judge_trouble(log, copies),
        _judge_log(log, moment),
        _judge_base(copies, moment),
        *_judge_proof(settings, copies, trend, moment),
        *_judge_clock(log),
    ]
    worst = max(findings, key=lambda finding: LEVELS.index(finding.level))
    found = OffsiteHealth(
        level=worst.level,
        code=worst.code,
        findings=findings,
        bucket=settings.offsite,
        proven_at=next((proof.at for proof in reversed(trend) if proof.ok), None),
        trend=trend[-SHOWN:],
    )
    return found.model_copy(update=_tell_log(log, moment) | _tell_copies(copies, log))


def _judge_process(run: RunReport | None, moment: datetime) -> Iterator[Finding]:
    if run is None or abs(moment - run.at) > SILENT:
        words = say("The process that brings copies off-site does not run.")
        remedy = "winery-sync run"
        yield Finding(name="run", level="red", words=words, remedy=remedy, code=STALE)
        return
    for trouble in run.trouble:
        yield Finding(name=trouble.kind, level="red", words=str(trouble.words), code=STALE)


def _judge_trouble(log: LogReport | None, copies: CopiesReport | None) -> Iterator[Finding]:
    """A line that is away is nothing to look after; what only a person can mend is."""
    seen: set[str] = set()
    troubles = [log.trouble if log else None]
    troubles += [copies.trouble, copies.history_trouble, copies.pool_trouble] if copies else []
    for trouble in troubles:
        if trouble is None or trouble.kind in seen:
            continue
        seen.add(trouble.kind)
        level: Level = "amber" if trouble.kind in MILD else "red"
        told = [str(trouble.words)]
        if trouble.again_at:
            told.append(say("Tried again at %(time)s UTC.", time=f"{trouble.again_at:%H:%M}"))
        told.append(say("So it is since %(time)s UTC.", time=_write(trouble.since)))
        yield Finding(
            name=trouble.kind,
            level=level,
            words=" ".join(told),
            code=SIGNS.get(trouble.kind, STALE),
        )


def _judge_log(log: LogReport | None, moment: datetime) -> Finding:
    sent = log.sent_at if log else None
    if sent is not None and abs(moment - sent) <= LATE:
        seconds = f"{(moment - sent).total_seconds():.0f}"
        words = say("All records were off-site %(seconds)s s ago.", seconds=seconds)
        return Finding(name="log", level="green", words=words)
    level: Level = "red" if sent is None or abs(moment - sent) > VERY_LATE else "amber"
    if sent is None:
        words = say("New records have not all gone off-site yet; they wait on this machine.")
    else:
        words = say(
            "New records have not all gone off-site since %(time)s UTC; they wait on this machine.",
            time=_write(sent),
        )
    return Finding(name="log", level=level, words=words, code=STALE)


def _judge_base(copies: CopiesReport | None, moment: datetime) -> Finding:
    at = copies.base_at if copies else None
    if at is None:
        words = say("No base copy is off-site yet: nothing can be restored from there.")
        return Finding(name="base", level="red", words=words, code=STALE)
    if abs(moment - at) > BASE_AGE:
        words = say("The newest base copy off-site is of %(day)s.", day=f"{at:%Y-%m-%d}")
        return Finding(name="base", level="amber", words=words, code=STALE)
    words = say("The base copy of %(time)s UTC is off-site.", time=_write(at))
    return Finding(name="base", level="green", words=words)


def _judge_proof(
    settings: Settings, copies: CopiesReport | None, trend: list[Proof], moment: datetime
) -> Iterator[Finding]:
    """What was restored from the bucket; before a base copy lies there is nothing to prove."""
    if copies is None or copies.base is None or (settings.offsite_drill_days == 0 and not trend):
        return
    remedy, day = "winery-backup drill --repo s3", f"{trend[-1].at:%Y-%m-%d}" if trend else ""
    if trend and not trend[-1].ok:
        words = say("The last trial restore from the bucket failed: %(why)s", why=trend[-1].words)
        yield Finding(name="proof", level="red", words=words, remedy=remedy, code=Damaged.exit_code)
    elif not trend:
        words = say("No restore from the bucket was proven yet.")
        yield Finding(name="proof", level="amber", words=words, remedy=remedy, code=STALE)
    elif abs(moment - trend[-1].at) > timedelta(days=settings.offsite_drill_days) + PROOF_GRACE:
        words = say("The last restore from the bucket was proven on %(day)s.", day=day)
        yield Finding(name="proof", level="amber", words=words, remedy=remedy, code=STALE)
    else:
        words = say("A trial restore from the bucket on %(day)s gave everything back.", day=day)
        yield Finding(name="proof", level="green", words=words)


def _judge_clock(log: LogReport | None) -> Iterator[Finding]:
    seconds = log.clock_offset_s if log else None
    if seconds is not None and abs(seconds) > MOST_OFFSET_S:
        length = tell_age(timedelta(seconds=abs(seconds)))
        if seconds > 0:
            words = say("This machine's clock is %(length)s slow, by the store's.", length=length)
        else:
            words = say("This machine's clock is %(length)s fast, by the store's.", length=length)
        remedy = say("Set the clock.")
        yield Finding(name="clock", level="amber", words=words, remedy=remedy, code=STALE)


def _write(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"


def _tell_log(log: LogReport | None, moment: datetime) -> dict[str, object]:
    if log is None:
        return {}
    return {
        "last_commit": log.last_commit,
        "sent_at": log.sent_at,
        "rpo_s": (moment - log.sent_at).total_seconds() if log.sent_at else None,
        "waiting_bytes": log.waiting_bytes,
        "clock_offset_s": log.clock_offset_s,
    }


def _tell_copies(copies: CopiesReport | None, log: LogReport | None) -> dict[str, object]:
    if copies is None:
        return {}
    rate = copies.rate or (log.rate if log else None)
    left = (copies.of_bytes - copies.done_bytes if copies.doing else 0) + (
        log.waiting_bytes if log else 0
    )
    return {
        "waiting": copies.waiting,
        "doing": copies.doing,
        "done_bytes": copies.done_bytes,
        "of_bytes": copies.of_bytes,
        "rate": rate,
        "left_s": left / rate if rate and left else None,
        "base": copies.base,
        "base_at": copies.base_at,
        "dump": copies.dump,
        "dump_at": copies.dump_at,
    }
