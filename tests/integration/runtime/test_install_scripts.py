"""The scripts that lead from a fresh clone to a running winery, in a folder whose name has a space.

Python and npm are stood in for: the test proves what the scripts decide, not what the network has.
"""

import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.runtime.running_appliance import ROOT

FAKE_PYTHON = """#!/bin/sh
# Stands in for python3.13: answers the questions asked of it and makes an environment of itself.
case $1 in
-c) exit "${FAKE_ANSWER:-0}" ;;
esac
case "$1 $2" in
"-m venv")
  mkdir -p "$3/bin"
  cp "$0" "$3/bin/python"
  printf '#!%s\\n' "$PWD/$3/bin/python" >"$3/bin/pip"
  chmod +x "$3/bin/pip" ;;
"-m pip")
  echo "$*" >>"$CALLS"
  echo "Collecting something==1.0"
  [ -z "${FAKE_PIP_FAILS:-}" ] || { echo "ERROR: the network is down"; exit 1; }
  printf '#!/bin/sh\\nexec "$WINERY_STAND_IN" "$@"\\n' >.venv/bin/winery
  chmod +x .venv/bin/winery ;;
esac
"""
FAKE_NPM = """#!/bin/sh
[ "$1" = --version ] && exit "${FAKE_NPM_FAILS:-0}"
echo "$*" >>"$CALLS"
for file in htmx.org/dist/htmx.min.js htmx.org/LICENSE idb/build/index.js idb/LICENSE \\
  @picocss/pico/css/pico.fluid.classless.min.css \\
  @picocss/pico/LICENSE.md uplot/dist/uPlot.iife.min.js uplot/dist/uPlot.min.css uplot/LICENSE; do
  mkdir -p "node_modules/$(dirname "$file")"
  echo "content of $file" >"node_modules/$file"
done
"""
TOOLS = "sh awk basename cat chmod cmp cp dirname echo env flock grep head mkdir mv printf pwd rm sed tail uname"


class Clone:
    """A clone with the real scripts, and nothing else on the PATH than what they may need."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "my clone"
        self.calls = folder / "calls"
        self.tools = folder / "bin"
        self.tools.mkdir()
        for name in TOOLS.split():
            if found := shutil.which(name):
                (self.tools / name).symlink_to(found)
        shutil.copytree(ROOT / "scripts", self.root / "scripts")
        shutil.copytree(ROOT / "requirements", self.root / "requirements")
        (self.root / "winery_appliance" / "static").mkdir(parents=True)
        for name in ("pyproject.toml", "package.json", "package-lock.json", ".npmrc"):
            shutil.copy(ROOT / name, self.root / name)
        self.add_tool("python3.13", FAKE_PYTHON)
        self.add_tool("npm", FAKE_NPM)

    def add_tool(self, name: str, text: str) -> None:
        """Put a program on the PATH."""
        path = self.tools / name
        path.unlink(missing_ok=True)
        path.write_text(text)
        path.chmod(0o755)

    def run(
        self, script: str, *arguments: str, cwd: Path | None = None, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run one of the scripts."""
        return subprocess.run(
            [self.root / "scripts" / script, *arguments],
            cwd=cwd or "/",
            env={"PATH": str(self.tools), "CALLS": str(self.calls), **environment},
            capture_output=True,
            text=True,
            timeout=60,
        )

    def read_calls(self) -> list[str]:
        """What pip and npm were asked for since the last time."""
        calls = self.calls.read_text().splitlines() if self.calls.exists() else []
        self.calls.unlink(missing_ok=True)
        return calls


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    """A fresh clone."""
    return Clone(tmp_path)


def test_packages_are_installed_by_their_hashes_and_once(clone: Clone) -> None:
    assert clone.run("install", "run").returncode == 0
    locked, own = clone.read_calls()
    # The lock is whole; a resolver would look past it for extras once a newer release is out.
    assert locked.endswith("--no-deps --require-hashes -r requirements/run.lock")
    assert own.endswith("--no-deps --no-build-isolation -e .")

    again = clone.run("install", "run")

    assert (again.returncode, again.stdout, clone.read_calls()) == (0, "", [])


@pytest.mark.parametrize("changed", ["requirements/run.lock", "pyproject.toml"])
def test_changed_requirements_are_installed(clone: Clone, changed: str) -> None:
    clone.run("install", "run")
    clone.read_calls()
    with (clone.root / changed).open("a") as file:
        file.write("# newer\n")

    assert clone.run("install", "run").returncode == 0

    assert len(clone.read_calls()) == 2


def test_an_interrupted_installation_is_done_again_from_the_start(clone: Clone) -> None:
    failed = clone.run("install", "run", FAKE_PIP_FAILS="1")
    assert failed.returncode == 1
    assert "ERROR: the network is down" in failed.stderr
    assert "start again" in failed.stderr
    (clone.root / ".venv" / "half a package").touch()

    assert clone.run("install", "run").returncode == 0

    assert not (clone.root / ".venv" / "half a package").exists()


def test_a_moved_clone_is_installed_anew(clone: Clone) -> None:
    clone.run("install", "run")
    clone.read_calls()
    clone.root = clone.root.rename(clone.root.with_name("moved clone"))

    assert "1/3" in clone.run("install", "run").stdout

    assert len(clone.read_calls()) == 2


def test_the_development_packages_are_enough_and_are_kept(clone: Clone) -> None:
    clone.run("install", "run")
    clone.read_calls()
    clone.run("install", "dev")
    assert "requirements/dev.lock" in clone.read_calls()[0]

    clone.run("install", "run")
    assert clone.read_calls() == []
    with (clone.root / "requirements" / "dev.lock").open("a") as file:
        file.write("# newer\n")
    clone.run("install", "run")

    assert "requirements/dev.lock" in clone.read_calls()[0]


def test_without_a_python_that_serves_it_says_so_and_makes_nothing(clone: Clone) -> None:
    told = clone.run("install", "run", FAKE_ANSWER="1")

    assert told.returncode == 1
    assert "Python 3.11 or newer is needed" in told.stderr
    assert not (clone.root / ".venv").exists()


def test_a_python_without_venv_is_named(clone: Clone) -> None:
    clone.add_tool("python3.13", '#!/bin/sh\ncase "$2" in *venv*) exit 1 ;; esac\n')

    told = clone.run("install", "run")

    assert told.returncode == 1
    assert "python3.13 lacks the module venv" in told.stderr
    assert not (clone.root / ".venv").exists()


def test_front_end_files_are_fetched_once_with_their_licences(clone: Clone) -> None:
    assert clone.run("assets").returncode == 0
    assert clone.read_calls() == ["ci --ignore-scripts --no-audit --no-fund"]
    vendor = clone.root / "winery_appliance" / "static" / "vendor"
    names = sorted(path.name for path in vendor.iterdir() if not path.name.startswith("."))
    assert names == [
        "htmx.LICENSE",
        "htmx.min.js",
        "idb.LICENSE",
        "idb.js",
        "pico.LICENSE",
        "pico.min.css",
        "uPlot.LICENSE",
        "uPlot.min.css",
        "uPlot.min.js",
    ]

    clone.run("assets")
    assert clone.read_calls() == []
    (vendor / "pico.min.css").unlink()
    clone.run("assets")

    assert (
        vendor / "pico.min.css"
    ).read_text() == "content of @picocss/pico/css/pico.fluid.classless.min.css\n"
    assert not (clone.root / "node_modules").exists()


def test_without_npm_it_asks_for_the_locked_wheel(clone: Clone) -> None:
    clone.run("install", "run")
    clone.read_calls()

    told = clone.run("assets", FAKE_NPM_FAILS="127", FAKE_PIP_FAILS="1")

    assert told.returncode == 1
    assert "could not be fetched. Nothing was changed" in told.stderr
    assert clone.read_calls()[0].endswith("--require-hashes -r requirements/node.lock")


def test_options_and_the_data_directory_reach_the_winery(clone: Clone, tmp_path: Path) -> None:
    clone.add_tool("stand-in", '#!/bin/sh\necho "$WINERY_DATA|$PWD|$*"\n')
    stand_in = str(clone.tools / "stand-in")

    def start(*options: str, **environment: str) -> str:
        told = clone.run("run", *options, cwd=tmp_path, WINERY_STAND_IN=stand_in, **environment)
        assert told.returncode == 0, told.stderr
        return told.stdout.splitlines()[-1]

    assert start() == f"{clone.root}/var|{tmp_path}|up"
    assert start("--data", "a b", "--port", "81") == (
        f"{clone.root}/var|{tmp_path}|up --data a b --port 81"
    )
    assert start(WINERY_DATA="/srv/winery") == f"/srv/winery|{tmp_path}|up"


def test_a_busy_port_is_refused_with_one_sentence(clone: Clone) -> None:
    clone.add_tool(
        "stand-in",
        f"#!/bin/sh\nexec '{sys.executable}' -c 'from winery_appliance.entrypoints.cli import main;"
        ' main()\' "$@"\n',
    )
    stand_in = str(clone.tools / "stand-in")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        told = clone.run(
            "run", "--port", port, WINERY_STAND_IN=stand_in, PYTHONPATH=str(ROOT), LC_ALL="C.UTF-8"
        )

    assert told.returncode == 1
    assert told.stderr == (
        f"Port {port} is used by another program. Choose another with --port. Nothing was changed.\n"
    )
    assert not (clone.root / "var").exists()
