"""What `winery-backup` and `winery-sync` have in common: late commands and the exit codes."""

import importlib
import sys
from collections.abc import Mapping
from typing import Any, NoReturn

import click

from backup.refusals import USAGE, CouldNotRun
from winery_appliance.core.postgres_programs import PostgresRefused
from winery_appliance.core.settings import SettingsError


class LateCommands(click.Group):
    """A group's own commands and those of `late`, a place "module:name" by name, imported when asked for.

    The processes that a command line runs stay small by it.
    """

    def __init__(self, *args: Any, late: Mapping[str, str], **options: Any) -> None:
        super().__init__(*args, **options)
        self._late = late

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), *self._late])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._late:
            return super().get_command(ctx, cmd_name)
        module, _, name = self._late[cmd_name].partition(":")
        command = getattr(importlib.import_module(module), name)
        assert isinstance(command, click.Command)
        return command


def run_commands(commands: click.Group, program: str) -> NoReturn:
    """Run a command line and end the process; the exit code is the product's, never click's."""
    try:
        commands.main(prog_name=program, standalone_mode=False)
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
