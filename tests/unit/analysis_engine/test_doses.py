"""Doses: never over the law, whatever the wine; none where a figure is missing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from winery_appliance.analysis_engine.advice_templates import Value
from winery_appliance.analysis_engine.doses import (
    BOUND_SHARE,
    SO2_IN_METABISULPHITE,
    Dose,
    NotReckoned,
    find_law,
    limit_total_so2_mg_l,
    need_yan_mg_l,
    reckon_dose,
)

STYLES = st.sampled_from(["red", "white", "rose", "orange"])
REGIONS = st.sampled_from(["eu", "us"])


@given(
    product=st.sampled_from(["dap", "yeast_hulls", "inoculation", "rescue_culture"]),
    region=REGIONS,
    given_g_hl=st.floats(0, 300),
    deficit=st.floats(0, 1000),
    gone=st.floats(0, 1),
)
def test_no_dose_and_what_was_given_go_over_the_law(
    product: str, region: str, given_g_hl: float, deficit: float, gone: float
) -> None:
    figures: dict[str, Value] = {
        "region": region,
        "yan_deficit_mg_l": deficit,
        "gone_share": gone,
        "brix0": 24.0,
    }
    dose = reckon_dose(product, figures, given_g_hl)  # type: ignore[arg-type]
    law = find_law(product, region)
    if isinstance(dose, NotReckoned):
        assert dose.missing == ()
        assert law is not None
        return
    assert dose.rate_g_hl > 0
    if law is not None:
        assert dose.rate_g_hl + given_g_hl <= law.limit_g_hl
        assert dose.is_stopped or dose.rate_g_hl >= dose.wanted_g_hl - 1


@given(
    free=st.floats(0, 100),
    total=st.floats(0, 400),
    ph=st.floats(2.8, 4.2),
    style=STYLES,
    region=REGIONS,
    left=st.one_of(st.none(), st.floats(0, 50)),
)
def test_sulphite_keeps_under_the_total_that_is_allowed(
    free: float, total: float, ph: float, style: str, region: str, left: float | None
) -> None:
    figures: dict[str, Value] = {
        "free_so2_mg_l": free,
        "total_so2_mg_l": total,
        "ph": ph,
        "style": style,
        "region": region,
        "sugar_left_g_l": left,
    }
    dose = reckon_dose("so2", figures, 0.0)
    limit = limit_total_so2_mg_l(region, style, left)
    if isinstance(dose, Dose):
        adds_mg_l = dose.rate_g_hl * 10 * SO2_IN_METABISULPHITE
        assert total + adds_mg_l <= limit + 1e-6
        assert free + adds_mg_l / (1 + BOUND_SHARE) <= 50 + 1e-6
    else:
        assert total >= limit - 1 or free >= 14


def test_sulphite_by_hand() -> None:
    figures: dict[str, Value] = {
        "free_so2_mg_l": 6.0,
        "total_so2_mg_l": 20.0,
        "ph": 3.5,
        "style": "red",
        "region": "eu",
    }
    dose = reckon_dose("so2", figures, 0.0)
    assert isinstance(dose, Dose)
    # 24 mg/L more free, a third more for what is bound: 32 mg/L of SO2 are 5.55 g/hL of metabisulphite.
    assert dose.rate_g_hl == pytest.approx(5.5)
    for name in ("free_so2_mg_l", "total_so2_mg_l", "ph"):
        assert reckon_dose("so2", figures | {name: None}, 0.0) == NotReckoned((name,))


def test_the_law_by_the_book() -> None:
    assert limit_total_so2_mg_l("eu", "red", None) == 150
    assert limit_total_so2_mg_l("eu", "orange", 2.0) == 200
    assert limit_total_so2_mg_l("eu", "red", 5.0) == 200
    assert limit_total_so2_mg_l("us", "white", 100.0) == 350


def test_the_need_of_nitrogen() -> None:
    assert need_yan_mg_l(24.0, 20.0) == 216
    assert need_yan_mg_l(24.0, 10.0) == pytest.approx(259.2)
    assert reckon_dose("dap", {"region": "eu"}, 0.0) == NotReckoned(("yan_mg_l",))
