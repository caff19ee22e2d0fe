"""The command `winery`: for IT, and for the supervisor that starts each process by it."""

import sys
from pathlib import Path
from typing import Any

import click

from winery_appliance.core.settings import SettingsError, read_settings

# Each command imports what it needs when it runs: the supervisor stays small and `--help` is quick.


class _Commands(click.Group):
    """Tells a person what is wrong with the settings in one sentence, whichever command noticed it."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except SettingsError as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="winery-appliance")
def main() -> None:
    """The winery appliance."""


@main.command()
@click.option("--data", type=click.Path(path_type=Path), help="Data directory (WINERY_DATA).")
@click.option("--port", type=click.IntRange(1, 65535), help="Port of the web server (8080).")
@click.option("--host", help="Address the web server listens on (127.0.0.1).")
@click.option("--no-demo", is_flag=True, help="Start without the demo wineries.")
@click.option("--reset", is_flag=True, help="Remove the data directory first; asks.")
def up(data: Path | None, port: int | None, host: str | None, no_demo: bool, reset: bool) -> None:
    """Run everything: database, web, worker and scheduler, until Ctrl-C."""
    from winery_appliance.entrypoints import supervisor

    settings = read_settings(data=data, port=port, host=host)
    sys.exit(supervisor.run(settings, demo=not no_demo, reset=reset))


@main.command()
@click.option("--no-demo", is_flag=True, help="No demo wineries.")
def prepare(no_demo: bool) -> None:
    """Make roles and schema in the database, and the demo or a setup code."""
    from winery_appliance.core.errors import AppError
    from winery_appliance.core.roles import DatabaseRefused
    from winery_appliance.entrypoints.preparation import prepare as make_ready

    try:
        lines = make_ready(read_settings(), demo=not no_demo)
    except (DatabaseRefused, AppError) as error:
        raise click.ClickException(str(error)) from error
    for line in lines:
        click.echo(line)


@main.command()
@click.argument("directory", type=click.Path(path_type=Path))
def secrets(directory: Path) -> None:
    """Make the secrets that containers are handed, where DIRECTORY lacks them."""
    from winery_appliance.core.secret_files import make_handed_secrets
    from winery_appliance.entrypoints.preparation import HANDED_SECRETS

    made = make_handed_secrets(directory, HANDED_SECRETS)
    click.echo(
        f"Made: {', '.join(made)}." if made else "All secrets are there. Nothing was changed."
    )


@main.command()
def web() -> None:
    """Answer requests."""
    from winery_appliance.entrypoints.web import serve

    serve(read_settings())


@main.command()
def worker() -> None:
    """Do queued work."""
    from winery_appliance.entrypoints.worker import work

    work(read_settings())


@main.command()
def scheduler() -> None:
    """Decide when periodic jobs are due."""
    from winery_appliance.entrypoints.scheduler import run_scheduler

    run_scheduler(read_settings())


@main.group()
def analysis() -> None:
    """Look back at what the analysis would have said."""


_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@analysis.command()
@click.argument("readings", type=_FILE)
@click.option("--ferments", type=_FILE, required=True, help="One row per ferment: style, must.")
@click.option("--events", type=_FILE, help="What was added or done, and when.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True)
@click.option("--processes", type=click.IntRange(1, 64), default=2, show_default=True)
def replay(readings: Path, ferments: Path, events: Path | None, out: Path, processes: int) -> None:
    """Judge past READINGS as of every one of them; write alarms.csv and flags.csv. Needs no database."""
    from winery_appliance.analysis_engine.replay import replay_tables
    from winery_appliance.analysis_engine.replay_files import UnreadableTable

    try:
        count = replay_tables(readings, ferments, out, events=events, processes=processes)
    except (UnreadableTable, OSError) as error:
        raise click.ClickException(f"{error} Nothing was written.") from error
    click.echo(f"{count} ferments replayed; the tables are in {out}.")
