"""What columns may hold, and what their headers are usually called. Pure.

A use is a word: a fact of a wine (`wine`, `start`, `variety`, ...), a moment (`moment`, `date`, `time`), a quantity with
its unit (`sugar/brix`, `temperature/?` where nothing names the unit), one of three columns that belong together (`what/1`,
`value/1`, `unit/1`), or `ignore`.
"""

import hashlib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from functools import lru_cache

from winery_appliance.core.units import UNITS, SampleType, Unit

IGNORE = "ignore"
UNKNOWN_UNIT = "?"
# A density meter's unit is none of the book's: g/cm³ are a thousandth of kg/m³, and `density` alone is told by its size.
G_CM3 = "g_cm3"
BY_SIZE = "by_size"

# What a file of refused rows has behind its own columns, for the person who mends it.
REFUSED_COLUMNS = ("refused_line", "refused_reason")

FACTS = (
    "wine", "code", "vessel", "moment", "date", "time", "start", "end", "harvest_date", "kg", "vineyard", "variety",
    "style", "yeast", "vintage", "lot", "volume_l", "qualifier", "sample_temperature", "left_out", "replicate",
)  # fmt: skip

_UNIT_WORDS: Mapping[str, str] = {
    "brix": Unit.brix, "bx": Unit.brix, "obx": Unit.brix, "balling": Unit.brix,
    "sg": Unit.sg, "sg2020": Unit.sg, "gravity": Unit.sg, "specificgravity": Unit.sg,
    "kgm3": Unit.kg_m3, "gl": Unit.g_l, "gperl": Unit.g_l, "gcm3": G_CM3, "gml": G_CM3,
    "baume": Unit.baume, "be": Unit.baume, "oechsle": Unit.oechsle, "oe": Unit.oechsle, "kmw": Unit.kmw,
    "c": Unit.celsius, "celsius": Unit.celsius, "degc": Unit.celsius,
    "f": Unit.fahrenheit, "fahrenheit": Unit.fahrenheit, "degf": Unit.fahrenheit,
    "mgl": Unit.mg_l, "ppm": Unit.mg_l, "mgnl": Unit.mg_l, "vol": Unit.pct_vol, "pctvol": Unit.pct_vol, "abv": Unit.pct_vol,
    "ph": Unit.ph,
}  # fmt: skip

_QUANTITY_WORDS: Mapping[str, tuple[SampleType, str]] = {
    "brix": (SampleType.sugar, Unit.brix), "balling": (SampleType.sugar, Unit.brix),
    "baume": (SampleType.sugar, Unit.baume),
    "oechsle": (SampleType.sugar, Unit.oechsle), "kmw": (SampleType.sugar, Unit.kmw), "sg": (SampleType.sugar, Unit.sg),
    "sg2020": (SampleType.sugar, Unit.sg), "gravity": (SampleType.sugar, Unit.sg),
    "specificgravity": (SampleType.sugar, Unit.sg), "density": (SampleType.sugar, BY_SIZE),
    "densidad": (SampleType.sugar, BY_SIZE), "densite": (SampleType.sugar, BY_SIZE), "dichte": (SampleType.sugar, BY_SIZE),
    "bx": (SampleType.sugar, Unit.brix), "be": (SampleType.sugar, Unit.baume), "oe": (SampleType.sugar, Unit.oechsle),
    "sugar": (SampleType.sugar, UNKNOWN_UNIT), "temp": (SampleType.temperature, UNKNOWN_UNIT),
    "temperature": (SampleType.temperature, UNKNOWN_UNIT), "temperatura": (SampleType.temperature, UNKNOWN_UNIT),
    "temperatur": (SampleType.temperature, UNKNOWN_UNIT), "musttemperature": (SampleType.temperature, UNKNOWN_UNIT),
    "ph": (SampleType.ph, Unit.ph), "ta": (SampleType.ta, Unit.g_l), "titratableacidity": (SampleType.ta, Unit.g_l),
    "totalacidity": (SampleType.ta, Unit.g_l), "va": (SampleType.va, Unit.g_l),
    "volatileacidity": (SampleType.va, Unit.g_l),
    "yan": (SampleType.yan, Unit.mg_l), "malic": (SampleType.malic, Unit.g_l), "malicacid": (SampleType.malic, Unit.g_l),
    "lactic": (SampleType.lactic, Unit.g_l), "lacticacid": (SampleType.lactic, Unit.g_l),
    "freeso2": (SampleType.free_so2, Unit.mg_l), "fso2": (SampleType.free_so2, Unit.mg_l),
    "totalso2": (SampleType.total_so2, Unit.mg_l), "tso2": (SampleType.total_so2, Unit.mg_l),
    "alcohol": (SampleType.alcohol, Unit.pct_vol), "ethanol": (SampleType.alcohol, Unit.pct_vol),
    "abv": (SampleType.alcohol, Unit.pct_vol), "alcool": (SampleType.alcohol, Unit.pct_vol),
    "residualsugar": (SampleType.residual_sugar, Unit.g_l), "rs": (SampleType.residual_sugar, Unit.g_l),
    "glucosefructose": (SampleType.residual_sugar, Unit.g_l), "glufru": (SampleType.residual_sugar, Unit.g_l),
}  # fmt: skip

_FACT_WORDS: Mapping[str, str] = {
    "fermentationcode": "wine", "fermentation": "wine", "ferment": "wine", "fermentid": "wine", "lotcode": "wine",
    "wine": "wine", "winecode": "wine", "batch": "wine", "beer": "code", "sampleid": "code", "sample": "code",
    "performedon": "code", "tank": "vessel", "vessel": "vessel", "vesselcode": "vessel", "tankcode": "vessel",
    "datetime": "moment", "timestamp": "moment", "measuredat": "moment", "sampledat": "moment", "logtime": "moment",
    "date": "date", "sampledate": "date", "day": "date", "datum": "date", "fecha": "date", "measurementdate": "date",
    "time": "time", "sampletime": "time", "hora": "time", "uhrzeit": "time",
    "start": "start", "startdate": "start", "startedat": "start", "fermentationstartdate": "start", "inoculated": "start",
    "end": "end", "enddate": "end", "endedat": "end", "fermentationenddate": "end",
    "harvestdate": "harvest_date", "harvested": "harvest_date", "picked": "harvest_date",
    "kg": "kg", "harvestmasskg": "kg", "weightkg": "kg", "masskg": "kg", "vineyard": "vineyard", "vineyardname": "vineyard",
    "variety": "variety", "grapevariety": "variety", "varietal": "variety", "grape": "variety", "cultivar": "variety",
    "style": "style", "colour": "style", "color": "style", "yeast": "yeast", "yeaststrain": "yeast",
    "vintage": "vintage", "year": "vintage", "harvestlot": "lot", "startvolumel": "volume_l", "volumel": "volume_l",
    "rep": "replicate", "replicate": "replicate", "replicateno": "replicate", "replica": "replicate",
    "qualifier": "qualifier", "analysistype": "what/1", "analysis": "what/1", "sampletype": "what/1", "analyte": "what/1",
    "parameter": "what/1", "measurement": "what/1", "value": "value/1", "result": "value/1", "reading": "value/1",
    "unit": "unit/1", "units": "unit/1", "sampletemperaturec": "sample_temperature",
}  # fmt: skip


@lru_cache(maxsize=8192)
def simplify(text: str) -> str:
    """A word as it is compared: small letters and digits, without accents, signs and blanks."""
    plain = unicodedata.normalize("NFKD", text.replace("º", "").casefold())
    return "".join(c for c in plain if c.isalnum())


def name_columns(header: Sequence[str]) -> list[str]:
    """Names for all columns: simplified headers, `#2` behind the second of a name, `column 5` where there is none."""
    seen: dict[str, int] = {}
    names = []
    for place, title in enumerate(header, start=1):
        name = simplify(title) or f"column {place}"
        seen[name] = seen.get(name, 0) + 1
        names.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return names


def fingerprint(names: Sequence[str]) -> str:
    """What two files with the same columns share, in whatever order those stand; columns of ours do not count."""
    ours = {simplify(name) for name in REFUSED_COLUMNS}
    told = sorted(name for name in names if name not in ours)
    return hashlib.sha256("\n".join(told).encode()).hexdigest()[:32]


@lru_cache(maxsize=4096)
def read_unit(text: str) -> str | None:
    """The unit that a word means, as in `g/L`, `°Bx` or `mg/L`; None for a word that is none."""
    return _UNIT_WORDS.get(simplify(text))


@lru_cache(maxsize=4096)
def read_quantity(text: str) -> tuple[SampleType, str] | None:
    """The quantity and unit that a word names, as in `Free SO2` or `Brix`; None for a word that is none."""
    word = simplify(text)
    if word in SampleType.__members__:
        kind = SampleType(word)
        return _QUANTITY_WORDS.get(word, (kind, UNKNOWN_UNIT))
    return _QUANTITY_WORDS.get(word) or _QUANTITY_WORDS.get(word.replace("_", ""))


def guess_use(header: str) -> str:
    """The use that a header names, with the unit in brackets or behind it where there is one; `ignore` for others."""
    word = simplify(header)
    if word in _FACT_WORDS:
        return _FACT_WORDS[word]
    name, unit = _split_unit(header)
    named = read_quantity(name)
    if named is None:
        return IGNORE
    kind, usual = named
    if usual == BY_SIZE and unit == Unit.g_l:
        unit = Unit.kg_m3  # the same number; of sugar itself g/L are no density
    if unit is not None and not fits(kind, unit):
        return f"{kind}/{UNKNOWN_UNIT}"
    return f"{kind}/{unit or usual}"


def fits(kind: SampleType, unit: str) -> bool:
    """Whether a quantity can be written in a unit."""
    return unit in UNITS[kind] or (kind is SampleType.sugar and unit in (G_CM3, BY_SIZE))


_BRACKETS = re.compile(r"^(?P<name>.*?)\s*[(\[{](?P<unit>[^)\]}]*)[)\]}]\s*$")
_BETWEEN = re.compile(r"[\s_,/]+")


def _split_unit(header: str) -> tuple[str, str | None]:
    found = _BRACKETS.match(header)
    if found and read_quantity(found["name"]):
        return found["name"], read_unit(found["unit"])
    words = _BETWEEN.split(header.strip())
    for cut in range(len(words) - 1, 0, -1):
        name, unit = " ".join(words[:cut]), read_unit(" ".join(words[cut:]))
        if unit and read_quantity(name):
            return name, unit
    return header, None
