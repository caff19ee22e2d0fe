"""What can be asked about anomalies, as validated data."""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from winery_appliance.cellar_work.commands import Remark
from winery_appliance.cellar_work.task_commands import RowId
from winery_appliance.core.typed_text import Limit, Line, Moment, read_digits

AnomalyStatus = Literal["open", "acknowledged", "snoozed", "cleared"]


class AcknowledgeAnomaly(BaseModel):
    """I have it."""

    model_config = ConfigDict(extra="forbid")

    note: Remark = ""


class AssignAnomaly(BaseModel):
    """Whose it is; null takes the person away."""

    model_config = ConfigDict(extra="forbid")

    assigned_to: RowId | None
    note: Remark = ""


class SnoozeAnomaly(BaseModel):
    """Not to be told again before a moment."""

    model_config = ConfigDict(extra="forbid")

    until: Moment
    note: Remark = ""


class ReopenAnomaly(BaseModel):
    """It asks for somebody again: a cleared one too, until the next reading tells."""

    model_config = ConfigDict(extra="forbid")

    note: Remark = ""


class ListAnomalies(BaseModel):
    """Which anomalies to list. Without `status` all that are not cleared; `mine=true` are those given to who asks."""

    status: AnomalyStatus | None = None
    severity: Literal["info", "warning", "critical"] | None = None
    type: Annotated[Line, StringConstraints(max_length=40)] | None = None
    fermentation_id: Annotated[int, BeforeValidator(read_digits), Field(ge=1)] | None = None
    mine: Literal["true", "false"] = "false"
    cursor: str | None = None
    limit: Limit = 200


class ListHistory(BaseModel):
    """Which part of a history to list."""

    cursor: str | None = None
    limit: Limit = 200
