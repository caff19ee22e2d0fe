"""The command `winery-backup`: copies, and the way back from them. It needs neither the application nor a working database.

Exit codes: 0 done, 1 could not run, 2 damage found, 3 stale, 4 wrong or missing key, 5 the moment asked for cannot be
reached, 64 wrong usage.
"""

import importlib
import os
import sys
from typing import NoReturn

import click

from backup.refusals import USAGE, CouldNotRun
from winery_appliance.core.postgres_programs import PostgresRefused
from winery_appliance.core.settings import SettingsError, read_settings

COMMANDS = {  # where each command is defined: imported when it is asked for, as the small processes stay small by it
    "keys": "key_commands:keys",
    "list": "restore_commands:list_copies",
    "info": "restore_commands:info",
    "check": "restore_commands:check",
    "verify": "restore_commands:verify",
    "restore": "restore_commands:restore",
    "drill": "restore_commands:drill",
    "prune": "restore_commands:prune",
}


class _Commands(click.Group):
    """The commands of this module and those of `COMMANDS`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), *COMMANDS])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return super().get_command(ctx, cmd_name)
        module, _, name = COMMANDS[cmd_name].partition(":")
        command = getattr(importlib.import_module(f"backup.{module}"), name)
        assert isinstance(command, click.Command)
        return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="winery-appliance")
def commands() -> None:
    """Copies of the winery, and the way back from them."""


@commands.command()
def stream() -> None:
    """Copy new records to the NAS every few seconds, until stopped."""
    from backup.stream import Stream
    from winery_appliance.core.log import set_up_logging

    set_up_logging("stream")
    Stream(read_settings()).run()


@commands.command(hidden=True)
def ship() -> None:
    """Carry the spool to the NAS; started by `stream`."""
    from backup.shipping import ship_until_killed
    from winery_appliance.core.log import set_up_logging

    set_up_logging("ship")
    ship_until_killed(read_settings())


@commands.command()
@click.option("--full", is_flag=True, help="A full copy, though an incremental one would do.")
@click.option("--if-due", is_flag=True, help="Only when one is due; else do nothing.")
def base(full: bool, if_due: bool) -> None:
    """Make a base copy: what a restore starts from."""
    from backup.bases import is_base_due, make_base
    from backup.job_failures import noting_failure
    from backup.retention import prune_nas

    settings = read_settings()
    if if_due and not is_base_due(settings):
        return
    with noting_failure(settings, "base"):
        facts = make_base(settings, full=full)
        prune_nas(settings, dry_run=False)
    kind = f"against {facts.parent}" if facts.parent else "full"
    click.echo(f"Base copy {facts.id} ({kind}), {facts.base.size / 1e6:.1f} MB, is on the NAS.")


@commands.command()
@click.option("--if-due", is_flag=True, help="Only when one is due; else do nothing.")
def dump(if_due: bool) -> None:
    """Make a portable dump: for a later PostgreSQL, and for years."""
    from backup.dumps import is_dump_due, make_dump
    from backup.job_failures import noting_failure
    from backup.retention import prune_nas

    os.nice(10)  # the winery at work comes first
    settings = read_settings()
    if if_due and not is_dump_due(settings):
        return
    with noting_failure(settings, "dump"):
        facts = make_dump(settings)
        prune_nas(settings, dry_run=False)
    click.echo(f"Dump {facts.id} ({facts.tier}), {facts.dump.size / 1e6:.1f} MB, is on the NAS.")


@commands.command(hidden=True)
def tools() -> None:
    """Put the programs of a restore beside the copies; started by `stream`."""
    from backup.keys import need_site
    from backup.wheelhouse import publish_tools

    os.nice(10)
    settings = read_settings()
    publish_tools(settings, need_site(settings))


@commands.command()
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.option("--metrics", is_flag=True, help="For Prometheus' collector of text files.")
def status(as_json: bool, metrics: bool) -> None:
    """How the copies are: what would be lost now, and when a restore was last proven."""
    from backup.health import assess, render_metrics
    from winery_appliance.core.clock import now

    found = assess(read_settings(), now())
    if metrics:
        click.echo(render_metrics(found, now()), nl=False)
    elif as_json:
        click.echo(found.model_dump_json())
    else:
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
    sys.exit(found.code)


def main() -> NoReturn:
    """Run the command line; the exit code is the product's, never click's."""
    try:
        commands.main(prog_name="winery-backup", standalone_mode=False)
        sys.exit(0)
    except click.exceptions.Exit as end:
        sys.exit(end.exit_code)
    except click.Abort:
        click.echo("Stopped.", err=True)
        sys.exit(1)
    except click.UsageError as error:
        error.show()
        sys.exit(USAGE)
    except CouldNotRun as refusal:
        click.echo(f"Error: {refusal}", err=True)
        sys.exit(refusal.exit_code)
    except (SettingsError, PostgresRefused, OSError, click.ClickException) as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(1)
