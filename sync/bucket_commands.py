"""The commands `winery-sync bucket ...`: make a bucket as it should be, print policies, try what one enforces."""

import json
from pathlib import Path

import click

from backup.keys import load_site
from backup.refusals import Damaged
from sync.bucket_check import check_bucket
from sync.bucket_setup import LOCK_DAYS, describe_policy, make_bucket
from sync.configuration import find_location
from sync.location import Location
from sync.storage import Bucket
from winery_appliance.core.settings import read_settings

endpoint_option = click.option("--endpoint", help="The address of the store, unless it is AWS.")
region_option = click.option("--region", help="The region of the bucket.")
credentials_option = click.option(
    "--credentials",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A file with the keys, unless the AWS variables have them.",
)


@click.group()
def bucket() -> None:
    """The bucket of the copies: make it, print who may what, try what it enforces."""


@bucket.command()
@click.argument("address")
@endpoint_option
@region_option
@credentials_option
@click.option(
    "--lock-days", default=LOCK_DAYS, show_default=True, help="Days that nobody can delete."
)
def make(
    address: str, endpoint: str | None, region: str | None, credentials: Path | None, lock_days: int
) -> None:
    """Make the bucket of ADDRESS (s3://BUCKET) with versions, lock, lifecycle and policy, as an administrator."""
    place = Location.parse(address, endpoint=endpoint, region=region, credentials=credentials)
    make_bucket(Bucket(place), lock_days=lock_days)
    click.echo(
        f"{place.bucket} is made. What is written there stays for {lock_days} days at least."
    )


@bucket.command()
@click.argument("address")
@click.option("--site", required=True, help="The site whose credentials these are.")
@click.option("--pool", help="The group whose patterns it shares, where it does.")
@click.option("--read-only", is_flag=True, help="For the kit, which only reads.")
def policy(address: str, site: str, pool: str | None, read_only: bool) -> None:
    """Print the least that credentials for ADDRESS need, as a policy of AWS's kind."""
    place = Location.parse(address)
    told = describe_policy(place.bucket, place.prefix, site, pool=pool, writes=not read_only)
    click.echo(json.dumps(told, indent=1))


@bucket.command()
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def check(as_json: bool) -> None:
    """Try what the bucket enforces, with the box's own credentials: it leaves a few small objects there."""
    settings = read_settings()
    site = load_site(settings)
    findings = check_bucket(Bucket(find_location(settings)), site.site if site else "trial")
    if as_json:
        click.echo(json.dumps([vars(finding) for finding in findings]))
    else:
        for finding in findings:
            mark = "ok" if finding.ok else "BAD"
            click.echo(f"{mark:<4}{finding.words}")
    bad = [finding for finding in findings if not finding.ok]
    if bad:
        raise Damaged(f"{len(bad)} of {len(findings)} are not as they should be.")
