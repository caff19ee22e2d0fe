"""Measures what the screens promise, on this machine: ./.venv/bin/python -m tests.bench.screens

The real appliance before a real Chromium whose processor is slowed down four times: a board of 200 tanks, a curve of 50,000
readings, and what a phone fetches. Beside each stands what was promised. ./scripts/browser.py finds the browser first.
"""

import gzip
import statistics
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from playwright.sync_api import Page, sync_playwright

from tests.browser.conftest import QUIET, ROOT
from tests.integration.runtime.running_appliance import wait_for
from tests.system.appliance import PASSWORD, RealAppliance
from winery_appliance.core.postgres import find_free_port

TANKS, POINTS, LOADS, SLOWER = 200, 50_000, 9, 4
# The neighbour winery: its cellar is empty, so that every tank is ours.
WHO = "carla@other.winery"
STATIC = ROOT / "winery_appliance" / "static"
VENDOR = ("htmx.min.js", "idb.js", "uPlot.min.js", "pico.min.css", "uPlot.min.css")

LOADED = """() => {
  const [it] = performance.getEntriesByType("navigation");
  return { server: it.responseStart - it.requestStart, interactive: it.domContentLoadedEventEnd, whole: it.loadEventEnd };
}"""
# What the page draws anew is given by its own data; reading a pixel back waits until the canvas is painted.
DRAW = """async (points) => {
  const place = document.getElementById("chart-data");
  const data = JSON.parse(place.textContent);
  const now = Date.now() / 1000;
  const value = (i) => 24 - 26 * i / points + Math.sin(i) / 5;
  data.sugar = Array.from({ length: points }, (_, i) => [now - (points - i) * 20, value(i), i, false]);
  data.temperature = [];
  place.textContent = JSON.stringify(data);
  const begun = performance.now();
  document.dispatchEvent(new Event("htmx:afterSwap"));
  const line = new MessageChannel();
  await new Promise((done) => { line.port1.onmessage = done; line.port2.postMessage(0); });
  for (const canvas of document.querySelectorAll("[data-curve] canvas")) canvas.getContext("2d").getImageData(0, 0, 1, 1);
  return performance.now() - begun;
}"""


def fill_cellar(appliance: RealAppliance) -> int:
    """200 running tanks with a week of readings, judged; the id of one of them."""
    begun = datetime.now(UTC) - timedelta(days=7)
    tanks = [
        appliance.start_fermentation(f"bench-{n:03}", days_ago=7, who=WHO).id for n in range(TANKS)
    ]
    items = [
        {
            "client_uuid": str(uuid4()),
            "fermentation_id": tank,
            "sample_type": kind,
            "value": f"{24 - 2.5 * day + n % 7 / 10:.1f}" if kind == "sugar" else f"{20 + day}",
            "unit": "brix" if kind == "sugar" else "celsius",
            "measured_at": (begun + timedelta(days=day, hours=6)).isoformat(),
            "confirm": True,
        }
        for n, tank in enumerate(tanks)
        for day in range(7)
        for kind in ("sugar", "temperature")
    ]
    for at in range(0, len(items), 500):
        body = {"items": items[at : at + 500]}
        answer = appliance.call("POST", "/api/v1/samples/batch", body, who=WHO)
        assert answer.status == 200, answer
    waiting = "SELECT count(*) FROM outbox WHERE done_at IS NULL"
    wait_for(lambda: appliance.count(waiting) == 0, "the analyses", timeout_s=600)
    return tanks[0]


def sign_in(page: Page) -> None:
    """Sign in by the form."""
    page.goto("/sign-in")
    page.get_by_label("Name or e-mail").fill(WHO)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/")


def measure_board(page: Page, view: str) -> dict[str, float]:
    """The median of some loads, in milliseconds."""
    seen: list[dict[str, float]] = []
    for _ in range(LOADS):
        page.goto(f"/?view={view}", wait_until="load")
        seen.append(page.evaluate(LOADED))
    return {name: statistics.median(one[name] for one in seen) for name in seen[0]}


def weigh(kind: str) -> int:
    """Bytes of all scripts or styles as a server that compresses sends them."""
    files = [*(STATIC / kind).rglob(f"*.{kind}")]
    files += [STATIC / "vendor" / name for name in VENDOR if name.endswith(kind)]
    return sum(len(gzip.compress(file.read_bytes(), 9, mtime=0)) for file in files)


def measure(appliance: RealAppliance, out: dict[str, Any]) -> None:
    """Everything that needs a browser."""
    wine = fill_cellar(appliance)
    with sync_playwright() as playwright:
        path = (ROOT / "build" / "chromium-path").read_text(encoding="utf-8").strip()
        browser = playwright.chromium.launch(executable_path=path, args=QUIET)
        page = browser.new_page(
            base_url=f"http://127.0.0.1:{appliance.port}", viewport={"width": 390, "height": 844}
        )
        page.set_default_timeout(120_000)
        sign_in(page)
        plain = measure_board(page, "list")
        page.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
        for view in ("list", "map"):
            out[view] = measure_board(page, view) | {"server": plain["server"]}
        page.goto(f"/fermentations/{wine}", wait_until="load")
        out["chart"] = statistics.median(page.evaluate(DRAW, POINTS + n) for n in range(LOADS))
        browser.close()


def main() -> None:
    """Print the table."""
    out: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        appliance = RealAppliance(Path(folder) / "var", find_free_port())
        try:
            appliance.start()
            measure(appliance, out)
            appliance.stop()
        finally:
            appliance.kill_all()
    print(f"Medians of {LOADS} loads at 390 px; times in the page on a processor {SLOWER}× slower.")
    print(f"board of {TANKS}, server         {out['list']['server']:7.0f} ms   promised 150")
    for view in ("list", "map"):
        print(
            f"board as a {view:4}, interactive {out[view]['interactive']:7.0f} ms   promised 1000"
        )
    print(f"curve of {POINTS:,} points      {out['chart']:7.0f} ms   promised 200")
    print(f"all scripts                   {weigh('js') / 1000:7.1f} kB   promised 100")
    print(f"all styles                    {weigh('css') / 1000:7.1f} kB   promised 30")


if __name__ == "__main__":
    main()
