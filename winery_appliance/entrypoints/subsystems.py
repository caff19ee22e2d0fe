"""How each part of the appliance is: green, amber or red, one sentence, what to do, and whether a button can mend it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from backup.health import Health
from winery_appliance.core.figures import show_number
from winery_appliance.core.jobs import find_job_errors, find_runs, is_worker_alive
from winery_appliance.core.machine_facts import find_expiry, is_clock_followed, read_room
from winery_appliance.core.outbox import read_backlog
from winery_appliance.core.read_replica import ReadReplica
from winery_appliance.core.schema import is_at_head
from winery_appliance.core.settings import Settings
from winery_appliance.core.words import say
from winery_appliance.entrypoints.certificates import CERTIFICATE
from winery_appliance.notifications.queries import list_webhooks, read_settings, read_waiting

Level = Literal["green", "amber", "red"]
Mend = Literal["events", "jobs", "notices"]
LEVELS: tuple[Level, ...] = ("green", "amber", "red")
GIB = 1 << 30
# The same limits as `winery check`, and as the rules of the collector.
DISK_RED, DISK_AMBER = 0.3 * GIB, GIB
EVENTS_LATE = timedelta(minutes=5)
NOTICES_LATE = timedelta(minutes=15)
JOBS_LATE = timedelta(days=1)
CERTIFICATE_AMBER = timedelta(days=14)
CLOCK_SKEW = timedelta(seconds=5)


@dataclass(frozen=True)
class Subsystem:
    """One part; `mend` names what its button does."""

    key: str
    title: str
    level: Level
    sentence: str
    advice: str = ""
    mend: Mend | None = None


def judge_subsystems(
    session: Session,
    settings: Settings,
    copies: Health,
    *,
    replica: ReadReplica | None = None,
    now: datetime,
) -> list[Subsystem]:
    """Every part as it is at `now`, the worst first; the transaction is the winery's, `replica` this process's."""
    found = [
        *_judge_database(session, now),
        *_judge_replica(replica),
        _judge_worker(session),
        _judge_events(session, now),
        _judge_jobs(session, now),
        _judge_notices(session, now),
        _judge_copies(copies),
        *_judge_machine(settings, now),
    ]
    return sorted(found, key=lambda part: -LEVELS.index(part.level))


def find_worst(parts: list[Subsystem]) -> Level:
    """How the whole is."""
    return max((part.level for part in parts), key=LEVELS.index, default="green")


def _judge_database(session: Session, now: datetime) -> Iterator[Subsystem]:
    size, theirs = session.execute(
        select(func.pg_database_size(func.current_database()), func.clock_timestamp())
    ).one()
    if is_at_head(session):
        yield Subsystem(
            "database",
            say("Database"),
            "green",
            say("It answers; the book takes %(size)s GB.", size=show_number(size / GIB, 2)),
        )
    else:
        yield Subsystem(
            "database",
            say("Database"),
            "red",
            say("Its tables are of another release than this one."),
            say("Start the appliance anew, or run winery prepare."),
        )
    followed = is_clock_followed()
    if abs(theirs - now) > CLOCK_SKEW:
        seconds = f"{abs(theirs - now).total_seconds():.0f}"
        words = say("This machine and the database differ by %(seconds)s s.", seconds=seconds)
    elif followed is False:
        words = say("This machine's clock follows no time server.")
    else:
        yield Subsystem(
            "clock", say("Clock"), "green", say("It is %(time)s UTC.", time=f"{now:%H:%M:%S}")
        )
        return
    advice = say("Let this machine follow a time server, such as the router's.")
    yield Subsystem("clock", say("Clock"), "amber", words, advice)


def _judge_replica(replica: ReadReplica | None) -> Iterator[Subsystem]:
    if replica is None:
        return
    title = say("Read replica")
    if replica.is_well_now():
        words = say("History, search and exports are read there.")
        yield Subsystem("read_replica", title, "green", words)
        return
    words = say("It does not answer, or lags; everything is read from the database itself.")
    advice = say(
        "Nothing is lost. See that the standby runs and follows; it is used again by itself."
    )
    yield Subsystem("read_replica", title, "amber", words, advice)


def _judge_worker(session: Session) -> Subsystem:
    if is_worker_alive(session):
        return Subsystem("worker", say("Worker"), "green", say("It was seen in the last minute."))
    return Subsystem(
        "worker",
        say("Worker"),
        "red",
        say("Nobody does the work: readings are kept, and not analysed."),
        say(
            "Start the appliance, or docker compose up --detach worker. What waits is taken up then."
        ),
    )


def _judge_events(session: Session, now: datetime) -> Subsystem:
    backlog = read_backlog(session)
    if backlog.failing:
        why = (backlog.error or "").splitlines()[0]
        return Subsystem(
            "events",
            say("Analysis"),
            "red",
            say("%(n)s changes could not be worked on (%(why)s).", n=backlog.failing, why=why),
            say("They are tried again by themselves, at least once an hour."),
            "events",
        )
    if backlog.oldest is not None and now - backlog.oldest > EVENTS_LATE:
        minutes = (now - backlog.oldest) // timedelta(minutes=1)
        return Subsystem(
            "events",
            say("Analysis"),
            "amber",
            say(
                "%(n)s changes wait, the oldest for %(minutes)s minutes.",
                n=backlog.pending,
                minutes=minutes,
            ),
            say("See that the worker runs and is not overloaded."),
        )
    return Subsystem("events", say("Analysis"), "green", say("Every change was worked on."))


def _judge_jobs(session: Session, now: datetime) -> Subsystem:
    errors = find_job_errors(session)
    if errors:
        name, why = next(iter(sorted(errors.items())))
        return Subsystem(
            "jobs",
            say("What comes round"),
            "red",
            say("%(name)s failed: %(why)s", name=name, why=why.splitlines()[0]),
            say("It is tried again when it is due."),
            "jobs",
        )
    runs = find_runs(session)
    late = sorted(n for n, (_, begun, _) in runs.items() if not begun or now - begun > JOBS_LATE)
    if late:
        words = say("%(name)s has not run for a day.", name=late[0])
        return Subsystem("jobs", say("What comes round"), "amber", words, "", "jobs")
    return Subsystem(
        "jobs", say("What comes round"), "green", say("Every job ran when it was due.")
    )


def _judge_notices(session: Session, now: datetime) -> Subsystem:
    title, waiting = say("Notifications"), read_waiting(session, now=now)
    if read_settings(session).smtp_host is None and not list_webhooks(session):
        return Subsystem(
            "notices",
            title,
            "amber",
            say("Nobody is told of alarms who does not look at a screen."),
            say("The owner names a mail server under Account, Notifications."),
        )
    if waiting.error is not None:
        words = say("%(n)s notices wait: %(why)s", n=waiting.count, why=waiting.error)
        advice = say("Nothing is lost. See that the mail server is there and its password right.")
        return Subsystem("notices", title, "red", words, advice, "notices")
    if waiting.oldest_due is not None and now - waiting.oldest_due > NOTICES_LATE:
        words = say("%(n)s notices wait.", n=waiting.count)
        return Subsystem("notices", title, "amber", words, say("See that the worker runs."))
    return Subsystem("notices", title, "green", say("Everything due was delivered."))


def _judge_copies(copies: Health) -> Subsystem:
    worst = next((f for f in copies.findings if f.level == copies.level), None)
    if copies.level == "green" or worst is None:
        words = say("Copies are made, and a restore of them was proven.")
        return Subsystem("copies", say("Copies"), "green", words)
    return Subsystem("copies", say("Copies"), copies.level, worst.words, worst.remedy)


def _judge_machine(settings: Settings, now: datetime) -> Iterator[Subsystem]:
    room = read_room(settings.data)
    if room is not None:
        free, size = room
        level: Level = "green"
        if free < DISK_RED:
            level = "red"
        elif free < DISK_AMBER:
            level = "amber"
        words = say(
            "%(free)s of %(size)s GB are free.",
            free=show_number(free / GIB),
            size=f"{size / GIB:.0f}",
        )
        advice = say("Free some space; readings are refused on a full disk.")
        advice = "" if level == "green" else advice
        yield Subsystem("disk", say("Disk"), level, words, advice)
    expiry = find_expiry(settings.certificate or settings.secrets_dir / CERTIFICATE)
    if expiry is not None:
        days, title = (expiry - now) // timedelta(days=1), say("Certificate")
        advice = say("Renew it: docker compose run --rm certificate, then restart nginx.")
        if expiry <= now:
            words = say("It has ended: phones refuse the page.")
            yield Subsystem("certificate", title, "red", words, advice)
        elif expiry - now < CERTIFICATE_AMBER:
            words = say("It ends in %(days)s days; then phones refuse the page.", days=days)
            yield Subsystem("certificate", title, "amber", words, advice)
        else:
            yield Subsystem(
                "certificate", title, "green", say("It holds for %(days)s days.", days=days)
            )
