"""Figures as the spoken language writes them; codes of many vessels in few words, none left out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from winery_appliance.core.figures import (
    show_bare,
    show_codes,
    show_number,
    show_quantity,
    typed_quantity,
)
from winery_appliance.core.units import Unit
from winery_appliance.core.words import speaking


@pytest.mark.parametrize(
    ("language", "shown"),
    [
        ("en", ["−1.50", "0.3", "32", "22.5\u00a0°Bx", "<0.10\u00a0g/L"]),
        ("es", ["−1,50", "0,3", "32", "22,5\u00a0°Bx", "<0,10\u00a0g/L"]),
        ("fr", ["−1,50", "0,3", "32", "22,5\u00a0°Bx", "<0,10\u00a0g/L"]),
        ("it", ["−1,50", "0,3", "32", "22,5\u00a0°Bx", "<0,10\u00a0g/L"]),
    ],
)
def test_a_figure_has_the_mark_of_the_language_wherever_it_is_said(
    language: str, shown: list[str]
) -> None:
    with speaking(language):
        assert shown == [
            show_number(-1.5, 2),
            show_bare(0.3),
            show_bare(32.0),
            show_quantity(22.5, Unit.brix),
            typed_quantity("<0.10", Unit.g_l, "<"),
        ]


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
