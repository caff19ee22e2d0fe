"""What can be asked about work orders, as validated data.

In a change, a field that is left out stays; the defaults only mark what may be left out and are never stored.
"""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from winery_appliance.cellar_work.commands import RecordAddition, RecordCapWork, Remark
from winery_appliance.core.typed_text import Code, Limit, Line, Moment, forget_defaults, read_digits
from winery_appliance.fermentation.commands import (
    MoveFermentation,
    Reason,
    RecordSample,
    fingerprint,
)

TaskKind = Literal["addition", "cap_work", "sample", "transfer", "other"]
TaskStatus = Literal["planned", "done", "skipped", "cancelled"]
Entry = RecordAddition | RecordCapWork | RecordSample | MoveFermentation
Title = Annotated[Line, StringConstraints(max_length=120)]
RowId = Annotated[int, Field(strict=True, gt=0, lt=2**63)]


class PlanTask(BaseModel):
    """Something that somebody is to do, by `due_at`, to a wine or a vessel. Only `other` work can do without a wine."""

    model_config = ConfigDict(extra="forbid")

    client_uuid: UUID
    kind: TaskKind
    title: Title
    instructions: Remark = ""
    fermentation_id: RowId | None = None
    vessel_code: Code | None = None
    assigned_to: RowId | None = None
    due_at: Moment | None = None

    def fingerprint(self) -> bytes:
        """A hash of everything that makes this task this task."""
        return fingerprint(self, {})


class ChangeTask(BaseModel):
    """What is to be different about a task that is still planned; null takes the person or the day away."""

    model_config = ConfigDict(extra="forbid", json_schema_extra=forget_defaults)

    title: Title = ""
    instructions: Remark = ""
    assigned_to: RowId | None = None
    due_at: Moment | None = None


class DoTask(BaseModel):
    """A task was done: the entry that it asked for, of the task's kind; `other` work leaves none."""

    model_config = ConfigDict(extra="forbid")

    client_uuid: UUID
    addition: RecordAddition | None = None
    cap_work: RecordCapWork | None = None
    sample: RecordSample | None = None
    transfer: MoveFermentation | None = None

    @property
    def entries(self) -> dict[str, Entry]:
        """What was sent, by the kind of task that asks for it."""
        sent = {
            "addition": self.addition,
            "cap_work": self.cap_work,
            "sample": self.sample,
            "transfer": self.transfer,
        }
        return {kind: entry for kind, entry in sent.items() if entry is not None}

    def fingerprint(self, task_id: int) -> bytes:
        """A hash of what was done; a confirmation is an answer, not part of it."""
        answers = {kind: {"confirm"} for kind in self.entries}
        body = self.model_dump(mode="json", exclude=answers)
        return fingerprint(_Body(body=body), {"task_id": task_id})


class _Body(BaseModel):
    body: dict[str, Any]


class SkipTask(BaseModel):
    """A task was not done, and why."""

    model_config = ConfigDict(extra="forbid")

    reason: Reason


class CancelTask(BaseModel):
    """A task is not wanted any more, and why, if there is something to say."""

    model_config = ConfigDict(extra="forbid")

    reason: Reason | None = None


class ListTasks(BaseModel):
    """Which tasks to list; `mine=true` are those given to who asks, `due_before` those due earlier than that."""

    status: TaskStatus | None = None
    kind: TaskKind | None = None
    mine: Literal["true", "false"] = "false"
    due_before: Moment | None = None
    fermentation_id: Annotated[int, BeforeValidator(read_digits), Field(ge=1)] | None = None
    cursor: str | None = None
    limit: Limit = 200
