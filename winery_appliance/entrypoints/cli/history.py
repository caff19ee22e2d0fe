"""`winery history`: past vintages in, the book out, and what is drawn from both made anew."""

import json
import os
import shutil
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any
from uuid import uuid4

import click

from winery_appliance.auth.people import list_people
from winery_appliance.auth.permissions import Role
from winery_appliance.auth.service import Actor
from winery_appliance.cellar_work.note_queries import read_photos
from winery_appliance.core.child_process import give_way
from winery_appliance.core.settings import read_settings
from winery_appliance.core.web import parse
from winery_appliance.entrypoints.cli.book import Book, act_for, open_book
from winery_appliance.entrypoints.cli.terminal import (
    data_option,
    json_option,
    note,
    show_json,
    show_list,
)
from winery_appliance.entrypoints.exported import EXPORTED
from winery_appliance.historical_data import import_queries as queries
from winery_appliance.historical_data import import_service as service
from winery_appliance.historical_data.answers import PatternAnswer
from winery_appliance.historical_data.export_files import FORMATS, export_book, write_to
from winery_appliance.historical_data.folder_files import QUARANTINE, list_quarantined, look
from winery_appliance.historical_data.import_commands import Answers, BeginImport
from winery_appliance.historical_data.import_job import find_path, run_import
from winery_appliance.historical_data.import_queries import ImportView
from winery_appliance.historical_data.pattern_queries import list_patterns
from winery_appliance.historical_data.projection import rebuild_history
from winery_appliance.historical_data.refused_rows import open_refused_rows
from winery_appliance.winery.queries import WineryName

SHOWN_ROWS = 20


@click.group()
def history() -> None:
    """Past vintages: import files, export the book, make what is drawn from them anew."""


@history.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--winery", "code", help="The winery's code; may be left out where there is only one."
)
@click.option("--dry-run", is_flag=True, help="Only say what would be saved.")
@click.option("--mapping", help="The name of a remembered mapping to read the file with.")
@click.option(
    "--answer", "answers", multiple=True, metavar="KEY=VALUE", help="An answer to what was asked."
)
@data_option
@json_option
def import_file(
    file: Path,
    code: str | None,
    dry_run: bool,
    mapping: str | None,
    answers: tuple[str, ...],
    data: Path | None,
    as_json: bool,
) -> None:
    """Import past vintages or an instrument's FILE: CSV, TSV, XLSX or JSON.

    What nothing in the file decides is asked for: repeat the command with --answer. A file that was cut short by a kill is
    gone on with; one that is in the book is not imported twice.
    """
    said = _read_answers(answers)
    give_way()
    with open_book(data) as book:
        winery = book.find_winery(code)
        view = _import(book, winery, file, mapping, said, dry_run=dry_run)
        with book.app.transaction(winery.id) as session:
            odd = queries.list_import_rows(
                session, view.id, verdict=None, cursor=None, limit=SHOWN_ROWS
            )
            wines = [
                w for w in queries.list_import_wines(session, view.id, limit=SHOWN_ROWS) if w.fault
            ]
        if dry_run and view.state == "ready":
            with book.app.transaction(winery.id) as session:
                service.cancel_import(session, view.id, actor=_act(book, winery))
    if as_json:
        show_json(_tell(view, odd.items, wines))
    else:
        _show(view, odd.items, dry_run=dry_run)
    if view.state not in ("saved", "ready"):
        raise click.exceptions.Exit(1)


def _read_answers(given: tuple[str, ...]) -> Answers:
    """`date_order=dmy`, `units.sugar=brix`, `styles.syrah=red`, `columns.tank=vessel`, `codes.XX9=F24-1`, `wine=F24-1`."""
    told: dict[str, Any] = {}
    for answer in given:
        key, sign, value = answer.partition("=")
        if not sign:
            raise click.UsageError(f"Write --answer {key}=VALUE.")
        name, dot, part = key.partition(".")
        if dot:
            told.setdefault(name, {})[part] = value
        else:
            told[name] = value
    return parse(Answers, told)


def _act(book: Book, winery: WineryName) -> Actor:
    """In the name of the winery's first owner: every row in the book names a person."""
    with book.app.transaction(winery.id) as session:
        people = list_people(session, actor=act_for(winery), limit=500)
    owners = sorted(person.id for person in people.items if person.role is Role.OWNER)
    if not owners:
        raise click.ClickException(
            f"{winery.code} has no owner yet. Nothing was saved. Let one in with `winery users add`."
        )
    return Actor(owners[0], winery.id, Role.OWNER, "command line")


def _import(
    book: Book,
    winery: WineryName,
    file: Path,
    mapping: str | None,
    answers: Answers,
    *,
    dry_run: bool,
) -> ImportView:
    actor = _act(book, winery)
    view = _take_in(book, winery, file, mapping, answers, actor)
    view = _work(book, winery, view)
    if view.state == "ready" and not dry_run:
        if not service.has_news(view):
            note("Nothing in this file is new.")
            return view
        with book.app.transaction(winery.id) as session:
            view = service.save_import(session, view.id, actor=actor)
    if view.state in ("saving", "stopped") and not dry_run:
        view = _work(book, winery, view)
    return view


def _take_in(
    book: Book, winery: WineryName, file: Path, mapping: str | None, answers: Answers, actor: Actor
) -> ImportView:
    """The import of this content, or a new one of a copy of the file."""
    content_hash = service.hash_file(file)
    with book.app.transaction(winery.id) as session:
        same = service.find_same_file(session, content_hash)
        if same is not None:
            if same.state == "saved":
                note(
                    f"This file is in the book already (import {same.id}). Nothing was done twice."
                )
            elif same.state in ("asking", "ready") and (
                answers.written() or same.state == "asking"
            ):
                return service.answer_import(session, same.id, answers, actor=actor)
            elif same.state == "stopped":
                return service.save_import(session, same.id, actor=actor)
            return same
        command = BeginImport(
            client_uuid=uuid4(),
            file_name=file.name,
            size_bytes=max(1, file.stat().st_size),
            mapping=mapping,
        )
        view, _ = service.begin_import(session, command, actor=actor)
    path = find_path(book.settings.imports_dir, winery.id, view.id)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    shutil.copyfile(file, path)
    with book.app.transaction(winery.id) as session:
        service.receive(session, view.id, content_hash)
        return service.answer_import(session, view.id, answers, actor=actor)


def _work(book: Book, winery: WineryName, view: ImportView) -> ImportView:
    """Do the work here and now, and say how far it is."""

    def watch(done: int, total: int) -> None:
        if sys.stderr.isatty() and total:
            click.echo(f"\r{done} of {total} ({100 * done // total} %)", nl=False, err=True)

    mine = run_import(book.worker, book.settings.imports_dir, winery.id, view.id, watch)
    if not mine:
        raise click.ClickException(
            f"The appliance is at this file (import {view.id}). It goes on there; look again in a while."
        )
    with book.app.transaction(winery.id) as session:
        return service.get_import(session, view.id)


def _tell(view: ImportView, odd: Any, wines: Any) -> dict[str, Any]:
    document = {
        "import": {
            name: getattr(view, name)
            for name in (
                "id",
                "file_name",
                "state",
                "reader",
                "counts",
                "questions",
                "answers",
                "failure",
            )
        },
        "rows": [vars(row) for row in odd],
        "wines": [vars(wine) for wine in wines],
    }
    plain: dict[str, Any] = json.loads(json.dumps(document, default=str))
    return plain


def _show(view: ImportView, odd: Any, *, dry_run: bool) -> None:
    if view.failure:
        note(view.failure)
    for question in view.questions:
        note(question["text"])
        choices = "|".join(value for value, _ in question["choices"]) or "…"
        note(f"  --answer '{question['key']}={choices}'")
        if question["key"] == "columns":
            for column in view.header:
                note(
                    f"  --answer columns.{column['name'].replace(' ', '')}=…  now: {column['use']}"
                )
    if view.counts:
        told = ", ".join(f"{number} {name.replace('_', ' ')}" for name, number in sorted(view.counts.items()))  # fmt: skip
        click.echo(f"{view.file_name}: {told}.")
    for row in odd:
        click.echo(f"line {row.line}: {row.verdict}: {row.detail}")
    if dry_run:
        click.echo("Nothing was saved.")
    elif view.state == "saved":
        click.echo(f"Saved as import {view.id}.")


@history.command()
@click.argument("import_id", type=click.IntRange(min=1))
@click.option(
    "--winery", "code", help="The winery's code; may be left out where there is only one."
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file; one beside you with the imported file's name if not given.",
)
@data_option
def refused(import_id: int, code: str | None, out: Path | None, data: Path | None) -> None:
    """Write the refused rows of an import with line and reason, to be mended and imported again."""
    with open_book(data) as book, book.app.transaction(book.find_winery(code).id) as session:
        source = find_path(book.settings.imports_dir, session.info["winery_id"], import_id)
        found = open_refused_rows(session, import_id, source)
        out = out or Path(found.file_name)
        with found.file, out.open("wb") as file:
            shutil.copyfileobj(found.file, file)
    note(f"{found.rows} rows are in {out}.")


@history.command()
@data_option
@json_option
def watched(data: Path | None, as_json: bool) -> None:
    """Show the watched folder: what waits there, and what is in quarantine and why."""
    folder = read_settings(data=data).watched_dir
    rooms = [room for room in (folder, *sorted(folder.glob("*"))) if (room / QUARANTINE).is_dir()]
    waiting = [str(room / name) for room in rooms for name in look(room)]
    apart = [each for room in rooms for each in list_quarantined(room)]
    if as_json:
        told = [{"file": str(each.path), "reason": each.reason} for each in apart]
        show_json({"folder": str(folder), "waiting": waiting, "quarantine": told})
        return
    click.echo(f"{folder}: {len(waiting)} waiting, {len(apart)} in quarantine.")
    for each in apart:
        click.echo(f"{each.path}: {each.reason}")


@history.command("export")
@click.option(
    "--winery", "code", help="The winery's code; may be left out where there is only one."
)
@click.option(
    "--format",
    "kind",
    type=click.Choice(FORMATS),
    default="csv",
    show_default=True,
    help="csv: the readings with their wines. json, xlsx: everything. zip: everything as CSV, with the photos.",
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file; standard output if not given.",
)
@data_option
def export(code: str | None, kind: str, out: Path | None, data: Path | None) -> None:
    """Write the book as one file, as of one moment.

    `winery history import` reads wines, their fruit and current readings back: from csv, json, xlsx, and readings.csv of
    a zip.
    """
    with open_book(data) as book:
        winery_id = book.find_winery(code).id
        with book.app.transaction(winery_id, one_moment=True) as session:
            pieces = export_book(session, kind, EXPORTED, read_photos)
            if out is None:
                write_to(sys.stdout.buffer, pieces)
                return
            unfinished = out.with_name(f"{out.name}.new")
            with unfinished.open("wb") as file:
                size = write_to(file, pieces)
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(out)
    note(f"{out} is written: {size} bytes.")


@history.command()
@click.option("--winery", "code", help="The winery's code; not needed where there is only one.")
@data_option
@json_option
def rebuild(code: str | None, data: Path | None, as_json: bool) -> None:
    """Make the past readings and patterns anew from the book: of completed fermentations, all that count and no others.

    The worker keeps them by itself; this mends what a fault or a hand at the database left. The book is not changed.
    """
    with open_book(data) as book:
        winery = book.find_winery(code)
        done = rebuild_history(book.worker, winery.id)
    if as_json:
        show_json({"winery": winery.code, **asdict(done)})
    else:
        note(
            f"{winery.code}: {done.samples} readings of {done.fermentations} completed fermentations, "
            f"{done.patterns} patterns."
        )


@history.command()
@click.option("--winery", "code", help="The winery's code; not needed where there is only one.")
@click.option("--varietal", help="Only of this variety.")
@click.option(
    "--style", type=click.Choice(["red", "white", "rose", "orange"]), help="Only of this style."
)
@data_option
@json_option
def patterns(
    code: str | None, varietal: str | None, style: str | None, data: Path | None, as_json: bool
) -> None:
    """Say how past ferments went, by variety, style and size of vessel: the middle of them, and 10 to 90 %.

    The worker draws them anew by itself when history changes.
    """
    with open_book(data) as book, book.app.transaction(book.find_winery(code).id) as session:
        found = list_patterns(session, varietal=varietal, style=style)
    told = [PatternAnswer.show(view) for view in found]
    if not as_json:
        for item in told:
            item["varietal"] = item["varietal"] or "not recorded"
            for name in ("days_to_dry", "lag_hours", "fastest", "temperature"):
                item[name] = _tell_range(item[name])
    columns = {
        "varietal": "variety",
        "style": "style",
        "vessel_size": "vessel",
        "ferments": "ferments",
        "came_dry": "came dry",
        "days_to_dry": "days to dry",
        "lag_hours": "hours of lag",
        "fastest": "fastest °Bx/d",
        "temperature": "°C",
    }
    show_list("patterns", told, columns, as_json=as_json)


def _tell_range(quantiles: list[float | None]) -> str:
    low, _, middle, _, high = quantiles
    return "" if middle is None else f"{middle:.1f} ({low:.1f}–{high:.1f})"
