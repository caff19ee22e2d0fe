"""Tables of vineyards, blocks and harvest lots; private to this feature."""

from datetime import date
from decimal import Decimal

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Date,
    ForeignKeyConstraint,
    Index,
    Integer,
    Numeric,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from winery_appliance.core.coded_rows import CodedRow

_LIVING = text("deleted_at IS NULL")


class Vineyard(CodedRow):
    """A place where grapes grow, the winery's own or a grower's."""

    noun = "vineyard"
    __tablename__ = "vineyards"
    __table_args__ = (
        ForeignKeyConstraint(["winery_id"], ["wineries.id"]),
        UniqueConstraint("winery_id", "id"),
        Index(
            "vineyards_search",
            "winery_id",
            func.lower(text("(code || ' '::text) || name")).label("searched"),
            postgresql_using="gin",
            postgresql_ops={"searched": "gin_trgm_ops"},
            postgresql_where=text("deleted_at IS NULL"),
        ),
        Index(
            "vineyards_code_key",
            "winery_id",
            text("lower(code)"),
            unique=True,
            postgresql_where=_LIVING,
        ),
    )

    name: Mapped[str] = mapped_column(Text)
    notes: Mapped[str | None] = mapped_column(Text)


class VineyardBlock(CodedRow):
    """A part of a vineyard that is planted and picked as one."""

    noun = "block"
    __tablename__ = "vineyard_blocks"
    __table_args__ = (
        ForeignKeyConstraint(["winery_id", "vineyard_id"], ["vineyards.winery_id", "vineyards.id"]),
        # What a lot refers to, so that its block lies in its vineyard.
        UniqueConstraint("winery_id", "vineyard_id", "id"),
        CheckConstraint("hectares > 0", name="vineyard_blocks_have_ground"),
        CheckConstraint("planted_year BETWEEN 1500 AND 2200", name="vineyard_blocks_planted_year"),
        Index(
            "vineyard_blocks_search",
            "winery_id",
            func.lower(text("code")).label("searched"),
            postgresql_using="gin",
            postgresql_ops={"searched": "gin_trgm_ops"},
            postgresql_where=text("deleted_at IS NULL"),
        ),
        Index(
            "vineyard_blocks_code_key",
            "winery_id",
            "vineyard_id",
            text("lower(code)"),
            unique=True,
            postgresql_where=_LIVING,
        ),
    )

    vineyard_id: Mapped[int] = mapped_column(BigInteger)
    hectares: Mapped[Decimal | None] = mapped_column(Numeric(8, 4))
    variety: Mapped[str | None] = mapped_column(Text)
    clone: Mapped[str | None] = mapped_column(Text)
    planted_year: Mapped[int | None] = mapped_column(Integer)


class HarvestLot(CodedRow):
    """Fruit that was picked and weighed together."""

    noun = "harvest lot"
    __tablename__ = "harvest_lots"
    __table_args__ = (
        ForeignKeyConstraint(["winery_id", "vineyard_id"], ["vineyards.winery_id", "vineyards.id"]),
        ForeignKeyConstraint(
            ["winery_id", "vineyard_id", "block_id"],
            ["vineyard_blocks.winery_id", "vineyard_blocks.vineyard_id", "vineyard_blocks.id"],
        ),
        UniqueConstraint("winery_id", "id"),
        CheckConstraint("kg_harvested > 0", name="harvest_lots_weigh_something"),
        CheckConstraint("brix_at_intake BETWEEN 0 AND 60", name="harvest_lots_brix"),
        Index(
            "harvest_lots_search",
            "winery_id",
            func.lower(text("code")).label("searched"),
            postgresql_using="gin",
            postgresql_ops={"searched": "gin_trgm_ops"},
            postgresql_where=text("deleted_at IS NULL"),
        ),
        Index(
            "harvest_lots_code_key",
            "winery_id",
            text("lower(code)"),
            unique=True,
            postgresql_where=_LIVING,
        ),
        Index("harvest_lots_by_day", "winery_id", "harvested_on", "id"),
        Index("harvest_lots_of_vineyard", "winery_id", "vineyard_id", "block_id"),
    )

    vineyard_id: Mapped[int] = mapped_column(BigInteger)
    block_id: Mapped[int | None] = mapped_column(BigInteger)
    variety: Mapped[str] = mapped_column(Text)
    vintage: Mapped[str] = mapped_column(Text)
    harvested_on: Mapped[date] = mapped_column(Date)
    kg_harvested: Mapped[Decimal] = mapped_column(Numeric(12, 3))
    brix_at_intake: Mapped[Decimal | None] = mapped_column(Numeric(5, 2))
