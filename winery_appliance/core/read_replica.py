"""A streaming standby that answers heavy reading, and never with less than the primary knows.

What is read may be shown right after somebody saved it, by another process than the one that saved it. So each reading
asks the primary how far its log is, and goes to the standby when that has replayed as far within `CATCH_UP_S`; else to the
primary. A standby that is away, behind or hangs is left alone until a thread of ours has found it well again: it delays the
one page that met it first, and no other.
"""

import contextlib
import select
import threading
from collections.abc import Iterator
from typing import Any

import psycopg
import structlog
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.orm import Session

from winery_appliance.core.clock import monotonic_s
from winery_appliance.core.db import Database

log = structlog.get_logger("winery.read_replica")

CATCH_UP_S = 0.1  # how long a reading waits for what was committed before it
HANGS_S = 1.0  # a standby that takes longer to say where it is
LOOK_AGAIN_S = 1.0
ASK_AGAIN_S = 0.002
# Gone, ending, starting, or in the way of the replay (PostgreSQL's manual, appendix A and chapter 26.4).
_ITS_OWN_TROUBLE = ("08", "40001", "40P01", "57P")
BRING_OUT_S = 0.02
# Where what is safe of the log ends with a page, the rest of a record may still be to come, for minutes where nobody
# commits, and nobody can replay half of one. A word of no meaning, made safe, brings it out.
_BRING_OUT = """
SELECT pg_logical_emit_message(false, 'winery', '', true) WHERE (CAST(:target AS pg_lsn) - '0/0') % 8192 = 0
"""
_HAS_REPLAYED = b"SELECT pg_is_in_recovery() AND pg_last_wal_replay_lsn() >= $1::pg_lsn"


class ReplicaFailed(Exception):
    """The standby failed in the middle of a reading, which has to be begun anew, on the primary."""


class ReadReplica:
    """The standby at one address, beside its `primary`."""

    def __init__(self, url: str, primary: Database, *, pool_size: int) -> None:
        """`url`: the standby's `postgresql://` address for the role that the primary is asked by."""
        self._primary = primary
        self._db = Database(url, pool_size=pool_size, application="winery-web-reads", spare=True)
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._is_used = False
        self._looking: threading.Thread | None = None
        self._begin_looking()

    @property
    def is_used(self) -> bool:
        """Whether readings go there now."""
        return self._is_used

    @contextlib.contextmanager
    def reading(self, winery_id: int, *, one_moment: bool = False) -> Iterator[Session]:
        """A session that only reads, on the standby where it can be used, else on the primary.

        Raises ReplicaFailed when the standby fails while the block runs.
        """
        if not self.is_well_now():
            with self._primary.reading(winery_id, one_moment=one_moment) as session:
                yield session
            return
        try:
            with self._db.reading(winery_id, one_moment=one_moment) as session:
                yield session
        except DBAPIError as error:
            if not _is_its_own_trouble(error):
                raise
            self._leave_alone(_tell(error))
            raise ReplicaFailed from error

    def is_well_now(self) -> bool:
        """Whether it is used and holds what the primary has committed by now; if not, it is left alone from now on."""
        if not self._is_used:
            return False
        target = self._read_position()
        try:
            if self._catches_up(target):
                return True
            self._leave_alone(f"more than {CATCH_UP_S} s behind")
        except (SQLAlchemyError, psycopg.Error) as error:
            self._leave_alone(_tell(error))
        return False

    def dispose(self) -> None:
        """Close every connection and look no more."""
        self._ended.set()
        looking = self._looking
        if looking is not None:
            looking.join()
        self._db.dispose()

    def _read_position(self) -> str:
        """Up to where the primary's log holds every commit that was acknowledged."""
        with _asking(self._primary) as connection:
            return str(connection.scalar(text("SELECT pg_current_wal_flush_lsn()")))

    def _catches_up(self, target: str) -> bool:
        """Whether it replays up to `target` in time. Raises SQLAlchemyError or psycopg.Error when it does not answer."""
        with _asking(self._db) as connection:
            begun_s, is_out = monotonic_s(), False
            try:
                while not _has_replayed(connection.connection.driver_connection, target):
                    waited_s = monotonic_s() - begun_s
                    if waited_s >= CATCH_UP_S or self._ended.wait(ASK_AGAIN_S):
                        return False
                    if waited_s >= BRING_OUT_S and not is_out:
                        self._bring_out(target)
                        is_out = True
            except psycopg.Error:
                connection.invalidate()
                raise
        return True

    def _bring_out(self, target: str) -> None:
        """See `_BRING_OUT`."""
        with _asking(self._primary) as connection:
            connection.execute(text(_BRING_OUT), {"target": target})

    def _leave_alone(self, why: str) -> None:
        if self._begin_looking():
            log.warning("read replica left alone", why=why)

    def _begin_looking(self) -> bool:
        """Use it no more until a thread has found it well; whether none looks yet."""
        with self._lock:
            if self._looking is not None or self._ended.is_set():
                return False
            self._is_used = False
            # It must not keep a process that ends from ending.
            self._looking = threading.Thread(target=self._wait_for_it, daemon=True)
            self._looking.start()
        return True

    def _wait_for_it(self) -> None:
        """Look every second until it answers and has caught up."""
        self._db.dispose()  # whatever befell one line befell all
        while not self._is_well():
            if self._ended.wait(LOOK_AGAIN_S):
                return
        with self._lock:
            self._is_used, self._looking = True, None
        log.info("read replica used")

    def _is_well(self) -> bool:
        try:
            return self._catches_up(self._read_position())
        except (SQLAlchemyError, psycopg.Error):
            return False


@contextlib.contextmanager
def _asking(db: Database) -> Iterator[Any]:
    """A connection for a single question: it begins no transaction."""
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        yield connection


def _has_replayed(line: psycopg.Connection[Any], target: str) -> bool:
    """Whether the standby at the other end holds all up to `target`.

    Raises psycopg.OperationalError when it is gone, or says nothing for `HANGS_S`: a process that is stopped keeps its
    lines open, and psycopg's own cursors would wait for it for ever.
    """
    asked, has_answered = line.pgconn, select.poll()
    asked.send_query_params(_HAS_REPLAYED, [target.encode("ascii")])
    asked.flush()
    has_answered.register(asked.socket, select.POLLIN)
    told = False
    while True:
        while asked.is_busy():
            if not has_answered.poll(HANGS_S * 1000):
                raise psycopg.OperationalError("it says nothing")
            asked.consume_input()
        result = asked.get_result()
        if result is None:
            return told
        if result.status != psycopg.pq.ExecStatus.TUPLES_OK:
            raise psycopg.OperationalError(result.error_message.decode(errors="replace"))
        told = result.get_value(0, 0) == b"t"


def _is_its_own_trouble(error: DBAPIError) -> bool:
    """Whether the primary would answer what the standby did not."""
    code = getattr(error.orig, "sqlstate", None) or ""
    return error.connection_invalidated or code.startswith(_ITS_OWN_TROUBLE)


def _tell(error: Exception) -> str:
    return str(error).splitlines()[0]
