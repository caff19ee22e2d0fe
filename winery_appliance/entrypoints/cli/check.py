"""`winery check`: whether the appliance is sound, for a person and for a monitor."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import click
from sqlalchemy.exc import OperationalError, ProgrammingError

from winery_appliance.core.db import Database
from winery_appliance.core.roles import role_url
from winery_appliance.core.settings import Settings, SettingsError, read_settings
from winery_appliance.entrypoints.checkup.database import check_database
from winery_appliance.entrypoints.checkup.finding import Finding, Level, failed
from winery_appliance.entrypoints.checkup.machine import (
    check_data_directory,
    check_disk,
    check_secrets,
    check_settings,
)
from winery_appliance.entrypoints.checkup.work import check_work
from winery_appliance.entrypoints.cli.terminal import data_option, json_option, show_json


@click.command()
@data_option
@json_option
def check(data: Path | None, as_json: bool) -> None:
    """Look at settings, files, database, row policies, rights and work; change nothing.

    Each finding is one line: PASS, WARN or FAIL, what was seen and what to do. Ends with 0 when all is fine, with 1 when
    anything is not.
    """
    findings = list(_look(data))
    counts = Counter(str(finding.level) for finding in findings)
    if as_json:
        told = [
            {
                "check": finding.check,
                "level": str(finding.level),
                "sentence": finding.sentence,
                "advice": finding.advice,
            }
            for finding in findings
        ]
        show_json({"counts": {str(level): counts[level] for level in Level}, "findings": told})
    else:
        for finding in findings:
            click.echo(
                f"{finding.level}  {finding.check}: {finding.sentence} {finding.advice}".rstrip()
            )
    if counts[Level.WARN] or counts[Level.FAIL]:
        raise click.exceptions.Exit(1)


def _look(data: Path | None) -> Iterator[Finding]:
    try:
        settings = read_settings(data=data)
    except SettingsError as error:
        yield failed("settings", str(error), "Correct them and try again.")
        return
    yield from check_settings(settings)
    yield from check_data_directory(settings)
    yield from check_secrets(settings)
    yield from check_disk(settings)
    in_database = list(check_database(settings))
    yield from in_database
    # Rows are read only where the schema is the one this code knows.
    if not any(
        finding.level == Level.FAIL and finding.check in {"database", "migrations"}
        for finding in in_database
    ):
        yield from _look_at_work(settings)


def _look_at_work(settings: Settings) -> Iterator[Finding]:
    worker = Database(role_url(settings, "worker"), pool_size=1, application="winery-cli")
    try:
        yield from check_work(worker)
    except (OperationalError, ProgrammingError) as error:
        said = str(error.orig).strip().splitlines()[0]
        yield failed("work", f"The rows about the work cannot be read: {said}.", "Try again.")
    finally:
        worker.dispose()
