"""The options by which commands name a repository, a moment and a key."""

import functools
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from backup.access import Way
from backup.wal_format import parse_lsn


def read_moment(_: click.Context, __: click.Parameter, value: str | None) -> datetime | None:
    """A moment, in UTC unless it says otherwise."""
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise click.BadParameter("like 2026-11-23T12:48:56+00:00") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def read_position(_: click.Context, __: click.Parameter, value: str | None) -> int | None:
    """A position of the log."""
    if value is None:
        return None
    try:
        return parse_lsn(value)
    except ValueError:
        raise click.BadParameter("like 0/3000028") from None


def read_share(_: click.Context, __: click.Parameter, value: str) -> float:
    """A share in percent, as a number up to 1."""
    try:
        share = float(value.removesuffix("%")) / 100
    except ValueError:
        share = 0.0
    if not 0 < share <= 1:
        raise click.BadParameter("like 5%")
    return share


def repository_options(default: str | None) -> Callable[[Any], Any]:
    """The options that name a repository; the command is given them as one `way`, None where `--repo` has no value."""
    options = [
        click.option(
            "--repo",
            default=default,
            show_default=True,
            help="nas or s3, as set up here; a folder; or s3://BUCKET/FOLDER.",
        ),
        click.option("--endpoint", help="The address of a bucket's store, unless it is AWS."),
        click.option(
            "--credentials",
            type=click.Path(path_type=Path, dir_okay=False),
            help="A file with a bucket's keys, unless the AWS variables have them.",
        ),
        click.option(
            "--as-of",
            callback=read_moment,
            help="The bucket as it was then: what came later is not seen.",
        ),
    ]

    def decorate(command: Any) -> Any:
        @functools.wraps(command)
        def run(
            *,
            repo: str | None,
            endpoint: str | None,
            credentials: Path | None,
            as_of: datetime | None,
            **rest: Any,
        ) -> Any:
            if repo is None and (endpoint or credentials or as_of):
                raise click.UsageError("--endpoint, --credentials and --as-of need --repo.")
            way = None if repo is None else Way(repo, endpoint, credentials, as_of)
            return command(way=way, **rest)

        for option in reversed(options):
            run = option(run)
        return run

    return decorate


site_option = click.option("--site", help="Which winery, where the repository holds several.")
json_option = click.option("--json", "as_json", is_flag=True, help="For programs.")
identity_option = click.option("--identity", help="The kit's file, or - to type or scan the key.")
