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
        writer.writerow([_disarm(cell) for cell in row])
    return lines.getvalue()


def _disarm(cell: object) -> str:
    text = "" if cell is None else str(cell)
    # Blanks before the sign do not stop a spreadsheet that trims them.
    return f"'{text}" if text.lstrip(" \u00a0").startswith(_FORMULA_STARTS) else text
