"""A winemaker manages a wine on a page that works without script."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.conftest import Cast
from tests.integration.browser import Browser
from tests.integration.conftest import Api, Tank


@pytest.fixture
def browser(app: Flask, cast: Cast) -> Browser:
    assert cast
    made = Browser(app)
    assert made.sign_in("marco").status_code == 303
    return made


def read_form(page: str, mark: str) -> dict[str, str]:
    """Every field of the form that has `mark` in it, as the page sends it back untouched."""
    (form,) = (form for form in re.findall(r"<form.*?</form>", page, re.DOTALL) if mark in form)
    sent = {}
    for tag in re.findall(r"<input[^>]*>", form):
        named, value = re.search(r'name="([^"]+)"', tag), re.search(r'value="([^"]*)"', tag)
        assert named
        assert value
        if 'type="checkbox"' not in tag:
            sent[named.group(1)] = value.group(1)
    for name, options in re.findall(r'<select[^>]*name="(\w+)".*?>(.*?)</select>', form, re.DOTALL):
        chosen = re.search(r'value="(\w*)" selected', options)
        assert chosen, name
        sent[name] = chosen.group(1)
    return sent


def send(browser: Browser, wine_id: int, act: str, **changes: str) -> TestResponse:
    path = f"/fermentations/{wine_id}/manage"
    form = read_form(browser.client.get(path).text, f'name="act" value="{act}"')
    return browser.client.post(path, data=form | changes)


def test_what_is_sent_back_untouched_changes_nothing(browser: Browser, tank: Tank) -> None:
    path = f"/fermentations/{tank.id}"
    before = tank.api.get(path)
    for act in ("af", "mlf", "change", "lots"):
        answer = send(browser, tank.id, act)
        assert answer.status_code == 303, answer.text
    assert tank.api.get(path).headers["ETag"] == before.headers["ETag"]


def test_a_wine_goes_its_way_by_the_page(browser: Browser, tank: Tank) -> None:
    api = tank.api
    assert api.post("/vineyards", {"code": "ALTO", "name": "Alto"}).status_code == 201
    lot = {
        "vineyard_code": "ALTO",
        "variety": "Graciano",
        "vintage": "2025",
        "harvested_on": "2025-09-14",
    }
    for code in ("L1", "L2"):
        made = api.post("/harvest-lots", lot | {"code": code, "kg_harvested": 4000})
        assert made.status_code == 201
    page = browser.client.get("/fermentations/new").text
    form = read_form(page, 'name="yeast_strain"')
    form |= {"code": "PLAN", "vessel_code": "T-02", "yeast_strain": "QA23", "style": "white"}
    form |= {"status": "planned", "add_vessel": "yes", "start_volume_l": "900,5"}
    planned = browser.client.post("/fermentations/new", data=form)
    assert planned.status_code == 303, planned.text
    (wine,) = api.get("/fermentations?status=planned").json["items"]
    shown = browser.client.get(f"/fermentations/{wine['id']}").text
    assert "PLAN is planned for T-02" in shown
    assert "Record a reading" not in shown
    refused = send(browser, wine["id"], "start", start_vessel_code="T-01")
    assert refused.status_code == 422
    assert (
        "T-01 holds another fermentation" in refused.text
        or "Holds another fermentation" in refused.text
    )

    def read() -> Any:
        return api.get(f"/fermentations/{wine['id']}").json

    assert send(browser, wine["id"], "start").status_code == 303
    assert (read()["status"], read()["start_volume_l"]) == ("active", 900.5)
    wrong = send(
        browser,
        wine["id"],
        "lots",
        lots_code_0="L1",
        lots_share_0="60",
        lots_code_2="L9",
        lots_share_2="40",
    )
    assert wrong.status_code == 422
    assert 'id="lots_code_2-wrong"' in wrong.text
    lots = {"lots_code_0": "L1", "lots_share_0": "60", "lots_code_2": "L2", "lots_share_2": "40"}
    assert send(browser, wine["id"], "lots", **lots).status_code == 303
    assert read()["vintage"] == 2025
    assert send(browser, wine["id"], "change", change_vintage="2024").status_code == 303
    assert read()["vintage"] == 2024
    assert send(browser, wine["id"], "mlf", mlf_status="running").status_code == 303
    assert "MLF since" in browser.client.get(f"/fermentations/{wine['id']}").text
    bad = send(browser, wine["id"], "mlf", mlf_status="done", mlf_ended_at="2026-02-31T08:00")
    assert bad.status_code == 422
    assert 'id="mlf_ended_at-wrong"' in bad.text
    stale = read_form(browser.client.get(f"/fermentations/{wine['id']}/manage").text, 'value="mlf"')
    assert send(browser, wine["id"], "mlf", mlf_status="done").status_code == 303
    late = browser.client.post(f"/fermentations/{wine['id']}/manage", data=stale)
    assert late.status_code == 422
    assert "Somebody changed this" in late.text
    assert [read()[name]["status"] for name in ("af", "mlf")] == ["running", "done"]
    assert send(browser, wine["id"], "complete").status_code == 303
    assert send(browser, wine["id"], "reopen").status_code == 303
    gone = send(browser, wine["id"], "delete")
    assert gone.status_code == 303
    listed = browser.client.get(gone.headers["Location"]).text
    assert "PLAN" in listed
    back = browser.client.post(
        f"/fermentations/{wine['id']}/restore", data=read_form(listed, "Restore")
    )
    assert (back.status_code, read()["status"]) == (303, "active")


def test_an_end_before_the_last_reading_is_told_beside_its_field(
    browser: Browser, tank: Tank
) -> None:
    assert tank.record("24.0", hours=100).status_code == 201
    early = f"{tank.started_at + timedelta(hours=50):%Y-%m-%dT%H:%M}"
    refused = send(browser, tank.id, "complete", complete_at=early)
    assert refused.status_code == 422
    assert 'id="complete_at-wrong"' in refused.text
    assert early in refused.text, "what was typed is still there"


def test_who_may_not_run_wines_meets_no_such_page(
    app: Flask, tank: Tank, sign_in_api: Callable[[str], Api]
) -> None:
    bruno = Browser(app)
    assert bruno.sign_in("bruno").status_code == 303
    assert bruno.client.get(f"/fermentations/{tank.id}/manage").status_code == 403
    assert (
        f"/fermentations/{tank.id}/manage" not in bruno.client.get(f"/fermentations/{tank.id}").text
    )


def test_vessels_are_put_right_by_their_pages(browser: Browser, tank: Tank) -> None:
    (vessel,) = tank.api.get("/vessels").json["items"]
    path = f"/vessels/{vessel['id']}"
    assert path in browser.client.get("/vessels").text
    form = read_form(browser.client.get(path).text, 'name="code"')
    assert browser.client.post(path, data=form).status_code == 303
    assert tank.api.get(path).json == vessel
    form = read_form(browser.client.get(path).text, 'name="code"')
    said = {"kind": "foudre", "material": "oak", "jacket": "cooling", "capacity_l": "5000"}
    assert browser.client.post(path, data=form | said).status_code == 303
    assert tank.api.get(path).json == vessel | said | {"capacity_l": 5000}
    assert "Somebody changed this" in browser.client.post(path, data=form | said).text
    page = browser.client.get(path).text
    kept = browser.client.post(f"{path}/delete", data=read_form(page, "It left the cellar"))
    assert kept.status_code == 303
    assert "Wine lies in T-01" in browser.client.get(kept.headers["Location"]).text
    new = read_form(browser.client.get("/vessels/new").text, 'name="code"')
    refused = browser.client.post("/vessels/new", data=new | {"code": "t-01"})
    assert (refused.status_code, "Already in use." in refused.text) == (422, True)
    assert browser.client.post("/vessels/new", data=new | {"code": "E-1"}).status_code == 303
    egg = next(v for v in tank.api.get("/vessels").json["items"] if v["code"] == "E-1")
    page = browser.client.get(f"/vessels/{egg['id']}").text
    gone = browser.client.post(
        f"/vessels/{egg['id']}/delete", data=read_form(page, "It left the cellar")
    )
    listed = browser.client.get(gone.headers["Location"]).text
    back = browser.client.post(f"/vessels/{egg['id']}/restore", data=read_form(listed, "E-1"))
    assert back.status_code == 303
    assert tank.api.get(f"/vessels/{egg['id']}").json["deleted_at"] is None
