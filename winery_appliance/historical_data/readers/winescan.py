"""FOSS WineScan: a header before every sample or before all, columns without a name, replicates with their mean below.

Of the analyses it names, those that the book has are read: acids in g/L, ethanol in %vol, as the instrument is delivered.
"""

from collections.abc import Sequence

from winery_appliance.core.words import N_
from winery_appliance.historical_data.columns import IGNORE, name_columns
from winery_appliance.historical_data.readers import Reader, Uses

_CODES = ("sampleid", "id", "samplenumber", "sampleno")
_FACTS = {
    "date": "date", "analysisdate": "date", "time": "time", "analysistime": "time", "datetime": "moment",
    "rep": "replicate", "replicate": "replicate", "repno": "replicate",
    "sampletype": "left_out", "status": "left_out",
}  # fmt: skip
_ANALYSES = {
    "ethanol": "alcohol/pct_vol", "alcohol": "alcohol/pct_vol", "totalacid": "ta/g_l", "totalacidity": "ta/g_l",
    "volatileacid": "va/g_l", "volatileacidity": "va/g_l", "malicacid": "malic/g_l", "lacticacid": "lactic/g_l",
    "ph": "ph/ph", "density": "sugar/by_size", "brix": "sugar/brix", "freeso2": "free_so2/mg_l",
    "totalso2": "total_so2/mg_l",
}  # fmt: skip
# What it also measures; two such names make out a WineScan from anybody's sheet.
_ALSO = frozenset({
    "ash", "ca", "reducingsugar", "glucosefructose", "glucose", "fructose", "glycerol", "gluconicacid", "tartaricacid",
    "co2", "methanol", "extract", "folinc", "ethylacetate", "citricacid",
})  # fmt: skip
_CHECKS = {
    "calibration": N_("a calibration"),
    "cal": N_("a calibration"),
    "zero": N_("a zero setting"),
    "blank": N_("a blank"),
    "pilot": N_("a check sample"),
    "check": N_("a check sample"),
    "control": N_("a control"),
    "water": N_("a water check"),
    "watercheck": N_("a water check"),
    "cleaning": N_("a cleaning"),
}


class WineScan(Reader):
    """Sample Id, perhaps date and replicate, then an analysis a column; the file may not say when it was measured."""

    id = "winescan"
    title = "FOSS WineScan"
    rank = 25
    makes_wines = False
    names_moment = False
    has_replicates = True
    left_out = {use: _CHECKS for use in ("code", "left_out")}  # noqa: RUF012

    def recognise(self, header: Sequence[str]) -> Uses | None:
        """By a sample's code in front and the analyses that only it has."""
        names = name_columns(header)
        code = next((name for name in names if name in _CODES), None)
        known = [name for name in names if name in _ANALYSES]
        typical = [name for name in names if name in _ALSO or name in ("ethanol", "volatileacid")]
        if code is None or not known or len(typical) < 2:
            return None
        uses = {name: _FACTS.get(name) or _ANALYSES.get(name, IGNORE) for name in names}
        return uses | {code: "code"}
