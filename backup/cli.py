"""The command `winery-backup`: copies, and the way back from them. It needs neither the application nor a working database.

Exit codes: 0 done, 1 could not run, 2 damage found, 3 stale, 4 wrong or missing key, 5 the moment asked for cannot be
reached, 64 wrong usage.
"""

import sys
from typing import NoReturn

import click

from backup.key_commands import keys
from backup.refusals import USAGE, CouldNotRun
from winery_appliance.core.postgres_programs import PostgresRefused
from winery_appliance.core.settings import SettingsError, read_settings

# Each command imports what it needs when it runs, so that `--help` is quick.


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="winery-appliance")
def commands() -> None:
    """Copies of the winery, and the way back from them."""


commands.add_command(keys)


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

    settings = read_settings()
    if if_due and not is_base_due(settings):
        return
    facts = make_base(settings, full=full)
    kind = f"against {facts.parent}" if facts.parent else "full"
    click.echo(f"Base copy {facts.id} ({kind}), {facts.base.size / 1e6:.1f} MB, is on the NAS.")


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
