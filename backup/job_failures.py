"""The failures of jobs, left in files of this machine so that the status can tell them."""

import contextlib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import psycopg
from pydantic import BaseModel

from backup.keys import save_file, state_dir
from backup.refusals import CouldNotRun, keep_words
from winery_appliance.core.clock import now
from winery_appliance.core.kept_sentence import Kept
from winery_appliance.core.postgres_programs import PostgresRefused
from winery_appliance.core.settings import Settings


class JobFailure(BaseModel):
    """That a job failed, and has not succeeded since."""

    at: datetime
    words: Kept


@contextlib.contextmanager
def noting_failure(settings: Settings, job: str) -> Iterator[None]:
    """Note a failure of the block for the status, or that it went well now."""
    try:
        yield
    except (CouldNotRun, PostgresRefused, OSError, psycopg.Error) as error:
        with contextlib.suppress(OSError):  # a full disk must not hide the failure itself
            failure = JobFailure(at=now(), words=keep_words(error))
            save_file(_path(settings, job), failure.model_dump_json())
        raise
    _path(settings, job).unlink(missing_ok=True)


def load_failure(settings: Settings, job: str) -> JobFailure | None:
    """The failure of a job that was not made good yet."""
    try:
        return JobFailure.model_validate_json(_path(settings, job).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _path(settings: Settings, job: str) -> Path:
    return state_dir(settings) / "failures" / f"{job}.json"
