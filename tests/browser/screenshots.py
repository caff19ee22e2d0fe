"""Pictures of every page of the demo at three sizes and in three lights: ./scripts/screenshots [LANGUAGE]"""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tests.browser.conftest import QUIET, ROOT
from tests.browser.every_page import OUTSIDE, SIZES, Book, name_pages, name_picture, speak
from tests.integration.runtime.running_appliance import wait_for
from tests.system.appliance import PASSWORD, RealAppliance
from winery_appliance.core.postgres import find_free_port
from winery_appliance.core.words import LANGUAGES

# What scripts draw is hidden until they know what to show.
# What is out of sight is laid out late; on a picture of the whole page it is in sight.
LAID_OUT = """for (const one of document.querySelectorAll(".tank")) one.style.contentVisibility = "visible";"""
DRAWN = (
    "!document.querySelector('[data-view]') || document.querySelector('[data-view]:not([hidden])')"
)
FIRST = {"/setup", "/setup/restore"}
LIGHTS = ("day", "cellar", "sun")
# The document of the API is as tall as a house.
TALLEST = 8000
OUT = ROOT / "build" / "screenshots"


def sign_in(page: Page) -> None:
    """As the demo's owner, by the form."""
    page.goto("/sign-in")
    page.locator("[name=login]").fill("ana@demo.winery")
    page.locator("[name=password]").fill(PASSWORD)
    page.locator("main [type=submit]").click()
    page.wait_for_url("**/")


def take_pictures(
    port: int,
    out: Path,
    language: str,
    names: list[str],
    fill: Callable[[str], str],
    *,
    inside: bool,
) -> int:
    """A PNG for each page, size and light in `out`, as the owner sees them or before the door; how many."""
    taken = 0
    with sync_playwright() as playwright:
        path = (ROOT / "build" / "chromium-path").read_text(encoding="utf-8").strip()
        browser = playwright.chromium.launch(executable_path=path, args=QUIET)
        for size, (width, height) in SIZES.items():
            context = browser.new_context(
                base_url=f"http://127.0.0.1:{port}",
                viewport={"width": width, "height": height},
                reduced_motion="reduce",
                locale=language,
            )
            page = context.new_page()
            if inside:
                sign_in(page)
            for name in names:
                page.goto(fill(name), wait_until="networkidle")
                page.wait_for_function(DRAWN)
                page.evaluate(LAID_OUT)
                for light in LIGHTS:
                    page.evaluate(f"document.documentElement.dataset.theme = '{light}'")
                    page.evaluate("new Promise(requestAnimationFrame)")
                    picture = out / f"{name_picture(name)}-{size}-{light}.png"
                    tall = page.evaluate("document.documentElement.scrollHeight")
                    clip = {"x": 0, "y": 0, "width": width, "height": min(tall, TALLEST)}
                    page.screenshot(path=picture, full_page=True, clip=clip)  # type: ignore[arg-type]
                    taken += 1
            context.close()
        browser.close()
    return taken


def show_new(data: Path, out: Path, language: str) -> int:
    """The pages of a server that has no winery yet."""
    appliance = RealAppliance(data, find_free_port())
    try:
        appliance.start("--no-demo")
        taken = take_pictures(appliance.port, out, language, sorted(FIRST), str, inside=False)
        appliance.stop()
    finally:
        appliance.kill_all()
    return taken


def show_demo(data: Path, out: Path, language: str) -> int:
    """Every page of the demo, once all its wines are judged."""
    appliance = RealAppliance(data, find_free_port())
    try:
        appliance.start()
        waiting = "SELECT count(*) FROM outbox WHERE done_at IS NULL"
        wait_for(lambda: appliance.count(waiting) == 0, "the analyses", timeout_s=300)
        speak(appliance, language)
        wait_for(lambda: appliance.count(waiting) == 0, "the words", timeout_s=300)
        book, names = Book(appliance), [name for name in name_pages() if name not in FIRST]
        taken = 0
        for inside in (False, True):
            wanted = [name for name in names if (name in OUTSIDE) is not inside]
            taken += take_pictures(appliance.port, out, language, wanted, book.fill, inside=inside)
        appliance.stop()
    finally:
        appliance.kill_all()
    return taken


def main() -> int:
    """Take the pictures of an appliance that is new, then of the demo."""
    language = sys.argv[1] if len(sys.argv) > 1 else "en"
    if language not in LANGUAGES:
        sys.stderr.write(f"The languages are {', '.join(LANGUAGES)}.\n")
        return 2
    out = OUT / language
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        taken = show_new(Path(folder) / "new", out, language)
        taken += show_demo(Path(folder) / "demo", out, language)
    sys.stdout.write(f"{taken} pictures are in {out}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
