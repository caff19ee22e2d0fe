"""What can be asked of the fermentation feature, as validated data."""

import hashlib
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from winery_appliance.core.exact_decimal import AsWritten
from winery_appliance.core.typed_text import Code, Limit, Line, Moment, forget_defaults, read_digits
from winery_appliance.core.units import SampleType, Unit
from winery_appliance.fruit_origin.commands import CreateLot

HydrometerTemperature = Annotated[float, Field(ge=-5, le=50, allow_inf_nan=False)]
# A century either way: a clock that is further off is told as that far.
ClockOffset = Annotated[int, Field(strict=True, ge=-(10**13) // 3, le=10**13 // 3)]
Style = Literal["red", "white", "rose", "orange"]
Status = Literal["planned", "active", "completed", "cancelled"]
PhaseStatus = Literal["not_started", "running", "done", "skipped"]
# Marks in a change what may be left out; never stored.
_LEFT_OUT = datetime(1900, 1, 1, tzinfo=UTC)
Vintage = Annotated[int, Field(strict=True, ge=1500, le=2199)]


class LotSource(BaseModel):
    """A harvest lot's share of a fermentation, and its weight in kg where it is known."""

    model_config = ConfigDict(extra="forbid")

    harvest_lot_code: Code
    percentage: Annotated[Decimal, AsWritten, Field(gt=0, le=100, max_digits=7, decimal_places=4)]
    kg: Annotated[Decimal, AsWritten, Field(gt=0, max_digits=12, decimal_places=3)] | None = None


Litres = Annotated[Decimal, AsWritten, Field(gt=0, max_digits=12, decimal_places=3)]


class StartFermentation(BaseModel):
    """A wine begins to ferment in a vessel; where its fruit came from, and how much it is, may be left open.

    Without a `vintage` it is that of the lots: the year of 85 % of the fruit or more. A `planned` one takes no vessel yet;
    its moment and its vessel are what is intended, and may be said anew when it starts.
    """

    model_config = ConfigDict(extra="forbid")

    code: Code
    vessel_code: Code
    yeast_strain: Annotated[Line, StringConstraints(max_length=80)]
    style: Style
    started_at: Moment
    status: Literal["active", "planned"] = "active"
    start_volume_l: Litres | None = None
    vintage: Vintage | None = None
    lot_sources: Annotated[tuple[LotSource, ...], Field(max_length=50)] = ()


class ChangeFermentation(BaseModel):
    """What is to be different about a fermentation; what is left out stays. Litres are those at the start.

    A `vintage` of null is that of the lots. Moment and vessel of a start are intentions while it is planned, and stay as
    they are once it has begun.
    """

    model_config = ConfigDict(extra="forbid", json_schema_extra=forget_defaults)

    code: Code = ""
    yeast_strain: Annotated[Line, StringConstraints(max_length=80)] = ""
    style: Style = "red"
    start_volume_l: Litres | None = None
    vintage: Vintage | None = None
    vessel_code: Code = ""
    started_at: Moment = _LEFT_OUT


class StartPlanned(BaseModel):
    """A planned wine begins, at `at` or now, in the vessel it was planned for or in another."""

    model_config = ConfigDict(extra="forbid")

    at: Moment | None = None
    vessel_code: Code | None = None
    start_volume_l: Litres | None = None


class SetLotSources(BaseModel):
    """All shares of a fermentation as they should have been; none at all says that nobody knows its fruit."""

    model_config = ConfigDict(extra="forbid")

    lot_sources: Annotated[tuple[LotSource, ...], Field(max_length=50)]


class ArrivalPart(BaseModel):
    """How much of a lot, in %, goes into a wine."""

    model_config = ConfigDict(extra="forbid")

    fermentation_id: Annotated[int, Field(strict=True, ge=1)]
    percentage: Annotated[Decimal, AsWritten, Field(gt=0, le=100, max_digits=7, decimal_places=4)]


class TakeInFruit(CreateLot):
    """A lot that comes in, and what becomes of it: parts that are 100 % together, or none where it is not said yet."""

    client_uuid: UUID
    split: Annotated[tuple[ArrivalPart, ...], Field(max_length=50)] = ()

    def lot(self) -> CreateLot:
        """The lot alone."""
        return CreateLot.model_validate(self.model_dump(exclude={"client_uuid", "split"}))


class SetPhase(BaseModel):
    """The state that AF or MLF of a wine is in; moments that are not said stay as they are, or are now."""

    model_config = ConfigDict(extra="forbid")

    status: PhaseStatus
    started_at: Moment | None = None
    ended_at: Moment | None = None


class EndFermentation(BaseModel):
    """A fermentation is over, completed or cancelled, since `at`; since now when nothing is said."""

    model_config = ConfigDict(extra="forbid")

    at: Moment | None = None


class ReopenFermentation(BaseModel):
    """A fermentation goes on as if it had never ended; there is nothing else to say."""

    model_config = ConfigDict(extra="forbid")


class ChooseFormat(BaseModel):
    """JSON or a sheet; without it the Accept header decides."""

    format: Literal["json", "csv"] | None = None


class TraceWine(ChooseFormat):
    """The moment to trace at; without it, after all that is recorded."""

    at: Moment | None = None


class RecordSample(BaseModel):
    """One reading as a person or an instrument gave it. `value` is text: what was typed is kept.

    `sample_temperature` (°C) says that a hydrometer was read at that temperature and not corrected. A device that keeps
    readings while it is out of reach says what its own clock showed (`device_time`) and how far that clock was off from
    the server's when they last met (`clock_offset_ms`); `measured_at` has the offset in it already.
    """

    model_config = ConfigDict(extra="forbid")

    client_uuid: UUID
    sample_type: SampleType
    value: Annotated[Line, StringConstraints(max_length=20, strict=True)]
    unit: Unit
    measured_at: Moment
    sample_temperature: HydrometerTemperature | None = None
    qualifier: Literal["<", ">"] | None = None
    confirm: bool = False
    device_time: Moment | None = None
    clock_offset_ms: ClockOffset | None = None

    def fingerprint(self, fermentation_id: int) -> bytes:
        """A hash of everything that makes this reading this reading; `confirm` is an answer, not part of it.

        Nor is what the device says of its clock: a reading that was sent before such fields existed is still the same.
        """
        without = {"confirm", "device_time", "clock_offset_ms"}
        return fingerprint(self, {"fermentation_id": fermentation_id}, without=without)


class ListFermentations(BaseModel):
    """Which fermentations to list; `cursor` is the `next_cursor` of the page before."""

    status: Status | None = None
    vintage: Annotated[int, BeforeValidator(read_digits), Field(ge=1500, le=2199)] | None = None
    deleted: Literal["true", "false"] = "false"
    cursor: str | None = None
    limit: Limit = 50


class ListSamples(BaseModel):
    """Which readings to list; `cursor` is the `next_cursor` of the page before."""

    sample_type: SampleType | None = None
    history: Literal["true", "false"] = "false"
    cursor: str | None = None
    limit: Limit = 200


class BatchItem(RecordSample):
    """One reading of a batch: which fermentation it is of stands in the body."""

    fermentation_id: Annotated[int, Field(strict=True, gt=0, lt=2**63)]


class RecordBatch(BaseModel):
    """Many readings in one request. Each is read by itself, so that one that is malformed does not stop the others."""

    model_config = ConfigDict(extra="forbid")

    items: Annotated[list[Any], Field(min_length=1, max_length=500)]


Reason = Annotated[Line, StringConstraints(max_length=500)]


class CorrectSample(BaseModel):
    """What a reading should have been. Time and hydrometer temperature stay as they were when nothing is said of them."""

    model_config = ConfigDict(extra="forbid")

    client_uuid: UUID
    value: Annotated[Line, StringConstraints(max_length=20, strict=True)]
    unit: Unit
    reason: Reason
    qualifier: Literal["<", ">"] | None = None
    measured_at: Moment | None = None
    sample_temperature: HydrometerTemperature | None = None
    confirm: bool = False

    def fingerprint(self, sample_id: int) -> bytes:
        """A hash of everything that makes this correction this correction."""
        said = sorted(self.model_fields_set & {"sample_temperature"})
        return fingerprint(self, {"corrects": sample_id, "said": said}, without={"confirm"})

    def as_reading(
        self, sample_type: SampleType, measured_at: datetime, sample_temperature: float | None
    ) -> RecordSample:
        """The reading this makes of one of that kind, time and hydrometer temperature (°C)."""
        said = "sample_temperature" in self.model_fields_set
        return RecordSample(
            client_uuid=self.client_uuid,
            sample_type=sample_type,
            value=self.value,
            unit=self.unit,
            measured_at=self.measured_at or measured_at,
            sample_temperature=self.sample_temperature if said else sample_temperature,
            qualifier=self.qualifier,
            confirm=self.confirm,
        )


class Destination(BaseModel):
    """A vessel that wine is moved to, and how much of it; without a volume all, as far as the book knows it."""

    model_config = ConfigDict(extra="forbid")

    vessel_code: Code
    volume_l: Litres | None = None


Note = Annotated[Line, StringConstraints(max_length=1000)]


class MoveFermentation(BaseModel):
    """A wine goes to other vessels and stays the same wine: racked from tank to tank, pressed into barrels, gathered again.

    It leaves every vessel it lies in, or `from_vessel_code` only; with `leaves_rest` what is not named stays behind.
    """

    model_config = ConfigDict(extra="forbid")

    client_uuid: UUID
    moved_at: Moment | None = None
    from_vessel_code: Code | None = None
    to: Annotated[tuple[Destination, ...], Field(min_length=1, max_length=200)]
    leaves_rest: bool = False
    note: Note | None = None

    def fingerprint(self, fermentation_id: int) -> bytes:
        """A hash of everything that makes this move this move."""
        return fingerprint(self, {"moves": fermentation_id})


class PartOfWine(BaseModel):
    """Litres that go from a vessel to a vessel; without a volume all that is there, as far as the book knows it.

    What is not named stays behind, or was lees where `empties` is set. `from_vessel_code` may be left out for a wine in
    one vessel.
    """

    model_config = ConfigDict(extra="forbid")

    from_vessel_code: Code | None = None
    to_vessel_code: Code | None = None
    volume_l: Litres | None = None
    empties: bool = False


class SplitPart(PartOfWine):
    """A part that becomes a wine of its own: in another vessel, or where it lies when all of it goes."""

    to_vessel_code: Code


class BlendPart(PartOfWine):
    """A part of a wine that goes into another; `to_vessel_code` may be left out when that lies in one vessel."""

    fermentation_code: Code


class NewWinePart(BlendPart):
    """A part of a wine that goes into a new one."""

    to_vessel_code: Code


class ChangeWines(BaseModel):
    """Wine becomes another wine at a moment; now when nothing is said."""

    model_config = ConfigDict(extra="forbid")

    client_uuid: UUID
    moved_at: Moment | None = None
    note: Note | None = None

    def fingerprint(self, fermentation_id: int | None) -> bytes:
        """A hash of everything that makes this one this one."""
        return fingerprint(self, {type(self).__name__: fermentation_id})


class SplitFermentation(ChangeWines):
    """A part of a wine becomes a fermentation with a code of its own."""

    code: Code
    flows: Annotated[tuple[SplitPart, ...], Field(min_length=1, max_length=200)]


class BlendFermentations(ChangeWines):
    """Wines become a new one together; style and yeast need only be said where they differ."""

    code: Code
    style: Style | None = None
    yeast_strain: Annotated[Line, StringConstraints(max_length=80)] | None = None
    flows: Annotated[tuple[NewWinePart, ...], Field(min_length=1, max_length=200)]


class BlendIntoFermentation(ChangeWines):
    """Wines go into another one, which stays the wine it was."""

    flows: Annotated[tuple[BlendPart, ...], Field(min_length=1, max_length=200)]


class VoidTransfer(BaseModel):
    """A transfer did not happen, or not so."""

    model_config = ConfigDict(extra="forbid")

    reason: Reason


class ListTransfers(BaseModel):
    """Which transfers to list, `since` and `until` included; `cursor` is the `next_cursor` of the page before."""

    fermentation_id: Annotated[int, BeforeValidator(read_digits), Field(ge=1)] | None = None
    vessel_code: Code | None = None
    since: Moment | None = None
    until: Moment | None = None
    cursor: str | None = None
    limit: Limit = 50


class VoidSample(BaseModel):
    """A reading should not count: it was never taken, or of another tank."""

    model_config = ConfigDict(extra="forbid")

    client_uuid: UUID
    reason: Reason

    def fingerprint(self, sample_id: int) -> bytes:
        """A hash of everything that makes this void this void."""
        return fingerprint(self, {"voids": sample_id})


def fingerprint(
    command: BaseModel, about: dict[str, Any], *, without: set[str] | None = None
) -> bytes:
    """A hash of a command and what it is about: the same body again is a retry, another one is a mistake."""
    body = command.model_dump(mode="json", exclude=without) | about
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).digest()
