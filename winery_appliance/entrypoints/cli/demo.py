"""`winery demo`: two invented wineries to look at and to train with."""

from pathlib import Path

import click

from winery_appliance.core.db import Database
from winery_appliance.core.errors import Conflict
from winery_appliance.core.jobs import build_queue
from winery_appliance.core.outbox import wake_by
from winery_appliance.core.roles import role_url
from winery_appliance.demo.loading import load_demo
from winery_appliance.demo.people import (
    NEIGHBOUR,
    PEOPLE,
    forget_password,
    make_password,
    tell_logins,
)
from winery_appliance.demo.removal import remove_demo
from winery_appliance.entrypoints.cli.book import Book, open_book
from winery_appliance.entrypoints.cli.terminal import data_option, json_option, note, show_json
from winery_appliance.winery.queries import WineryName, read_winery
from winery_appliance.winery.service import make_setup_code


@click.group()
def demo() -> None:
    """Two invented wineries, to look at and to train with. Real wineries beside them are never touched."""


@demo.command()
@data_option
@json_option
def load(data: Path | None, as_json: bool) -> None:
    """Put the demo wineries into the book, and print how to sign in."""
    with open_book(data) as book:
        if _find(book):
            raise Conflict("The demo is there already. Nothing was changed.")
        wake_by(book.app, build_queue(role_url(book.settings, "app"), book.app).wake)
        load_demo(book.app, book.settings)
        made, password = _find(book), make_password(book.settings)
        lines = tell_logins(book.settings)
    if as_json:
        logins = [*PEOPLE, *NEIGHBOUR]
        show_json({"wineries": [w.code for w in made], "logins": logins, "password": password})
        return
    for line in lines:
        click.echo(line)


@demo.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
@data_option
@json_option
def remove(yes: bool, data: Path | None, as_json: bool) -> None:
    """Take the demo wineries out of the book, with everything that was entered in them.

    Where no winery is left a setup code for the first run is printed. `winery up` would load the demo again: start it
    with --no-demo.
    """
    code = None
    with open_book(data) as book:
        doomed = _find(book)
        if not doomed:
            raise Conflict("There is no demo. Nothing was changed.")
        names = " and ".join(winery.code for winery in doomed)
        if not yes:
            note(f"This removes {names} with every reading in them. It cannot be undone.")
            click.confirm("Go on?", abort=True, err=True)
        owner = Database(role_url(book.settings, "owner"), pool_size=1, application="winery-cli")
        try:
            remove_demo(owner, [winery.id for winery in doomed])
        finally:
            owner.dispose()
        forget_password(book.settings)
        if not book.list_wineries():
            with book.app.transaction() as session:
                code = make_setup_code(session)
    if as_json:
        show_json({"removed": [winery.code for winery in doomed], "setup_code": code})
        return
    note(f"Removed {names}.")
    if code:
        note("No winery is left. Open the address and type this setup code:")
        click.echo(code)


def _find(book: Book) -> list[WineryName]:
    found = []
    for winery in book.list_wineries():
        with book.app.transaction(winery.id) as session:
            if read_winery(session).is_demo:
                found.append(winery)
    return found
