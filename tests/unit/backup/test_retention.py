"""Retention: what it removes is never missed, whatever the clock did."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from backup.catalogue import Repository, Stretch
from backup.keys import save_file, state_dir
from backup.proofs import Proof
from backup.records import BaseFacts, DumpFacts, Place, RepositoryFacts, StretchFacts, WalFacts
from backup.retention import Kept, choose_expired, find_proven, plan_removals
from winery_appliance.core.settings import Settings

BEGIN = datetime(2026, 11, 1, 2, tzinfo=UTC)
WINDOW, EVERY = timedelta(days=14), timedelta(days=1)
FEWEST = 15


def nightly(count: int, full_every: int = 7, begin: datetime = BEGIN) -> list[Kept]:
    return [
        Kept(str(n), str(n - 1) if n % full_every else None, begin + n * EVERY)
        for n in range(count)
    ]


def expire(copies: list[Kept], now: datetime, proven: list[str] | None = None) -> list[str]:
    return choose_expired(copies, now, window=WINDOW, every=EVERY, proven=proven or [])


def test_after_years_of_nights_two_weeks_and_their_full_copy_are_left() -> None:
    copies = nightly(403)

    gone = expire(copies, copies[-1].at + timedelta(hours=1))

    left = [copy for copy in copies if copy.id not in gone]
    assert [copy.id for copy in left] == [str(n) for n in range(385, 403)]
    assert left[0].parent is None


@given(
    st.lists(st.timedeltas(timedelta(minutes=1), timedelta(days=9)), min_size=1, max_size=60),
    st.lists(st.booleans(), min_size=60, max_size=60),
    st.timedeltas(timedelta(0), timedelta(days=60)),
    st.data(),
)
def test_every_moment_of_the_window_stays_reachable(
    steps: list[timedelta], full: list[bool], age: timedelta, data: st.DataObject
) -> None:
    copies: list[Kept] = []
    at = BEGIN
    for number, step in enumerate(steps):
        at += step
        parent = None if number == 0 or full[number] else str(number - 1)
        copies.append(Kept(str(number), parent, at))
    now = at + age
    proven = [data.draw(st.sampled_from(copies)).id]

    gone = set(expire(copies, now, proven))
    left = [copy for copy in copies if copy.id not in gone]

    moment = now - data.draw(st.timedeltas(timedelta(0), WINDOW))
    before = [copy for copy in copies if copy.at <= moment]
    assert not before or before[-1].id not in gone
    assert all(copy.parent is None or copy.parent not in gone for copy in left)
    assert not set(proven) & gone
    assert len(left) >= min(FEWEST, len(copies))
    assert set(gone) | {copy.id for copy in left} == {copy.id for copy in copies}


@given(st.timedeltas(timedelta(days=-3000), timedelta(days=3000)), st.integers(1, 10))
def test_a_jump_of_the_clock_removes_nothing_young(jump: timedelta, after: int) -> None:
    """The copies of two true weeks are kept although the clock says that years passed between them."""
    copies = nightly(10)
    later = [
        Kept(f"after {n}", None, copies[-1].at + jump + (n + 1) * EVERY)
        for n in range(min(after, 5))
    ]
    everything = [*copies, *later]

    assert expire(everything, everything[-1].at + timedelta(hours=1)) == []
    assert expire(copies, copies[-1].at + jump) == []


def test_a_clock_set_back_removes_nothing() -> None:
    copies = nightly(400)
    assert expire(copies, copies[-1].at - timedelta(days=2)) == []


def test_a_trial_that_failed_takes_nothing_from_the_last_that_succeeded(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    assert find_proven(settings) == []
    proofs = [
        Proof(at=BEGIN, ok=True, words="", rto_s=1.0, base="older", dump="old dump"),
        Proof(at=BEGIN + EVERY, ok=True, words="", rto_s=1.0, base="3", dump="dump"),
        Proof(at=BEGIN + 2 * EVERY, ok=False, words="damaged", rto_s=1.0, base="9"),
    ]
    lines = "".join(f"{proof.model_dump_json()}\n" for proof in proofs)
    save_file(state_dir(settings) / "proofs.jsonl", lines)

    proven = find_proven(settings)

    assert proven == ["3", "dump"]
    copies = nightly(400)
    assert not {"0", "1", "2", "3"} & set(expire(copies, copies[-1].at, proven))


def test_an_old_repository_stays_as_long_as_a_dump_in_it_does() -> None:
    def make(name: str) -> Repository:
        place = Place(site="home", repository=name)
        part = WalFacts.model_construct(segment="000000010000000000000002", start=2 << 24)
        stretch = Stretch(StretchFacts.model_construct(number=1), [part])
        base = BaseFacts.model_construct(
            id=f"base-{name}", stretch=1, start=2 << 24, finished_at=BEGIN
        )
        key = place.dump("yearly", f"dump-{name}", "manifest.json")
        dump = DumpFacts.model_construct(id=f"dump-{name}", tier="yearly", place=key, made_at=BEGIN)
        facts = RepositoryFacts.model_construct(repository=name)
        return Repository(place, facts, [base], [dump], {1: stretch})

    old, current = make("1"), make("2")

    def gone(*expired: str) -> list[str]:
        return [item.key for item in plan_removals([old, current], set(expired))]

    without_base = gone("base-1")
    assert old.place.root not in without_base
    assert old.place.facts not in without_base
    assert old.place.base("base-1", "manifest.json") == without_base[0]
    assert old.place.stretch(1) == without_base[-1]
    assert not any("/snap/" in key for key in without_base)
    assert gone("dump-1") == [
        old.place.dump("yearly", "dump-1", "manifest.json"),
        old.place.dump("yearly", "dump-1", "").rstrip("/"),
    ]
    assert gone("base-1", "dump-1") == [old.place.facts, old.place.root]
