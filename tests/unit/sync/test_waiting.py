"""When what goes: hours, pace, and what a long absence changes."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from backup.records import RepositoryFacts
from sync.cli import commands
from sync.log_waiting import is_long_absence
from sync.patience import Pace, PacedBody, is_open

NOON = datetime(2026, 9, 20, 12, tzinfo=UTC)
REPOSITORY = RepositoryFacts(
    place="v1/sites/home/repos/one/repo.json",
    repository="one",
    site="home",
    system_identifier="7",
    timeline=1,
    major=18,
    made_at=NOON,
)


@pytest.mark.parametrize(
    ("hours", "open_at"),
    [
        (None, range(24)),
        ("20-06", [20, 21, 22, 23, 0, 1, 2, 3, 4, 5]),
        ("06-20", range(6, 20)),
        ("00-24", range(24)),
        ("22-24", [22, 23]),
    ],
)
def test_hours(hours: str | None, open_at: list[int]) -> None:
    found = [hour for hour in range(24) if is_open(hours, NOON.replace(hour=hour))]
    assert found == sorted(open_at)


@given(
    rate=st.floats(1_000, 1e7),
    sizes=st.lists(st.integers(1, 1 << 16), min_size=1, max_size=200),
)
def test_no_more_than_the_pace_goes_out(rate: float, sizes: list[int]) -> None:
    """Over any while that begins with the first byte: the rate, and one second's worth that may go at once."""
    moment = [0.0]

    def pause(seconds: float) -> None:
        moment[0] += seconds

    pace = Pace(rate, clock=lambda: moment[0], pause=pause)
    sent = 0
    for size in sizes:
        pace.take(size)
        sent += size
        assert sent <= rate * (moment[0] + 1) + 1
    assert moment[0] <= sum(sizes) / rate


def test_a_body_is_paced_on_the_line_only() -> None:
    waited: list[float] = []
    body = PacedBody(b"x" * 3000, Pace(1000, clock=lambda: 0.0, pause=waited.append))
    assert len(body.read()) == 3000
    body.seek(0)
    assert waited == []
    body.go()
    while body.read(500):
        pass
    assert sum(waited[-1:]) == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("hours", "megabytes", "is_long"),
    [(5, 10_000, False), (120, 3, False), (120, 1000, True), (-120, 1000, True), (7, 380, True)],
)
def test_a_long_absence_is_one_whose_records_take_long(
    hours: int, megabytes: int, is_long: bool
) -> None:
    oldest = NOON - timedelta(hours=hours)
    assert is_long_absence(oldest, megabytes * 1_000_000, 625_000, NOON) == is_long
    assert not is_long_absence(None, 0, 625_000, NOON)


def test_stopping_and_going_on_are_told_to_programs(tmp_path: Path) -> None:
    def run(*arguments: str) -> dict[str, str | None]:
        done = CliRunner().invoke(
            commands, [*arguments, "--json"], env={"WINERY_DATA": str(tmp_path)}
        )
        assert done.exit_code == 0, done.output
        told = json.loads(done.stdout)
        assert isinstance(told, dict)
        return told

    assert run("pause")["paused_at"] is not None
    tried = run("now")
    assert None not in (tried["paused_at"], tried["asked_at"]), "a try does not end the pause"
    gone_on = run("resume")
    assert gone_on["paused_at"] is None
    assert gone_on["asked_at"] is not None
