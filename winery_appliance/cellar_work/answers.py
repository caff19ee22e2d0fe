"""What the cellar work feature answers to programs."""

from typing import Literal
from uuid import UUID

from winery_appliance.cellar_work.commands import CapWorkKind
from winery_appliance.cellar_work.dosing import AdditionKind, DoseUnit
from winery_appliance.cellar_work.task_commands import TaskKind, TaskStatus
from winery_appliance.core.openapi import Answer, When


class AdditionAnswer(Answer):
    """An addition: the dose as typed, and what it comes to: `amount` in g or mL, as `counts` says, and in each litre."""

    id: int
    client_uuid: UUID
    fermentation_id: int
    kind: AdditionKind
    product: str | None
    dose: str
    unit: DoseUnit
    counts: Literal["g", "ml"]
    amount: float | None
    per_litre: float | None
    volume_l: float | None
    stock_lot: str | None
    done_at: When
    note: str
    received_at: When
    recorded_by: int
    confirmed: bool
    supersedes_id: int | None
    reason: str | None
    voids: bool


class CapWorkAnswer(Answer):
    """Cap work."""

    id: int
    client_uuid: UUID
    fermentation_id: int
    kind: CapWorkKind
    started_at: When
    duration_min: int | None
    note: str
    received_at: When
    recorded_by: int
    confirmed: bool
    supersedes_id: int | None
    reason: str | None
    voids: bool


class PhotoAnswer(Answer):
    """The photo of a note: its size in pixels. The picture itself is had from `…/notes/{id}/photo`."""

    width: int
    height: int


class NoteAnswer(Answer):
    """A note, and what is known of its photo where it has one."""

    id: int
    client_uuid: UUID
    fermentation_id: int
    user_id: int
    content: str
    noted_at: When
    created_at: When
    deleted_at: When | None
    photo: PhotoAnswer | None


class SkipAnswer(Answer):
    """A tank was passed by on a round, and why."""

    id: int
    client_uuid: UUID
    fermentation_id: int
    reason: str
    skipped_at: When
    received_at: When
    recorded_by: int


class TaskAnswer(Answer):
    """A task; `closed_by` did, skipped or cancelled it, and what doing it wrote is linked."""

    id: int
    client_uuid: UUID
    kind: TaskKind
    title: str
    instructions: str
    fermentation_id: int | None
    vessel_code: str | None
    planned_by: int
    planned_by_name: str
    assigned_to: int | None
    assigned_to_name: str | None
    due_at: When | None
    status: TaskStatus
    created_at: When
    closed_at: When | None
    closed_by: int | None
    closed_by_name: str | None
    reason: str | None
    addition_id: int | None
    cap_work_id: int | None
    sample_id: int | None
    transfer_id: int | None
