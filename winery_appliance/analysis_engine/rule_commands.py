"""What can be asked about rules and about replays, as validated data."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from winery_appliance.core.typed_text import Limit, Line, forget_defaults

Style = Literal["red", "white", "rose", "orange"]
CheckId = Annotated[Line, StringConstraints(max_length=40)]
LimitName = Annotated[Line, StringConstraints(max_length=60)]
Figure = Annotated[float, Field(allow_inf_nan=False)]
Vintage = Annotated[int, Field(ge=1900, le=2200)]


class _Command(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra=forget_defaults)


class ChangeRule(_Command):
    """What is to be different about a check for a style: whether it is in use, and limits; null brings a default back."""

    in_use: bool = True
    limits: Annotated[dict[LimitName, Figure | None], Field(max_length=20)] = {}


class TriedRule(_Command):
    """A check for a style as it is to be tried; limits that are not named are the default."""

    check: CheckId
    style: Style
    in_use: bool = True
    limits: Annotated[dict[LimitName, Figure], Field(max_length=20)] = {}


class AskReplay(_Command):
    """See what a vintage would have brought with these rules in place of those that stand; the others stay."""

    vintage: Vintage
    rules: Annotated[tuple[TriedRule, ...], Field(max_length=100)] = ()


class ListReplays(BaseModel):
    """Which part of the replays to list, the last asked first."""

    cursor: str | None = None
    limit: Limit = 200
