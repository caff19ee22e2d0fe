"""What a cache could save: ./.venv/bin/python -m tests.bench.lookups

The drawing of the system keeps sessions and results in Redis; here they are rows. Measured are the look-up of a browser's
session and the reading of a wine's result, each beside the whole request for the page of that wine, and beside an echo over
loopback: less than that no server on the other side of a socket can take. Also the processor's share of a request.
"""

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import structlog

from tests.bench.book import Bench, Taken, full_book, measure
from winery_appliance.analysis_engine.queries import read_analysis
from winery_appliance.auth.service import find_session, open_session
from winery_appliance.core import clock
from winery_appliance.core.db import Database
from winery_appliance.core.outbox import drain
from winery_appliance.core.roles import role_url
from winery_appliance.entrypoints.reactions import REACTIONS

LASTS = timedelta(days=30)
ANSWER_BYTES = 4000  # a result as JSON
REQUESTS = 200


@contextmanager
def echoing() -> Iterator[Callable[[], object]]:
    """Asks a server on loopback for a few kilobytes, and has them."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        asking = socket.create_connection(server.getsockname())
        answering, _ = server.accept()
        for line in (asking, answering):
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def answer() -> None:
            while answering.recv(64):
                answering.sendall(b"x" * ANSWER_BYTES)

        threading.Thread(target=answer, daemon=True).start()

        def ask() -> None:
            asking.sendall(b"GET result:1")
            left = ANSWER_BYTES
            while left:
                left -= len(asking.recv(left))

        yield ask
        asking.close()
        answering.close()


def measure_all(bench: Bench) -> dict[str, Taken]:
    """Each look-up, and what it is a part of."""
    wine = 1
    with bench.db.transaction(bench.actor.winery_id) as session:
        token = open_session(session, bench.actor, lasts=LASTS, user_agent="bench")
    client = bench.app.test_client()
    path = f"/fermentations/{wine}"

    def look_up() -> None:
        assert find_session(bench.db, token, lasts=LASTS, by_pin_lasts=LASTS) is not None

    def show() -> None:
        assert client.get(path, headers=bench.headers).status_code == 200

    with echoing() as echo:
        return {
            "echo over loopback": measure(echo),
            "session, looked up": measure(look_up),
            "result of a wine, read": measure(
                bench.ask(lambda s: read_analysis(s, wine, now=clock.now()))
            ),
            "its page, the request": measure(show),
        }


def main() -> None:
    """Print the table, and the share of a page that a cache could take over."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with full_book() as (bench, _):
        worker = Database(role_url(bench.app.extensions["winery_settings"], "worker"))
        drain(worker, REACTIONS)
        worker.dispose()
        found = measure_all(bench)
        begun = time.process_time()
        for _ in range(REQUESTS):
            bench.app.test_client().get("/fermentations/1", headers=bench.headers)
        cpu_ms = (time.process_time() - begun) * 1000 / REQUESTS
    print(f"{'':<26}   median     best ms")
    for name, taken in found.items():
        print(f"{name:<26} {taken}")
    echo, page = found["echo over loopback"].median, found["its page, the request"].median
    looked = found["session, looked up"].median + found["result of a wine, read"].median
    print(f"a page takes {cpu_ms:.1f} ms of this process's processor")
    print(f"a cache could save at most {(looked - 2 * echo) / page:.0%} of a page")


if __name__ == "__main__":
    main()
