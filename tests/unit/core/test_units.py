"""Units: conversions against published pairs, exact inverses, and ranges in the unit typed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from winery_appliance.core import density
from winery_appliance.core.units import (
    CANONICAL,
    UNIT_SYMBOLS,
    UNITS,
    Range,
    SampleType,
    Unit,
    UnitMismatch,
    from_canonical,
    hard_range,
    soft_range,
    to_canonical,
)

PAIRS = [(kind, unit) for kind, units in UNITS.items() for unit in units]
FOREIGN = [(kind, unit) for kind in SampleType for unit in Unit if unit not in UNITS[kind]]


@pytest.mark.parametrize(
    ("brix", "sg", "oechsle", "baume", "kg_m3"),
    [
        (10, 1.04003, 40.0, 5.58, 1038.2),
        (15, 1.06111, 61.1, 8.35, 1059.2),
        (20, 1.08297, 83.0, 11.11, 1081.0),
        (21.8, 1.09103, 91.0, 12.10, 1089.1),
        (24, 1.10103, 101.0, 13.31, 1099.1),
        (28, 1.11963, 119.6, 15.49, 1117.6),
    ],
)
def test_sugar_scales_agree_with_the_tables(
    brix: float, sg: float, oechsle: float, baume: float, kg_m3: float
) -> None:
    canonical = to_canonical(SampleType.sugar, brix, Unit.brix)
    assert canonical == pytest.approx(kg_m3, abs=0.06)
    assert from_canonical(SampleType.sugar, canonical, Unit.sg) == pytest.approx(sg, abs=6e-6)
    assert from_canonical(SampleType.sugar, canonical, Unit.oechsle) == pytest.approx(
        oechsle, abs=0.06
    )
    assert from_canonical(SampleType.sugar, canonical, Unit.baume) == pytest.approx(
        baume, abs=0.006
    )


@pytest.mark.parametrize(
    ("kmw", "oechsle"), [(15, 73.0), (17, 83.5), (19, 94.2), (21, 105.0), (25, 127.2)]
)
def test_klosterneuburg_degrees_agree_with_the_law(kmw: float, oechsle: float) -> None:
    canonical = to_canonical(SampleType.sugar, kmw, Unit.kmw)
    assert from_canonical(SampleType.sugar, canonical, Unit.oechsle) == pytest.approx(
        oechsle, abs=0.06
    )


@pytest.mark.parametrize(("kind", "unit"), PAIRS)
@given(share=st.floats(0, 1))
def test_what_was_typed_comes_back(kind: SampleType, unit: Unit, share: float) -> None:
    low, high = hard_range(kind, unit)
    typed = low + share * (high - low)
    assert from_canonical(kind, to_canonical(kind, typed, unit), unit) == pytest.approx(
        typed, rel=1e-9, abs=1e-9
    )


@pytest.mark.parametrize(("kind", "unit"), PAIRS)
@given(shares=st.tuples(st.floats(0, 1), st.floats(0, 1)))
def test_more_in_one_unit_is_more_in_every_unit(
    kind: SampleType, unit: Unit, shares: tuple[float, float]
) -> None:
    low, high = hard_range(kind, unit)
    less, more = sorted(low + share * (high - low) for share in shares)
    assert to_canonical(kind, less, unit) <= to_canonical(kind, more, unit)


@pytest.mark.parametrize(("kind", "unit"), FOREIGN)
def test_a_foreign_unit_is_refused_everywhere(kind: SampleType, unit: Unit) -> None:
    for refuse in (
        lambda: to_canonical(kind, 1.0, unit),
        lambda: from_canonical(kind, 1.0, unit),
        lambda: hard_range(kind, unit),
        lambda: soft_range(kind, unit, style="red"),
    ):
        with pytest.raises(UnitMismatch):
            refuse()


def test_a_unit_mismatch_is_a_value_error() -> None:
    assert issubclass(UnitMismatch, ValueError)


@pytest.mark.parametrize(
    ("sample_c", "added_sg"),
    [(10, -0.00150), (15, -0.00090), (20, 0.0), (25, 0.00116), (30, 0.00257), (35, 0.0042)],
)
def test_a_hydrometer_read_off_20_degrees_is_corrected(sample_c: float, added_sg: float) -> None:
    corrected = to_canonical(SampleType.sugar, 1.0, Unit.sg, sample_temperature_c=sample_c)
    plain = to_canonical(SampleType.sugar, 1.0, Unit.sg)
    assert (corrected - plain) / density.WATER_DENSITY_20C == pytest.approx(added_sg, abs=1.5e-5)


def test_a_warm_must_holds_more_sugar_than_it_reads() -> None:
    read = to_canonical(SampleType.sugar, 20.0, Unit.brix, sample_temperature_c=30.0)
    brix = from_canonical(SampleType.sugar, read, Unit.brix)
    assert brix == pytest.approx(20.65, abs=0.1)


@pytest.mark.parametrize("sample_c", [-5.1, 50.1, -69.34881, float("nan")])
def test_an_impossible_sample_temperature_is_refused(sample_c: float) -> None:
    with pytest.raises(ValueError, match="cannot be corrected"):
        to_canonical(SampleType.sugar, 20.0, Unit.brix, sample_temperature_c=sample_c)


def test_a_sample_temperature_does_not_touch_other_quantities() -> None:
    assert to_canonical(SampleType.ph, 3.4, Unit.ph, sample_temperature_c=30.0) == 3.4


@pytest.mark.parametrize(
    ("kind", "typed", "unit", "canonical"),
    [
        (SampleType.temperature, 68.0, Unit.fahrenheit, 20.0),
        (SampleType.temperature, 14.0, Unit.fahrenheit, -10.0),
        (SampleType.ta, 6200.0, Unit.mg_l, 6.2),
        (SampleType.yan, 0.215, Unit.g_l, 215.0),
        (SampleType.total_so2, 0.08, Unit.g_l, 80.0),
        (SampleType.alcohol, 13.5, Unit.pct_vol, 13.5),
    ],
)
def test_plain_conversions(kind: SampleType, typed: float, unit: Unit, canonical: float) -> None:
    assert to_canonical(kind, typed, unit) == pytest.approx(canonical)


def test_every_quantity_has_units_and_every_unit_a_symbol() -> None:
    assert set(UNITS) == set(CANONICAL) == set(SampleType)
    assert all(CANONICAL[kind] in units for kind, units in UNITS.items())
    assert set(UNIT_SYMBOLS) == set(Unit)
    assert len(set(UNIT_SYMBOLS.values())) == len(Unit)


def test_canonical_units_are_those_the_book_is_kept_in() -> None:
    assert CANONICAL[SampleType.sugar] is Unit.kg_m3
    assert CANONICAL[SampleType.temperature] is Unit.celsius
    assert {CANONICAL[k] for k in (SampleType.ta, SampleType.va, SampleType.malic)} == {Unit.g_l}
    assert {CANONICAL[k] for k in (SampleType.yan, SampleType.free_so2)} == {Unit.mg_l}


@pytest.mark.parametrize(
    ("kind", "unit", "expected"),
    [
        (SampleType.sugar, Unit.brix, Range(-5, 45)),
        (SampleType.sugar, Unit.sg, Range(975 / 998.2071, 1200 / 998.2071)),
        (SampleType.sugar, Unit.oechsle, Range(-20, 230)),
        (SampleType.temperature, Unit.fahrenheit, Range(23, 122)),
        (SampleType.ta, Unit.mg_l, Range(1000, 25000)),
        (SampleType.yan, Unit.g_l, Range(0, 1)),
    ],
)
def test_hard_ranges_stand_in_the_typed_unit(kind: SampleType, unit: Unit, expected: Range) -> None:
    assert hard_range(kind, unit) == pytest.approx(expected)


@pytest.mark.parametrize(("kind", "unit"), PAIRS)
@pytest.mark.parametrize("style", ["red", "white", "rose", "orange"])
def test_what_is_usual_is_possible(kind: SampleType, unit: Unit, style: str) -> None:
    hard, soft = hard_range(kind, unit), soft_range(kind, unit, style=style)
    assert hard.low <= soft.low < soft.high <= hard.high


def test_only_a_red_is_usually_warm() -> None:
    assert soft_range(SampleType.temperature, Unit.celsius, style="red") == (18, 32)
    for style in ("white", "rose", "orange"):
        assert soft_range(SampleType.temperature, Unit.celsius, style=style) == (10, 20)
    assert soft_range(SampleType.temperature, Unit.fahrenheit, style="red") == pytest.approx(
        (64.4, 89.6)
    )


@pytest.mark.parametrize(("brix", "grams"), [(20, 216.2), (24, 263.8)])
def test_soluble_solids_agree_with_the_table(brix: float, grams: float) -> None:
    assert density.soluble_solids_g_l(density.density_from_brix(brix)) == pytest.approx(
        grams, abs=0.06
    )


def test_a_must_of_24_brix_is_dry_near_minus_2_not_at_zero() -> None:
    start = density.density_from_brix(24)
    assert density.brix_from_density(density.dry_density(start)) == pytest.approx(-2.2, abs=0.15)
    at_zero = density.sugar_left_g_l(density.density_from_brix(0), start_density=start)
    assert 15 < at_zero < 25


@given(brix=st.floats(14, 32), share=st.floats(0, 1))
def test_sugar_left_and_sugar_gone_make_the_whole(brix: float, share: float) -> None:
    start = density.density_from_brix(brix)
    now = start - share * (start - density.dry_density(start))
    left = density.sugar_left_g_l(now, start_density=start)
    gone = density.sugar_fermented_g_l(now, start_density=start)
    assert left + gone == pytest.approx(density.fermentable_sugar_g_l(start), abs=1e-6)
    assert left >= 0


@pytest.mark.parametrize(("brix", "pct_vol"), [(20, 12.0), (24, 14.6)])
def test_alcohol_of_a_dry_wine_is_within_the_rule_of_thumb(brix: float, pct_vol: float) -> None:
    start = density.density_from_brix(brix)
    alcohol = density.alcohol_pct_vol(density.dry_density(start), start_density=start)
    assert alcohol == pytest.approx(pct_vol, abs=0.1)
    assert 0.55 * brix <= alcohol <= 0.64 * brix


def test_a_rise_of_density_makes_neither_alcohol_nor_negative_sugar() -> None:
    start = density.density_from_brix(22)
    assert density.alcohol_pct_vol(start + 5, start_density=start) == 0
    assert density.sugar_left_g_l(950.0, start_density=start) == 0


@pytest.mark.parametrize(
    ("celsius", "kg_m3"), [(4, 999.975), (10, 999.703), (20, 998.207), (30, 995.649)]
)
def test_water_density_agrees_with_the_reference(celsius: float, kg_m3: float) -> None:
    assert density.water_density(celsius) == pytest.approx(kg_m3, abs=0.002)
