"""Which past ferments a running one resembles: what must hold for any curves."""

from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.unit.historical_data.test_courses_and_bands import ferment
from winery_appliance.historical_data.comparison import Asked, Field, Words, find_nearest
from winery_appliance.historical_data.courses import SHARES, Course


def field(*courses: Course, varietals: tuple[str, ...] | None = None) -> Field:
    """These courses as the past of one style and size."""
    n = len(courses)
    return Field(
        ids=np.arange(n),
        hours=np.array([c.hours_at for c in courses]),
        warmth=np.array([c.warmth_at for c in courses]),
        start_density=np.array([c.start_density for c in courses]),
        dry_h=np.array([np.nan if c.dry_h is None else c.dry_h for c in courses]),
        share_gone=np.array([c.share_gone for c in courses]),
        end_s=np.array([c.last_h * 3600 for c in courses]),
        varietal=Words.gather(varietals or ("Tempranillo",) * n),
        style=Words.gather(["red"] * n),
        vessel_size=Words.gather(["unknown"] * n),
    )


def begun(course: Course, share: float) -> Asked:
    """The same ferment when so much of its sugar was gone."""
    seen = share >= SHARES
    return Asked(
        replace(
            course,
            share_gone=share,
            hours_at=np.where(seen, course.hours_at, np.nan),
            warmth_at=np.where(seen, course.warmth_at, np.nan),
        ),
        "Tempranillo",
        "red",
        "unknown",
    )


def everybody(past: Field) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.ones(len(past.ids), dtype=bool)


KINDS = st.tuples(st.floats(19, 27), st.floats(5, 16), st.floats(0, 50), st.floats(14, 30))


def make(kind: tuple[float, float, float, float]) -> Course:
    start, days, lag_h, warm = kind
    return ferment(start=start, days=days, lag_h=lag_h, warm=warm)


@given(st.lists(KINDS, min_size=2, max_size=8, unique=True), st.integers(0, 7), st.floats(0.1, 0.9))
def test_a_ferment_is_nearest_to_itself_at_every_moment(
    kinds: list[tuple[float, float, float, float]], which: int, share: float
) -> None:
    courses = [make(kind) for kind in kinds]
    past = field(*courses)
    mine = which % len(courses)
    (first, *others) = find_nearest(begun(courses[mine], share), past, 8, among=everybody(past))
    assert first.distance == pytest.approx(0, abs=0.02)
    assert first.row == mine or np.allclose(past.hours[first.row], past.hours[mine], atol=2, equal_nan=True)  # fmt: skip
    assert [one.distance for one in others] == sorted(one.distance for one in others)


@given(KINDS, st.floats(0.75, 1.35), st.floats(-10, 10), st.floats(0.4, 0.9))
def test_a_stretch_and_a_delay_are_found_and_named(
    kind: tuple[float, float, float, float], pace: float, delay_h: float, share: float
) -> None:
    course = make(kind)
    assume(course.hours_at[1] * pace + delay_h > 1)
    hours = np.where(SHARES > 0, course.hours_at * pace + delay_h, 0.0)
    past = field(course)
    (found,) = find_nearest(begun(replace(course, hours_at=hours), share), past, 1, among=everybody(past))  # fmt: skip
    reached = (share >= SHARES) & (SHARES > 0)
    laid = found.pace * course.hours_at[reached] + found.delay_h
    assert np.sqrt(np.mean((laid - hours[reached]) ** 2)) < 4
    parts = {part.what: part for part in found.parts}
    assert sum(part.weight for part in found.parts) == pytest.approx(1, abs=0.01) or found.distance == 0  # fmt: skip
    if found.pace > 1.01:
        assert parts["pace"].words.endswith("% slower.")
    if found.pace < 0.99:
        assert parts["pace"].words.endswith("% faster.")


@given(
    st.lists(KINDS, min_size=3, max_size=8, unique=True),
    st.floats(0.1, 0.9),
    st.randoms(use_true_random=False),
)
def test_the_order_of_the_past_tells_nothing(
    kinds: list[tuple[float, float, float, float]], share: float, chance: Random
) -> None:
    courses = [make(kind) for kind in kinds]
    order = list(range(1, len(courses)))
    chance.shuffle(order)
    asked = begun(courses[0], share)
    plain, mixed = field(*courses[1:]), field(*(courses[n] for n in order))
    told = find_nearest(asked, plain, 9, among=everybody(plain))
    again = find_nearest(asked, mixed, 9, among=everybody(mixed))
    assert [one.distance for one in told] == [one.distance for one in again]


def test_what_differs_is_told_in_words_and_days() -> None:
    cool, warm = ferment(days=12, warm=18), ferment(days=6, warm=27)
    past = field(cool, warm, varietals=("Tempranillo", "Syrah"))
    asked = begun(ferment(start=25, days=11, warm=19), 0.5)
    first, second = find_nearest(asked, past, 2, among=everybody(past))
    assert (first.row, second.row) == (0, 1)
    words = {part.what: part.words for part in second.parts}
    assert words["temperature"] == "8.0 °C cooler."
    assert words["variety"] == "Another variety: Syrah."
    assert words["sugar"] == "1.0 °Bx more in the must."
    assert first.days_left == pytest.approx(5.5, abs=0.7)
    assert find_nearest(asked, past, 2, among=np.array([False, True]))[0].row == 1


def test_one_that_stopped_before_is_no_model() -> None:
    whole = ferment(days=9)
    until = np.where(SHARES <= 0.4, whole.hours_at, np.nan)
    stuck = replace(whole, share_gone=0.4, dry_h=None, hours_at=until)
    past = field(stuck, ferment(days=10))
    first, second = find_nearest(begun(whole, 0.8), past, 2, among=everybody(past))
    assert (first.row, second.row) == (1, 0)
    assert second.days_left is None
    assert any("stopped when 40 %" in part.words for part in second.parts)
