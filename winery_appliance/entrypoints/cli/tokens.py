"""`winery tokens`: what programs sign in with."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import click

from winery_appliance.auth.personal_tokens import TokenView, list_tokens
from winery_appliance.auth.service import revoke_token
from winery_appliance.core.errors import NotFound
from winery_appliance.core.typed_text import MAX_LIMIT
from winery_appliance.entrypoints.cli.book import Book, act_for, open_book
from winery_appliance.entrypoints.cli.terminal import (
    data_option,
    json_option,
    note,
    show_json,
    show_table,
)
from winery_appliance.winery.queries import WineryName


@click.group()
def tokens() -> None:
    """What programs sign in with. A token's secret is told once, to who made it; here is what it is called and may."""


@tokens.command("list")
@click.option("--winery", "code", help="Only this winery's.")
@data_option
@json_option
def list_all(code: str | None, data: Path | None, as_json: bool) -> None:
    """Every token that has not run out, the revoked too; the newest first."""
    with open_book(data) as book:
        found = [
            _tell(winery, token)
            for winery in book.list_wineries(code)
            for token in _read_tokens(book, winery)
        ]
    if as_json:
        show_json({"tokens": found})
        return
    titles = ("ID", "WINERY", "PERSON", "NAME", "EXPIRES", "REVOKED", "LAST USED")
    keys = ("id", "winery", "person", "name", "expires_at", "revoked_at", "last_used_at")
    show_table(titles, [[token[key] for key in keys] for token in found])


@tokens.command()
@click.argument("token_id", metavar="ID", type=click.UUID)
@data_option
@json_option
def revoke(token_id: UUID, data: Path | None, as_json: bool) -> None:
    """End a token at once, by the ID that the list shows."""
    with open_book(data) as book:
        winery = next((w for w in book.list_wineries() if _revoke(book, w, token_id)), None)
        if winery is None:
            raise NotFound("There is no such token, or it is revoked already.")
    if as_json:
        show_json({"revoked": str(token_id), "winery": winery.code})
    else:
        note(f"Revoked; no program of {winery.code} gets in with it any more.")


def _revoke(book: Book, winery: WineryName, token_id: UUID) -> bool:
    with book.app.transaction(winery.id) as session:
        return revoke_token(session, act_for(winery), token_id)


def _read_tokens(book: Book, winery: WineryName) -> Iterator[TokenView]:
    cursor: str | None = None
    with book.app.transaction(winery.id) as session:
        while True:
            page = list_tokens(session, actor=act_for(winery), cursor=cursor, limit=MAX_LIMIT)
            yield from page.items
            cursor = page.next_cursor
            if cursor is None:
                return


def _tell(winery: WineryName, token: TokenView) -> dict[str, Any]:
    return {
        "id": str(token.id),
        "winery": winery.code,
        "name": token.name,
        "person": token.display_name,
        "user_id": token.user_id,
        "scopes": token.scopes,
        "created_at": _moment(token.created_at),
        "expires_at": _moment(token.expires_at),
        "revoked_at": _moment(token.revoked_at),
        "last_used_at": _moment(token.last_used_at),
    }


def _moment(at: datetime | None) -> str | None:
    return at.isoformat(timespec="seconds") if at else None
