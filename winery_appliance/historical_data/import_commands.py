"""What can be asked of imports, as validated data."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import (
    Base64Bytes,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
)

from winery_appliance.core.typed_text import Code, Limit, Line
from winery_appliance.core.units import SampleType, Unit
from winery_appliance.fermentation.commands import Style

FileName = Annotated[Line, StringConstraints(max_length=200)]
Word = Annotated[str, StringConstraints(max_length=80)]
MappingName = Annotated[Line, StringConstraints(max_length=80)]
MOST_BYTES = 2**30
MOST_ANSWERS = 400


class Answers(BaseModel):
    """What a person says of a file: its columns by name, which part of a day comes first, units, styles by variety
    (small letters; "" for all others), whose it is and when it was measured where no column says, and which code in the
    book a code in the file means.
    """

    model_config = ConfigDict(extra="forbid")

    reader: Word | None = None
    columns: Annotated[dict[Word, Word], Field(max_length=MOST_ANSWERS)] = {}
    date_order: Literal["dmy", "mdy"] | None = None
    units: dict[SampleType, Unit] = {}
    styles: Annotated[dict[Word, Style], Field(max_length=MOST_ANSWERS)] = {}
    wine: Code | None = None
    moment: Word | None = None
    codes: Annotated[dict[Word, Code], Field(max_length=5000)] = {}

    def merge(self, later: "Answers") -> "Answers":
        """These answers with `later` ones on top."""
        said = later.model_dump(exclude_unset=True, mode="json")
        mine = self.model_dump(exclude_unset=True, mode="json")
        for name, value in said.items():
            mine[name] = mine.get(name, {}) | value if isinstance(value, dict) else value
        return Answers.model_validate(mine)

    def written(self) -> dict[str, Any]:
        """As it is stored."""
        return self.model_dump(exclude_unset=True, mode="json")


class BeginImport(BaseModel):
    """A file is to be imported; its pieces come afterwards. `mapping` names a remembered mapping to use."""

    model_config = ConfigDict(extra="forbid")

    client_uuid: UUID
    file_name: FileName
    size_bytes: Annotated[int, Field(strict=True, gt=0, le=MOST_BYTES)]
    mapping: MappingName | None = None


class AnswerImport(BaseModel):
    """Answers to what was asked, or codes and columns put right; the file is read again with them."""

    model_config = ConfigDict(extra="forbid")

    answers: Answers


class ListImports(BaseModel):
    """Which imports to list; `cursor` is the `next_cursor` of the page before."""

    cursor: str | None = None
    limit: Limit = 50


class ListImportRows(BaseModel):
    """Which rows of a preview to list, all that are odd where no verdict is named."""

    verdict: Literal["matched", "new", "duplicate", "conflicting", "refused", "left_out"] | None = (
        None
    )
    cursor: str | None = None
    limit: Limit = 200


class AddPiece(BaseModel):
    """A piece of the file, as base64: where in the file it begins, and its bytes, at most 8 MB."""

    model_config = ConfigDict(extra="forbid")

    offset: Annotated[int, Field(ge=0, le=MOST_BYTES)]
    piece: Base64Bytes


class AddPieceForm(BaseModel):
    """The same as a form."""

    offset: Annotated[int, Field(ge=0, le=MOST_BYTES)]
    piece: Annotated[bytes, WithJsonSchema({"type": "string", "format": "binary"})]
