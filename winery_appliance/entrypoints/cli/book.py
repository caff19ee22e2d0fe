"""The book as the command line reaches it: by the services, bound by the row policies like everybody else.

The wineries are listed as the role `worker` by its door; everything else happens as `app`, in one winery at a time. No
command uses a superuser, and none makes a secret where there is no appliance.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import click
from sqlalchemy.exc import OperationalError

from winery_appliance.auth.people import PersonView, find_person
from winery_appliance.auth.permissions import Role
from winery_appliance.auth.service import Actor
from winery_appliance.core.db import Database
from winery_appliance.core.errors import AppError
from winery_appliance.core.paging import Page
from winery_appliance.core.postgres_programs import PostgresRefused
from winery_appliance.core.roles import role_url
from winery_appliance.core.schema import is_at_head
from winery_appliance.core.settings import Settings, read_settings
from winery_appliance.core.typed_text import MAX_LIMIT
from winery_appliance.entrypoints.cli.terminal import NotReady
from winery_appliance.winery.queries import WineryName, list_wineries

Item = TypeVar("Item")
SECRETS = ("database_app", "database_worker")


@dataclass(frozen=True)
class Book:
    """The book of one appliance."""

    settings: Settings
    app: Database
    worker: Database

    def list_wineries(self, code: str | None = None) -> list[WineryName]:
        """Every winery by code, or the one with `code`. Raises ClickException when there is none with it."""
        with self.worker.transaction() as session:
            found = list_wineries(session)
        if code is None:
            return found
        chosen = [winery for winery in found if winery.code.upper() == code.strip().upper()]
        if not chosen:
            known = ", ".join(winery.code for winery in found) or "none yet"
            raise click.ClickException(
                f"There is no winery {code}. Nothing was changed. The wineries are: {known}."
            )
        return chosen

    def find_winery(self, code: str | None) -> WineryName:
        """The winery with `code`; the only one where no code is given. Raises ClickException."""
        found = self.list_wineries(code)
        if len(found) != 1:
            known = ", ".join(winery.code for winery in found) or "none yet"
            raise click.UsageError(f"Say which winery is meant, with --winery ({known}).")
        return found[0]

    def find_person(self, login: str) -> tuple[WineryName, PersonView]:
        """The person with this e-mail or username; logins are unique on the appliance. Else one who was shut out.

        Raises ClickException when there is none.
        """
        wanted = login.strip().lower()
        found = []
        for winery in self.list_wineries():
            with self.app.transaction(winery.id) as session:
                person = find_person(session, wanted, actor=act_for(winery))
            if person is not None:
                found.append((winery, person))
        if not found:
            raise click.ClickException(
                f"Nobody signs in as {login}. Nothing was changed. `winery users list` shows everybody."
            )
        return min(found, key=lambda pair: pair[1].deleted_at is not None)

    def read_all(
        self, code: str | None, read_page: Callable[..., Page[Item]]
    ) -> Iterator[tuple[WineryName, Item]]:
        """Every item of a list of every winery, or of the one with `code`. Raises ClickException as `list_wineries`.

        `read_page` is given a session, and actor, cursor and limit by name.
        """
        for winery in self.list_wineries(code):
            cursor: str | None = None
            with self.app.transaction(winery.id) as session:
                while True:
                    page = read_page(session, actor=act_for(winery), cursor=cursor, limit=MAX_LIMIT)
                    yield from ((winery, item) for item in page.items)
                    cursor = page.next_cursor
                    if cursor is None:
                        break


def act_for(winery: WineryName) -> Actor:
    """Whoever has the shell of the server may do in a winery what its owner may; nobody of the book is behind it."""
    return Actor(0, winery.id, Role.OWNER, "command line")


@contextmanager
def open_book(data: Path | None) -> Iterator[Book]:
    """The book of the appliance whose data lies in `data` (WINERY_DATA by default), with its schema at head.

    Turns refusals into what a command ends with: ClickException (1), or NotReady (3) for a database that is away.
    """
    settings = read_settings(data=data)
    check_secrets(settings)
    try:
        book = Book(
            settings,
            Database(role_url(settings, "app"), pool_size=1, application="winery-cli"),
            Database(role_url(settings, "worker"), pool_size=1, application="winery-cli"),
        )
        try:
            with book.app.transaction() as session:
                if not is_at_head(session):
                    raise NotReady(
                        "The database is not prepared for this release. Nothing was changed. "
                        "Start the appliance, or run `winery prepare`."
                    )
            yield book
        finally:
            book.app.dispose()
            book.worker.dispose()
    except OperationalError as error:
        raise NotReady(
            f"The database does not answer ({tell_reason(error)}). Nothing was changed. "
            "Start the appliance, or check WINERY_DATABASE_URL, and try again."
        ) from error
    except (AppError, PostgresRefused) as error:
        raise click.ClickException(str(error)) from error


def check_secrets(settings: Settings) -> None:
    """Raise ClickException unless an appliance left its secrets here and we may read them."""
    for name in SECRETS:
        try:
            (settings.secrets_dir / name).read_bytes()
        except FileNotFoundError as error:
            raise click.ClickException(
                f"There is no appliance in {settings.data} (no {error.filename}). Nothing was made. "
                "Name its data directory with --data or WINERY_DATA."
            ) from error
        except OSError as error:
            raise click.ClickException(
                f"The secrets of the appliance in {settings.data} cannot be read ({error.strerror}). "
                "Nothing was changed. Run this as the user who runs the appliance."
            ) from error


def tell_reason(error: OperationalError) -> str:
    """The last line of what the database's driver said: why, rather than where."""
    return str(error.orig).strip().splitlines()[-1].strip() or "no reason was given"
