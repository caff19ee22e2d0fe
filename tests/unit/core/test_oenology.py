"""Formulas of the cellar against their check values, and as properties."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from winery_appliance.core import oenology
from winery_appliance.core.density import brix_from_sg, density_from_brix


@given(st.floats(1.0, 1.12))
def test_plato_and_brix_are_close_over_the_range_of_musts(sg: float) -> None:
    assert oenology.plato_from_sg(sg) == pytest.approx(brix_from_sg(sg), abs=0.1)


def test_a_refractive_index_is_read_as_brix() -> None:
    assert oenology.brix_from_refractive_index(1.3639) == pytest.approx(20.02, abs=0.01)
    assert oenology.brix_from_refractive_index(1.33299) == pytest.approx(0.0, abs=0.05)


@pytest.mark.parametrize(
    ("celsius", "correction"), [(5, -0.92), (10, -0.65), (15, -0.34), (17, -0.21), (20, 0)]
)
def test_a_cold_refractometer_reads_too_much(celsius: float, correction: float) -> None:
    assert oenology.correct_refractometer_brix(20.0, celsius) == pytest.approx(20 + correction)


@pytest.mark.parametrize("celsius", [4.9, 20.1, 35.0])
def test_a_correction_without_a_source_is_refused(celsius: float) -> None:
    with pytest.raises(ValueError, match="5 to 20"):
        oenology.correct_refractometer_brix(20.0, celsius)


def test_potential_alcohol_lies_in_the_range_that_cellars_know() -> None:
    for brix in (20.0, 24.0, 28.0):
        per_brix = oenology.potential_alcohol_pct_vol(density_from_brix(brix)) / brix
        assert 0.55 <= per_brix <= 0.64


@pytest.mark.parametrize(("pka", "molecular"), [(1.81, 0.60), (1.997, 0.91)])
def test_molecular_so2_of_30_mg_at_ph_3_5(pka: float, molecular: float) -> None:
    assert oenology.molecular_so2_mg_l(30, 3.5, pka=pka) == pytest.approx(molecular, abs=0.01)


@pytest.mark.parametrize(("ph", "free"), [(3.2, 20.4), (3.4, 31.9), (3.6, 50.1), (3.8, 79.0)])
def test_free_so2_for_0_8_molecular(ph: float, free: float) -> None:
    assert oenology.free_so2_for_molecular_mg_l(0.8, ph) == pytest.approx(free, abs=0.1)


@given(st.floats(0, 200), st.floats(2.5, 4.5), st.floats(1.7, 2.6))
def test_free_and_molecular_so2_are_each_others_inverse(free: float, ph: float, pka: float) -> None:
    molecular = oenology.molecular_so2_mg_l(free, ph, pka=pka)
    assert 0 <= molecular <= free
    assert oenology.free_so2_for_molecular_mg_l(molecular, ph, pka=pka) == pytest.approx(free)


@pytest.mark.parametrize(
    ("alcohol", "celsius", "pka"),
    [(0, 20, 1.798), (10, 20, 1.997), (10, 25, 2.198), (15, 30, 2.503), (12.5, 20, 2.048)],
)
def test_pka_by_alcohol_and_temperature(alcohol: float, celsius: float, pka: float) -> None:
    assert oenology.so2_pka(alcohol, celsius) == pytest.approx(pka, abs=0.001)


@given(st.floats(-5, 25), st.floats(-5, 50))
def test_pka_stays_within_its_table_and_rises_with_both(alcohol: float, celsius: float) -> None:
    here = oenology.so2_pka(alcohol, celsius)
    assert 1.798 <= here <= 2.503
    assert oenology.so2_pka(alcohol + 1, celsius) >= here
    assert oenology.so2_pka(alcohol, celsius + 1) >= here
