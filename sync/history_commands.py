"""The commands `winery-sync history ...`."""

import csv
import json
import sys
from pathlib import Path

import click

from backup.access import Way
from backup.keys import need_site, read_operational
from backup.kit import load_kit
from backup.refusals import CouldNotRun, Damaged, KeyRefused
from sync.configuration import sync_dir
from sync.group import need_group
from sync.lake import Cache, Reader, ask
from sync.pool import Pulled, pull, sister_files
from sync.repository import open_repository
from winery_appliance.core.settings import Settings, read_settings

MIB = 1 << 20


@click.group()
def history() -> None:
    """The history of samples in the bucket, day by day."""


@history.command()
@click.argument("question")
@click.option(
    "--site", "sites", multiple=True, help="A site to ask, this one's by default; may be repeated."
)
@click.option(
    "--identity",
    "kits",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="The kit of a site to ask, for others than this one; may be repeated.",
)
@click.option("--json", "as_json", is_flag=True, help="For programs; else CSV.")
def query(question: str, sites: tuple[str, ...], kits: tuple[Path, ...], as_json: bool) -> None:
    """Answer QUESTION, in SQL, over the view `samples`, and `sister_patterns` after a `pull`. What is fetched is kept in a
    bounded cache.
    """
    settings = read_settings()
    readers = _find_readers(settings, kits)
    wanted = sites or tuple(readers)
    unknown = [site for site in wanted if site not in readers]
    if unknown:
        raise KeyRefused(
            f"Nothing here opens the history of {unknown[0]}: give its kit with --identity FILE."
        )
    cache = Cache(sync_dir(settings) / "cache", settings.offsite_cache_mb * MIB)
    with open_repository(settings, Way("s3")) as store:
        asked = [readers[site] for site in wanted]
        columns, rows = ask(store, asked, cache, question, sister_files(settings))
    if as_json:
        click.echo(json.dumps([dict(zip(columns, row, strict=True)) for row in rows], default=str))
        return
    writer = csv.writer(sys.stdout)
    writer.writerow(columns)
    writer.writerows(rows)


@history.command("pull")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def pull_patterns(as_json: bool) -> None:
    """Fetch what sister wineries share: it stands beside our patterns then, and in the view `sister_patterns`."""
    settings = read_settings()
    group, sharing = need_group(settings)
    site = need_site(settings).site
    with open_repository(settings, Way("s3")) as store:
        found = pull(settings, site, group, sharing, store)
    if as_json:
        click.echo(json.dumps([vars(one) for one in found], default=str))
    else:
        for one in found:
            click.echo(f"{one.site}: {one.trouble or _tell(one)}")
    bad = [one.site for one in found if one.trouble]
    if bad:
        raise Damaged(f"Not taken in: {', '.join(bad)}. What came of them before stays as it was.")


def _tell(one: Pulled) -> str:
    return f"{one.patterns} patterns of {one.day}" if one.day else "shares nothing yet"


def _find_readers(settings: Settings, kits: tuple[Path, ...]) -> dict[str, Reader]:
    """Who can be read: this site by its operational key, others by their kits."""
    found = {}
    site = need_site(settings)
    own = read_operational(settings)
    if own is not None:
        found[site.site] = Reader(site.site, (own,), site.verify_key)
    for path in kits:
        kit = load_kit(str(path))
        if kit.site is None or kit.verify_key is None:
            raise CouldNotRun(f"{path} does not tell its site: give the whole kit file.")
        found[kit.site] = Reader(kit.site, (kit.identity,), kit.verify_key)
    return found
