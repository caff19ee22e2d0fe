"""The log of a Tilt hydrometer; what its app calls a beer is the wine or the tank it floats in."""

from collections.abc import Sequence

from winery_appliance.historical_data.columns import IGNORE, name_columns
from winery_appliance.historical_data.readers import DateOrder, Reader, Uses

_USES = {"timestamp": "moment", "sg": "sugar/sg", "temp": "temperature/fahrenheit", "beer": "code"}


class Tilt(Reader):
    """Timestamp, SG, temperature in °F and the beer; the colour is the device's."""

    id = "tilt"
    title = "Tilt hydrometer"
    rank = 22
    date_order: DateOrder | None = "mdy"  # type: ignore[misc]
    makes_wines = False

    def recognise(self, header: Sequence[str]) -> Uses | None:
        """By its timepoint, the colour and the beer."""
        names = name_columns(header)
        if not {*_USES, "timepoint", "color"} <= set(names):
            return None
        return {name: _USES.get(name, IGNORE) for name in names}
