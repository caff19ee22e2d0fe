"""No page and no answer asks the database once a row: with fifty rows behind it, it asks as often as with one.

Every GET that the application knows is asked, so a new one is held to this by itself. A new table needs a line in
rows_behind_views.sql, so that something lies behind the views that show it.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
from flask import Flask
from sqlalchemy import event
from werkzeug.routing import Rule

from tests.conftest import PASSWORD
from tests.integration.browser import Browser
from winery_appliance.core.settings import Settings
from winery_appliance.entrypoints.web import create_app

SIZES = (1, 10, 50)

ROWS = Path(__file__).with_name("rows_behind_views.sql")
ON_SHARED_DEVICES = {"auth.sign_in", "devices_api.list_pin_people"}
# What a view cannot do without.
QUERIES = {"search_api.search": "?q=1"}
# What is open in the middle of something only.
NOT_ALONE = {
    "static",
    "winery.first_run",
    "first_restore.show",
    "second_factor.code",
    "imports_api.download_refused",
}
ONE_ROW = {
    "wineries",
    "lessons",
    "notification_settings",
    "sign_in_rules",
}  # row policies show a person one of them


@dataclass
class Book:
    """An application on a book in which `n` rows lie behind everything, and the counting of its questions."""

    n: int
    app: Flask
    asked: list[str] = field(default_factory=list)

    def note(self, _connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        """Remember a statement that is about to be sent."""
        self.asked.append(statement)

    def count(self, ask: Callable[[], int]) -> int:
        """How many statements an answer takes, once it is warm."""
        assert ask() == 200
        self.asked.clear()
        assert ask() == 200
        return len(self.asked)


@pytest.fixture
def books(make_database: Callable[[], Settings], hashed_password: str) -> Iterator[list[Book]]:
    """One book of each size."""
    made = []
    for n in SIZES:
        settings = make_database()
        fill(settings, {"n": n, "hashed": hashed_password})
        book = Book(n, create_app(settings))
        engine = book.app.extensions["winery_database"].engine
        event.listen(engine, "before_cursor_execute", book.note)
        made.append(book)
    yield made
    for book in made:
        book.app.extensions["winery_database"].dispose()


def fill(settings: Settings, given: dict[str, Any]) -> None:
    """Put the rows in, and see that no table of a winery was left out."""
    assert settings.database_url is not None
    address = settings.database_url.get_secret_value()
    # Many statements at once: the client fills them in.
    with psycopg.connect(address) as admin, psycopg.ClientCursor(admin) as cursor:
        cursor.execute(ROWS.read_bytes(), given)
        tables = cursor.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
            " AND relkind IN ('r', 'p') AND relrowsecurity"
        ).fetchall()
        for (table,) in tables:
            at_least = 1 if table in ONE_ROW else given["n"]
            there = cursor.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # type: ignore[index]
            assert there >= at_least, f"{table} needs rows in {ROWS.name}"


def list_gets(app: Flask) -> list[Rule]:
    """Every view that is read."""
    return [
        rule
        for rule in app.url_map.iter_rules()
        if "GET" in (rule.methods or ())
        and rule.endpoint not in NOT_ALONE
        # Made of the server's certificate, which is not there in a test; they ask the database nothing.
        and not rule.endpoint.startswith("handover.")
    ]


def count_all(book: Book, rules: Sequence[Rule]) -> dict[str, int]:
    """The number of statements of each of these GETs, asked by an owner; also as CSV where that can be had."""
    browser = Browser(book.app)
    assert browser.sign_in("u1", PASSWORD).status_code == 303
    stranger = book.app.test_client()
    stranger.set_cookie(
        "winery_device", "1"
    )  # shared devices show people and have an API of their own
    counts = {}
    for rule in rules:
        client = stranger if rule.endpoint in ON_SHARED_DEVICES else browser.client
        path = re.sub(r"<id:\w+>", "1", rule.rule)
        path = path.replace("<check>", "stuck").replace("<style>", "red") + QUERIES.get(
            rule.endpoint, ""
        )
        assert "<" not in path, f"{rule}: what stands here in the book of this test?"
        operation = getattr(book.app.view_functions[rule.endpoint], "operation", None)
        for accept in ("*/*", *(operation.also if operation else ())):
            counts[f"{path} {accept}"] = book.count(
                lambda: client.get(path, headers={"Accept": accept}).status_code  # noqa: B023 - called at once
            )
    return counts


def find_growing(books: list[Book], rules: Sequence[Rule]) -> dict[str, list[int]]:
    """The views that ask more often when more rows lie behind them."""
    counts = [count_all(book, rules) for book in books]
    return {
        path: [counted[path] for counted in counts]
        for path in counts[0]
        if counts[0][path] < max(counted[path] for counted in counts)
    }


def test_no_view_asks_once_a_row(books: list[Book]) -> None:
    rules = list_gets(books[0].app)
    assert len(rules) > 20
    assert find_growing(books, rules) == {}


def test_a_new_view_that_asks_once_a_row_is_found(books: list[Book]) -> None:
    for book in books:

        def ask_each(book: Book = book) -> str:
            with book.app.extensions["winery_database"].transaction(1) as session:
                for _ in session.connection().exec_driver_sql("SELECT id FROM vessels").all():
                    session.connection().exec_driver_sql("SELECT 1")
            return ""

        book.app.add_url_rule("/api/v1/forgotten", view_func=ask_each)
    new = list_gets(books[0].app)[-1:]
    assert find_growing(books, new) == {"/api/v1/forgotten */*": [4, 13, 53]}
