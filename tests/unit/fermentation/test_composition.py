"""Whatever is split and blended how often: of each lot no litre appears or is lost, and the shares make a whole."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from winery_appliance.fermentation.composition import (
    PERCENT_STEP,
    UNRECORDED,
    Shares,
    Wine,
    apportion,
    follow_wines,
    read_shares,
)
from winery_appliance.fermentation.flows import Flow

BEGAN = datetime(2026, 9, 1, tzinfo=UTC)
STEP = Decimal("0.001")
lots = st.sampled_from([None, 1, 2, 3, 4])
weights = st.dictionaries(lots, st.integers(1, 10**6), min_size=1, max_size=4)


def shares_of(given: dict[int | None, int]) -> Shares:
    total = sum(given.values())
    return {lot: Fraction(weight, total) for lot, weight in given.items()}


Cellar = tuple[dict[int, Wine], list[list[Flow]], dict[int | None, Fraction]]


@st.composite
def cellars(draw: st.DrawFn) -> Cellar:
    """Wines, the transfers between them in the order of time, and the litres of each lot that became lees."""
    count = draw(st.integers(2, 4))
    wines = {
        n: Wine({n * 10: STEP * draw(st.integers(1, 10**7))}, shares_of(draw(weights)))
        for n in range(1, count + 1)
    }
    wines[count + 1] = Wine({}, UNRECORDED)
    lost: dict[int | None, Fraction] = {}
    now = dict(wines)
    transfers: list[list[Flow]] = []
    for step in range(draw(st.integers(1, 8))):
        taker = draw(st.sampled_from(sorted(now)))
        full = [n for n, wine in now.items() if wine.volume_l and n != taker]
        streams = []
        for giver in full[: draw(st.integers(0, 2))]:
            vessel = max(vessel for vessel, litres in now[giver].contents.items() if litres)
            there = now[giver].contents[vessel] or Decimal(0)
            taken = STEP * draw(st.integers(1, int(there / STEP)))
            empties = taken == there or draw(st.booleans())
            at = BEGAN + timedelta(hours=step)
            place = taker * 10 + draw(st.integers(0, 2))
            streams.append(Flow(step, at, giver, vessel, taker, place, taken, empties))
            if empties:
                for lot, share in now[giver].shares.items():
                    lost[lot] = lost.get(lot, Fraction(0)) + share * Fraction(there - taken)
        now = follow_wines(now, streams)
        transfers.append(streams)
    return wines, transfers, lost


def count_litres(wines: dict[int, Wine]) -> dict[int | None, Fraction]:
    found: dict[int | None, Fraction] = {}
    for wine in wines.values():
        for lot, share in wine.shares.items():
            found[lot] = found.get(lot, Fraction(0)) + share * Fraction(wine.volume_l or 0)
    return {lot: litres for lot, litres in found.items() if litres}


@given(cellars())
def test_of_each_lot_no_litre_appears_or_is_lost(
    cellar: Cellar,
) -> None:
    wines, transfers, lost = cellar
    after = count_litres(follow_wines(wines, [flow for streams in transfers for flow in streams]))
    for lot, litres in lost.items():
        after[lot] = after.get(lot, Fraction(0)) + litres
    assert {lot: litres for lot, litres in after.items() if litres} == count_litres(wines)


@given(cellars())
def test_every_wine_is_one_whole_and_is_shown_as_100_percent(
    cellar: Cellar,
) -> None:
    wines, transfers, _ = cellar
    for wine in follow_wines(wines, [flow for streams in transfers for flow in streams]).values():
        assert sum(wine.shares.values()) == 1
        shown = apportion(Decimal(100), wine.shares, PERCENT_STEP)
        assert sum(shown.values()) == 100
        assert all(
            abs(Fraction(shown[lot]) - share * 100) < Fraction(PERCENT_STEP)
            for lot, share in wine.shares.items()
        )
        if wine.volume_l:
            assert sum(apportion(wine.volume_l, wine.shares, STEP).values()) == wine.volume_l


@given(cellars(), st.randoms())
def test_the_order_of_recording_does_not_matter(cellar: Cellar, random: Random) -> None:
    """Ids are given in the order of recording; the book reads flows by their time and only then by id.

    Two cellars are recorded side by side at the same moments, each in an order of its own.
    """
    wines, transfers, _ = cellar
    twice = wines | {n + 100: wine for n, wine in wines.items()}
    both = [*transfers, *([shift(flow) for flow in streams] for streams in transfers)]
    random.shuffle(both)
    numbered = [
        Flow(**{**vars(flow), "transfer_id": n})
        for n, streams in enumerate(both)
        for flow in streams
    ]
    read = sorted(numbered, key=lambda flow: (flow.moved_at, flow.transfer_id))
    after = follow_wines(twice, read)
    once = follow_wines(wines, [flow for streams in transfers for flow in streams])
    for n, wine in once.items():
        assert after[n] == wine
        assert after[n + 100].shares == wine.shares


def shift(flow: Flow) -> Flow:
    return Flow(
        **{
            **vars(flow),
            "from_fermentation_id": flow.from_fermentation_id + 100,
            "to_fermentation_id": flow.to_fermentation_id + 100,
        }
    )


def blend(step: int, giver: int, taker: int, litres: int) -> Flow:
    at = BEGAN + timedelta(hours=step)
    return Flow(step, at, giver, giver, taker, taker, Decimal(litres), empties=False)


def test_a_blend_is_weighed_by_litres() -> None:
    wines = {
        1: Wine({1: Decimal(1000)}, {7: Fraction(1)}),
        2: Wine({2: Decimal(3000)}, {8: Fraction(1, 2), None: Fraction(1, 2)}),
    }
    after = follow_wines(wines, [blend(1, 1, 2, 1000)])
    assert after[2].shares == {7: Fraction(1, 4), 8: Fraction(3, 8), None: Fraction(3, 8)}
    assert after[2].volume_l == 4000


def test_what_left_a_traced_wine_is_its_own_and_what_came_later_is_not() -> None:
    wines = {n: Wine({n: Decimal(100)}, {n: Fraction(1)}) for n in (1, 2, 3)}
    flows = [blend(1, 1, 2, 50), blend(2, 3, 1, 50), blend(3, 1, 2, 50)]
    after = follow_wines(wines, flows, traced=1)
    assert after[2].shares == {1: Fraction(1, 2), 2: Fraction(1, 2)}


def test_what_goes_into_a_wine_of_unknown_litres_leaves_its_shares_unrecorded() -> None:
    wines = {1: Wine({1: Decimal(9)}, {7: Fraction(1)}), 2: Wine({2: None}, {8: Fraction(1)})}
    assert follow_wines(wines, [blend(1, 1, 2, 9)])[2].shares == UNRECORDED


@given(
    st.dictionaries(
        st.integers(1, 99), st.integers(1, 10**6).map(lambda n: PERCENT_STEP * n), max_size=9
    )
)
def test_typed_percentages_are_one_whole(percentages: dict[int, Decimal]) -> None:
    assert sum(read_shares(percentages).values()) == 1
