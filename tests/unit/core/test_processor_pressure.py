from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from winery_appliance.core.processor_pressure import LONGEST, LONGEST_S, Rest, find_rest_s

SECONDS = st.floats(0, 1e4)


@given(worked=SECONDS, waited=SECONDS, more=SECONDS)
def test_a_rest_grows_with_what_others_waited_and_has_an_end(
    worked: float, waited: float, more: float
) -> None:
    rest = find_rest_s(worked, waited)
    assert 0 <= rest <= find_rest_s(worked, waited + more) <= min(LONGEST * worked, LONGEST_S)
    assert (rest == 0) == (worked == 0 or waited == 0)


@given(worked=SECONDS)
def test_a_counter_that_began_anew_is_no_wait(worked: float) -> None:
    assert find_rest_s(worked, -1.0) == 0


def test_it_rests_only_when_somebody_waited(tmp_path: Path) -> None:
    told = tmp_path / "cpu"

    def say(waited_us: int) -> None:
        told.write_text(f"some avg10=0.00 avg60=0.00 avg300=0.00 total={waited_us}\nfull total=0\n")

    say(7_000_000)
    rest = Rest(told)
    assert rest.take() == 0
    say(7_000_100)
    assert 0 < rest.take() <= 0.001


def test_where_nothing_is_told_nobody_rests(tmp_path: Path) -> None:
    assert Rest(tmp_path / "not there").take() == 0
