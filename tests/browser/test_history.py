"""The past on the screen: a file comes in by the page, becomes a pattern, and is compared; in every light and width."""

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from winery_appliance.core.child_process import wait_for

WIDTHS = (390, 820, 1440)
WINES = 6


def write_vintages(path: Path) -> Path:
    """Six past reds that went alike, in a plain sheet."""
    rows = ["wine,start,end,date,brix,temp c,variety,style,vineyard,kg"]
    for n in range(WINES):
        for day in range(14):
            brix = max(24 - max(day - 1, 0) * (2.2 + n / 10), -1.6)
            rows.append(
                f"22-P{n},2022-09-10,2022-09-30,2022-09-{10 + day},{brix:.1f},{20 + n / 2},Bobal,red,Ladera,6400"
            )
    path.write_text("\n".join(rows) + "\n")
    return path


def look(page: Page, name: str) -> None:
    """Nothing is wider than the screen, in every light and width; barriers are looked for in the examples of the pages."""
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        for light in ("day", "cellar", "sun"):
            page.evaluate("light => { document.documentElement.dataset.theme = light }", light)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, (name, width)
    page.set_viewport_size({"width": 1280, "height": 900})


def test_past_vintages_come_in_by_the_page_and_become_a_pattern(
    page: Page, sign_in: Callable[[str], None], tmp_path: Path
) -> None:
    sign_in("ana")
    page.emulate_media(reduced_motion="reduce")
    page.get_by_role("link", name="History").first.click()
    page.get_by_role("link", name="Import", exact=True).click()
    page.get_by_label("A file of past vintages").set_input_files(
        write_vintages(tmp_path / "vintages.csv")
    )
    look(page, "imports")
    page.get_by_role("button", name="Bring it in").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(
        "ready to be saved", timeout=60_000
    )
    look(page, "import-ready")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("is in the book", timeout=60_000)
    look(page, "import-saved")
    page.get_by_role("link", name="History").first.click()
    page.get_by_role("link", name="Patterns").click()
    bobal = page.get_by_role("link", name="Bobal")
    assert wait_for(lambda: bool(page.reload() and bobal.count()), 60), "no pattern was drawn"
    look(page, "patterns")
    bobal.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Bobal is dry in")
    expect(page.get_by_role("link", name="22-P0")).to_be_visible()
    look(page, "pattern")
    page.get_by_role("link", name="22-P0").click()
    page.get_by_role("link", name="Compare with past ferments").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("22-P0")
    look(page, "similar")
    page.goto("/history")
    look(page, "history")
    with page.expect_download() as download:
        page.get_by_role("link", name="Readings, CSV").click()
    assert "22-P0" in download.value.path().read_text()
