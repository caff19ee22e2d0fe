"""What a bad line, a bad day and a twin do to what goes off-site: delay, and nothing else."""

import hashlib
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

import backup.shipper
from backup.refusals import Damaged
from backup.shipping import load_repository
from sync.journal import Journal
from sync.lease import Lease
from sync.log_lane import LogLane
from sync.notes import ABSENT, NEW_STRETCH, NUDGE, RATE, open_journal
from sync.patience import Backoff, Pace
from sync.pushing import PART, Pusher
from sync.receiving import Receiving
from sync.reports import LOG, LogReport, load_report
from sync.storage import Bucket
from sync.troubles import LeaseLost, StoreTrouble, Unreachable
from tests.integration.backup.test_restore import read_control
from tests.integration.runtime.running_appliance import wait_for
from tests.integration.sync.conftest import SLOW
from tests.integration.sync.fault_proxy import FaultProxy, Passed, check_order, count_resent
from tests.integration.sync.object_store import HOME, ObjectStore
from tests.integration.sync.test_pushing import Offsite, make_offsite
from tests.integration.sync.test_reading_a_bucket import restore_from
from winery_appliance.core import postgres
from winery_appliance.core.clock import now

__all__ = ["make_offsite"]


@pytest.fixture
def proxy(object_store: ObjectStore) -> Iterator[FaultProxy]:
    """A line to the store that can be spoiled."""
    made = FaultProxy(object_store.port)
    yield made
    made.close()


def push_stubbornly(pusher: Pusher, key: str, path: Path) -> int:
    """Push until it is there; how often it failed."""
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    for failures in range(50):
        try:
            pusher.push(key, lambda: path.open("rb"), path.stat().st_size, sha256)
        except StoreTrouble:
            continue
        return failures
    raise AssertionError("it never came through")


@pytest.mark.parametrize("kind", ["500", "503", "reset", "lost", "stall", "wrong"])
def test_a_fault_costs_a_part_at_most(
    proxy: FaultProxy, object_store: ObjectStore, bucket: str, tmp_path: Path, kind: str
) -> None:
    """Three faults of a kind at random moments: the object is there once and whole, and little was sent twice."""
    chance = random.Random(kind)
    path = tmp_path / "object"
    path.write_bytes(chance.randbytes(4 * PART + 12345))
    faulty = set(chance.sample(range(7), 3))
    seen = [0]

    def decide(entry: Passed) -> str | None:
        if entry.method not in ("PUT", "POST"):
            return None
        seen[0] += 1
        return kind if seen[0] - 1 in faulty else None

    proxy.decide = decide
    line = Bucket(object_store.place(bucket, "home", endpoint=proxy.endpoint), read_s=3)
    key = f"{HOME}{kind}"
    failures = push_stubbornly(Pusher(line, Journal(tmp_path / "journal"), Pace(0)), key, path)

    assert failures <= 3
    faults = sum(entry.fault is not None for entry in proxy.log)
    assert faults == 3
    assert count_resent(proxy.log) <= faults * PART
    owner = Bucket(object_store.place(bucket, "home"))
    assert owner.read(key)[0] == path.read_bytes()
    assert len(list(owner.versions(key))) == 1


CHILD = """
import sys
from pathlib import Path
from sync.journal import Journal
from sync.patience import Pace
from sync.pushing import Pusher
from sync.location import Location
from sync.storage import Bucket
import hashlib
endpoint, bucket, credentials, key, path, journal = sys.argv[1:]
data = Path(path)
line = Bucket(Location(bucket, "", endpoint, None, Path(credentials)))
sha256 = hashlib.sha256(data.read_bytes()).hexdigest()
Pusher(line, Journal(Path(journal)), Pace(0)).push(key, lambda: data.open("rb"), data.stat().st_size, sha256)
"""


def test_a_kill_anywhere_costs_a_part_at_most(
    proxy: FaultProxy, object_store: ObjectStore, bucket: str, tmp_path: Path
) -> None:
    """SIGKILL while a part is under way, and after it came but before it was noted."""
    path = tmp_path / "object"
    path.write_bytes(random.Random(3).randbytes(5 * PART))
    key, running = f"{HOME}killed", []
    kills = {2: "half", 4: "whole"}  # at these parts

    def decide(entry: Passed) -> str | None:
        number = int(entry.query.get("partNumber", ["0"])[0])
        when = kills.pop(number, None)
        if when == "half":
            running[-1].send_signal(signal.SIGKILL)
            return "reset"
        if when == "whole":
            running[-1].send_signal(signal.SIGKILL)
            return "lost"
        return None

    proxy.decide = decide
    command = [
        sys.executable,
        "-c",
        CHILD,
        proxy.endpoint,
        bucket,
        str(object_store.credentials("home")),
    ]
    command += [key, str(path), str(tmp_path / "journal")]
    codes = []
    for _ in range(3):
        running.append(subprocess.Popen(command, env=os.environ))
        codes.append(running[-1].wait())

    assert codes == [-signal.SIGKILL, -signal.SIGKILL, 0]
    assert count_resent(proxy.log) <= 2 * PART
    assert Bucket(object_store.place(bucket, "home")).read(key)[0] == path.read_bytes()


def test_another_object_under_our_key_is_left_alone(
    object_store: ObjectStore, bucket: str, tmp_path: Path
) -> None:
    owner = Bucket(object_store.place(bucket, "home"))
    owner.put(f"{HOME}key", b"theirs")
    pusher = Pusher(owner, Journal(tmp_path / "journal"), Pace(0))
    with pytest.raises(Damaged, match="another object lies there"):
        pusher.put(f"{HOME}key", b"ours")
    pusher.put(f"{HOME}key", b"theirs")  # an answer was lost: it is ours
    assert owner.read(f"{HOME}key")[0] == b"theirs"


def test_refusals_make_no_storm() -> None:
    """Each class of failure waits as long as helps: what a person must mend is asked for once an hour."""
    from sync.troubles import AccessRefused, ClockWrong, StoreFull

    backoff = Backoff(random.Random(1))
    pauses = [backoff.fail(Unreachable("")) for _ in range(2000)]
    assert max(pauses[:1]) <= 2
    assert max(pauses) <= 900
    assert max(pauses[20:]) > 800
    assert min(pauses[20:]) < 10
    for trouble, seconds in (
        (AccessRefused(""), 3600),
        (StoreFull(""), 3600),
        (ClockWrong(""), 300),
    ):
        assert Backoff().fail(trouble) == seconds


@pytest.fixture
def back_after_five_days(
    make_offsite: Callable[..., Offsite], proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> Offsite:
    """A cellar whose sealed records of five days waited for the line, and went when it was back."""
    proxy.away = True
    offsite = make_offsite(offsite_endpoint=proxy.endpoint)
    cellar = offsite.cellar
    cellar.start_stream()
    cellar.write(0, 10)
    cellar.await_shipped()
    journal = open_journal(cellar.settings)
    receiving = Receiving(cellar.settings, journal)
    repository = load_repository(cellar.settings)
    assert repository is not None
    lane = LogLane(cellar.settings, repository)

    def turn() -> LogReport:
        receiving.check()
        journal.set_note(NUDGE, str(random.random()))
        lane.turn()
        return load_report(cellar.settings, LOG, LogReport) or LogReport(at=now())

    try:
        with monkeypatch.context() as then:
            then.setattr(backup.shipper, "now", lambda: now() - timedelta(days=5))
            wait_for(lambda: turn().waiting_objects, "sealed records")
            with psycopg.connect(postgres.admin_url(cellar.settings), autocommit=True) as admin:
                admin.execute("SELECT pg_switch_wal()")
            cellar.write(10, 10)
            wait_for(lambda: turn().waiting_objects >= 2, "more of them")
        report = turn()
        assert report.trouble is not None
        assert report.trouble.kind == "retry"
        assert "wait on this machine" in str(report.trouble.words)
        assert not any(entry.status for entry in proxy.log)
        journal.set_note(RATE, 1.0)  # sending what waits would take days
        proxy.away = False
        assert (
            wait_for(lambda: turn() and journal.note(NEW_STRETCH), "the wish for a new stretch")
            == ABSENT
        )
        cellar.write(20, 10)
        wait_for(lambda: turn().stretch == 2 and turn().waiting_objects == 0, "everything off-site")
    finally:
        receiving.end()
    return offsite


def test_after_five_days_the_newest_records_go_first(
    back_after_five_days: Offsite, proxy: FaultProxy
) -> None:
    """The newest goes first and the rest follows; that all comes back is seen by `./scripts/test-system offsite`."""
    numbers = [
        int(e.key.split("/wal/")[1][:4]) for e in proxy.log if e.status == 200 and "/wal/" in e.key
    ]
    first = numbers.index(2)
    assert first <= 3, "the newest stretch goes first"
    assert 1 in numbers[first:], "what was before follows"
    assert check_order(proxy.log) >= 2


@SLOW
def test_all_comes_back_after_five_days(
    back_after_five_days: Offsite, proxy: FaultProxy, object_store: ObjectStore, tmp_path: Path
) -> None:
    offsite, cellar = back_after_five_days, back_after_five_days.cellar
    offsite.start()
    offsite.await_base()
    offsite.await_sent()
    offsite.kill()
    assert check_order(proxy.log) >= 6
    done = restore_from(object_store, offsite.bucket, cellar.kit, tmp_path / "new")
    assert done.returncode == 0, done.stderr
    assert len(read_control(tmp_path / "new")) == 30


def test_of_twins_one_goes_on(object_store: ObjectStore, bucket: str, tmp_path: Path) -> None:
    """A machine and its clone, made at any moment: the first to renew goes on, the other never writes again."""
    from tests.unit.sync.test_waiting import REPOSITORY

    store = Bucket(object_store.place(bucket, "home"))
    journals = [Journal(tmp_path / "one")]
    Lease(store, journals[0], REPOSITORY).hold()
    Lease(store, journals[0], REPOSITORY).hold()  # started again
    journals[0].close()
    (tmp_path / "two").write_bytes((tmp_path / "one").read_bytes())
    journals = [Journal(tmp_path / name) for name in ("one", "two")]
    Lease(store, journals[1], REPOSITORY).hold()
    for _ in range(2):
        with pytest.raises(LeaseLost, match="clone"):
            Lease(store, journals[0], REPOSITORY).hold()
        Lease(store, journals[1], REPOSITORY).hold()
    restored = REPOSITORY.model_copy(update={"made_at": now() + timedelta(seconds=1)})
    Lease(store, Journal(tmp_path / "three"), restored).hold()  # its successor, from copies
    with pytest.raises(LeaseLost):
        Lease(store, journals[1], REPOSITORY).hold()
    journals[1].set_note("take over", True)
    Lease(store, journals[1], REPOSITORY).hold()
