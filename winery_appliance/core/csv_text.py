"""CSV that a spreadsheet opens as data and never runs."""

import csv
import io
from collections.abc import Iterable, Sequence

# A cell that begins so is a formula to a spreadsheet (OWASP, "CSV Injection"); East Asian editions read the wide signs too.
_FORMULA_STARTS = tuple("=+-@\t\r\n＝＋－＠")


def write_csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Lines as RFC 4180 has them; nothing for None, and an apostrophe before text that a spreadsheet would run."""
    lines = io.StringIO()
    writer = csv.writer(lines)
    writer.writerow(header)
    for row in rows:
        writer.writerow([disarm(cell) for cell in row])
    return lines.getvalue()


def disarm(cell: object) -> str:
    """A cell as it can be written: nothing for None, an apostrophe before what a spreadsheet would run."""
    text = "" if cell is None else str(cell)
    # Blanks before the sign do not stop a spreadsheet that trims them.
    return f"'{text}" if text.lstrip(" \u00a0").startswith(_FORMULA_STARTS) else text


def rearm(text: str) -> str:
    """What `disarm` was given, for a file that it wrote; an apostrophe in front must have been doubled there."""
    behind = text.removeprefix("'")
    is_marked = behind != text and (behind.startswith("'") or disarm(behind) == text)
    return behind if is_marked else text
