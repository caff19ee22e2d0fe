"""One example of every page of the past in every state that it can be met in."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from tests.unit.historical_data.test_courses_and_bands import ferment
from tests.unit.templates.page_harness import NOW
from winery_appliance.core.units import Unit
from winery_appliance.historical_data.bands import QUANTILES, draw_bands, name_band
from winery_appliance.historical_data.comparison import Part
from winery_appliance.historical_data.history_pages import FEW, SIZES, VintageRow, view_pattern
from winery_appliance.historical_data.import_queries import ImportRowView, ImportWineView
from winery_appliance.historical_data.import_routes import USES
from winery_appliance.historical_data.pattern_queries import (
    PastFermentView,
    PatternInFull,
    PatternView,
)
from winery_appliance.historical_data.sister_patterns import SisterPattern

Page = tuple[str, dict[str, Any]]
COURSES = [ferment(days=6 + n, lag_h=12 + 3 * n, warm=22 + n / 2, start=23 + n / 4) for n in range(9)]  # fmt: skip
BANDS = draw_bands(COURSES)


def past(n: int, place: float | None = None, **other: Any) -> PastFermentView:
    """A past ferment."""
    course = COURSES[n]
    told: dict[str, Any] = {
        "fermentation_id": 100 + n, "code": f"24-TEM-{n:02}", "varietal": "Tempranillo", "style": "red",
        "vessel_size": "up_to_20000_l", "vintage": 2024, "source": "imported", "started_at": NOW - timedelta(days=700 + n),
        "start_density": 1097.0, "share_gone": 1.0, "lag_hours": course.lag_h,
        "days_to_dry": course.dry_h and course.dry_h / 24, "fastest": course.fastest, "temperature": course.temperature_c,
        "place": place, "band": None if place is None else name_band(place),
    }  # fmt: skip
    return PastFermentView(**(told | other))


def pattern(**other: Any) -> PatternView:
    """What a pattern says in figures."""
    figures = {
        name: BANDS.content[name] for name in ("lag_hours", "days_to_dry", "fastest", "temperature")
    }
    told: dict[str, Any] = {
        "id": 4, "varietal": "Tempranillo", "style": "red", "vessel_size": "up_to_20000_l", "ferments": 9, "came_dry": 9,
        "written_at": NOW, **figures,
    }  # fmt: skip
    return PatternView(**(told | other))


SISTERS = [
    SisterPattern(
        site="hill", told_on=NOW.date(), varietal="Tempranillo", style="red", vessel_size="up_to_20000_l", ferments=31,
        days_to_dry=(6.0, 7.0, 8.5, 9.0, 12.0), fastest=(1.0, 2.0, 3.0, 4.0, 5.0),
    ),
    SisterPattern(site="river", told_on=NOW.date()),
]  # fmt: skip


def pattern_page(**other: Any) -> Page:
    """The page of a pattern."""
    full = PatternInFull(
        pattern(**other),
        QUANTILES,
        BANDS.content["by_share"],
        BANDS.content["by_time"],
        [past(n, place) for n, place in enumerate(BANDS.places)],
    )
    winery: Any = SimpleNamespace(sugar_unit=Unit.brix)
    given = {"page": view_pattern(full, winery), "sisters": [], "sizes": SIZES, "few": FEW}
    return "history/pattern.html", given | ({"sisters": SISTERS} if not other else {})


HEADER = [
    {"name": "tank", "title": "Tank", "use": "vessel"},
    {"name": "brix", "title": "°Bx", "use": "sugar/brix"},
]


def import_page(state: str, **other: Any) -> Page:
    """The page of a file in some state."""
    view = SimpleNamespace(
        id=3, file_name="vintages 2015 to 2023.csv", size_bytes=9_000_000, received_bytes=9_000_000, state=state,
        reader="plain_sheet", header=HEADER,
        questions=[], counts={}, failure=None, steps_done=0, steps_total=0, rate=None, seconds_left=None, created_at=NOW,
    )  # fmt: skip
    given = {
        "rows": [], "wines": [], "verdict": None, "next_cursor": None, "may_import": True, "uses": USES, "has_news": False,
        "unknown": [], "known": [],
    } | {name: other.pop(name) for name in list(other) if not hasattr(view, name)}  # fmt: skip
    vars(view).update(other)
    return "history/import.html", given | {
        "view": view,
        "working": state in ("waiting", "saving", "undoing"),
        "verdicts": [one for one in ("refused", "conflicting", "matched", "new") if view.counts.get(one)],
    }  # fmt: skip


ROWS = [
    ImportRowView(14, 1, "CF 7B", None, "sugar", "24.1", "brix", NOW, "refused", "unknown_code", "No CF 7B."),
    ImportRowView(31, 1, "T-33", None, None, None, None, None, "conflicting", "other_value", "The book has 23.0."),
]  # fmt: skip
WINES = [
    ImportWineView(1, "CF7B", 14, None, None, None, None, None, None, "no_start", "Nothing says when it began."),
    ImportWineView(2, "T-33", 20, 17, "red", "Bobal", None, NOW, NOW, None, None),
    ImportWineView(3, "T-34", 40, None, "red", "Bobal", None, NOW, NOW, None, None),
]  # fmt: skip
QUESTIONS = [
    {"key": "date_order", "text": "03/04/2021 could be two days.", "choices": [["dmy", "Day"], ["mdy", "Month"]]},
    {"key": "wine", "text": "Which wine is this file of? Type its code.", "choices": []},
    {"key": "columns", "text": "Which columns say whose a reading is?", "choices": []},
]  # fmt: skip
COUNTS = {"rows": 71, "new": 52, "matched": 3, "conflicting": 1, "refused": 3, "wines_new": 3}
STATES = (
    "uploading", "waiting", "asking", "ready", "saving", "stopped", "saved", "undoing", "undone", "cancelled", "failed",
)  # fmt: skip
LISTED = [
    SimpleNamespace(id=n, file_name=f"past {n}.csv", state=state, counts={"rows": 40}, created_at=NOW)
    for n, state in enumerate(STATES)
]  # fmt: skip


def imports(**other: Any) -> Page:
    """The list of files."""
    told = {"imports": LISTED, "next_cursor": "abc", "mappings": [SimpleNamespace(name="DMA 35")]}
    return "history/imports.html", told | {"piece_bytes": 8 * 2**20, "may_import": True} | other


def history(**other: Any) -> Page:
    """The vintages."""
    told: dict[str, Any] = {
        "vintages": [VintageRow(2025, 41, 40), VintageRow(2024, 38, 38), VintageRow(None, 2, 1)],
        "vintage": None, "ferments": [past(n) for n in range(9)], "sizes": SIZES, "may_export": True, "may_import": True,
    }  # fmt: skip
    return "history/index.html", told | other


def alike(**found: Any) -> Page:
    """What a ferment resembles."""
    parts = [
        Part("pace", 12.0, "%", 0.61, "12 % slower."),
        Part("temperature", -2.1, "°C", 0.28, "2.1 °C cooler."),
        Part("variety", None, "", 0.11, "Another variety: Syrah."),
    ]
    item = SimpleNamespace(
        ferment=past(1), distance=0.84, pace=1.12, delay_hours=3.0, days_left=4.2, parts=parts
    )
    stopped = SimpleNamespace(
        **(vars(item) | {"ferment": past(2, share_gone=0.71), "days_left": None})
    )
    told = {"as_of": NOW, "share_gone": 0.46, "compared": 214, "items": [item, stopped]} | found
    wine = SimpleNamespace(id=17, code="26-TEM-04")
    return "history/similar.html", {"ferment": wine, "found": told, "sizes": SIZES}


STOPPED: dict[str, Any] = dict.fromkeys(
    ("days_to_dry", "varietal", "lag_hours", "fastest", "temperature", "vintage")
) | {"share_gone": 0.71}
NEVER_DRY = pattern(id=5, varietal=None, days_to_dry=[None] * 5)
HISTORY_PAGES: dict[str, Page] = {
    "history": history(),
    "history-vintage": history(vintage=2024),
    "history-stopped": history(ferments=[past(3, **STOPPED)]),
    "history-empty": history(vintages=[], ferments=[], may_export=False),
    "patterns": ("history/patterns.html", {"patterns": [pattern(), NEVER_DRY], "sisters": SISTERS, "sizes": SIZES}),
    "patterns-none": ("history/patterns.html", {"patterns": [], "sisters": [], "sizes": SIZES}),
    "pattern": pattern_page(),
    "pattern-few": pattern_page(varietal=None, ferments=2, came_dry=0, days_to_dry=[None] * 5),
    "similar": alike(),
    "similar-too-early": alike(share_gone=None, compared=0, items=[]),
    "similar-none": alike(compared=0, items=[]),
    "imports": imports(),
    "imports-none": imports(imports=[], next_cursor=None, mappings=[], may_import=False),
    "import-asking": import_page("asking", questions=QUESTIONS),
    "import-ready": import_page(
        "ready", counts=COUNTS, rows=ROWS, wines=WINES, has_news=True, next_cursor="abc", verdict="refused",
        unknown=[("CF 7B", 12), ("<b>T</b>", 1)], known=["26-TEM-01", "T-33"],
    ),
    "import-nothing": import_page("ready", counts={"rows": 4, "duplicate": 4}),
    "import-reading": import_page("waiting", steps_done=4000, steps_total=71000, rate=900.0, seconds_left=74),
    "import-starting": import_page("waiting", header=[], reader=None),
    "import-uploading": import_page("uploading", received_bytes=8_388_608, header=[], reader=None),
    "import-saving": import_page("saving", counts=COUNTS, steps_done=4, steps_total=12),
    "import-stopped": import_page("stopped", counts=COUNTS),
    "import-saved": import_page("saved", counts=COUNTS, wines=WINES),
    "import-undone": import_page("undone", may_import=False),
    "import-failed": import_page("failed", failure="This is no table. Nothing was saved."),
}  # fmt: skip
