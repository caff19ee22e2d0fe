"""The stack, started once for all tests here; only when asked for, since it takes minutes and root."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.conftest import QUIET
from tests.stack.engine import run
from tests.stack.machine import KEPT, ROOT, make_images, prepare_machine, say
from tests.stack.running_stack import NAME, Stack

ASKED = "WINERY_TEST_STACK"
if ASKED not in os.environ:
    collect_ignore_glob = ["test_*.py"]


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Tell a failure at once: a run takes half an hour, and may be cut off before its end."""
    if report.failed:
        say(report.longreprtext)


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """Everything running, signed in for the first time."""
    given = os.environ.get(f"{ASKED}_IMAGES")
    engine = prepare_machine()
    shutil.rmtree(engine.directory, ignore_errors=True)
    try:
        engine.start()
        images = make_images(engine, Path(given) if given else None)
        say(f"Images: {', '.join(f'{k}={v}' for k, v in sorted(images.items()))}")
        made = Stack(engine, images, KEPT / "project")
        made.start()
        yield made
    finally:
        engine.stop()


@pytest.fixture(scope="session")
def chromium(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser whose person has told it to trust the winery's authority, and whose network knows the winery's name."""
    home = tmp_path_factory.mktemp("home")
    trusted = home / ".pki" / "nssdb"
    trusted.mkdir(parents=True)
    run("certutil", "-d", f"sql:{trusted}", "-N", "--empty-password")
    authority = stack.secrets / "ca_certificate"
    run("certutil", "-d", f"sql:{trusted}", "-A", "-t", "C,,", "-n", "winery", "-i", authority)
    path = (ROOT / "build" / "chromium-path").read_text().strip()
    rule = f"--host-resolver-rules=MAP {NAME} {stack.engine.address}"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=[*QUIET, rule], env={**os.environ, "HOME": str(home)}
        )
        yield browser
        browser.close()
