"""Analyses of vintrace: a row a wine with a column a metric, or a row a metric; vessel and batch stand side by side."""

from collections.abc import Sequence

from winery_appliance.historical_data.columns import name_columns
from winery_appliance.historical_data.readers import Reader, Uses, guess_uses, is_enough

_BATCHES = ("winebatch", "batch", "batchcode", "winebatchcode")
_DATES = ("analysisdate", "effectivedate", "daterecorded", "recorded", "date", "sampledate")
_METRICS = ("metric", "metricname", "analysismetric")


class Vintrace(Reader):
    """The batch is the wine; the vessel is told beside it and changes. Which part of a day comes first is the account's."""

    id = "vintrace"
    title = "vintrace analyses"
    rank = 31
    makes_wines = False

    def recognise(self, header: Sequence[str]) -> Uses | None:
        """By a batch and a vessel beside each other, or a metric by name."""
        names = name_columns(header)
        batch = next((name for name in names if name in _BATCHES), None)
        metric = next((name for name in names if name in _METRICS), None)
        day = next((name for name in names if name in _DATES), None)
        if batch is None or day is None or ("vessel" not in names and metric is None):
            return None
        uses = guess_uses(header) | {batch: "code"}
        if "vessel" in names:
            uses["vessel"] = "ignore"
        if "moment" not in uses.values():
            uses[day] = "date"
        if metric is not None:
            uses[metric] = "what/1"
        return uses if is_enough(uses) else None
