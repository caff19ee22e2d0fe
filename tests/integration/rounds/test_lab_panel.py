"""The lab panel as a page asks for it."""

from collections.abc import Callable

from tests.integration.conftest import Api, Tank
from winery_appliance.core.units import SampleType


def test_every_analyte_has_its_unit_and_limits(sign_in_api: Callable[[str], Api]) -> None:
    analytes = sign_in_api("bruno").get("/lab-panel").json["analytes"]
    measured_by_hand = {SampleType.sugar, SampleType.temperature}
    assert {one["sample_type"] for one in analytes} == set(SampleType) - measured_by_hand
    for one in analytes:
        hard, soft = one["limits"]["hard"], one["limits"]["soft"]
        assert hard["low"] <= soft["low"] < soft["high"] <= hard["high"]
    residual = next(one for one in analytes if one["sample_type"] == "residual_sugar")
    assert (residual["symbol"], residual["limits"]["hard"]) == ("g/L", {"low": 0, "high": 450})


def test_a_wine_shows_its_last_results_as_they_were_typed(
    tank: Tank, sign_in_api: Callable[[str], Api]
) -> None:
    for hours, value in ((1, "9"), (3, "<5"), (2, "7")):
        sent = tank.record(value, hours=hours, sample_type="free_so2", unit="mg_l")
        assert sent.status_code == 201, sent.text
    sent = tank.record("1.8", sample_type="residual_sugar", unit="g_l")
    assert sent.status_code == 201, sent.text
    assert tank.record("451", sample_type="residual_sugar", unit="g_l").status_code == 422
    (wine,) = sign_in_api("bruno").get("/lab-panel").json["wines"]
    last = {one["sample_type"]: (one["value"], one["symbol"]) for one in wine["last"]}
    assert last == {"free_so2": ("<5", "mg/L"), "residual_sugar": ("1.8", "g/L")}
