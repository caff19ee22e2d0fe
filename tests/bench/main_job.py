"""Measures the main job on this machine and prints one table: ./.venv/bin/python -m tests.bench.main_job

Starts, memory, and the time from Save to the analysis on the screen, in a real browser against the real appliance.
"""

import re
import statistics
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

from tests.browser.conftest import QUIET, ROOT
from tests.system.appliance import PASSWORD, LiveTank, RealAppliance
from winery_appliance.core.postgres import find_free_port

READINGS = 40


def measure_start(appliance: RealAppliance) -> float:
    """Seconds until the address is printed and the page is ready to serve."""
    begun = time.monotonic()
    appliance.start()
    return time.monotonic() - begun


def read_pss_mb(pid: int) -> float:
    """Proportional set size of a process, MB."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    found = re.search(r"^Pss:\s+(\d+) kB", text, re.MULTILINE)
    assert found
    return int(found.group(1)) / 1024


def measure_memory(appliance: RealAppliance) -> dict[str, float]:
    """PSS of each part, MB; PostgreSQL with all its processes."""
    assert appliance.process is not None
    parts = {name: read_pss_mb(appliance.part(name)) for name in ("web", "worker", "scheduler")}
    parts["supervisor"] = read_pss_mb(appliance.process.pid)
    known = {appliance.part(n) for n in ("web", "worker", "scheduler")} | {appliance.process.pid}
    parts["postgres"] = sum(read_pss_mb(pid) for pid in appliance.processes() - known)
    return parts


def measure_screen(page: Page, tank: LiveTank) -> list[float]:
    """Seconds from the click on Save to the analysis that covers the reading, for each reading."""
    page.goto("/sign-in")
    page.get_by_label("Name or e-mail").fill("bruno@demo.winery")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.goto(f"/fermentations/{tank.id}")
    taken = []
    for n in range(READINGS):
        page.get_by_label("Sugar", exact=True).fill(f"{24 - n * 0.3:.1f}")
        begun = time.monotonic()
        page.get_by_role("button", name="Save").click()
        words = "from 1 reading." if n == 0 else f"from {n + 1} readings."
        expect(page.locator("#analysis")).to_contain_text(words)
        taken.append(time.monotonic() - begun)
    return taken


def main() -> None:
    """Print the table."""
    chromium = (ROOT / "build" / "chromium-path").read_text().strip()
    with tempfile.TemporaryDirectory() as folder:
        appliance = RealAppliance(Path(folder) / "var", find_free_port())
        try:
            first = measure_start(appliance)
            appliance.stop()
            second = measure_start(appliance)
            time.sleep(5)  # idle is what is measured next
            memory = measure_memory(appliance)
            tank = appliance.start_fermentation("bench")
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=chromium, args=QUIET)
                page = browser.new_page(base_url=f"http://127.0.0.1:{appliance.port}")
                seconds = measure_screen(page, tank)
                browser.close()
            appliance.stop()
        finally:
            appliance.kill_all()
    ours = sum(mb for name, mb in memory.items() if name != "postgres")
    p95 = statistics.quantiles(seconds, n=20)[-1]
    print(f"first start with demo, installed   {first:6.1f} s")
    print(f"second start                       {second:6.1f} s     (reach 5 s)")
    print(f"Save to analysis shown, median     {statistics.median(seconds) * 1000:6.0f} ms")
    print(
        f"Save to analysis shown, p95        {p95 * 1000:6.0f} ms    (reach 1000 ms, n={READINGS})"
    )
    for name, mb in sorted(memory.items()):
        print(f"idle PSS, {name:<24} {mb:6.0f} MB")
    print(f"idle PSS without postgres          {ours:6.0f} MB    (reach 500 MB)")


if __name__ == "__main__":
    main()
