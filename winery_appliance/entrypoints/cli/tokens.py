"""`winery tokens`: what programs sign in with."""

from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import click

from winery_appliance.auth.personal_tokens import TokenView, list_tokens
from winery_appliance.auth.service import revoke_token
from winery_appliance.core.errors import NotFound
from winery_appliance.entrypoints.cli.book import Book, act_for, open_book
from winery_appliance.entrypoints.cli.terminal import (
    data_option,
    json_option,
    note,
    show_json,
    show_list,
)
from winery_appliance.winery.queries import WineryName

COLUMNS = {
    "id": "ID",
    "winery": "WINERY",
    "person": "PERSON",
    "name": "NAME",
    "expires_at": "EXPIRES",
    "revoked_at": "REVOKED",
    "last_used_at": "LAST USED",
}


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
        found = [_tell(winery, token) for winery, token in book.read_all(code, list_tokens)]
    show_list("tokens", found, COLUMNS, as_json=as_json)


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
