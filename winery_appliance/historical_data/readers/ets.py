"""A report of ETS Laboratories: a row a wine under a title, with the day the sample was received."""

from collections.abc import Sequence

from winery_appliance.historical_data.columns import name_columns
from winery_appliance.historical_data.readers import DateOrder, Reader, Uses, guess_uses


class Ets(Reader):
    """Wine, Date Received, and a column for each analysis."""

    id = "ets"
    title = "ETS Laboratories"
    rank = 24
    date_order: DateOrder | None = "mdy"  # type: ignore[misc]
    makes_wines = False

    def recognise(self, header: Sequence[str]) -> Uses | None:
        """By the wine and the day it was received."""
        if not {"wine", "datereceived"} <= set(name_columns(header)):
            return None
        return guess_uses(header) | {"datereceived": "date", "wine": "code"}
