"""Codes of many vessels in few words, none left out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from winery_appliance.core.figures import show_codes


@pytest.mark.parametrize(
    ("codes", "shown"),
    [
        ([], ""),
        (["T-1"], "T-1"),
        (["T-1", "T-2"], "T-1, T-2"),
        (["B-08", "B-09", "B-10", "T-3"], "B-08–B-10, T-3"),
        (["B-8", "B-9", "B-10"], "B-8–B-10"),
        (["B-08", "B-9", "B-10"], "B-08, B-9, B-10"),
        (["Egg", "Foudre", "B-1"], "Egg, Foudre, B-1"),
        (["A-1", "B-2", "C-3"], "A-1, B-2, C-3"),
        (["T-3", "T-2", "T-1"], "T-3, T-2, T-1"),
    ],
)
def test_neighbours_are_named_by_the_first_and_the_last(codes: list[str], shown: str) -> None:
    assert show_codes(codes) == shown


@given(st.lists(st.integers(0, 1200), unique=True).map(sorted))
def test_every_vessel_can_be_read_off_again(numbers: list[int]) -> None:
    read = []
    for part in filter(None, show_codes([f"B-{n:03d}" for n in numbers]).split(", ")):
        first, _, last = part.partition("–")
        read += range(int(first[2:]), int((last or first)[2:]) + 1)
    assert read == numbers
