"""What a command takes from the terminal and gives back to it. Light: the supervisor loads it too."""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

data_option = click.option(
    "--data", type=click.Path(path_type=Path), help="Data directory (WINERY_DATA)."
)
json_option = click.option(
    "--json", "as_json", is_flag=True, help="One JSON document on standard output."
)


class NotReady(click.ClickException):
    """The database is away or not prepared; the same command may work in a while."""

    exit_code = 3


def show_json(document: dict[str, Any]) -> None:
    """The one document of a command."""
    click.echo(json.dumps(document, ensure_ascii=False, indent=2))


def show_list(
    name: str, found: Sequence[dict[str, Any]], columns: Mapping[str, str], *, as_json: bool
) -> None:
    """What a listing command found: a document with it under `name`, or a table of `columns`, title by key."""
    if as_json:
        show_json({name: list(found)})
    else:
        show_table(list(columns.values()), [[item[key] for key in columns] for item in found])


def show_table(titles: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """`rows` in columns under their titles; a title alone where there are none. None is shown as nothing."""
    cells = [[_tell(cell) for cell in row] for row in rows]
    widths = [
        max(len(row[n]) for row in [list(titles), *cells]) if n < len(titles) - 1 else 0
        for n in range(len(titles))
    ]
    for row in [list(titles), *cells]:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)))


def _tell(cell: object) -> str:
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    return "" if cell is None else str(cell)


def note(line: str) -> None:
    """A line for the person, apart from what a script reads."""
    click.echo(line, err=True)


def read_password(file: Path | None) -> str:
    """A new password from `file` (`-` is standard input), or typed twice at the terminal; never from the command line.

    Raises UsageError when there is neither, and ClickException when the file cannot be read.
    """
    if file is None:
        if not sys.stdin.isatty():
            raise click.UsageError(
                "There is no terminal to type a password at: use --password-file or --generate."
            )
        typed: str = click.prompt(
            "New password", hide_input=True, confirmation_prompt="The same again", err=True
        )
        return typed
    try:
        with click.open_file(str(file), encoding="utf-8") as opened:
            line: str = opened.readline()
            return line.rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise click.ClickException(f"{file} cannot be read: {reason}. Nothing was done.") from error
