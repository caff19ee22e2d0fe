"""What happened in the cellar."""

from dataclasses import dataclass

from winery_appliance.core.outbox import Event
from winery_appliance.fermentation.events import subject_of


@dataclass(frozen=True)
class CellarEvent(Event):
    """Something was done to a wine or written about it."""

    fermentation_id: int

    @property
    def subject(self) -> str:
        """Events of one fermentation are handled together."""
        return subject_of(self.fermentation_id)


@dataclass(frozen=True)
class AdditionRecorded(CellarEvent):
    """Something was put into a wine."""

    addition_id: int


@dataclass(frozen=True)
class AdditionCorrected(CellarEvent):
    """An addition took the place of an earlier one."""

    addition_id: int
    supersedes_id: int


@dataclass(frozen=True)
class AdditionVoided(CellarEvent):
    """An addition does not count any more."""

    addition_id: int


@dataclass(frozen=True)
class CapWorkRecorded(CellarEvent):
    """Somebody worked the cap."""

    cap_work_id: int


@dataclass(frozen=True)
class CapWorkCorrected(CellarEvent):
    """Cap work took the place of an earlier entry."""

    cap_work_id: int
    supersedes_id: int


@dataclass(frozen=True)
class NoteWritten(CellarEvent):
    """Somebody wrote something about a wine."""

    note_id: int


@dataclass(frozen=True)
class NoteDeleted(CellarEvent):
    """A note was taken out of sight."""

    note_id: int


@dataclass(frozen=True)
class NoteRestored(CellarEvent):
    """A deleted note came back."""

    note_id: int


@dataclass(frozen=True)
class ReadingSkipped(CellarEvent):
    """A round passed by a tank."""

    skip_id: int


@dataclass(frozen=True)
class CapWorkVoided(CellarEvent):
    """An entry of cap work does not count any more."""

    cap_work_id: int


@dataclass(frozen=True)
class TaskEvent(Event):
    """Something became of a task."""

    task_id: int

    @property
    def subject(self) -> str:
        """Events of one task are handled together."""
        return f"task:{self.task_id}"


@dataclass(frozen=True)
class TaskPlanned(TaskEvent):
    """Somebody is to do something."""


@dataclass(frozen=True)
class TaskChanged(TaskEvent):
    """A task is another person's now, or of another day, or says something else."""


@dataclass(frozen=True)
class TaskDone(TaskEvent):
    """A task was done."""


@dataclass(frozen=True)
class TaskSkipped(TaskEvent):
    """A task was not done, for a reason."""


@dataclass(frozen=True)
class TaskCancelled(TaskEvent):
    """A task is not wanted any more."""
