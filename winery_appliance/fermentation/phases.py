"""The states of a wine as its row keeps them; what may become of them stands in `states`."""

from datetime import datetime

from winery_appliance.fermentation.models import Fermentation
from winery_appliance.fermentation.states import (
    NOT_STARTED,
    PHASES,
    Phase,
    PhaseName,
    end_phase,
    resume_phase,
)


def read_phase(row: Fermentation, name: PhaseName) -> Phase:
    """AF or MLF of a wine."""
    return Phase(*(getattr(row, f"{name}_{key}") for key in vars(NOT_STARTED)))


def write_phase(row: Fermentation, name: PhaseName, phase: Phase) -> None:
    """Let AF or MLF of a wine be in this phase."""
    for key, value in vars(phase).items():
        setattr(row, f"{name}_{key}", value)


def end_wine(row: Fermentation, status: str, at: datetime) -> None:
    """Let a wine be over, completed or cancelled, and its phases with it."""
    row.status, row.ended_at = status, at
    for name in PHASES:
        write_phase(row, name, end_phase(read_phase(row, name), at))


def resume_wine(row: Fermentation) -> None:
    """Withdraw the end of a wine, and of the phases that ended with it."""
    ended_at = row.ended_at
    row.status, row.ended_at = "active", None
    if ended_at is not None:
        for name in PHASES:
            write_phase(row, name, resume_phase(read_phase(row, name), ended_at))
