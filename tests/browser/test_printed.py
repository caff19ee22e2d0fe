"""What is printed: the evening of a cellar on one page."""

import re
from collections.abc import Callable

from playwright.sync_api import Page

PAGES = re.compile(rb"/Type\s*/Page\b")

# Vessels and wines that other tests put into this cellar are called X-…, and their tasks may stand at the demo's tanks:
# a cellar of their number may need a second sheet. The demo's readings grow old while others run: no evening leaves so
# many tanks unread.
WITHOUT_OTHERS = """() => {
  for (const row of document.querySelectorAll("main li, main tbody tr")) if (row.textContent.includes("X-")) row.remove();
  const free = document.querySelector("#free-title + p");
  free.textContent = free.textContent.replace(/X-[^,.]+(, )?/g, "");
  for (const task of document.querySelectorAll(".boxes li:nth-child(n + 9)")) task.remove();
  for (const tank of document.querySelectorAll("[aria-labelledby=unread-title] li:nth-child(n + 7)")) tank.remove();
}"""


def test_the_hand_over_of_an_evening_is_one_page(
    page: Page, sign_in: Callable[[str], None]
) -> None:
    sign_in("marco")
    page.goto("/round/hand-over")
    page.evaluate(WITHOUT_OTHERS)
    wines = page.locator(".to-come tbody tr").count()
    assert wines >= 20, "as many tanks as the demo has"
    printed = page.pdf(format="A4", prefer_css_page_size=True)
    assert len(PAGES.findall(printed)) == 1
    page.goto("/round/labels")
    assert len(PAGES.findall(page.pdf(format="A4", prefer_css_page_size=True))) > 1
