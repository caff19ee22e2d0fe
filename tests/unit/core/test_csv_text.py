"""A sheet is data: whatever was typed comes back, and nothing in it is a formula."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from winery_appliance.core.csv_text import write_csv

CELLS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20)


@given(st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=5))
def test_cells_come_back_but_for_the_apostrophe_before_a_formula(
    rows: list[tuple[str, str]],
) -> None:
    read = list(csv.reader(io.StringIO(write_csv(["a", "b"], rows), newline="")))
    assert read[0] == ["a", "b"]
    for before, after in zip(rows, read[1:], strict=True):
        for typed, cell in zip(before, after, strict=True):
            assert cell in {typed, f"'{typed}"}
            assert not cell.strip().startswith(("=", "+", "-", "@"))


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", " =", "\u00a0=", "＝", "\n="])
def test_what_a_spreadsheet_would_run_is_disarmed(start: str) -> None:
    text = write_csv(["a"], [[f"{start}1+1"]])
    assert list(csv.reader(io.StringIO(text, newline="")))[1] == [f"'{start}1+1"]


def test_nothing_is_an_empty_cell() -> None:
    assert write_csv(["a", "b"], [[None, 0]]) == "a,b\r\n,0\r\n"
