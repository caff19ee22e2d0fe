"""The command `winery-backup status`: of this machine's copies as it knows them, or of a repository as it is found."""

import sys

import click

from backup.access import Way, choose_site, find_public_access, open_repository, read_repositories
from backup.health import Health, assess, render_metrics
from backup.repository_health import assess_repository
from backup.repository_options import (
    identity_option,
    json_option,
    repository_options,
    site_option,
)
from winery_appliance.core.clock import now
from winery_appliance.core.settings import Settings, read_settings


@click.command()
@repository_options(None)
@site_option
@identity_option
@json_option
@click.option("--metrics", is_flag=True, help="For Prometheus' collector of text files.")
def status(
    way: Way | None, site: str | None, identity: str | None, as_json: bool, metrics: bool
) -> None:
    """How the copies are: what would be lost now, and when a restore was last proven.

    With --repo: how the copies are that lie there, by themselves, on whatever machine this is asked.
    """
    settings = read_settings()
    if way is not None:
        found = _look(settings, way, site, identity)
    elif site or identity:
        raise click.UsageError("--site and --identity need --repo.")
    else:
        found = assess(settings, now())
    if metrics:
        click.echo(render_metrics(found, now()), nl=False)
    elif as_json:
        click.echo(found.model_dump_json())
    else:
        _tell(found)
    sys.exit(found.code)


def _look(settings: Settings, way: Way, site: str | None, identity: str | None) -> Health:
    access = find_public_access(settings, identity)
    with open_repository(settings, way) as store:
        found = read_repositories(store, choose_site(store, settings, site, access.site), access)
    return assess_repository(settings, found, now())


def _tell(found: Health) -> None:
    click.echo(found.level.upper())
    for finding in found.findings:
        click.echo(f"  {finding.level:<6} {finding.words} {finding.remedy}".rstrip())
    if found.rpo_s is not None:
        click.echo(
            f"  Copied up to {found.rpo_s:.0f} s ago; last commit copied: {found.last_commit}"
        )
    if found.gap:
        click.echo(f"  The copies begin anew after a gap: {found.gap}")
    if found.proof:
        click.echo(f"  Last trial restore: {found.proof['words']}")
