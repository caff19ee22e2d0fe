"""The recovery kit as PDF, for printers that no browser serves: the key as QR code and in groups, then the kit's text.

Sizes are in points of 1/72 inch. The fonts are those that every reader of PDF has (PDF 1.7, 9.6.2.2), so none is embedded;
they hold the signs of Windows-1252.
"""

import io
import textwrap
from collections.abc import Sequence

import pydyf
import segno

PAGE = (595, 842)  # A4
MARGIN = 48
CODE_SIZE = 190
TITLE, WORDS, KEY, TEXT = ("Bold", 22.0), ("Plain", 10.5), ("KeyBold", 12.5), ("Mono", 8.0)
LEADING = 1.4
FONTS = {
    "Bold": "Helvetica-Bold",
    "Plain": "Helvetica",
    "KeyBold": "Courier-Bold",
    "Mono": "Courier",
}
MONO_WIDTH = 0.6  # of the size, each sign of Courier
TEXT_COLUMNS = int((PAGE[0] - 2 * MARGIN) / (TEXT[1] * MONO_WIDTH))

Style = tuple[str, float]


def render_pdf(title: str, words: Sequence[str], secret: str, text: str) -> bytes:
    """The pages: `title`, the lines of `words`, `secret` as code and in groups, and the lines of `text`."""
    sheets = _Sheets()
    sheets.write(title, TITLE)
    sheets.skip(8)
    for line in words:
        sheets.write(line, WORDS)
    sheets.skip(14)
    sheets.draw_code(secret)
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


class _Sheets:
    def __init__(self) -> None:
        self._pdf = pydyf.PDF()
        self._pdf.info["Title"] = pydyf.String("Recovery kit")
        fonts = pydyf.Dictionary()
        for name, base in FONTS.items():
            font = pydyf.Dictionary(
                {
                    "Type": "/Font",
                    "Subtype": "/Type1",
                    "BaseFont": f"/{base}",
                    "Encoding": "/WinAnsiEncoding",
                }
            )
            self._pdf.add_object(font)
            fonts[name] = font.reference
        self._resources = pydyf.Dictionary({"Font": fonts})
        self._streams: list[pydyf.Stream] = []
        self._turn_over()

    def write(self, line: str, style: Style) -> None:
        """One line; on the next sheet if this one is full."""
        font, size = style
        self._need(size * LEADING)
        stream = self._streams[-1]
        stream.begin_text()
        stream.set_font_size(font, size)
        stream.set_text_matrix(1, 0, 0, 1, MARGIN, self._y + size * (LEADING - 1))
        stream.show_text_string(line.encode("cp1252", "replace"))
        stream.end_text()

    def draw_code(self, content: str) -> None:
        """`content` as a QR code, with the quiet zone of four modules that readers need."""
        self._need(CODE_SIZE)
        rows = list(segno.make(content, error="m", micro=False).matrix_iter(border=4))
        module = CODE_SIZE / len(rows)
        stream = self._streams[-1]
        for number, row in enumerate(rows):
            y = self._y + CODE_SIZE - (number + 1) * module
            for column, is_dark in enumerate(row):
                if is_dark:
                    stream.rectangle(MARGIN + column * module, y, module, module)
        stream.fill()

    def skip(self, height: float) -> None:
        """Leave some room."""
        self._y -= height

    def finish(self) -> bytes:
        """The file."""
        count = len(self._streams)
        for number, stream in enumerate(self._streams):
            stream.begin_text()
            stream.set_font_size(*TEXT)
            stream.set_text_matrix(1, 0, 0, 1, PAGE[0] - MARGIN - 30, MARGIN - 20)
            stream.show_text_string(f"{number + 1} of {count}")
            stream.end_text()
            self._pdf.add_object(stream)
            page = pydyf.Dictionary(
                {
                    "Type": "/Page",
                    "Parent": self._pdf.pages.reference,
                    "MediaBox": pydyf.Array([0, 0, *PAGE]),
                    "Contents": stream.reference,
                    "Resources": self._resources,
                }
            )
            self._pdf.add_page(page)
        file = io.BytesIO()
        self._pdf.write(file)
        return file.getvalue()

    def _need(self, height: float) -> None:
        if self._y - height < MARGIN:
            self._turn_over()
        self._y -= height

    def _turn_over(self) -> None:
        self._streams.append(pydyf.Stream())
        self._y = float(PAGE[1] - MARGIN)
