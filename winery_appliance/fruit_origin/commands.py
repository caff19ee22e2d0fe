"""What can be asked of the fruit origin feature, as validated data.

In a change, a field that is left out stays; the defaults only mark what may be left out and are never stored.
"""

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
)

from winery_appliance.core.exact_decimal import AsWritten
from winery_appliance.core.typed_text import (
    Code,
    Day,
    Line,
    forget_defaults,
    read_digits,
    refuse_unprintable,
)

Name = Annotated[Line, StringConstraints(max_length=120)]
Variety = Annotated[Line, StringConstraints(max_length=80)]
Vintage = Annotated[Line, StringConstraints(max_length=20)]
Notes = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=4000),
    AfterValidator(refuse_unprintable),
]
Hectares = Annotated[Decimal, AsWritten, Field(gt=0, max_digits=8, decimal_places=4)]
Kilograms = Annotated[Decimal, AsWritten, Field(gt=0, max_digits=12, decimal_places=3)]
Brix = Annotated[Decimal, AsWritten, Field(ge=0, le=60, max_digits=5, decimal_places=2)]
PlantedYear = Annotated[int, Field(strict=True, ge=1500, le=2200)]

MOST_ROWS = 500
_LEFT_OUT_DAY = date.min
_LEFT_OUT_NUMBER = Decimal(0)


class _Command(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra=forget_defaults)


class CreateVineyard(_Command):
    """A place where grapes grow."""

    code: Code
    name: Name
    notes: Notes | None = None


class ChangeVineyard(_Command):
    """What is to be different about a vineyard."""

    code: Code = ""
    name: Name = ""
    notes: Notes | None = None


class CreateBlock(_Command):
    """A part of a vineyard; its code is its own within the vineyard."""

    vineyard_code: Code
    code: Code
    hectares: Hectares | None = None
    variety: Variety | None = None
    clone: Annotated[Line, StringConstraints(max_length=40)] | None = None
    planted_year: PlantedYear | None = None


class ChangeBlock(_Command):
    """What is to be different about a block; it stays in its vineyard."""

    code: Code = ""
    hectares: Hectares | None = None
    variety: Variety | None = None
    clone: Annotated[Line, StringConstraints(max_length=40)] | None = None
    planted_year: PlantedYear | None = None


class CreateLot(_Command):
    """Fruit that was picked and weighed together; sugar in °Bx as it came in."""

    vineyard_code: Code
    block_code: Code | None = None
    code: Code
    variety: Variety
    vintage: Vintage
    harvested_on: Day
    kg_harvested: Kilograms
    brix_at_intake: Brix | None = None


class ChangeLot(_Command):
    """What is to be different about a lot."""

    vineyard_code: Code = ""
    block_code: Code | None = None
    code: Code = ""
    variety: Variety = ""
    vintage: Vintage = ""
    harvested_on: Day = _LEFT_OUT_DAY
    kg_harvested: Kilograms = _LEFT_OUT_NUMBER
    brix_at_intake: Brix | None = None


class ListRows(BaseModel):
    """Which rows to list; `deleted` asks for the deleted ones, `cursor` is the `next_cursor` of the page before."""

    deleted: Literal["true", "false"] = "false"
    cursor: str | None = None
    limit: Annotated[int, BeforeValidator(read_digits), Field(ge=1, le=MOST_ROWS)] = 50


class ListBlocks(ListRows):
    """Which blocks to list: of one vineyard, or of all."""

    vineyard_id: Annotated[int, BeforeValidator(read_digits), Field(ge=1)] | None = None
