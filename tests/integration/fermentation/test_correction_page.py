"""A reading is put right on its page: what it was stays to be seen, and nothing that was typed is lost."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.integration.browser import Browser
from tests.integration.conftest import Tank


@pytest.fixture
def sample(tank: Tank) -> int:
    """A sugar reading of Ana's."""
    return int(tank.record("24.1", hours=20).json["id"])


def send(browser: Browser, sample: int, act: str, **typed: str) -> Any:
    page = f"/samples/{sample}"
    uuid = re.search(r'name="client_uuid" value="([^"]+)"', browser.client.get(page).text)
    assert uuid
    form = {"csrf_token": browser.token(page), "client_uuid": uuid[1], **typed}
    return browser.client.post(f"{page}/{act}", data=form)


def read_values(tank: Tank) -> list[str]:
    return [one["value"] for one in tank.api.get(f"/fermentations/{tank.id}/samples").json["items"]]


def test_what_it_was_stays_to_be_seen(
    tank: Tank, sample: int, enter: Callable[[str], Browser]
) -> None:
    marco = enter("marco")
    assert f'href="/samples/{sample}"' in marco.client.get(f"/fermentations/{tank.id}").text
    typed = {"value": "22,1", "unit": "brix", "reason": "Misread."}
    saved = send(marco, sample, "correct", **typed)
    assert saved.location == f"/fermentations/{tank.id}#readings"
    assert read_values(tank) == ["22,1"]
    history = marco.client.get(f"/samples/{sample}").text
    for shown in ("<s>24.1", "<b>22,1", "Misread.", "Ana", "Marco"):
        assert shown in history


def test_what_is_odd_is_asked_about_once(
    tank: Tank, sample: int, enter: Callable[[str], Browser]
) -> None:
    ana = enter("ana")
    odd = {"value": "39", "unit": "brix", "reason": "Late harvest."}
    asked = send(ana, sample, "correct", **odd)
    assert asked.status_code == 422
    assert 'name="confirm"' in asked.text
    assert 'value="39"' in asked.text
    assert read_values(tank) == ["24.1"]
    assert send(ana, sample, "correct", **odd, confirm="yes").status_code == 303
    assert read_values(tank) == ["39"]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"value": "many"}, "value"),
        ({"value": "400"}, "value"),
        ({"reason": ""}, "reason"),
        ({"measured_at": "yesterday"}, "measured_at"),
    ],
)
def test_what_cannot_be_is_said_beside_its_field(
    tank: Tank, sample: int, enter: Callable[[str], Browser], wrong: dict[str, str], field: str
) -> None:
    typed = {"value": "22", "unit": "brix", "reason": "Misread.", **wrong}
    refused = send(enter("ana"), sample, "correct", **typed)
    assert refused.status_code == 422
    assert f'id="{field}-wrong"' in refused.text
    assert read_values(tank) == ["24.1"]


def test_a_reading_that_never_was_is_taken_out(
    tank: Tank, sample: int, enter: Callable[[str], Browser]
) -> None:
    ana = enter("ana")
    assert send(ana, sample, "void", reason="").status_code == 422
    assert send(ana, sample, "void", reason="Of T-02.").status_code == 303
    assert read_values(tank) == []
    gone = ana.client.get(f"/samples/{sample}").text
    assert "taken out" in gone
    assert "/correct" not in gone


def test_others_readings_are_not_a_cellar_hand_s_to_mend(
    tank: Tank, sample: int, enter: Callable[[str], Browser]
) -> None:
    typed = {"value": "22", "unit": "brix", "reason": "Misread."}
    refused = send(enter("bruno"), sample, "correct", **typed)
    assert refused.status_code == 403
    assert "22" in refused.text, "what was typed is still there"
    assert read_values(tank) == ["24.1"]
