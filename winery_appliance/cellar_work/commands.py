"""What can be asked of the cellar work feature, as validated data."""

import hashlib
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, WithJsonSchema

from winery_appliance.cellar_work.dosing import AdditionKind, DoseUnit
from winery_appliance.core.exact_decimal import AsWritten
from winery_appliance.core.typed_text import Limit, Line, Moment, refuse_unprintable
from winery_appliance.fermentation.commands import Reason, fingerprint

CapWorkKind = Literal[
    "pump_over", "punch_down", "rack_and_return", "pulse_air", "cold_soak_mixing", "other"
]
Product = Annotated[Line, StringConstraints(max_length=120)]
StockLot = Annotated[Line, StringConstraints(max_length=60)]
Remark = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=2000),
    AfterValidator(refuse_unprintable),
]
NoteText = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=10_000),
    AfterValidator(refuse_unprintable),
]
Litres = Annotated[Decimal, AsWritten, Field(gt=0, max_digits=12, decimal_places=3)]
Minutes = Annotated[int, Field(strict=True, ge=1, le=1440)]


class RecordAddition(BaseModel):
    """Something was put into a wine. `dose` is text: what was typed is kept.

    A dose is a rate (g/hL, …) or a whole quantity (g, kg, …); with `volume_l`, the wine's volume at that time, each tells
    the other.
    """

    model_config = ConfigDict(extra="forbid")

    client_uuid: UUID
    kind: AdditionKind
    product: Product | None = None
    dose: Annotated[Line, StringConstraints(max_length=20, strict=True)]
    unit: DoseUnit
    volume_l: Litres | None = None
    stock_lot: StockLot | None = None
    done_at: Moment
    note: Remark = ""
    confirm: bool = False

    def fingerprint(self, fermentation_id: int) -> bytes:
        """A hash of everything that makes this addition this addition; `confirm` is an answer, not part of it."""
        return fingerprint(self, {"fermentation_id": fermentation_id}, without={"confirm"})


class CorrectAddition(RecordAddition):
    """What an addition should have been, the whole of it."""

    reason: Reason

    def fingerprint(self, addition_id: int) -> bytes:
        """A hash of everything that makes this correction this correction."""
        return fingerprint(self, {"corrects": addition_id}, without={"confirm"})


class RecordCapWork(BaseModel):
    """Somebody worked the cap or moved the must of a wine, for so many minutes."""

    model_config = ConfigDict(extra="forbid")

    client_uuid: UUID
    kind: CapWorkKind
    started_at: Moment
    duration_min: Minutes | None = None
    note: Remark = ""
    confirm: bool = False

    def fingerprint(self, fermentation_id: int) -> bytes:
        """A hash of everything that makes this work this work; `confirm` is an answer, not part of it."""
        return fingerprint(self, {"fermentation_id": fermentation_id}, without={"confirm"})


class CorrectCapWork(RecordCapWork):
    """What cap work should have been, the whole of it."""

    reason: Reason

    def fingerprint(self, cap_work_id: int) -> bytes:
        """A hash of everything that makes this correction this correction."""
        return fingerprint(self, {"corrects": cap_work_id}, without={"confirm"})


class VoidEntry(BaseModel):
    """An entry should not count: it was never done, or to another wine."""

    model_config = ConfigDict(extra="forbid")

    client_uuid: UUID
    reason: Reason

    def fingerprint(self, entry_id: int) -> bytes:
        """A hash of everything that makes this void this void."""
        return fingerprint(self, {"voids": entry_id})


class ListAdditions(BaseModel):
    """Which additions to list; `cursor` is the `next_cursor` of the page before."""

    kind: AdditionKind | None = None
    history: Literal["true", "false"] = "false"
    cursor: str | None = None
    limit: Limit = 200


class ListCapWork(BaseModel):
    """Which cap work to list; `cursor` is the `next_cursor` of the page before."""

    kind: CapWorkKind | None = None
    history: Literal["true", "false"] = "false"
    cursor: str | None = None
    limit: Limit = 200


class RecordNote(BaseModel):
    """Something worth knowing about a wine, now or at `noted_at`. Without a photo there must be words."""

    model_config = ConfigDict(extra="forbid")

    client_uuid: UUID
    content: NoteText = ""
    noted_at: Moment | None = None

    def fingerprint(self, fermentation_id: int, photo: bytes | None) -> bytes:
        """A hash of everything that makes this note this note, the photo as it was sent."""
        digest = hashlib.sha256(photo).hexdigest() if photo else None
        return fingerprint(self, {"fermentation_id": fermentation_id, "photo": digest})


class RecordNoteForm(RecordNote):
    """The same as a form, with a photo: JPEG, PNG or WebP of at most 20 MB and 52 megapixels."""

    photo: Annotated[bytes, WithJsonSchema({"type": "string", "format": "binary"})] = b""


class SkipReading(BaseModel):
    """A tank was passed by on a round, and why."""

    model_config = ConfigDict(extra="forbid")

    client_uuid: UUID
    reason: Annotated[Line, StringConstraints(max_length=200)]
    skipped_at: Moment

    def fingerprint(self, fermentation_id: int) -> bytes:
        """A hash of everything that makes this entry this entry."""
        return fingerprint(self, {"skips": fermentation_id})


class ListSkips(BaseModel):
    """Which skipped readings to list; `cursor` is the `next_cursor` of the page before."""

    cursor: str | None = None
    limit: Limit = 200


class ListNotes(BaseModel):
    """Which notes to list; `deleted` asks for the deleted ones, `cursor` is the `next_cursor` of the page before."""

    deleted: Literal["true", "false"] = "false"
    cursor: str | None = None
    limit: Limit = 200


class ChooseSize(BaseModel):
    """The photo as it is kept, or small."""

    size: Literal["full", "thumbnail"] = "full"
