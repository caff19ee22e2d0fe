"""The command `winery-backup`: copies, and the way back from them. It needs neither the application nor a working database.

Exit codes: 0 done, 1 could not run, 2 damage found, 3 stale, 4 wrong or missing key, 5 the moment asked for cannot be
reached, 64 wrong usage.
"""

from typing import NoReturn

import click

from backup.command_frame import LateCommands, run_commands
from winery_appliance.core.child_process import give_way
from winery_appliance.core.settings import read_settings

COMMANDS = {  # where each command is defined: imported when it is asked for, as the small processes stay small by it
    "keys": "backup.key_commands:keys",
    "list": "backup.restore_commands:list_copies",
    "info": "backup.restore_commands:info",
    "check": "backup.restore_commands:check",
    "verify": "backup.restore_commands:verify",
    "restore": "backup.restore_commands:restore",
    "drill": "backup.restore_commands:drill",
    "prune": "backup.restore_commands:prune",
    "status": "backup.status_command:status",
}


@click.group(
    cls=LateCommands, late=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]}
)
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
@click.option(
    "--mb-s",
    type=click.FloatRange(min=0),
    default=0.0,
    metavar="N",
    help="Copy N MB of the database a second at most; 0 for as fast as it goes.",
)
def base(full: bool, if_due: bool, mb_s: float) -> None:
    """Make a base copy: what a restore starts from."""
    from backup.bases import is_base_due, make_base
    from backup.job_failures import noting_failure
    from backup.retention import prune_nas

    give_way()
    settings = read_settings()
    if if_due and not is_base_due(settings):
        return
    with noting_failure(settings, "base"):
        facts = make_base(settings, full=full, mb_s=mb_s)
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

    give_way()
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

    give_way()
    settings = read_settings()
    publish_tools(settings, need_site(settings))


@commands.command(hidden=True)
def requested() -> None:
    """Restore what somebody at the first page asked for; started by the supervisor."""
    from backup.requested_restore import carry_out

    done = carry_out(read_settings())
    if done is not None:
        click.echo(done.words or f"Error: {done.failed}", err=done.failed is not None)


def main() -> NoReturn:
    """Run the command line."""
    run_commands(commands, "winery-backup")
