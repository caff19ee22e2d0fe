"""The database: one engine a process, and `transaction()`, the only place in the product that commits.

A transaction belongs to one winery or to none. The winery is set for the transaction only (`SET LOCAL`), and the row
policies read it: a forgotten filter finds nothing instead of a neighbour's wine.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import structlog
from sqlalchemy import Engine, create_engine, event, make_url, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase, Session

from winery_appliance.core.model_registry import register_models

# A request that waits longer than this for the database is answered with "try again" instead of holding a thread.
STATEMENT_TIMEOUT_MS = 15_000
AFTER_COMMIT = "after_commit"
# A machine that vanished says nothing: it is given up after seconds, not after the quarter of an hour that TCP takes.
IMPATIENT = {
    "connect_timeout": 2,
    "tcp_user_timeout": 2000,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 2,
}


class Base(DeclarativeBase):
    """Registry of every table, for the models of the features and for the migrations' check."""


class Database:
    """An engine that connects as one role, and the transactions on it."""

    def __init__(
        self,
        url: str,
        *,
        pool_size: int = 5,
        application: str = "winery",
        spare: bool = False,
    ) -> None:
        """`url`: a `postgresql://` address of the role this process works as.

        `spare`: a server that can be done without. It is given up within seconds, and whether a line to it still holds is
        found by whoever asks.
        """
        register_models()
        self.session_info: dict[str, Any] = {}  # what every session of this process carries
        self.engine: Engine = create_engine(
            make_url(url).set(drivername="postgresql+psycopg"),
            pool_size=pool_size,
            max_overflow=2,
            pool_pre_ping=not spare,
            pool_timeout=10,
            hide_parameters=True,  # what people typed has no place in a log
            connect_args={
                "application_name": application,
                "connect_timeout": 5,
                "options": f"-c timezone=UTC -c statement_timeout={STATEMENT_TIMEOUT_MS}"
                " -c idle_in_transaction_session_timeout=60000",
                **(IMPATIENT if spare else {}),
            },
        )

    def reading(
        self, winery_id: int, *, one_moment: bool = False
    ) -> AbstractContextManager[Session]:
        """A session that sees this winery's rows and may change none; `one_moment` as `transaction`."""
        return self.transaction(winery_id, one_moment=one_moment, read_only=True)

    @contextmanager
    def transaction(
        self,
        winery_id: int | None = None,
        *,
        one_moment: bool = False,
        read_only: bool = False,
    ) -> Iterator[Session]:
        """A session whose changes are committed when the block ends and undone when it raises.

        `winery_id`: the winery whose rows can be seen and written; without it, no tenant row is visible.
        With `one_moment` every question is answered as of the first one, whatever others write meanwhile.
        Functions left with `run_after_commit` run once the commit is safe.
        """
        session = Session(self.engine, expire_on_commit=False, info=self.session_info)
        options: dict[str, Any] = {"postgresql_readonly": True} if read_only else {}
        if one_moment:
            options["isolation_level"] = "REPEATABLE READ"
        try:
            if options:
                session.connection(execution_options=options)
            if winery_id is not None:
                session.info["winery_id"] = winery_id
                enter_winery(session, winery_id)
            yield session
            session.commit()
        except BaseException:
            session.rollback()
            raise
        finally:
            session.close()
        for act in session.info.get(AFTER_COMMIT, ()):
            act()

    @contextmanager
    def advisory_lock(self, key: str) -> Iterator[bool]:
        """Try to hold the lock named `key` without a transaction; yields whether it is ours.

        The lock lives with its connection, so it ends with the process, however the process ends.
        """
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            parameters = {"key": key}
            mine = bool(
                connection.scalar(
                    text("SELECT pg_try_advisory_lock(hashtextextended(:key, 0))"), parameters
                )
            )
            try:
                yield mine
            finally:
                if mine and not connection.invalidated:
                    _release(connection, parameters)

    def dispose(self) -> None:
        """Close every connection."""
        self.engine.dispose()


def _release(connection: Any, parameters: dict[str, str]) -> None:
    try:
        connection.scalar(text("SELECT pg_advisory_unlock(hashtextextended(:key, 0))"), parameters)
    except DBAPIError:
        connection.invalidate()  # a lost connection has lost the lock with it


def enter_winery(session: Session, winery_id: int) -> None:
    """Make the rows of this winery visible until the transaction ends, and tell the database who asks.

    Who asks stands beside the request's id in the log's context, where `identify` put it; the audit log reads it.
    """
    context = structlog.contextvars.get_contextvars()
    asker = {
        "user_id": context.get("user_id"),
        "via": context.get("via"),
        "request_id": context.get("request_id") or context.get("job_id"),
    }
    session.execute(
        text(
            "SELECT set_config('winery.id', :id, true), set_config('winery.user_id', :user_id, true),"
            " set_config('winery.via', :via, true), set_config('winery.request_id', :request_id, true)"
        ),
        {"id": str(winery_id)} | {name: str(value or "") for name, value in asker.items()},
    )


def identify(user_id: int, via: str) -> None:
    """Note for the log and the audit log who asks from here on in this thread, and how they came in."""
    structlog.contextvars.bind_contextvars(user_id=user_id, via=via)


def run_after_commit(session: Session, act: Callable[[], None]) -> None:
    """Run `act` once this session's transaction is committed; the same function runs once."""
    pending = session.info.setdefault(AFTER_COMMIT, [])
    if act not in pending:
        pending.append(act)


@event.listens_for(Session, "after_rollback")
def _forget_after_rollback(session: Session) -> None:
    session.info.pop(AFTER_COMMIT, None)
