"""The command `winery`: for IT, and for the supervisor that starts each process by it.

Exit codes: 0 done; 1 refused, the reason stands on standard error and nothing was changed (`winery check`: something was
found); 2 wrong arguments; 3 the database is away or not prepared, try again later. With `--json` standard output holds
one document and nothing else.
"""

from importlib import import_module
from typing import Any

import click

from winery_appliance.core.settings import SettingsError

# What stands behind each word, and its line in the help. A module is imported when its command runs: the supervisor
# stays small and `--help` is quick.
COMMANDS = {
    "up": ("processes", "Run everything: database, web, worker and scheduler, until Ctrl-C."),
    "prepare": (
        "processes",
        "Make roles and schema in the database, and the demo or a setup code.",
    ),
    "secrets": (
        "processes",
        "Make the secrets that containers are handed, where some are missing.",
    ),
    "certificate": (
        "processes",
        "Make the winery's authority and its certificate, or renew the certificate.",
    ),
    "web": ("processes", "Answer requests."),
    "worker": ("processes", "Do queued work."),
    "scheduler": ("processes", "Decide when periodic jobs are due."),
    "ingest": ("processes", "Listen at the winery's MQTT broker, and keep what probes say there."),
    "mover": ("processes", "Bring the files of instruments into the watched folder."),
    "users": ("users", "Who may sign in: list, let in, shut out, give a lost password back."),
    "wineries": ("wineries", "The wineries of this appliance: list, add, show, change."),
    "tokens": ("tokens", "What programs sign in with: list, revoke."),
    "demo": ("demo", "Two invented wineries to look at: load, remove."),
    "history": (
        "history",
        "Past vintages: import files, export the book, make the past readings anew.",
    ),
    "analysis": ("analysis", "Look back at what the analysis would have said."),
    "check": ("check", "Look at files, database, rights and work; change nothing."),
}


class _Commands(click.Group):
    """Imports what a command stands in, and tells what is wrong with the settings in one sentence."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except SettingsError as error:
            raise click.ClickException(str(error)) from error

    def list_commands(self, _context: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, _context: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"{__name__}.{COMMANDS[name][0]}"), name)
        return command

    def format_commands(self, _context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="winery-appliance")
def main() -> None:
    """The winery appliance. Every command reads the settings (WINERY_…) of the appliance it is meant for."""
