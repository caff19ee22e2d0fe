"""The pages of advice: a built-in one is said another way, switched off, taken out and brought back."""

from collections.abc import Callable

import pytest
from flask import Flask

from tests.conftest import Cast
from tests.integration.browser import Browser
from tests.integration.conftest import Api

LIST = "/recommendation-templates"
BUILT_IN = "Set the temperature right, then wake the yeast."
NEW = f"{LIST}/new?type=stuck&code=stuck_encourage"


@pytest.fixture
def marco(app: Flask, cast: Cast) -> Browser:
    assert cast
    made = Browser(app)
    assert made.sign_in("marco").status_code == 303
    return made


def form(browser: Browser, page: str, **typed: str) -> dict[str, str]:
    return {
        "csrf_token": browser.token(page),
        "anomaly_type": "stuck",
        "code": "stuck_encourage",
        "action": "Warm it as we do.",
        "instructions": "From {temperature_c} to 20 °C.\n\nThen {dose}.",
        "dose": "yeast_hulls",
        "confidence": "0,8",
        "in_use": "yes",
        "figure_0": "alcohol_pct_vol",
        "below_0": "12,5",
        "known_0": "or_unknown",
        "figure_1": "style",
        "one_of_1": "red, rose",
        **typed,
    }


def test_a_built_in_one_is_said_another_way(
    marco: Browser, sign_in_api: Callable[[str], Api]
) -> None:
    api = sign_in_api("marco")
    begun = marco.client.get(NEW).text
    assert BUILT_IN in begun
    before = marco.client.get(LIST).text.count(BUILT_IN)
    assert "{temperature_c}" in begun
    saved = marco.client.post(f"{LIST}/new", data=form(marco, NEW))
    assert saved.status_code == 303, saved.text
    (mine,) = api.get("/recommendation_templates").json["items"]
    assert mine["instructions"] == ["From {temperature_c} to 20 °C.", "Then {dose}."]
    assert mine["confidence"] == 0.8
    assert mine["conditions"]["alcohol_pct_vol"]["below"] == 12.5
    assert mine["conditions"]["alcohol_pct_vol"]["or_unknown"] is True
    assert mine["conditions"]["style"]["one_of"] == ["red", "rose"]
    shown = marco.client.get(LIST).text
    assert "Warm it as we do." in shown
    assert shown.count(BUILT_IN) == before - 1, "for another trouble it speaks as before"

    page = f"{LIST}/{mine['id']}"
    asked = marco.client.get(page).text
    assert 'value="12.5"' in asked
    version = asked.split('name="version" value="')[1].split('"')[0]
    unused = form(marco, page, version=version, action="Wait.")
    del unused["in_use"]
    assert marco.client.post(page, data=unused).status_code == 303
    changed = api.get(f"/recommendation_templates/{mine['id']}").json
    assert (changed["action"], changed["in_use"]) == ("Wait.", False)

    stale = marco.client.post(page, data=form(marco, page, version=version, action="Other."))
    assert stale.status_code == 422
    assert "Other." in stale.text, "what was typed comes back"
    version = marco.client.get(page).text.split('name="version" value="')[1].split('"')[0]
    gone = {"csrf_token": marco.token(page), "version": version}
    assert marco.client.post(f"{page}/delete", data=gone).location == LIST
    assert marco.client.get(LIST).text.count(BUILT_IN) == before
    back = marco.client.post(f"{page}/restore", data={"csrf_token": marco.token(LIST)})
    assert back.status_code == 303
    assert api.get(f"/recommendation_templates/{mine['id']}").status_code == 200


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"instructions": ""}, "instructions"),
        ({"instructions": "Add {moonlight}."}, "instructions"),
        ({"dose": ""}, "dose"),
        ({"confidence": "sure"}, "confidence"),
        ({"figure_0": "moonlight"}, "conditions"),
        ({"below_0": "much"}, "conditions"),
        ({"anomaly_type": "bored"}, "anomaly_type"),
    ],
)
def test_what_cannot_be_is_said_beside_its_field(
    marco: Browser, sign_in_api: Callable[[str], Api], wrong: dict[str, str], field: str
) -> None:
    refused = marco.client.post(f"{LIST}/new", data=form(marco, NEW, **wrong))
    assert refused.status_code == 422
    assert f'id="{field}-wrong"' in refused.text
    assert "Warm it as we do." in refused.text
    assert sign_in_api("marco").get("/recommendation_templates").json["items"] == []


def test_a_cellar_hand_reads_and_writes_none(app: Flask, cast: Cast) -> None:
    assert cast
    bruno = Browser(app)
    bruno.sign_in("bruno")
    assert "Say it your way" not in bruno.client.get(LIST).text
    assert bruno.client.get(NEW).status_code == 403
