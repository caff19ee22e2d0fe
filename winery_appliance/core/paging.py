"""Pages of a longer list: each ends with an opaque mark of its place, so that a page never skips or repeats a row."""

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from winery_appliance.core.errors import FieldFault, Invalid
from winery_appliance.core.typed_text import refuse_unprintable
from winery_appliance.core.words import say

Item = TypeVar("Item")
Key = TypeVar("Key")


@dataclass(frozen=True)
class Page(Generic[Item]):
    """A page of a longer list; `next_cursor` asks for the one behind it."""

    items: Sequence[Item]
    next_cursor: str | None


def cut_page(
    rows: Sequence[Item], limit: int, place: Callable[[Item], tuple[str, int]]
) -> Page[Item]:
    """The first `limit` of `rows`; one row more than that says that another page follows."""
    items = rows[:limit]
    return Page(items, write_cursor(*place(items[-1])) if len(rows) > limit else None)


def write_cursor(key: str, row_id: int) -> str:
    """An opaque mark of a place in a list ordered by a key and the row's id."""
    return base64.urlsafe_b64encode(json.dumps([key, row_id]).encode()).decode()


def read_cursor(cursor: str, read_key: Callable[[str], Key]) -> tuple[Key, int]:
    """The place a cursor marks. Raises Invalid for anything that `write_cursor` did not make."""
    try:
        key, row_id = json.loads(base64.urlsafe_b64decode(cursor.encode("ascii")))
        if type(key) is not str or type(row_id) is not int or not 0 < row_id < 2**63:
            raise ValueError(cursor)
        return read_key(refuse_unprintable(key)), row_id
    except (ValueError, TypeError, RecursionError) as error:
        raise Invalid(
            say("This cursor is not from an earlier answer."),
            code="bad_cursor",
            fields=[FieldFault("cursor", "bad_cursor", say("Not from an earlier answer."))],
        ) from error


def read_moment(key: str) -> datetime:
    """The moment in a cursor of a list ordered by one. Raises ValueError for what is none."""
    moment = datetime.fromisoformat(key)
    if moment.tzinfo is None:
        raise ValueError(key)
    return moment
