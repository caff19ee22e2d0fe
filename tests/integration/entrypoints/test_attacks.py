"""What somebody might try at the web application as a whole; what concerns one feature stands with the feature.

docs/security.md names the test of each attack.
"""

import csv
import io
import re
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask

from tests.conftest import Cast, Winery
from tests.integration.browser import Browser
from tests.integration.conftest import Api, Tank
from winery_appliance.core import clock

SCRIPT = "<svg onload=alert(1)>\"'<b>"
# What would end a string of a PDF and go on drawing.
OPERATORS = ") Tj ET BT (x\\"
FORMULA = "=cmd|'A1'!A0"
LITERAL = re.compile(rb"\((?:\\.|[^\\()])*\)|<[0-9A-Fa-f]*>", re.DOTALL)


@pytest.fixture
def browser(app: Flask, cast: Cast) -> Browser:
    made = Browser(app)
    assert made.sign_in("ana").status_code == 303
    return made


@pytest.fixture
def start(sign_in_api: Callable[[str], Api]) -> Callable[[str], Tank]:
    """A wine whose every name that people type is the given one, with three readings and an alarm's worth of heat."""

    def begin(name: str) -> Tank:
        api = sign_in_api("ana")
        started_at = clock.now().replace(microsecond=0)
        body = {
            "code": name,
            "vessel_code": f"V{name}",
            "yeast_strain": name,
            "style": "red",
            "started_at": started_at.isoformat(),
        }
        made = api.post("/fermentations", body)
        assert made.status_code == 201, made.text
        tank = Tank(api, made.json["id"], started_at)
        note = api.call("POST", f"/fermentations/{tank.id}/notes", {"content": name})
        assert note.status_code in {201, 422}, note.text
        assert tank.record("24.0", hours=0.1).status_code == 201
        hot = {"sample_type": "temperature", "unit": "celsius", "confirm": True}
        assert tank.record("36.5", hours=0.1, **hot).status_code == 201
        return tank

    return begin


def test_a_name_runs_nowhere_where_it_is_shown(
    browser: Browser, start: Callable[[str], Tank], work_off: Callable[[], int]
) -> None:
    tank = start(SCRIPT)
    work_off()
    shown = 0
    for path in (
        "/",
        "/?view=list",
        f"/fermentations/{tank.id}",
        f"/fermentations/{tank.id}/readings",
        f"/fermentations/{tank.id}/origin",
        f"/compare?id={tank.id}",
        "/anomalies",
        "/round",
        "/round/paper",
        "/round/labels",
        "/round/hand-over",
        "/day",
        "/lab",
        "/summary",
        "/history",
        "/search?q=alert",
    ):
        answer = browser.client.get(path, follow_redirects=True)
        assert answer.status_code == 200, (path, answer.status)
        assert "<svg onload" not in answer.text, path
        assert "'<b>" not in answer.text, path
        shown += "onload=alert(1)" in answer.text
        policy = answer.headers["Content-Security-Policy"]
        assert "unsafe-inline" not in policy.partition("script-src")[2].partition(";")[0], path
    assert shown > 4, "it was looked at where it stands"


def draw(browser: Browser, tank: Tank) -> bytes:
    """What the sheets of a wine draw, without the texts."""
    answer = browser.client.get(f"/fermentations/{tank.id}/readings.pdf")
    assert answer.status_code == 200
    streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", answer.data, re.DOTALL)
    plain = []
    for stream in streams:
        try:
            plain.append(zlib.decompress(stream))
        except zlib.error:
            plain.append(stream)
    return LITERAL.sub(b"()", b"\n".join(plain))


def test_a_name_draws_nothing_on_paper(
    browser: Browser, start: Callable[[str], Tank], work_off: Callable[[], int]
) -> None:
    tank = start(OPERATORS)
    work_off()
    drawn = draw(browser, tank)
    assert drawn.count(b"()") == drawn.count(b"Tj"), (
        "each text is one, from its beginning to its end"
    )
    assert drawn.count(b"BT") == drawn.count(b"ET")
    assert b"\\" not in drawn


def test_a_formula_reaches_no_spreadsheet(browser: Browser, start: Callable[[str], Tank]) -> None:
    tank = start(FORMULA)
    seen = 0
    for path in (
        f"/fermentations/{tank.id}/readings.csv",
        "/export?format=csv",
        "/api/v1/export?format=csv",
    ):
        answer = browser.client.get(path)
        if answer.status_code == 404:
            continue
        assert answer.status_code == 200, (path, answer.status)
        for row in csv.reader(io.StringIO(answer.text)):
            seen += any(FORMULA in cell for cell in row)
            assert not [cell for cell in row if cell.startswith("=")], path
    assert seen


def test_the_host_that_a_stranger_names_is_sent_to_nobody(browser: Browser) -> None:
    evil = {
        "Host": "evil.example",
        "X-Forwarded-Host": "evil.example",
        "Forwarded": "host=evil.example",
    }
    stranger = browser.client.application.test_client()
    for client, path in (
        (stranger, "/"),
        (stranger, "/sign-in"),
        (stranger, "/account"),
        (stranger, "/hand-over"),
        (browser.client, "/"),
        (browser.client, "/account"),
        (browser.client, "/summary"),
    ):
        answer = client.get(path, headers=evil)
        assert "evil.example" not in answer.text, path
        assert "evil.example" not in answer.headers.get("Location", ""), path
        assert "evil.example" not in answer.headers.get("Set-Cookie", ""), path


def test_a_file_is_kept_where_files_are_kept_whatever_it_is_called(
    book: Winery, sign_in_api: Callable[[str], Api], browser: Browser
) -> None:
    before = list_files(book.settings.data.parent)
    for name in ("../../evil.csv", "/etc/evil.csv", "..\\..\\evil.csv", "evil.csv\x00.png"):
        form = {
            "csrf_token": browser.token("/history/imports"),
            "file": (io.BytesIO(b"tank;date;brix\nT-1;2020-09-01;24\n"), name),
        }
        assert browser.client.post("/history/imports", data=form).status_code < 500, name
    new = list_files(book.settings.data.parent) - before
    within = {
        path for path in new if book.settings.data in path.parents
    }  # other tests write beside it
    assert all(book.settings.imports_dir in path.parents for path in within), within
    assert not [path for path in new if "evil" in path.name]
    for path in (
        "/static/../core/settings.py",
        "/static/..%2f..%2fpyproject.toml",
        "/static//etc/passwd",
    ):
        assert browser.client.get(path).status_code in {404, 308}, path


def list_files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file() and "postgres" not in str(path)}


def test_a_link_to_another_site_is_not_followed_from_any_form(browser: Browser) -> None:
    for path in ("/sign-in?next=https://evil.example", "/sign-out?next=//evil.example"):
        answer = browser.client.get(path)
        assert not answer.headers.get("Location", "/").startswith(("http", "//")), path
