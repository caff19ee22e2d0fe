"""Finding by a part of a code or name.

LIKE is not leakproof, so under a row policy PostgreSQL tries it only on rows that the policy let through, and no trigram
index helps. The door searches for us: it may read ids, codes and names, and takes the winery from the transaction.
"""

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session


@dataclass(frozen=True)
class Hit:
    """Something whose code or name was found; `match` is exact, prefix or part."""

    kind: str
    id: int
    code: str
    name: str | None
    match: str


def find(session: Session, wanted: str, *, limit: int) -> list[Hit]:
    """What has `wanted` in its code or name: the same first, then what begins with it, then what holds it."""
    rows = session.execute(
        text("SELECT kind, id, code, name, match FROM door_search(:wanted, :limit)"),
        {"wanted": wanted, "limit": limit},
    )
    return [Hit(*row) for row in rows]
