"""What a phone must fetch: our own files always, with the fetched ones where they have been fetched."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest

from tests.unit.templates.page_harness import STATIC, all_templates, without_comments

VENDOR = STATIC / "vendor"
KB = 1000
FETCHED = ("htmx.min.js", "idb.js", "pico.min.css", "uPlot.min.js", "uPlot.min.css")


def weight(*files: Path) -> int:
    """Bytes on the wire, as a server that compresses sends them."""
    return sum(len(gzip.compress(file.read_bytes(), 9, mtime=0)) for file in files)


def own(kind: str) -> list[Path]:
    """Our files of a kind."""
    return sorted((STATIC / kind).rglob(f"*.{kind}"))


def test_own_files_are_light() -> None:
    assert own("js")
    assert own("css")
    # The whole budgets are 100 and 30 kB, which the next test holds; the fetched ones take the rest.
    assert weight(*own("js")) <= 57 * KB
    assert weight(*own("css")) <= 19 * KB


@pytest.mark.skipif(
    not all((VENDOR / name).is_file() for name in FETCHED),
    reason="front-end files are not fetched here",
)
def test_everything_together_keeps_the_budget() -> None:
    assert (
        weight(*own("js"), *(VENDOR / name for name in FETCHED if name.endswith(".js"))) <= 100 * KB
    )
    assert weight(*own("css"), VENDOR / "pico.min.css", VENDOR / "uPlot.min.css") <= 30 * KB


@pytest.mark.parametrize("script", own("js"), ids=lambda file: str(file.name))
def test_scripts_make_no_markup_and_run_no_text(script: Path) -> None:
    code = script.read_text(encoding="utf-8")
    assert (
        re.findall(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|https?://",
            code,
        )
        == []
    )


@pytest.mark.parametrize("script", own("js"), ids=lambda file: str(file.name))
def test_scripts_import_only_what_is_there(script: Path) -> None:
    for name in re.findall(r'from "([^"]+)"', script.read_text(encoding="utf-8")):
        wanted = (script.parent / name).resolve()
        assert wanted.is_file() or (wanted.parent == VENDOR and wanted.name in FETCHED), name


@pytest.mark.parametrize("sheet", own("css"), ids=lambda file: str(file.name))
def test_style_sheets_fetch_nothing_from_elsewhere(sheet: Path) -> None:
    css = without_comments(sheet.read_text(encoding="utf-8"))
    assert [
        url for url in re.findall(r"url\(([^)]*)\)", css) if url != '"../vendor/pico.min.css"'
    ] == []


def test_every_static_file_that_a_template_names_is_there() -> None:
    for template in all_templates():
        for name in re.findall(r"filename='([^']+)'", template.read_text(encoding="utf-8")):
            file = STATIC / name
            assert file.is_file() or (file.parent == VENDOR and file.name in FETCHED), (
                template.name,
                name,
            )


def test_every_class_that_a_style_sheet_knows_is_used() -> None:
    written = "".join(file.read_text(encoding="utf-8") for file in [*all_templates(), *own("js")])
    known = {
        name
        for sheet in own("css")
        for name in re.findall(
            r"\.([a-z][\w-]*)",
            re.sub(
                r'url\([^)]*\)|"[^"]*"', "", without_comments(sheet.read_text(encoding="utf-8"))
            ),
        )
    }
    from_elsewhere = {name for name in known if name.startswith("u-")} | {"uplot"}
    made_up = {
        "is-day",
        "is-cellar",
        "is-sun",
        "red",
        "white",
        "rose",
        "orange",
        "act",
        "watch",
        "good",
        "ask",
        "calm",
        "unread",
    }
    assert {
        name for name in known - from_elsewhere - made_up if not re.search(rf"\b{name}\b", written)
    } == set()
