"""Patterns as people and programs read them: drawn from what is completed, named, and of one winery."""

from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest

from tests.integration.conftest import Api
from winery_appliance.core import clock

START = (clock.now() - timedelta(days=30)).replace(microsecond=0)


def run_wine(
    api: Api, code: str, *, days: float, warm: float = 24.0, until_h: float = 1000, lot: str | None = None
) -> int:  # fmt: skip
    """A red that loses its sugar in so many days; its id. Read twice a day until `until_h`."""
    body: dict[str, object] = {"code": code, "vessel_code": f"T-{code}", "yeast_strain": "QA23"}
    body |= {"style": "red", "started_at": START.isoformat(), "start_volume_l": 3000}
    if lot:
        body["lot_sources"] = [{"harvest_lot_code": lot, "percentage": 100}]
    made = api.post("/fermentations", body)
    assert made.status_code == 201, made.text
    for n in range(int(min(days * 2 + 3, until_h / 12 + 1))):
        at = (START + timedelta(hours=12 * n)).isoformat()
        sugar = max(24 - 25.5 * max(n - 2, 0) / (2 * days - 2), -1.5)
        for kind, value, unit in (("sugar", sugar, "brix"), ("temperature", warm, "celsius")):
            sent = api.post(
                f"/fermentations/{made.json['id']}/samples",
                {"client_uuid": str(uuid4()), "sample_type": kind, "value": f"{value:.2f}",
                 "unit": unit, "measured_at": at, "confirm": True},
            )  # fmt: skip
            assert sent.status_code == 201, sent.text
    return int(made.json["id"])


def add_lot(api: Api, code: str, variety: str) -> None:
    """A lot of a vineyard of its own."""
    assert api.post("/vineyards", {"code": code, "name": code}).status_code == 201
    lot = {"vineyard_code": code, "code": code, "variety": variety, "vintage": "2026"}
    lot |= {"harvested_on": "2026-09-01", "kg_harvested": 4000}  # type: ignore[dict-item]
    assert api.post("/harvest-lots", lot).status_code == 201


@pytest.fixture
def ana(sign_in_api: Callable[[str], Api]) -> Api:
    return sign_in_api("ana")


def test_a_pattern_tells_how_past_ferments_went_and_which(
    ana: Api, work_off: Callable[[], int], sign_in_api: Callable[[str], Api]
) -> None:
    add_lot(ana, "L1", "Tempranillo")
    wines = [run_wine(ana, f"W{n}", days=6 + 2 * n, lot="L1") for n in range(3)]
    work_off()
    assert ana.get("/patterns").json == {"items": []}
    for wine in wines:
        assert ana.post(f"/fermentations/{wine}/complete", {}).status_code == 200
    work_off()
    (told,) = ana.get("/patterns?varietal=Tempranillo&style=red").json["items"]
    assert (told["ferments"], told["came_dry"], told["vessel_size"]) == (3, 3, "up_to_5000_l")
    assert told["days_to_dry"][2] == pytest.approx(7.9, abs=0.3)
    full = ana.get(f"/patterns/{told['id']}").json
    assert [one["code"] for one in full["behind"]] == ["W0", "W1", "W2"]
    assert [one["band"] for one in full["behind"]] == ["0-10", "50-75", "90-100"]
    assert full["by_time"]["hours"][:3] == [0, 12, 24]
    assert full["by_share"]["temperature"][2][10] == 24
    # What is put right, late or withdrawn shows.
    lots = ana.get("/harvest-lots").json["items"]
    path = f"/harvest-lots/{lots[0]['id']}"
    assert ana.call("PATCH", path, {"variety": "Syrah"}, **{"If-Match": "*"}).status_code == 200
    assert ana.post(f"/fermentations/{wines[2]}/reopen", {}).status_code == 200
    work_off()
    (told,) = ana.get("/patterns").json["items"]
    assert (told["varietal"], told["ferments"]) == ("Syrah", 2)
    # Another winery has none of it.
    carla = sign_in_api("carla")
    assert carla.get("/patterns").json == {"items": []}
    assert carla.get(f"/patterns/{told['id']}").status_code == 404


def test_a_pattern_without_ferments_is_gone(ana: Api, work_off: Callable[[], int]) -> None:
    wine = run_wine(ana, "W", days=5)
    assert ana.post(f"/fermentations/{wine}/complete", {}).status_code == 200
    work_off()
    (told,) = ana.get("/patterns?varietal=").json["items"]
    assert told["varietal"] is None
    assert ana.post(f"/fermentations/{wine}/reopen", {}).status_code == 200
    work_off()
    assert ana.get("/patterns").json == {"items": []}


def test_a_running_ferment_is_compared_with_what_was_over_by_then(
    ana: Api, work_off: Callable[[], int], sign_in_api: Callable[[str], Api]
) -> None:
    add_lot(ana, "L1", "Tempranillo")
    quick = run_wine(ana, "QUICK", days=6, warm=27, lot="L1")
    slow = run_wine(ana, "SLOW", days=13, warm=19)
    now = run_wine(ana, "NOW", days=12, warm=20, until_h=120, lot="L1")
    path = f"/fermentations/{now}/similar"
    assert ana.get(path).json["items"] == []
    for wine in (quick, slow):
        assert ana.post(f"/fermentations/{wine}/complete", {}).status_code == 200
    work_off()
    told = ana.get(f"{path}?k=2").json
    assert told["compared"] == 2
    assert [one["ferment"]["code"] for one in told["items"]] == ["SLOW", "QUICK"]
    words = {part["what"]: part["words"] for part in told["items"][1]["parts"]}
    assert words["temperature"] == "7.0 °C cooler."
    assert words["variety"] == "The same variety."
    assert sum(part["weight"] for part in told["items"][1]["parts"]) == pytest.approx(1, abs=0.01)
    # As of the fourth day nothing of the slow one was over, and of this one there was less to see.
    then = (START + timedelta(days=9)).isoformat().replace("+", "%2B")
    earlier = ana.get(f"{path}?as_of={then}").json
    assert [one["ferment"]["code"] for one in earlier["items"]] == ["QUICK"]
    early = (START + timedelta(hours=13)).isoformat().replace("+", "%2B")
    assert ana.get(f"{path}?as_of={early}").json["share_gone"] is None
    assert ana.get(f"{path}?k=0").status_code == 422
    assert sign_in_api("carla").get(path).status_code == 404
    # What is withdrawn is compared no more, though it was kept at hand.
    assert ana.post(f"/fermentations/{slow}/reopen", {}).status_code == 200
    work_off()
    assert [one["ferment"]["code"] for one in ana.get(path).json["items"]] == ["QUICK"]
