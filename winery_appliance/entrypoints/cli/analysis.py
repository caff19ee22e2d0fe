"""`winery analysis`: what the analysis would have said."""

from pathlib import Path

import click


@click.group()
def analysis() -> None:
    """Look back at what the analysis would have said."""


_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@analysis.command()
@click.argument("readings", type=_FILE)
@click.option("--ferments", type=_FILE, required=True, help="One row per ferment: style, must.")
@click.option("--events", type=_FILE, help="What was added or done, and when.")
@click.option("--history-readings", type=_FILE, help="Readings of finished ferments to learn from.")
@click.option("--history-ferments", type=_FILE, help="Their ferments.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="The folder for the tables.",
)
@click.option(
    "--processes",
    type=click.IntRange(1, 64),
    default=2,
    show_default=True,
    help="How many work at once.",
)
def replay(
    readings: Path,
    ferments: Path,
    events: Path | None,
    history_readings: Path | None,
    history_ferments: Path | None,
    out: Path,
    processes: int,
) -> None:
    """Judge past READINGS as of every one of them; write alarms.csv, flags.csv and forecasts.csv. Needs no database."""
    from winery_appliance.analysis_engine.replay import replay_tables
    from winery_appliance.analysis_engine.replay_files import UnreadableTable, list_doubtful_lines

    if (history_readings is None) != (history_ferments is None):
        raise click.UsageError("--history-readings and --history-ferments go together.")
    history = None
    if history_readings is not None and history_ferments is not None:
        history = (history_readings, history_ferments)
    try:
        count = replay_tables(
            readings, ferments, out, events=events, history=history, processes=processes
        )
        doubtful = list_doubtful_lines(readings)
    except (UnreadableTable, OSError) as error:
        raise click.ClickException(f"{error} Nothing was written.") from error
    if doubtful:
        lines = ", ".join(map(str, doubtful[:10])) + (", …" if len(doubtful) > 10 else "")
        click.echo(
            f"{readings.name}: lines with a cell that is no number, which was left out: "
            f"{len(doubtful)} (line {lines}). Mend them and replay again.",
            err=True,
        )
    click.echo(f"{count} ferments replayed; the tables are in {out}.")


@analysis.command()
def checks() -> None:
    """Explain every rule of the analysis, as Markdown."""
    from winery_appliance.analysis_engine.check_page import describe_checks

    click.echo(describe_checks(), nl=False)
