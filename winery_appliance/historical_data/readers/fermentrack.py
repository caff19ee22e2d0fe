"""Fermentrack's log of one fermentation; the file does not say which."""

from collections.abc import Sequence

from winery_appliance.historical_data.columns import IGNORE, name_columns
from winery_appliance.historical_data.readers import Reader, Uses

_USES = {"logtime": "moment", "gravity": "sugar/sg", "temp": "temperature/?"}


class Fermentrack(Reader):
    """log_time, gravity, temp; the unit of the temperature is a setting of the one who exported."""

    id = "fermentrack"
    title = "Fermentrack"
    rank = 23
    makes_wines = False
    names_wine = False

    def recognise(self, header: Sequence[str]) -> Uses | None:
        """By its three columns."""
        names = name_columns(header)
        if not _USES.keys() <= set(names):
            return None
        return {name: _USES.get(name, IGNORE) for name in names}
