"""Rules of the house that no linter knows."""

import ast
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PACKAGES = ("winery_appliance", "sync", "backup")
BANNED_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}
LONGEST_MODULE = 450
LONGEST_FUNCTION = 60


def sources() -> Iterator[Path]:
    for package in PACKAGES:
        yield from (ROOT / package).rglob("*.py")


def test_only_one_module_commits() -> None:
    offenders = [
        path.relative_to(ROOT).as_posix()
        for path in sources()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr == "commit"
    ]
    # core/schema.py runs migrations, which bring their own transactions.
    assert set(offenders) <= {
        "winery_appliance/core/db.py",
        "winery_appliance/core/schema.py",
    }


def test_no_file_is_named_for_being_a_drawer() -> None:
    assert [p for p in sources() if p.stem in BANNED_NAMES] == []


def test_modules_and_functions_stay_small() -> None:
    long = []
    for path in sources():
        text = path.read_text()
        if text.count("\n") > LONGEST_MODULE:
            long.append(path.name)
        long += [
            f"{path.name}:{node.name}"
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.FunctionDef)
            and (node.end_lineno or 0) - node.lineno > LONGEST_FUNCTION
        ]
    # A migration is one long text on purpose.
    assert [entry for entry in long if "0001" not in entry] == []


def test_every_function_of_a_test_module_is_run_or_used() -> None:
    lost = []
    for path in (ROOT / "tests").rglob("test_*.py"):
        text = path.read_text()
        for node in ast.parse(text).body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("test_"):
                used = len(re.findall(rf"\b{node.name}\b", text)) > 1
                fixture = any("fixture" in ast.unparse(d) for d in node.decorator_list)
                if not (used or fixture):
                    lost.append(f"{path.name}:{node.name}")
    assert lost == []


@pytest.mark.parametrize("lock", ["run.lock", "dev.lock", "node.lock"])
def test_lock_files_carry_hashes_and_no_addresses(lock: str) -> None:
    text = (ROOT / "requirements" / lock).read_text()
    assert "://" not in text
    entries = re.findall(r"^[a-z0-9][^\s=]*==", text, re.MULTILINE)
    assert entries
    assert text.count("--hash=sha256:") >= len(entries)


def test_front_end_lock_carries_integrity_and_no_addresses() -> None:
    text = (ROOT / "package-lock.json").read_text()
    assert "://" not in text
    assert text.count('"integrity": "sha512-') == text.count('"node_modules/')


def test_every_public_function_of_the_product_says_what_it_does() -> None:
    silent = [
        f"{path.relative_to(ROOT)}:{node.name}"
        for path in sources()
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
        and not node.name.startswith("_")
        and ast.get_docstring(node) is None
    ]
    assert silent == []


def test_every_file_of_the_packages_goes_into_the_wheel() -> None:
    patterns = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"][
        "package-data"
    ]["*"]
    packages = [path.parent for name in PACKAGES for path in (ROOT / name).rglob("__init__.py")]
    taken = {file for package in packages for pattern in patterns for file in package.glob(pattern)}
    listed = subprocess.run(
        ["git", "ls-files", *PACKAGES], cwd=ROOT, check=True, capture_output=True, text=True
    )
    kept = {ROOT / line for line in listed.stdout.splitlines()}
    assert sorted(file for file in kept - taken if file.suffix != ".py") == []
