"""Statements about many rows whose text is the same however many there are.

A statement with a parameter a row is put together anew each time, by SQLAlchemy, the driver and the server: for 200 rows
that costs more than the rows. Here each column is one array, so that the statement is made and prepared once.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Executable,
    Text,
    any_,
    cast,
    func,
    inspect,
    literal,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY, Insert, insert
from sqlalchemy.orm import DeclarativeBase, InstrumentedAttribute, Session


def is_among(column: InstrumentedAttribute[Any], values: Iterable[Any]) -> ColumnElement[bool]:
    """Whether the column has one of these values."""
    if isinstance(column.type, BigInteger):
        return column == any_(list_ids(values))
    return column == any_(literal(list(values), ARRAY(column.type)))


def list_ids(values: Iterable[int | None]) -> ColumnElement[Sequence[int]]:
    """Ids as an array."""
    return cast(literal(write_ids(values), Text), ARRAY(BigInteger))


def write_ids(values: Iterable[int | None]) -> str:
    """The text of an array of ids: the driver takes seven times as long over a list of 200 numbers."""
    return "{" + ",".join([str(value) for value in values if value is not None]) + "}"


def read_rows(
    session: Session, wanted: Executable, given: Mapping[str, Any] | None = None
) -> Sequence[Any]:
    """Rows of columns, all at once and past the session: it costs half of reading thousands and does nothing for them."""
    session.flush()
    return session.connection().execute(wanted, given).all()


def insert_rows(kind: type[DeclarativeBase], rows: Sequence[dict[str, Any]]) -> Insert:
    """A statement that inserts `rows` in their order; all name the same attributes, and there is at least one."""
    mapper = inspect(kind)
    columns = {name: mapper.columns[name] for name in rows[0]}
    given = (
        func.unnest(
            *(literal([row[name] for row in rows], ARRAY(c.type)) for name, c in columns.items())
        )
        .table_valued(*columns, with_ordinality="place", name="given")
        .render_derived()
    )
    chosen = select(*(given.c[name] for name in columns)).order_by(given.c.place)
    return insert(kind).from_select([column.name for column in columns.values()], chosen)
