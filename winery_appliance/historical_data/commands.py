"""What can be asked of the past, as validated data."""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, Field, StringConstraints

from winery_appliance.core.typed_text import Limit, Line, Moment, read_digits
from winery_appliance.core.units import SampleType
from winery_appliance.fermentation.commands import Style
from winery_appliance.historical_data.vessel_sizes import VesselSize


class ListHistoricalSamples(BaseModel):
    """Which past readings to list: measured from `since` until before `until`."""

    varietal: Annotated[Line, StringConstraints(max_length=400)] | None = None
    sample_type: SampleType | None = None
    source: Literal["live", "imported"] | None = None
    fermentation_id: Annotated[int, BeforeValidator(read_digits), Field(ge=1)] | None = None
    since: Moment | None = None
    until: Moment | None = None
    cursor: str | None = None
    limit: Limit = 500


class ListPatterns(BaseModel):
    """Which patterns to list; all parameters filter. An empty `varietal` asks for ferments whose fruit is not recorded."""

    varietal: Annotated[str, StringConstraints(max_length=400)] | None = None
    style: Style | None = None
    vessel_size: VesselSize | None = None


class FindSimilar(BaseModel):
    """As of which moment past ferments are compared, now if not given, and how many are wanted."""

    as_of: Moment | None = None
    k: Annotated[int, BeforeValidator(read_digits), Field(ge=1, le=50)] = 5
