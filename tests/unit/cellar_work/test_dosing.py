"""What doses come to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from winery_appliance.cellar_work.dosing import (
    KIND_NAMES,
    UNITS,
    AdditionKind,
    DoseUnit,
    find_limit,
    reckon,
)

amounts = st.floats(min_value=1e-6, max_value=1e6)


@given(amounts, st.sampled_from(DoseUnit), amounts)
def test_rate_and_whole_agree_whichever_was_typed(
    value: float, unit: DoseUnit, litres: float
) -> None:
    dose = reckon(value, unit, litres)
    assert dose.amount is not None
    assert dose.per_litre is not None
    assert dose.amount == pytest.approx(dose.per_litre * litres)
    alone = reckon(value, unit, None)
    assert (alone.amount is None) == UNITS[unit].is_rate
    assert (alone.per_litre is None) != UNITS[unit].is_rate


@pytest.mark.parametrize(
    ("first", "other", "ratio"),
    [
        ("g_hl", "mg_l", 10),
        ("g_l", "mg_l", 1000),
        ("kg", "g", 1000),
        ("l", "ml", 1000),
        ("ml_l", "ml_hl", 100),
    ],
)
def test_units_of_one_sort_differ_by_their_ratio(first: str, other: str, ratio: float) -> None:
    one, many = reckon(1, DoseUnit(first), 7.0), reckon(ratio, DoseUnit(other), 7.0)
    assert one.counts == many.counts
    assert one[1:] == pytest.approx(many[1:])


@pytest.mark.parametrize("kind", AdditionKind)
@pytest.mark.parametrize("counts", ["g", "ml"])
def test_every_kind_has_a_name_and_a_limit_below_the_impossible(
    kind: AdditionKind, counts: str
) -> None:
    assert KIND_NAMES[kind]
    limit = find_limit(kind, counts)
    assert 0 < limit.usual < limit.possible
    assert limit.source
