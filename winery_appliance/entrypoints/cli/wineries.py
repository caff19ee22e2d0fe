"""`winery wineries`: the wineries of this appliance."""

from pathlib import Path
from typing import Any

import click

from winery_appliance.core.web import parse
from winery_appliance.entrypoints.cli.book import act_for, open_book
from winery_appliance.entrypoints.cli.terminal import (
    data_option,
    json_option,
    note,
    show_json,
    show_list,
    show_table,
)
from winery_appliance.winery.commands import AddWinery, ChangeWinery
from winery_appliance.winery.queries import WineryView, read_winery
from winery_appliance.winery.service import change_winery, create_winery


@click.group()
def wineries() -> None:
    """The wineries of this appliance; none can see another's book."""


@wineries.command("list")
@data_option
@json_option
def list_all(data: Path | None, as_json: bool) -> None:
    """Every winery by its code."""
    with open_book(data) as book:
        found = book.list_wineries()
    rows = [vars(winery) for winery in found]
    show_list("wineries", rows, {"code": "CODE", "name": "NAME"}, as_json=as_json)


@wineries.command()
@click.argument("code")
@click.argument("name")
@data_option
@json_option
def add(code: str, name: str, data: Path | None, as_json: bool) -> None:
    """Add a winery. It has nobody yet: let its owner in with `winery users add`."""
    with open_book(data) as book:
        command = parse(AddWinery, {"code": code, "name": name})
        with book.app.transaction() as session:
            create_winery(session, code=command.code, name=command.name)
            winery = read_winery(session)
    if as_json:
        show_json({"winery": _tell(winery)})
        return
    note(
        f"Added. Its owner: winery users add --winery {winery.code} --role owner --name … --email …"
    )


@wineries.command()
@click.argument("code")
@data_option
@json_option
def show(code: str, data: Path | None, as_json: bool) -> None:
    """One winery with its settings."""
    with open_book(data) as book, book.app.transaction(book.find_winery(code).id) as session:
        winery = read_winery(session)
    _show(winery, as_json)


@wineries.command()
@click.argument("code")
@click.option("--name", help="The name over the door.")
@click.option("--location", help="Where it lies, as one writes an address; empty for none.")
@click.option("--country", help="Two letters of ISO 3166-1, such as ES; empty for none.")
@click.option("--latitude", type=float, help="Degrees north.")
@click.option("--longitude", type=float, help="Degrees east.")
@click.option("--language", help="Two letters of ISO 639-1, such as en.")
@click.option("--sugar-unit", help="brix, sg, kg_m3, baume, oechsle or kmw.")
@click.option("--temperature-unit", help="What entry begins with: celsius or fahrenheit.")
@click.option("--time-zone", help="Its name, such as Europe/Madrid.")
@click.option("--legal-region", help="Whose limits apply: eu or us.")
@click.option("--walking-order", help="What a round goes by: position or code.")
@click.option(
    "--audit-months", help="Months of changes kept in the audit log, 12 or more; empty for ever."
)
@data_option
@json_option
def change(code: str, data: Path | None, as_json: bool, **given: str | float | None) -> None:
    """Change a winery's settings; what is not given stays."""
    wanted = {name: value for name, value in given.items() if value is not None}
    if not wanted:
        raise click.UsageError("Say what is to be different, such as --time-zone Europe/Madrid.")
    with open_book(data) as book:
        found = book.find_winery(code)
        command = parse(ChangeWinery, {name: None if v == "" else v for name, v in wanted.items()})
        with book.app.transaction(found.id) as session:
            winery = change_winery(session, command, actor=act_for(found), seen=None)
    _show(winery, as_json)


def _show(winery: WineryView, as_json: bool) -> None:
    facts = _tell(winery)
    if as_json:
        show_json({"winery": facts})
    else:
        show_table(("SETTING", "VALUE"), list(facts.items()))


def _tell(winery: WineryView) -> dict[str, Any]:
    return vars(winery)
