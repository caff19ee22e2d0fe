"""What imports answer to programs."""

from typing import Any, Literal
from uuid import UUID

from winery_appliance.core.openapi import Answer, When
from winery_appliance.core.units import SampleType, Unit

Verdict = Literal["matched", "new", "duplicate", "conflicting", "refused", "left_out"]
State = Literal[
    "uploading",
    "waiting",
    "asking",
    "ready",
    "saving",
    "stopped",
    "saved",
    "undoing",
    "undone",
    "cancelled",
    "failed",
]


class ColumnAnswer(Answer):
    """One column of the file, and what it was understood to hold."""

    name: str
    title: str
    use: str


class QuestionAnswer(Answer):
    """What must be answered before the file can be read; each choice is a value and its words."""

    key: str
    text: str
    choices: list[tuple[str, str]]


class ImportAnswer(Answer):
    """One import: how far it is, what is asked, and how many readings and wines have which verdict.

    Steps are rows while it is read, and wines while it is saved or undone; `rate` is steps a second.
    """

    id: int
    client_uuid: UUID
    file_name: str
    size_bytes: int
    received_bytes: int
    state: State
    reader: str | None
    header: list[ColumnAnswer]
    answers: dict[str, Any]
    questions: list[QuestionAnswer]
    counts: dict[str, int]
    failure: str | None
    steps_done: int
    steps_total: int
    rate: float | None
    seconds_left: int | None
    created_by: int
    created_at: When
    saved_at: When | None


class ImportRowAnswer(Answer):
    """One reading of the file by its line, or a line that has none: its verdict, and why."""

    line: int
    place: int
    code: str
    wine_code: str | None
    sample_type: SampleType | None
    value: str | None
    unit: Unit | None
    measured_at: When | None
    verdict: Verdict
    fault: str | None
    detail: str | None
