"""A wine is called by what it is made of, and by nothing it is not."""

from fractions import Fraction
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from winery_appliance.historical_data.varietals import ENOUGH, name_varietal, spell_varietal

VARIETIES = st.sampled_from(["Tempranillo", "tempranillo", "Garnacha", "Graciano", "Mazuelo", None])


@st.composite
def wines(draw: st.DrawFn) -> list[tuple[str | None, Fraction]]:
    """Some varieties with shares that sum to 1."""
    parts = draw(st.lists(st.tuples(VARIETIES, st.integers(1, 50)), min_size=1, max_size=6))
    total = sum(part for _, part in parts)
    return [(variety, Fraction(part, total)) for variety, part in parts]


@pytest.mark.parametrize(
    ("shares", "called"),
    [
        ([("Tempranillo", 85), ("Graciano", 15)], "Tempranillo"),
        ([("Tempranillo", 84), ("Graciano", 16)], "Graciano, Tempranillo"),
        ([("tempranillo", 50), ("Tempranillo", 50)], "Tempranillo"),
        ([("Tempranillo", 85), (None, 15)], "Tempranillo"),
        ([("Tempranillo", 84), (None, 16)], None),
        ([(None, 100)], None),
        ([], None),
        ([("B", 40), ("A", 40), ("C", 10), ("D", 10)], "A, B, C"),
    ],
)
def test_the_fewest_that_make_up_enough(
    shares: list[tuple[str | None, int]], called: str | None
) -> None:
    assert name_varietal([(name, Fraction(part, 100)) for name, part in shares]) == called


@given(wines())
def test_the_order_and_the_capitals_do_not_matter(
    shares: list[tuple[str | None, Fraction]],
) -> None:
    called = name_varietal(shares)
    for other in list(permutations(shares))[:24]:
        assert name_varietal(other) == called
    louder = [(name.upper() if name else None, part) for name, part in shares]
    assert name_varietal(louder) == (called.upper() if called else None)


@given(wines())
def test_what_is_named_makes_up_enough_and_none_of_it_can_be_left_out(
    shares: list[tuple[str | None, Fraction]],
) -> None:
    called = name_varietal(shares)
    parts: dict[str, Fraction] = {}
    for name, part in shares:
        if name is not None:
            parts[name.casefold()] = parts.get(name.casefold(), Fraction(0)) + part
    if called is None:
        assert sum(parts.values()) < ENOUGH
        return
    named = [parts[name.casefold()] for name in called.split(", ")]
    assert sum(named) >= ENOUGH
    assert sum(named) - min(named) < ENOUGH


@pytest.mark.parametrize(
    ("written", "spelled"),
    [
        ("TEMPRANILLO", "Tempranillo"),
        ("cabernet sauvignon", "Cabernet Sauvignon"),
        ("Pinot  noir", "Pinot Noir"),
        ("Nero d'Avola", "Nero d'Avola"),
        ("TINTA DE TORO, graciano", "Tinta DE Toro, Graciano"),
        ("PX", "PX"),
    ],
)
def test_a_variety_has_one_spelling(written: str, spelled: str) -> None:
    assert spell_varietal(written) == spelled


@given(st.text(max_size=30))
def test_a_spelling_stays(name: str) -> None:
    assert spell_varietal(spell_varietal(name)) == spell_varietal(name)
