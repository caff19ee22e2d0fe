"""A tank that the round passes by: said once, with its reason, and shown to whom it concerns."""

from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from tests.conftest import Cast, Winery
from tests.integration.conftest import Api, Tank
from winery_appliance.core import clock


def make_body(**changes: str) -> dict[str, str]:
    """A skip of this moment."""
    body = {"client_uuid": str(uuid4()), "reason": "Foam over the hatch"}
    return body | {"skipped_at": clock.now().isoformat()} | changes


def test_a_skip_is_kept_once_and_shown_with_its_reason(
    tank: Tank, sign_in_api: Callable[[str], Api]
) -> None:
    bruno = sign_in_api("bruno")
    path, body = f"/fermentations/{tank.id}/skipped-readings", make_body()
    assert bruno.post(path, body).status_code == 201
    again = bruno.post(path, body)
    assert (again.status_code, again.json["client_uuid"]) == (200, body["client_uuid"])
    assert bruno.post(path, body | {"reason": "Empty"}).json["code"] == "uuid_reused"
    listed = sign_in_api("marco").get(path).json["items"]
    assert [item["reason"] for item in listed] == ["Foam over the hatch"]
    mark = bruno.get("/round").json["tanks"][0]["skipped"]
    assert (mark["reason"], mark["by"]) == ("Foam over the hatch", "Bruno")


def test_the_last_skip_counts_and_pages_follow_each_other(
    tank: Tank, sign_in_api: Callable[[str], Api]
) -> None:
    bruno, now = sign_in_api("bruno"), clock.now()
    path = f"/fermentations/{tank.id}/skipped-readings"
    for hours, reason in ((1, "Second"), (5, "First"), (0, "Third")):
        at = (now - timedelta(hours=hours)).isoformat()
        assert bruno.post(path, make_body(reason=reason, skipped_at=at)).status_code == 201
    assert bruno.get("/round").json["tanks"][0]["skipped"]["reason"] == "Third"
    told, cursor = [], ""
    while cursor is not None:
        page = bruno.get(f"{path}?limit=2{cursor and f'&cursor={cursor}'}").json
        told += [item["reason"] for item in page["items"]]
        cursor = page["next_cursor"]
    assert told == ["First", "Second", "Third"]


def test_what_cannot_be_is_refused(tank: Tank, sign_in_api: Callable[[str], Api]) -> None:
    bruno = sign_in_api("bruno")
    path = f"/fermentations/{tank.id}/skipped-readings"
    later = (clock.now() + timedelta(hours=1)).isoformat()
    assert bruno.post(path, make_body(skipped_at=later)).status_code == 422
    assert bruno.post(path, make_body(reason=" ")).status_code == 422
    assert sign_in_api("vera").post(path, make_body()).status_code == 403
    assert sign_in_api("carla").post(path, make_body()).status_code == 404
    assert bruno.get(path).json["items"] == []


def test_a_skip_is_never_rewritten(
    tank: Tank, sign_in_api: Callable[[str], Api], book: Winery, cast: Cast
) -> None:
    path = f"/fermentations/{tank.id}/skipped-readings"
    assert sign_in_api("bruno").post(path, make_body()).status_code == 201
    for change in ("UPDATE skipped_readings SET reason = 'x'", "DELETE FROM skipped_readings"):
        with pytest.raises(ProgrammingError), book.app.transaction(cast.ana.winery_id) as session:
            session.execute(text(change))
    assert len(sign_in_api("ana").get(path).json["items"]) == 1
