"""JSON as a table: a list of flat objects, or an object that holds one (or many, and our readings); keys are the header."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from winery_appliance.core.words import say
from winery_appliance.historical_data.refusals import UnreadableFile

# A document of JSON is read as a whole, and takes ten times its size while it is.
MOST_BYTES = 32 * 2**20


def read_json_rows(path: Path, encoding: str) -> Iterator[tuple[int, Sequence[str]]]:
    """The keys as row 1, then each object. Raises UnreadableFile."""
    if path.stat().st_size > MOST_BYTES:
        raise UnreadableFile(
            "file_too_large",
            say("JSON is read up to %(most)s MB. Send it as CSV.", most=MOST_BYTES // 2**20),
        )
    try:
        document = json.loads(
            path.read_text(encoding=encoding), parse_float=str, parse_int=str, parse_constant=str
        )
    except (ValueError, RecursionError) as error:
        raise UnreadableFile(
            "not_json", say("This is no readable JSON (%(error)s).", error=error)
        ) from error
    items = _find_list(document)
    header = list(dict.fromkeys(key for item in items for key in item))
    yield 1, header
    for number, item in enumerate(items, start=2):
        yield number, [_show(item.get(key)) for key in header]


def _find_list(document: Any) -> list[dict[str, Any]]:
    lists = [document] if isinstance(document, list) else []
    if isinstance(document, dict):
        lists = [value for value in document.values() if isinstance(value, list)]
        if len(lists) > 1 and isinstance(document.get("readings"), list):
            lists = [document["readings"]]
    if len(lists) != 1 or not all(isinstance(item, dict) for item in lists[0]):
        raise UnreadableFile(
            "not_a_table", say("JSON is read as a list of objects, one a reading.")
        )
    found: list[dict[str, Any]] = lists[0]
    return found


def _show(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
