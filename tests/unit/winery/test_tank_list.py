"""A pasted list of tanks is read as its writer meant it, or refused by its line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from winery_appliance.winery.tank_list import MOST_TANKS, TypedTank, read_tank_list

CODES = st.from_regex(r"[A-Z]{1,3}-[0-9]{1,3}[a-z]?", fullmatch=True)
LITRES = st.integers(min_value=1000, max_value=900_000)


@pytest.mark.parametrize(
    ("line", "code", "litres"),
    [
        ("T-1 5000", "T-1", 5000),
        ("T-1\t5000", "T-1", 5000),
        ("T-1;5.000 L", "T-1", 5000),
        ("T-1, 5000", "T-1", 5000),
        ("T-1,5000", "T-1", 5000),
        ("T-1 5,000 l", "T-1", 5000),
        ("T-1,5,000", "T-1", 5000),
        ("  T-1 = 5 000 litros", "T-1", 5000),
        ("B1 225", "B1", 225),
        ("T-1", "T-1", None),
        ("T-1;", "T-1", None),
        ("5000", "5000", None),
        ("Tank 12", "Tank 12", None),
        ("Tank 12 5000", "Tank 12", 5000),
        ("Tank 12 5 000", "Tank 12", 5000),
        ("Cuve nord; 54", "Cuve nord", 54),
    ],
)
def test_a_line_as_people_write_it(line: str, code: str, litres: int | None) -> None:
    assert read_tank_list(line) == [TypedTank(1, code, litres)]


@given(
    st.lists(st.tuples(CODES, st.none() | LITRES), unique_by=lambda one: one[0].lower()),
    st.sampled_from(["\t", ";", " ", ", ", " ; "]),
    st.sampled_from(["\n", "\r\n", "\n\n"]),
)
def test_what_was_written_comes_back_in_its_order(
    tanks: list[tuple[str, int | None]], between: str, end: str
) -> None:
    lines = [code if litres is None else f"{code}{between}{litres}" for code, litres in tanks]
    found = read_tank_list(end.join(lines))
    assert [(tank.code, tank.litres) for tank in found] == tanks
    assert [tank.line for tank in found] == sorted({tank.line for tank in found})


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("T-1 5000\n\nt-1 3000", "line 3: t-1 stands in line 1 already"),
        ("T-1 5000\nT-2; big", "line 2: “big” is no number of litres"),
        ("T-1\n; 500", "line 2 has no code"),
        ("\n".join(f"T-{n}" for n in range(MOST_TANKS + 1)), "at most 1000 tanks"),
    ],
)
def test_a_line_that_cannot_be_read_is_named(typed: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_tank_list(typed)
