"""Which dumps may go: by the order and the dates of the dumps, never by the present clock."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from backup.dumps import EXTRA, KEPT, NEWEST, PERIODS, choose_expired_dumps, choose_tier

BEGIN = datetime(2026, 11, 1, 2, tzinfo=UTC)
JUMPS = st.timedeltas(timedelta(days=-3000), timedelta(days=3000))


def keep(moments: list[datetime]) -> list[datetime]:
    """Make a dump at each moment, and remove after each what may go; the moments of those left."""
    left: dict[str, datetime] = {}
    for number, moment in enumerate(moments):
        left[f"{number:06}"] = moment
        for gone in choose_expired_dumps(list(left.items())):
            del left[gone]
    return list(left.values())


def first_of_each(moments: list[datetime], period: str) -> list[datetime]:
    found: dict[str, datetime] = {}
    for moment in moments:
        found.setdefault(f"{moment:{period}}", moment)
    return list(found.values())


def test_ten_years_of_nights_leave_days_weeks_months_and_years() -> None:
    nights = [BEGIN + timedelta(days=n) for n in range(3650)]

    left = keep(nights)

    promised = {at for tier, p in PERIODS.items() for at in first_of_each(nights, p)[-KEPT[tier] :]}
    assert set(left) == promised | set(nights[-NEWEST:])


@settings(max_examples=40)
@given(st.lists(JUMPS, min_size=1, max_size=40))
def test_whatever_the_clock_does_the_newest_stay(steps: list[timedelta]) -> None:
    moments, at = [], BEGIN
    for step in steps:
        at = BEGIN + step if step.days % 3 else at + timedelta(days=1)
        moments.append(at)

    left = keep(moments)

    assert left[-NEWEST:] == moments[-NEWEST:]
    assert len(left) <= sum(KEPT.values()) + NEWEST


@settings(max_examples=40)
@given(st.integers(0, 40), JUMPS)
def test_a_dump_of_a_wrong_clock_costs_two_of_each_kind_at_most(
    night: int, jump: timedelta
) -> None:
    """It takes a place, and may stand for the first of a period that is still to come."""
    nights = [BEGIN + timedelta(days=n) for n in range(41)]
    wrong = [*nights[:night], nights[night] + jump, *nights[night + 1 :]]

    lost = set(keep(nights)) - set(keep(wrong)) - {nights[night]}

    assert len(lost) <= 2 * len(PERIODS)


def test_a_dump_lies_under_the_longest_period_it_is_the_first_of() -> None:
    days = [0, 0, 1, 1, 8, 30, 62, 400]
    moments = [BEGIN + timedelta(days=day, minutes=n) for n, day in enumerate(days)]

    tiers = [choose_tier(moment, moments[:n]) for n, moment in enumerate(moments)]

    assert tiers == ["yearly", EXTRA, "weekly", EXTRA, "weekly", "monthly", "yearly", "monthly"]


@given(st.lists(JUMPS, min_size=1, max_size=60), st.data())
def test_what_was_proven_stays(steps: list[timedelta], data: st.DataObject) -> None:
    dumps = [(str(number), BEGIN + step) for number, step in enumerate(steps)]
    proven = data.draw(st.sampled_from(dumps))[0]

    assert proven not in choose_expired_dumps(dumps, [proven])
