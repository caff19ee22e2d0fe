"""Entries that a page kept out of reach: of this release and the one before they are taken, of others refused and kept."""

import re
from collections.abc import Callable

import pytest

from tests.integration.conftest import Api, Tank
from tests.unit.templates.page_harness import STATIC
from winery_appliance.core.payload_version import CURRENT, HEADER, OLDEST


def send(tank: Tank, version: str) -> tuple[int, str]:
    item = tank.body("20.5") | {"fermentation_id": tank.id}
    answer = tank.api.post("/samples/batch", {"items": [item]}, **{HEADER: version})
    kept = len(tank.api.get(f"/fermentations/{tank.id}/samples").json["items"])
    return kept, answer.json.get("code", "")


@pytest.mark.parametrize("version", [OLDEST, CURRENT])
def test_this_release_and_the_one_before_are_taken(tank: Tank, version: int) -> None:
    assert send(tank, str(version)) == (1, "")


@pytest.mark.parametrize(
    ("version", "code"),
    [
        (str(CURRENT + 1), "payload_newer"),
        ("99", "payload_newer"),
        (str(OLDEST - 1), "payload_older"),
        ("two", "payload_older"),
        ("", "payload_older"),
    ],
)
def test_others_are_refused_before_anything_is_done(tank: Tank, version: str, code: str) -> None:
    assert send(tank, version) == (0, code)


def test_the_page_and_the_server_mean_the_same_number() -> None:
    script = (STATIC / "js" / "round" / "outbox.js").read_text(encoding="utf-8")
    assert re.findall(r"PAYLOAD_VERSION = (\d+);", script) == [str(CURRENT)]


def test_a_program_that_says_nothing_sends_what_the_document_says(
    tank: Tank, sign_in_api: Callable[[str], Api]
) -> None:
    assert sign_in_api("bruno")
    assert tank.record("21.5").status_code == 201
