"""`winery history`: past vintages."""

from dataclasses import asdict
from pathlib import Path

import click

from winery_appliance.entrypoints.cli.book import open_book
from winery_appliance.entrypoints.cli.terminal import data_option, json_option, note, show_json
from winery_appliance.historical_data.projection import rebuild_history


@click.group()
def history() -> None:
    """Past vintages, from which patterns are drawn."""


@history.command()
@click.option("--winery", "code", help="The winery's code; not needed where there is only one.")
@data_option
@json_option
def rebuild(code: str | None, data: Path | None, as_json: bool) -> None:
    """Make the past readings anew from the book: those of completed fermentations, all that count and no others.

    The worker keeps them by itself; this mends what a fault or a hand at the database left. The book is not changed.
    """
    with open_book(data) as book:
        winery = book.find_winery(code)
        done = rebuild_history(book.worker, winery.id)
    if as_json:
        show_json({"winery": winery.code, **asdict(done)})
    else:
        note(
            f"{winery.code}: {done.samples} readings of {done.fermentations} completed fermentations."
        )
