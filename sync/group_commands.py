"""The commands `winery-sync group ...`: sister wineries that share patterns."""

import csv
import json
import os
import sys
from pathlib import Path
from typing import Any

import click

from backup.keys import need_site
from backup.refusals import CouldNotRun
from sync.group import (
    Group,
    Sharing,
    found_group,
    join_group,
    leave_group,
    load_group,
    load_sharing,
    need_group,
    read_group_file,
    save_sharing,
    tell_member,
)
from sync.pool import FIELDS, forget_sisters, list_wineries, read_shared
from winery_appliance.core.settings import Settings, read_settings

AS_JSON = click.option("--json", "as_json", is_flag=True, help="For programs.")


@click.group()
def group() -> None:
    """Sister wineries that share patterns: one file with a key that all of them hold."""


@group.command()
@click.argument("name")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def found(name: str, file: Path) -> None:
    """Found the group NAME: write its FILE, with a new key and this site as its first member."""
    site = need_site(read_settings())
    text = found_group(name, site.site, site.verify_key)
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as new:
            new.write(text)
    except OSError as error:
        raise CouldNotRun(
            f"The group's file could not be written to {file}: {error.strerror}. Nothing was changed."
        ) from error
    click.echo(
        f"{file} is written. Add a line for each other winery, as `winery-sync group line` tells it there, hand the "
        "file to all of them as a secret, and let each join: winery-sync group join FILE"
    )


@group.command()
def line() -> None:
    """Tell the line by which a group's file names this site. It is no secret."""
    site = need_site(read_settings())
    click.echo(f"# {tell_member(site.site, site.verify_key)}")


@group.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True))
@click.option("--winery", help="The winery that is in the group, where this appliance has several.")
def join(file: Path, winery: str | None) -> None:
    """Join the group of FILE (- for standard input), or take its new members in. Nothing is shared before `share`."""
    settings = read_settings()
    text = sys.stdin.read() if str(file) == "-" else read_group_file(file)
    site = need_site(settings).site
    joined = join_group(settings, text, site, _choose_winery(settings, winery))
    others = ", ".join(joined.without(site)) or "nobody else yet"
    click.echo(
        f"In the group {joined.name} with: {others}. Choose what to share: winery-sync group share"
    )


@group.command()
def leave() -> None:
    """Leave the group: share nothing more, and forget what came of others. What was shared stays in the bucket."""
    settings = read_settings()
    leave_group(settings)
    forget_sisters(settings)
    click.echo("In no group any more. What was shared before stays in the bucket for its time.")


@group.command()
@click.argument("fields", nargs=-1, type=click.Choice(list(FIELDS)))
@click.option("--nothing", is_flag=True, help="Share nothing from now on.")
@click.option("--show", is_flag=True, help="Tell every row that goes, as CSV, and change nothing.")
def share(fields: tuple[str, ...], nothing: bool, show: bool) -> None:
    """Choose the FIELDS of patterns that are shared; no others leave the house."""
    settings = read_settings()
    _, known = need_group(settings)
    if nothing and fields:
        raise CouldNotRun("Either fields or --nothing. Nothing was changed.")
    chosen = tuple(name for name in FIELDS if name in fields)
    sharing = Sharing(winery=known.winery, fields=chosen if fields else known.fields)
    if show:
        _write_rows(settings, sharing)
        return
    if fields or nothing:
        sharing = Sharing(winery=known.winery, fields=chosen)
        save_sharing(settings, sharing)
    words = ", ".join(sharing.fields) or "nothing"
    click.echo(f"Of the patterns of {sharing.winery} is shared: {words}. Every row: --show")
    if sharing.fields:
        click.echo("What changed goes once a day, within a few hours; or now: winery-sync now")


@group.command()
@AS_JSON
def show(as_json: bool) -> None:
    """Tell the group, its members, and what is shared."""
    settings = read_settings()
    told = _describe(load_group(settings), load_sharing(settings))
    if as_json:
        click.echo(json.dumps(told))
    elif told is None:
        click.echo("In no group of sister wineries.")
    else:
        click.echo(f"{told['group']}: {', '.join(told['members'])}")
        click.echo(f"Shared of {told['winery']}: {', '.join(told['fields']) or 'nothing'}")


def _describe(group: Group | None, sharing: Sharing | None) -> dict[str, Any] | None:
    if group is None or sharing is None:
        return None
    return {
        "group": group.name,
        "members": list(group.members),
        "winery": sharing.winery,
        "fields": list(sharing.fields),
    }


def _choose_winery(settings: Settings, wanted: str | None) -> str:
    there = list_wineries(settings)
    if wanted is not None:
        for code in there:
            if code.casefold() == wanted.casefold():
                return code
    elif len(there) == 1:
        return there[0]
    raise CouldNotRun(
        f"Name with --winery which of these is in the group: {', '.join(there) or 'there is none yet'}. "
        "Nothing was changed."
    )


def _write_rows(settings: Settings, sharing: Sharing) -> None:
    rows = read_shared(settings, sharing)
    writer = csv.DictWriter(sys.stdout, list(sharing.fields))
    writer.writeheader()
    writer.writerows(rows)
