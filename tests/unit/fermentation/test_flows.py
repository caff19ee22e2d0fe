"""Whatever is moved how often: no litre appears, and none is lost that nobody left behind."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from winery_appliance.fermentation.flows import (
    Contents,
    Flow,
    follow_contents,
    spread,
    sum_volumes,
)

WINE = 1
BEGAN = datetime(2026, 9, 1, tzinfo=UTC)

litres = st.decimals(Decimal("0.001"), Decimal(50000), places=3)


def at(step: int) -> datetime:
    return BEGAN + timedelta(hours=step)


@st.composite
def journeys(draw: st.DrawFn) -> tuple[Contents, list[Flow]]:
    """A wine's start and flows that take no more out of a vessel than was in it."""
    start: Contents = {1: draw(litres)}
    contents = dict(start)
    flows: list[Flow] = []
    for step in range(1, draw(st.integers(1, 8)) + 1):
        source = draw(st.sampled_from(sorted(contents)))
        there = contents[source]
        assert there is not None
        share = draw(st.integers(0, 1000))
        taken = (there * share / 1000).quantize(Decimal("0.001"), "ROUND_DOWN")
        if share == 1000:
            taken = there
        target = draw(st.integers(1, 6).filter(lambda vessel, source=source: vessel != source))
        flows.append(Flow(step, at(step), WINE, source, WINE, target, taken, share == 1000))
        contents = follow_contents(start, flows, WINE)
    return start, flows


@given(journeys())
def test_a_moved_wine_keeps_its_litres(journey: tuple[Contents, list[Flow]]) -> None:
    start, flows = journey
    end = follow_contents(start, flows, WINE)
    assert sum_volumes(end.values()) == sum_volumes(start.values())
    assert all(volume is not None and volume >= 0 for volume in end.values())


@given(journeys())
def test_what_is_not_emptied_is_still_there(journey: tuple[Contents, list[Flow]]) -> None:
    start, flows = journey
    last = flows[-1]
    end = follow_contents(start, flows, WINE)
    assert (last.from_vessel_id in end) == (not last.empties)
    assert last.to_vessel_id in end


def test_what_did_not_arrive_from_an_emptied_vessel_is_gone() -> None:
    pressed = [
        Flow(1, at(1), WINE, 1, WINE, barrel, Decimal(225), empties=True) for barrel in (2, 3)
    ]
    end = follow_contents({1: Decimal(600)}, pressed, WINE)
    assert end == {2: Decimal(225), 3: Decimal(225)}


def test_what_nobody_measured_stays_unknown_until_the_vessel_is_emptied() -> None:
    racked = Flow(1, at(1), WINE, 1, WINE, 2, None, empties=False)
    assert follow_contents({1: Decimal(600)}, [racked], WINE) == {1: None, 2: None}
    measured = Flow(2, at(2), WINE, 2, WINE, 3, Decimal(90), empties=True)
    assert follow_contents({1: Decimal(600)}, [racked, measured], WINE) == {
        1: None,
        3: Decimal(90),
    }


def test_another_wine_is_left_alone() -> None:
    flow = Flow(1, at(1), 2, 7, 2, 8, Decimal(1), empties=True)
    assert follow_contents({1: Decimal(600)}, [flow], WINE) == {1: Decimal(600)}


@given(st.dictionaries(st.integers(1, 99), litres, min_size=1, max_size=30), st.data())
def test_a_measured_total_is_spread_without_a_rest(
    contents: dict[int, Decimal], data: st.DataObject
) -> None:
    whole = sum(contents.values(), Decimal(0))
    total = data.draw(st.decimals(Decimal("0.001"), whole, places=3))
    parts = spread(total, contents)
    assert sum(parts.values()) == total
    assert all(Decimal(0) <= part <= contents[vessel] for vessel, part in parts.items())


@given(st.sets(st.integers(1, 99), min_size=1, max_size=30), litres)
def test_where_nobody_knows_what_was_in_the_total_still_fits(
    vessels: set[int], total: Decimal
) -> None:
    parts = spread(total, dict.fromkeys(vessels))
    assert sum(parts.values()) == total
    assert all(part >= 0 for part in parts.values())
