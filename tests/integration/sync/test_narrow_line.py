"""A rural line of 5 Mbit/s, shaped before a real store: records are not held up by a base copy, nor much by themselves."""

import random
import sys
import time
from collections.abc import Callable, Iterator

import psycopg
import pytest

from tests.integration.runtime.running_appliance import wait_for
from tests.integration.sync.conftest import SLOW
from tests.integration.sync.fault_proxy import FaultProxy, check_order, count_resent
from tests.integration.sync.object_store import ObjectStore
from tests.integration.sync.test_pushing import Offsite, make_offsite

__all__ = ["make_offsite"]
LINE = 625_000.0  # bytes a second
LAG_S, BASE_MB = 60.0, 25
LOG_MB, LOG_S = 30, 180.0
MB = 1_000_000


@pytest.fixture
def narrow(object_store: ObjectStore) -> Iterator[FaultProxy]:
    """The line, wide at first."""
    made = FaultProxy(object_store.port)
    yield made
    made.close()


def fill(connection: psycopg.Connection[tuple[object, ...]], megabytes: int) -> None:
    """Rows that nothing can make smaller: compressed and sealed, their log is as large as they are."""
    chance = random.Random(megabytes)
    with connection.cursor().copy("COPY bulk FROM STDIN (FORMAT binary)") as copy:
        copy.set_types(["bytea"])
        for _ in range(
            megabytes * MB // 1800
        ):  # below what the server would put aside and compress
            copy.write_row((chance.randbytes(1800),))


def tell(figure: str) -> None:
    """For who runs this with `-rP` and wants the figures."""
    sys.stdout.write(f"{figure}\n")


@SLOW
def test_records_go_beside_a_base_copy_and_30_mb_in_three_minutes(
    make_offsite: Callable[..., Offsite], narrow: FaultProxy
) -> None:
    offsite = make_offsite(offsite_endpoint=narrow.endpoint, offsite_every_s=30)
    cellar = offsite.cellar
    with cellar.connect() as connection:
        connection.execute("CREATE TABLE bulk (content bytea)")
        connection.execute("ALTER TABLE bulk ALTER content SET STORAGE PLAIN")
        fill(connection, BASE_MB)
        connection.execute(
            "VACUUM (FREEZE) bulk"
        )  # else the server does, and logs every page, when it likes
        narrow.decide = lambda entry: "503" if "/base/" in entry.key else None
        cellar.start_stream()
        cellar.await_shipped()
        offsite.start()
        offsite.await_sent()  # the log of all that; now as on any day there is a copy to go, and few records
        narrow.rate, narrow.decide = LINE, lambda _: None
        before = len(narrow.log)
        assert offsite.run("now").returncode == 0
        wait_for(lambda: (offsite.copies().doing or "").startswith("base"), "a base copy that goes")

        waiting: list[tuple[int, float]] = []  # position of a commit, and when it was
        lags: list[float] = []

        def look() -> bool:
            """Commit now and then, and see which commits came off-site. Whether the base copy is there."""
            moment = time.monotonic()
            if not waiting or moment - waiting[-1][1] >= 1:
                connection.execute("INSERT INTO control VALUES (%s, 'x')", (1000 + len(lags) + len(waiting),))  # fmt: skip
                waiting.append((cellar.flush_lsn(), time.monotonic()))
            end = offsite.log().end or 0
            while waiting and end >= waiting[0][0] - 8:
                lags.append(moment - waiting.pop(0)[1])
            return offsite.copies().base is not None

        begun = time.monotonic()
        wait_for(look, "the base copy off-site", 300)
        took = time.monotonic() - begun
        late = max([*lags, *(time.monotonic() - at for _, at in waiting)])
        tell(f"base copy {took:.0f} s, records {late:.1f} s late at most, of {len(lags)} commits")
        assert took > 20, "the line was narrow for long enough to tell"
        assert len(lags) > 5
        assert late <= LAG_S

        sent = sum(entry.received for entry in narrow.log if "/wal/" in entry.key)
        fill(connection, LOG_MB)
        goal, begun = cellar.flush_lsn(), time.monotonic()
    wait_for(lambda: (offsite.log().end or 0) >= goal - 8, "the log off-site", LOG_S)
    took = time.monotonic() - begun
    sent = sum(entry.received for entry in narrow.log if "/wal/" in entry.key) - sent
    tell(f"{sent / MB:.1f} MB of sealed log in {took:.0f} s")
    assert sent >= LOG_MB * MB
    assert took <= LOG_S
    assert check_order(narrow.log) > 2
    assert count_resent(narrow.log[before:]) == 0
