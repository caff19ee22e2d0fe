"""A real Chromium before the real appliance."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Response, expect, sync_playwright

from tests.browser.phone import Phone
from tests.system.appliance import PASSWORD, RealAppliance
from tests.system.conftest import appliance  # noqa: F401 - one appliance serves both folders

ROOT = Path(__file__).parents[2]
PATIENCE_MS = 20_000  # on a machine whose processors all run tests
expect.set_options(timeout=PATIENCE_MS)
# What a browser does behind a person's back would only be refused by a network that is closed.
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The browser that scripts/browser.py found."""
    answer = ROOT / "build" / "chromium-path"
    assert answer.exists(), "No Chromium is known. Run ./scripts/test, which finds or installs one."
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=answer.read_text().strip(), args=QUIET)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser, appliance: RealAppliance) -> Iterator[Page]:  # noqa: F811
    """A page of a new visitor; a script error or a refused resource fails the test."""
    context = chromium.new_context(
        base_url=f"http://127.0.0.1:{appliance.port}", viewport={"width": 1280, "height": 900}
    )
    opened = context.new_page()
    opened.set_default_timeout(PATIENCE_MS)
    complaints: list[str] = []
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("console", lambda message: complaints.extend(read_complaint(message)))
    opened.on("response", lambda answer: complaints.extend(_read_failure(answer)))
    yield opened
    context.close()
    assert complaints == []


def read_complaint(message: ConsoleMessage) -> list[str]:
    """What a script or the content security policy complains of; failed answers are judged below."""
    loud = message.type == "error" and not message.text.startswith("Failed to load resource")
    return [message.text] if loud else []


def _read_failure(answer: Response) -> list[str]:
    """A part of a page that could not be had; a page itself may well be a refusal."""
    failed = answer.status >= 400 and answer.request.resource_type != "document"
    return [f"{answer.status} {answer.url}"] if failed else []


@pytest.fixture
def sign_in(page: Page) -> Callable[[str], None]:
    """Sign in as one of the demo's people, by the form."""

    def enter(who: str) -> None:
        page.goto("/sign-in")
        page.get_by_label("Name or e-mail").fill(f"{who}@demo.winery")
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/")

    return enter


@pytest.fixture
def make_phone(chromium: Browser, appliance: RealAppliance) -> Iterator[Callable[..., Phone]]:  # noqa: F811
    """Phones, each with a memory of its own."""
    made: list[Phone] = []

    def make(
        who: str = "bruno",
        before: Callable[[Page], Any] | None = None,
        port: int | None = None,
    ) -> Phone:
        context = chromium.new_context(
            base_url=f"http://127.0.0.1:{port or appliance.port}",
            viewport={"width": 390, "height": 844},
            has_touch=True,
        )
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.clock.install()
        if before:
            before(page)
        phone = Phone(context, page, appliance)
        phone.sign_in(who)
        made.append(phone)
        return phone

    yield make
    for phone in made:
        phone.context.close()
