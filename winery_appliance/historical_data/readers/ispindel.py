"""iSpindel, as its servers and dashboards write its log: the device's name, its angle, and what it makes of it."""

from collections.abc import Sequence

from winery_appliance.historical_data.columns import IGNORE, name_columns
from winery_appliance.historical_data.readers import Reader, Uses

_MOMENTS = ("timestamp", "datetime", "date", "time")
_NAMES = ("name", "spindlename", "ispindel", "device", "devicename", "recipe", "id")
_USES = {
    "gravity": "sugar/?",
    "plato": "sugar/brix",
    "sg": "sugar/sg",
    "temperature": "temperature/?",
    "temp": "temperature/?",
}


class ISpindel(Reader):
    """Whether its gravity is °Plato or SG was decided when it was calibrated, so it is asked, once for each header."""

    id = "ispindel"
    title = "iSpindel"
    rank = 26
    makes_wines = False

    def recognise(self, header: Sequence[str]) -> Uses | None:
        """By an angle beside a gravity, which no other instrument writes."""
        names = name_columns(header)
        moment = next((name for name in _MOMENTS if name in names), None)
        device = next((name for name in _NAMES if name in names), None)
        if moment is None or device is None or not {"angle", "tilt"} & set(names):
            return None
        uses = {name: _USES.get(name, IGNORE) for name in names}
        if not any(use.startswith("sugar/") for use in uses.values()):
            return None
        return uses | {moment: "moment", device: "code"}
