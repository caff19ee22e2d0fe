"""A curve that is thinned for the screen keeps what a person would look for in it."""

from hypothesis import given
from hypothesis import strategies as st

from winery_appliance.analysis_engine.chart import thin_marks

VALUES = st.lists(st.tuples(st.integers(0, 10**6), st.floats(-5, 40)), max_size=400)


@given(VALUES, st.integers(1, 20))
def test_extremes_ends_and_doubts_survive_thinning(
    points: list[tuple[int, float]], columns: int
) -> None:
    marks = [
        (float(at), value, number, number % 17 == 3)
        for number, (at, value) in enumerate(sorted(points))
    ]
    thinned = thin_marks(marks, columns)
    assert set(thinned) <= set(marks)
    assert thinned == sorted(thinned)
    if not marks:
        return
    assert (thinned[0][0], thinned[-1][0]) == (marks[0][0], marks[-1][0])
    values = [mark[1] for mark in thinned]
    assert min(values) == min(mark[1] for mark in marks)
    assert max(values) == max(mark[1] for mark in marks)
    assert {mark for mark in marks if mark[3]} <= set(thinned)
    doubted = sum(mark[3] for mark in marks)
    assert len(thinned) <= max(4 * (columns + 1) + doubted, 0) or len(marks) <= 4 * columns
