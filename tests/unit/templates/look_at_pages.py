"""Opens every example page in a browser, keeps a picture of each, and tells what is wrong with it.

    python -m tests.unit.templates.look_at_pages FOLDER [PAGE...]

Needs the Chromium that ./scripts/test has found. Wrong is: any finding of axe, a page wider than its window,
a word in the console, anything that the strict content policy blocks. Ends with 1 if something is.
"""

from __future__ import annotations

import io
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Browser, Page, Response, sync_playwright

from tests.unit.templates.page_examples import PAGES, PARTIALS
from tests.unit.templates.page_harness import STATIC, render

CHROMIUM = Path("build/chromium-path")  # where ./scripts/test notes the browser that it found
SIZES = {"phone": (390, 844), "tablet": (820, 1180), "desk": (1440, 900)}
LIGHTS = ("day", "cellar", "sun")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


class Door(BaseHTTPRequestHandler):
    """Serves the example pages as strictly as the application does."""

    def do_GET(self) -> None:
        """A page, a part of it, or a file."""
        path = self.path.split("?")[0]
        if path.startswith("/static/"):
            file = STATIC / path.removeprefix("/static/")
            self._answer(file.read_bytes() if file.is_file() else None, KINDS.get(file.suffix, ""))
        elif path.endswith("/analysis-panel"):
            self._answer(render(*PARTIALS["panel"]).encode(), "text/html; charset=utf-8")
        elif path.endswith("/photo"):
            self._answer(_draw_photo(), "image/jpeg")
        else:
            page = PAGES.get(path.strip("/"))
            self._answer(render(*page).encode() if page else None, "text/html; charset=utf-8")

    def _answer(self, body: bytes | None, kind: str) -> None:
        self.send_response(200 if body is not None else 404)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Security-Policy", POLICY)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the pages speak for themselves."""


def _draw_photo() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (320, 240), "darkred").save(out, "JPEG")
    return out.getvalue()


@contextmanager
def serving() -> Iterator[str]:
    """The address of a server on loopback for as long as the block lasts."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()


def look_at(browser: Browser, address: str, name: str, folder: Path) -> list[str]:
    """What is wrong with a page, in every size and light; leaves pictures in `folder`."""
    wrong: set[str] = set()
    for size in SIZES:
        wrong.update(_look_in_size(browser, address, name, size, folder))
    return sorted(wrong)


def _look_in_size(
    browser: Browser, address: str, name: str, size: str, folder: Path
) -> Iterator[str]:
    width, height = SIZES[size]
    page = browser.new_page(viewport={"width": width, "height": height}, has_touch=size != "desk")
    heard = _listen(page)
    for light in LIGHTS:
        page.add_init_script(f"localStorage.setItem('light', '{light}')")
        heard.clear()
        page.goto(f"{address}/{name}", wait_until="networkidle")
        yield from list(heard)  # what follows, the camera and axe, trips over the policy itself
        page.screenshot(path=folder / f"{name}-{size}-{light}.png", full_page=True)
        for finding in Axe().run(page).response["violations"]:
            yield f"{size} {light}: {finding['id']}: {finding['nodes'][0]['html'][:160]}"
    for narrow in (width, 320):
        page.set_viewport_size({"width": narrow, "height": height})
        excess = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        if excess > 0:
            yield f"{narrow} px: {excess} px too wide"
    page.close()


def _listen(page: Page) -> list[str]:
    """A list that fills with what the page complains about."""
    heard: list[str] = []

    def hear_answer(answer: Response) -> None:
        if answer.status >= 400:
            heard.append(f"missing: {answer.url}")

    page.on("console", lambda message: heard.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: heard.append(f"script: {error}"))
    page.on("response", hear_answer)
    return heard


def main(arguments: list[str]) -> int:
    """Look at the named pages, or all."""
    folder = Path(arguments[0])
    folder.mkdir(parents=True, exist_ok=True)
    total = 0
    with serving() as address, sync_playwright() as player:
        browser = player.chromium.launch(
            executable_path=CHROMIUM.read_text(encoding="utf-8").strip(),
            args=["--no-sandbox", "--disable-gpu"],
        )
        for name in arguments[1:] or PAGES:
            wrong = look_at(browser, address, name, folder)
            total += len(wrong)
            sys.stdout.write(f"{name}: {'well' if not wrong else ''}\n")
            sys.stdout.writelines(f"    {line}\n" for line in wrong)
            sys.stdout.flush()
        browser.close()
    return 1 if total else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
