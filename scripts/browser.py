"""Finds a Chromium for the browser tests, or installs one; its path goes to build/chromium-path.

An installed one is taken; else Debian's package when root; else Playwright's own.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome")
ANSWER = Path(__file__).parent.parent / "build" / "chromium-path"


def find_installed() -> str | None:
    """Path of a browser that starts, if any."""
    for name in NAMES:
        path = shutil.which(name)
        if path and _starts(path):
            return path
    return None


def _starts(path: str) -> bool:
    done = subprocess.run([path, "--version"], capture_output=True, check=False)
    return done.returncode == 0


def install_debian() -> str | None:
    """Debian's package, for root on a machine that has apt-get."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return None
    print("Installing Chromium from Debian's packages ...", flush=True)
    quiet = {
        "env": {**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        "stdout": subprocess.DEVNULL,
    }
    for command in (["apt-get", "update"], ["apt-get", "install", "-y", "chromium"]):
        if subprocess.run(command, check=False, **quiet).returncode != 0:  # type: ignore[call-overload]
            return None
    return find_installed()


def install_playwright() -> str | None:
    """Playwright's own build, where it can be fetched."""
    print("Installing Playwright's Chromium ...", flush=True)
    command = [sys.executable, "-m", "playwright", "install", "chromium"]
    if subprocess.run(command, check=False).returncode != 0:
        return None
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        return playwright.chromium.executable_path


def main() -> int:
    """Write the path, or say what to do."""
    path = find_installed() or install_debian() or install_playwright()
    if not path:
        print(
            "The browser tests need Chromium, and none could be installed. "
            "Install the package chromium and run ./scripts/test again.",
            file=sys.stderr,
        )
        return 1
    ANSWER.parent.mkdir(exist_ok=True)
    ANSWER.write_text(path + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
