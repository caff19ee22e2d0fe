"""Sheets of paper as PDF: lines of text and simple strokes, for printers and for keeping.

Sizes are in points of 1/72 inch. The fonts are those that every reader of PDF has (PDF 1.7, 9.6.2.2), so none is embedded;
they hold the signs of Windows-1252.
"""

import io
from collections.abc import Sequence

import pydyf

from winery_appliance.core.words import say

PAGE = (595, 842)  # A4
MARGIN = 48
LEADING = 1.4
FONTS = {
    "Bold": "Helvetica-Bold",
    "Plain": "Helvetica",
    "KeyBold": "Courier-Bold",
    "Mono": "Courier",
}
SMALL = ("Mono", 8.0)
# Signs that Windows-1252 has not, and what stands for them.
_STAND_INS = str.maketrans({"−": "-", "₂": "2", "\u00a0": " ", "≤": "<=", "≥": ">="})

Style = tuple[str, float]


class Sheets:
    """Sheets that are filled from the top, one after the other; `y` is where the last thing ended."""

    def __init__(self, title: str) -> None:
        self._pdf = pydyf.PDF()
        self._pdf.info["Title"] = pydyf.String(title)
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
        self.turn_over()

    @property
    def stream(self) -> pydyf.Stream:
        """What is drawn on the present sheet."""
        return self._streams[-1]

    def write(self, line: str, style: Style) -> None:
        """One line; on the next sheet if this one is full."""
        self.write_columns([(MARGIN, line)], style)

    def write_columns(self, cells: Sequence[tuple[float, str]], style: Style) -> None:
        """One line of texts, each from its place on; on the next sheet if this one is full."""
        self.need(style[1] * LEADING)
        for x, text in cells:
            self.put(x, self.y + style[1] * (LEADING - 1), text, style)

    def put(self, x: float, y: float, text: str, style: Style) -> None:
        """A text at a place of the present sheet."""
        stream = self.stream
        stream.begin_text()
        stream.set_font_size(*style)
        stream.set_text_matrix(1, 0, 0, 1, x, y)
        stream.show_text_string(text.translate(_STAND_INS).encode("cp1252", "replace"))
        stream.end_text()

    def draw_line(self, points: Sequence[tuple[float, float]], *, width: float = 1.0) -> None:
        """A line through these places of the present sheet."""
        self.stream.set_line_width(width)
        self.stream.move_to(*points[0])
        for point in points[1:]:
            self.stream.line_to(*point)
        self.stream.stroke()

    def skip(self, height: float) -> None:
        """Leave some room."""
        self.y -= height

    def need(self, height: float) -> None:
        """Take this much of the present sheet, or of the next one."""
        if self.y - height < MARGIN:
            self.turn_over()
        self.y -= height

    def turn_over(self) -> None:
        """Begin the next sheet."""
        self._streams.append(pydyf.Stream())
        self.y = float(PAGE[1] - MARGIN)

    def finish(self) -> bytes:
        """The file, with the number of each sheet at its foot."""
        count = len(self._streams)
        for number, stream in enumerate(self._streams):
            stream.begin_text()
            stream.set_font_size(*SMALL)
            stream.set_text_matrix(1, 0, 0, 1, PAGE[0] - MARGIN - 30, MARGIN - 20)
            stream.show_text_string(say("%(number)s of %(count)s", number=number + 1, count=count))
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
