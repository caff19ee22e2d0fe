"""What was done, on the wine's page: shown to all who may read, written by forms that need no script."""

import io
import re
from typing import Any

import pytest
from flask import Flask
from PIL import Image
from werkzeug.datastructures import FileStorage
from werkzeug.test import TestResponse, encode_multipart

from tests.conftest import PASSWORD, Cast, Winery
from tests.integration.browser import Browser
from tests.integration.conftest import Tank

SOUND = {"addition_kind": "dap", "addition_dose": "1", "addition_unit": "g_hl"}


def signed_in(app: Flask, name: str) -> Browser:
    browser = Browser(app)
    assert browser.sign_in(name, PASSWORD).status_code == 303
    return browser


def read_page(browser: Browser, tank: Tank) -> str:
    answer = browser.client.get(f"/fermentations/{tank.id}")
    assert answer.status_code == 200
    return answer.text


def fill(browser: Browser, tank: Tank, noun: str, **typed: Any) -> TestResponse:
    """Send one of the page's forms with what it holds and what was typed."""
    page = read_page(browser, tank)
    form = re.search(rf'action="/fermentations/{tank.id}/{noun}".*?</form>', page, re.DOTALL)
    assert form is not None
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]+)"', form[0]))
    return send(browser, tank, noun, {**hidden, **typed})


def send(browser: Browser, tank: Tank, noun: str, body: dict[str, Any]) -> TestResponse:
    boundary, data = encode_multipart(body)
    return browser.client.post(
        f"/fermentations/{tank.id}/{noun}",
        data=data,
        content_type=f"multipart/form-data; boundary={boundary}",
    )


def picture(side: int = 400) -> FileStorage:
    out = io.BytesIO()
    Image.effect_noise((side, side), 120).convert("RGB").save(out, "JPEG", quality=100)
    return FileStorage(io.BytesIO(out.getvalue()), "photo.jpg")


def test_an_addition_cap_work_and_a_note_are_written_and_shown(
    app: Flask, tank: Tank, cast: Cast
) -> None:
    bruno = signed_in(app, "bruno")
    added = fill(
        bruno,
        tank,
        "additions",
        addition_kind="dap",
        addition_dose="20,5",
        addition_unit="g_hl",
        addition_stock_lot="L-1",
    )
    assert (added.status_code, added.location) == (303, f"/fermentations/{tank.id}#work")
    worked = fill(bruno, tank, "cap-work", cap_work_kind="punch_down", cap_work_duration_min="15")
    assert worked.status_code == 303, worked.text
    noted = fill(
        bruno, tank, "notes", note_content="Smells of\r\ncherries <b>.", photo=picture(1400)
    )
    assert noted.status_code == 303, noted.text
    page = read_page(signed_in(app, "vera"), tank)
    for words in ("20,5\u00a0g/hL", "lot L-1", "Punch-down", "Smells of\ncherries &lt;b&gt;."):
        assert words in page
    assert "work-form" not in page, "who may only look has no forms"
    photo = re.search(r'<img src="([^"]+thumbnail)"', page)
    assert photo is not None
    assert bruno.client.get(photo[1]).mimetype == "image/jpeg"


def test_a_form_sent_twice_saves_once(app: Flask, tank: Tank, cast: Cast) -> None:
    bruno = signed_in(app, "bruno")
    body = {
        "csrf_token": re.findall(r'name="csrf_token" value="([^"]+)"', read_page(bruno, tank))[0],
        "client_uuid": "7b0f5f0e-6c39-4a39-8a6c-0d6d3f0c9a12",
        "addition_kind": "yeast",
        "addition_dose": "25",
        "addition_unit": "g_hl",
        "addition_done_at": "",
    }
    assert [send(bruno, tank, "additions", body).status_code for _ in range(2)] == [303, 303]
    assert len(tank.api.get(f"/fermentations/{tank.id}/additions").json["items"]) == 1


def test_an_unusual_dose_is_asked_about_and_kept_when_said_so(
    app: Flask, tank: Tank, cast: Cast
) -> None:
    bruno = signed_in(app, "bruno")
    typed = {"addition_kind": "dap", "addition_dose": "120", "addition_unit": "g_hl"}
    asked = fill(bruno, tank, "additions", **typed)
    assert asked.status_code == 422
    assert "Keep it" in asked.text
    assert 'value="120"' in asked.text
    assert fill(bruno, tank, "additions", **typed, confirm="yes").status_code == 303


@pytest.mark.parametrize(
    ("noun", "typed", "sentence"),
    [
        ("additions", {**SOUND, "addition_dose": ""}, "This is needed"),
        ("additions", {**SOUND, "addition_done_at": "0001-01-01T00:00"}, "picker|year must lie"),
        ("cap-work", {"cap_work_kind": "punch_down", "cap_work_duration_min": "a while"}, "integer|number"),
        ("cap-work", {"cap_work_kind": "punch_down", "cap_work_duration_min": "99999999"}, "1440"),
        ("notes", {"note_content": ""}, "needs words or a photo"),
        ("notes", {"note_content": "A", "photo": FileStorage(io.BytesIO(b"no"), "a.jpg")}, "no JPEG"),
    ],
)  # fmt: skip
def test_what_is_refused_comes_back_with_a_sentence(
    app: Flask, tank: Tank, cast: Cast, noun: str, typed: dict[str, Any], sentence: str
) -> None:
    refused = fill(signed_in(app, "bruno"), tank, noun, **typed)
    assert refused.status_code == 422
    assert re.search(sentence, refused.text)
    assert "Nothing was saved" in refused.text


def test_a_form_from_elsewhere_and_a_viewer_write_nothing(
    app: Flask, tank: Tank, cast: Cast, book: Winery
) -> None:
    bruno = signed_in(app, "bruno")
    body = {"client_uuid": "7b0f5f0e-6c39-4a39-8a6c-0d6d3f0c9a13", "note_content": "Mine."}
    assert send(bruno, tank, "notes", body).status_code == 400, "no token of ours"
    carla = signed_in(app, "carla")
    assert carla.client.get(f"/fermentations/{tank.id}").status_code == 404
    assert tank.api.get(f"/fermentations/{tank.id}/notes").json["items"] == []
