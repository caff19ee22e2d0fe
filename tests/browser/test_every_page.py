"""Every page by the rules of WCAG as far as a machine can tell, in light and dark at three sizes; none is too wide."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.browser.every_page import OUTSIDE, Book, find_faults, name_pages, speak
from tests.system.appliance import PASSWORD, RealAppliance
from winery_appliance.core.words import LANGUAGES


def open_context(chromium: Browser, appliance: RealAppliance) -> BrowserContext:
    """A browser that lets axe in and keeps no pages: what it has kept is other tests' affair."""
    return chromium.new_context(
        base_url=f"http://127.0.0.1:{appliance.port}",
        bypass_csp=True,
        reduced_motion="reduce",
        service_workers="block",
    )


CALL_ALL = """(code) => {
  const codes = ":is(.ferments .values, .to-come) :is(th[scope=row], td:nth-child(2)), .printed li > .plate";
  const rows = [...document.querySelectorAll(codes)];
  for (const one of rows) (one.querySelector("a") ?? one).textContent = code;
  return rows.length;
}"""


@pytest.fixture(scope="module")
def outside(chromium: Browser, appliance: RealAppliance) -> Iterator[Page]:
    """A page of nobody that lets axe in, which our content policy would complain about."""
    context = open_context(chromium, appliance)
    yield context.new_page()
    context.close()


@pytest.fixture(scope="module")
def looking(chromium: Browser, appliance: RealAppliance) -> Iterator[Page]:
    """The same of the owner."""
    context = open_context(chromium, appliance)
    page = context.new_page()
    page.goto("/sign-in")
    page.get_by_label("Name or e-mail").fill("ana@demo.winery")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/")
    yield page
    context.close()


@pytest.fixture(scope="module")
def book(appliance: RealAppliance) -> Book:
    """What the pages are about."""
    return Book(appliance)


@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_longer_words_fit_a_phone(
    looking: Page, book: Book, appliance: RealAppliance, language: str
) -> None:
    """Neither a page nor its bar of keys is wider than a phone, whatever the winery speaks."""
    addresses = {name: book.fill(name) for name in name_pages() if name not in OUTSIDE}
    looking.set_viewport_size({"width": 360, "height": 780})
    speak(appliance, language)
    try:
        wide = []
        for name, address in addresses.items():
            looking.goto(address)
            wide += [
                f"{name}: {what}"
                for what in looking.evaluate(
                    "['html', '.rail'].filter((one) => document.querySelector(one)?.scrollWidth > innerWidth)"
                )
            ]
    finally:
        speak(appliance, "en")
    assert wide == []


def test_a_long_code_makes_no_list_wider(looking: Page) -> None:
    """Without a place to break it, in every row; written into the page, since such a wine would stay for all tests."""
    wide = []
    for width in (360, 390, 820, 1440):
        looking.set_viewport_size({"width": width, "height": 844})
        for address in ("/fermentations", "/round/hand-over"):
            looking.goto(address)
            assert looking.evaluate(CALL_ALL, "W" * 26) > 0
            across = looking.evaluate("document.documentElement.scrollWidth")
            wide += [f"{address}: {across} at {width}"] * (across > width)
    assert not wide, "\n".join(wide)


@pytest.mark.parametrize("name", name_pages())
def test_axe_finds_nothing(looking: Page, outside: Page, book: Book, name: str) -> None:
    page = outside if name in OUTSIDE else looking
    answer = page.goto(book.fill(name))
    assert answer is not None
    assert answer.ok, answer.status
    assert find_faults(page) == []
