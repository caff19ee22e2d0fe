"""Anton Paar DMA 35, as its software exports the measurements; the European and the American layout."""

from collections.abc import Sequence

from winery_appliance.core.words import N_
from winery_appliance.historical_data.columns import IGNORE, name_columns
from winery_appliance.historical_data.readers import DateOrder, Reader, Uses

_FACTS = {"date": "date", "time": "time", "sampleid": "code"}
_LEFT_OUT = {
    "watercheck": N_("a water check"),
    "calibration": N_("a calibration"),
    "error": N_("a measurement that failed"),
}


def _find_parameters(names: Sequence[str]) -> dict[str, str]:
    """`Measured Parameter n` names the value behind it; `Value` and `Unit` repeat, so their order counts."""
    uses: dict[str, str] = {}
    group = 0
    for name in names:
        word = name.partition("#")[0]
        if word.startswith("measuredparameter"):
            group += 1
            uses[name] = f"what/{group}"
        elif word in ("value", "unit") and group and f"{word}/{group}" not in uses.values():
            uses[name] = f"{word}/{group}"
    return uses


class Dma35(Reader):
    """A density meter's log: parameters in groups of name, value and unit, and the temperature of the sample."""

    id = "dma35_eu"
    title = "Anton Paar DMA 35"
    rank = 20
    date_order: DateOrder | None = "dmy"  # type: ignore[misc]
    makes_wines = False
    warmth_is_reading = True
    left_out = {"left_out": _LEFT_OUT, "code": _LEFT_OUT}  # noqa: RUF012

    def recognise(self, header: Sequence[str]) -> Uses | None:
        """By `Measured Parameter 1` and the method of a measurement."""
        names = name_columns(header)
        if not {"sampleid", "date", "measuredparameter1", "method", "temperature"} <= set(names):
            return None
        uses = dict.fromkeys(names, IGNORE) | _find_parameters(names)
        uses |= _FACTS | {
            "method": "left_out",
            "state": "left_out",
            "temperature": "sample_temperature",
        }
        return {name: uses[name] for name in names}


class AmericanDma35(Reader):
    """The short layout: month first, no units; temperatures in °F."""

    id = "dma35_us"
    title = "Anton Paar DMA 35 (US)"
    rank = 21
    date_order: DateOrder | None = "mdy"  # type: ignore[misc]
    makes_wines = False
    left_out = {"code": _LEFT_OUT}  # noqa: RUF012
    units = {"temperature": "fahrenheit"}  # noqa: RUF012

    def recognise(self, header: Sequence[str]) -> Uses | None:
        """By `Measured Parameter 1` without a method."""
        names = name_columns(header)
        if not {"sampleid", "date", "measuredparameter1"} <= set(names) or "method" in names:
            return None
        uses = dict.fromkeys(names, IGNORE) | _find_parameters(names) | _FACTS
        return {name: uses[name] for name in names}
