"""InnoVint's template for analyses: a row a sample, with a column for each analysis."""

from collections.abc import Sequence

from winery_appliance.historical_data.columns import name_columns
from winery_appliance.historical_data.readers import DateOrder, Reader, Uses, guess_uses, is_enough


class InnoVint(Reader):
    """ID, Date, and the analyses; or a row an analysis with what it was performed on."""

    id = "innovint"
    title = "InnoVint analyses"
    rank = 30
    date_order: DateOrder | None = "mdy"  # type: ignore[misc]
    makes_wines = False

    def recognise(self, header: Sequence[str]) -> Uses | None:
        """By the first columns of either template."""
        names = name_columns(header)
        if names[:2] == ["id", "date"]:
            uses = guess_uses(header) | {"id": "code"}
        elif {"performedon", "analysistype", "value"} <= set(names):
            uses = guess_uses(header)
        else:
            return None
        return uses if is_enough(uses) else None
