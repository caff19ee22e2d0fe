"""One fermentation on paper: its figures, its curve, and every reading."""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from winery_appliance.analysis_engine.fermentation_page import FermentationPage
from winery_appliance.analysis_engine.readings_table import ReadingRow
from winery_appliance.core.figures import show_codes, show_number
from winery_appliance.core.pdf_sheets import MARGIN, PAGE, SMALL, Sheets
from winery_appliance.core.words import say

TITLE, HEADING, WORDS, CELL = ("Bold", 20.0), ("Bold", 12.0), ("Plain", 10.0), ("Plain", 8.5)
COLUMNS = (MARGIN, MARGIN + 110, MARGIN + 200, MARGIN + 300)
HEIGHT, AXIS = 150.0, 34.0

Points = Sequence[Sequence[float]]


def render_pdf(page: FermentationPage, rows: Sequence[ReadingRow], now: datetime) -> bytes:
    """The sheets; moments by the winery's clock."""
    zone, ferment = ZoneInfo(page.winery.time_zone), page.ferment
    sheets = Sheets(ferment.code)
    sheets.write(ferment.headline, TITLE)
    name = show_codes(ferment.vessel_codes)
    printed = say("printed %(when)s", when=f"{now.astimezone(zone):%Y-%m-%d %H:%M}")
    told = [page.winery.name, ferment.code, name, printed]
    sheets.write(", ".join(part for part in told if part), WORDS)
    sheets.skip(8)
    sugar, warmth = page.analysis.chart["sugar"], page.analysis.chart["temperature"]
    for points, symbol in (
        (sugar, ferment.sugar_unit_symbol),
        (warmth, ferment.temperature_unit_symbol),
    ):
        if len(points) > 1:
            _draw_curve(sheets, points, symbol, zone)
    _write_alarms(sheets, page)
    _write_work(sheets, page, zone)
    sheets.skip(10)
    sheets.write(say("%(n)s readings, the newest first", n=len(rows)), HEADING)
    for row in rows:
        sheets.write_columns(list(zip(COLUMNS, _tell(row, zone), strict=True)), CELL)
    return sheets.finish()


def _write_alarms(sheets: Sheets, page: FermentationPage) -> None:
    for card in page.analysis.anomalies:
        sheets.skip(6)
        sheets.write(card.alarm.title, HEADING)
        sheets.write(card.alarm.explanation, WORDS)
        sheets.write(say("Clears: %(clears_when)s", clears_when=card.alarm.clears_when), WORDS)


def _write_work(sheets: Sheets, page: FermentationPage, zone: ZoneInfo) -> None:
    if not page.work:
        return
    sheets.skip(10)
    sheets.write(say("What was done"), HEADING)
    for work in page.work:
        said = " ".join(part for part in (work.title, work.amount, work.detail, work.note) if part)
        cells = [(COLUMNS[0], f"{work.at.astimezone(zone):%Y-%m-%d %H:%M}")]
        cells += [(COLUMNS[1], " ".join(said.split())[:80]), (PAGE[0] - MARGIN - 70, work.by[:16])]
        sheets.write_columns(cells, CELL)


def _tell(row: ReadingRow, zone: ZoneInfo) -> tuple[str, str, str, str]:
    value = f"{row.qualifier or ''}{row.value_typed} {row.unit_symbol}"
    noted = ", " + say("was %(values)s", values=", ".join(row.earlier)) if row.earlier else ""
    noted += say(", taken out") if row.voided else ""
    noted += f" ({row.reason})" if row.reason else ""
    when = f"{row.measured_at.astimezone(zone):%Y-%m-%d %H:%M}"
    return when, row.type_label, value, f"{row.by}{noted}"[:60]


def _draw_curve(sheets: Sheets, points: Points, symbol: str, zone: ZoneInfo) -> None:
    """A curve with the lowest and highest value at its side and the first and last day under it."""
    sheets.need(HEIGHT + 30)
    left, right, bottom = MARGIN + AXIS, PAGE[0] - MARGIN, sheets.y + 18
    first, last = points[0][0], points[-1][0]
    low, high = min(point[1] for point in points), max(point[1] for point in points)
    wide, tall = (last - first) or 1.0, (high - low) or 1.0
    sheets.draw_line([(left, bottom + HEIGHT), (left, bottom), (right, bottom)], width=0.8)
    places = [
        (
            left + (right - left) * (at - first) / wide,
            bottom + (HEIGHT - 14) * (value - low) / tall,
        )
        for at, value, *_ in points
    ]
    sheets.draw_line(places, width=1.4)
    digits = 3 if symbol.startswith("SG") else 1
    sheets.put(MARGIN, bottom + HEIGHT - 16, show_number(high, digits), SMALL)
    sheets.put(MARGIN, bottom, show_number(low, digits), SMALL)
    sheets.put(left + 4, bottom + HEIGHT - 4, symbol, SMALL)
    days = [datetime.fromtimestamp(at, zone) for at in (first, last)]
    sheets.put(left, bottom - 12, f"{days[0]:%Y-%m-%d}", SMALL)
    sheets.put(right - 50, bottom - 12, f"{days[1]:%Y-%m-%d}", SMALL)
