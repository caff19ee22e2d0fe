"""Rows that people call by a code: added once, changed, taken out of use, brought back. Codes are unique among the living.

A change locks its row before it looks, so that what it checked still holds when it commits.
"""

from datetime import datetime
from typing import Any, ClassVar, TypeVar

from sqlalchemy import BigInteger, DateTime, Identity, Text, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, mapped_column

from winery_appliance.core.db import Base
from winery_appliance.core.errors import Conflict, FieldFault, NotFound
from winery_appliance.core.words import say

View = TypeVar("View")


class CodedRow(Base):
    """What these tables have in common; `noun` is what a person calls one of them.

    Its unique index over the codes of the living is named `…_code_key`.
    """

    __abstract__ = True
    noun: ClassVar[str]

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    winery_id: Mapped[int] = mapped_column(BigInteger)
    code: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=text("now()")
    )
    deleted_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


Row = TypeVar("Row", bound=CodedRow)


def add_row(
    session: Session, kind: type[CodedRow], winery_id: int, values: dict[str, Any]
) -> tuple[int, bool]:
    """Insert a row; its id and True, or the id of the living row with just this content and False.

    Raises Conflict when another has the code.
    """
    values = {"winery_id": winery_id, **values}
    added = session.scalar(insert(kind).values(values).on_conflict_do_nothing().returning(kind.id))
    if added is not None:
        return added, True
    same = [getattr(kind, name).is_not_distinct_from(value) for name, value in values.items()]
    earlier = session.scalar(select(kind.id).where(*same, kind.deleted_at.is_(None)))
    if earlier is None:
        raise code_taken(kind, values["code"])
    return earlier, False


def hold_row(session: Session, kind: type[Row], row_id: int, *, also_deleted: bool = False) -> Row:
    """The row, which nobody else changes until the transaction ends. Raises NotFound."""
    wanted = select(kind).where(kind.id == row_id)
    if not also_deleted:
        wanted = wanted.where(kind.deleted_at.is_(None))
    return found(session.scalar(wanted.with_for_update()), kind)


def write_row(session: Session, row: CodedRow, values: dict[str, Any]) -> None:
    """Give a row these values. Raises Conflict when another has the code, else what the database refuses."""
    code = values.get("code", row.code)
    try:
        with session.begin_nested():
            for name, value in values.items():
                setattr(row, name, value)
    except IntegrityError as error:
        if name_constraint(error).endswith("_code_key"):
            raise code_taken(type(row), code) from error
        raise


def name_constraint(error: IntegrityError) -> str:
    """The constraint that the database found broken."""
    return getattr(getattr(error.orig, "diag", None), "constraint_name", "") or ""


def found(given: View | None, kind: type[CodedRow]) -> View:
    """What was found. Raises NotFound where it is None."""
    if given is None:
        raise NotFound(say("There is no such %(noun)s in this winery.", noun=kind.noun))
    return given


def code_taken(kind: type[CodedRow], code: str) -> Conflict:
    """What is said when another living row has the code."""
    return Conflict(
        say("There is a %(noun)s %(code)s already. Nothing was saved.", noun=kind.noun, code=code),
        code="code_taken",
        fields=[FieldFault("code", "taken", say("Already in use."))],
    )
