"""How the copies in a repository are, by what lies there alone: on another machine, or of another place than the NAS."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from backup.catalogue import Repository, Stretch
from backup.health import GRACE, Finding, Health, sum_up, tell_age
from backup.records import BaseFacts, DumpFacts
from backup.refusals import Damaged, Stale
from winery_appliance.core.settings import Settings

# A server at rest closes its segment after an hour (archive_timeout); until then nothing need be shipped.
LOG_AGE = timedelta(hours=2)


def assess_repository(
    settings: Settings, repositories: Sequence[Repository], moment: datetime
) -> Health:
    """How the copies of a site are at `moment`; `repositories` the newest first.

    It says nothing of trial restores, which the appliance notes, nor of what waits there to be copied.
    """
    newest = next((one for one in repositories if one.holds_anything), repositories[0])
    stretches = [newest.stretches[number] for number in sorted(newest.stretches)]
    stretch = next((one for one in reversed(stretches) if one.parts), None)
    usable = [base for base in newest.bases if newest.is_usable(base)]
    base = usable[-1] if usable else None
    dumps = [dump for repository in repositories for dump in repository.dumps]
    dump = max(dumps, key=lambda one: one.number, default=None)
    written = stretch.parts[-1].written_at if stretch else None
    health = sum_up(
        [
            *(
                Finding(name="damage", level="red", words=fault, code=Damaged.exit_code)
                for repository in repositories
                for fault in repository.faults
            ),
            *_judge_log(stretch, written, moment),
            *_judge_bases(settings, newest, base, moment),
            *_judge_dumps(settings, dump, moment),
        ]
    )
    gaps = newest.gaps()
    return health.model_copy(
        update={
            "rpo_s": (moment - written).total_seconds() if written else None,
            "last_commit": stretch.last_commit if stretch else None,
            "shipped_at": written,
            "gap": gaps[-1] if gaps else None,
            "base": base.id if base else None,
            "base_at": base.begun_at if base else None,
            "dump": dump.id if dump else None,
            "dump_at": dump.made_at if dump else None,
            "kit": base.kit if base else None,
        }
    )


def _judge_log(
    stretch: Stretch | None, written: datetime | None, moment: datetime
) -> Iterator[Finding]:
    if stretch is None or written is None:
        yield _stale("log", "No records lie here.", "red")
    elif abs(moment - written) > LOG_AGE:
        yield _stale("log", f"The newest records here are {_tell_old(moment - written)}.", "red")
    else:
        words = f"The newest records came here {tell_age(moment - written)} ago."
        yield Finding(name="log", level="green", words=words)


def _judge_bases(
    settings: Settings, newest: Repository, base: BaseFacts | None, moment: datetime
) -> Iterator[Finding]:
    useless = [one.id for one in newest.bases if not newest.is_usable(one)]
    if useless:
        words = f"The log or the copy that base copy {useless[-1]} needs is missing."
        yield Finding(name="base", level="red", words=words, code=Damaged.exit_code)
    if base is None:
        yield _stale("base", "There is no whole base copy here: nothing comes back.", "red")
        return
    age = moment - base.begun_at
    if abs(age) > GRACE * timedelta(hours=settings.backup_base_hours):
        yield _stale("base", f"The newest base copy here is {_tell_old(age)}.")
    else:
        words = f"The newest base copy is {tell_age(age)} old; it needs kit {base.kit}."
        yield Finding(name="base", level="green", words=words)


def _judge_dumps(settings: Settings, dump: DumpFacts | None, moment: datetime) -> Iterator[Finding]:
    if settings.backup_dump_hours == 0:
        return
    if dump is None:
        yield _stale("dump", "There is no portable dump here.")
        return
    age = moment - dump.made_at
    if abs(age) > GRACE * timedelta(hours=settings.backup_dump_hours):
        yield _stale("dump", f"The newest portable dump here is {_tell_old(age)}.")
    else:
        words = f"The newest portable dump is {tell_age(age)} old."
        yield Finding(name="dump", level="green", words=words)


def _tell_old(age: timedelta) -> str:
    return f"{tell_age(age)} old" if age > timedelta(0) else "newer than this machine's clock"


def _stale(name: str, words: str, level: str = "amber") -> Finding:
    return Finding.model_validate(
        {"name": name, "level": level, "words": words, "code": Stale.exit_code}
    )
