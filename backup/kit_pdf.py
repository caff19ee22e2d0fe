"""The recovery kit as PDF, for printers that no browser serves: the key as QR code and in groups, then the kit's text."""

import textwrap
from collections.abc import Sequence

import segno

from winery_appliance.core.pdf_sheets import MARGIN, PAGE, SMALL, Sheets

CODE_SIZE = 190
TITLE, WORDS, KEY, TEXT = ("Bold", 22.0), ("Plain", 10.5), ("KeyBold", 12.5), SMALL
MONO_WIDTH = 0.6  # of the size, each sign of Courier
TEXT_COLUMNS = int((PAGE[0] - 2 * MARGIN) / (TEXT[1] * MONO_WIDTH))


def render_pdf(title: str, words: Sequence[str], secret: str, text: str) -> bytes:
    """The pages: `title`, the lines of `words`, `secret` as code and in groups, and the lines of `text`."""
    sheets = Sheets("Recovery kit")
    sheets.write(title, TITLE)
    sheets.skip(8)
    for line in words:
        sheets.write(line, WORDS)
    sheets.skip(14)
    _draw_code(sheets, secret)
    sheets.skip(14)
    groups = " ".join(secret[place : place + 8] for place in range(0, len(secret), 8))
    for line in textwrap.wrap(groups, 53):
        sheets.write(line, KEY)
    sheets.skip(12)
    for line in text.splitlines():
        indent = " " * (len(line) - len(line.lstrip("# ")) + 2)
        for row in textwrap.wrap(line, TEXT_COLUMNS, subsequent_indent=indent) or [""]:
            sheets.write(row, TEXT)
    return sheets.finish()


def _draw_code(sheets: Sheets, content: str) -> None:
    """`content` as a QR code, with the quiet zone of four modules that readers need."""
    sheets.need(CODE_SIZE)
    rows = list(segno.make(content, error="m", micro=False).matrix_iter(border=4))
    module = CODE_SIZE / len(rows)
    for number, row in enumerate(rows):
        y = sheets.y + CODE_SIZE - (number + 1) * module
        for column, is_dark in enumerate(row):
            if is_dark:
                sheets.stream.rectangle(MARGIN + column * module, y, module, module)
    sheets.stream.fill()
