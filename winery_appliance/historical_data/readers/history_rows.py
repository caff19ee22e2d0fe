"""History with a row a sample: the facts of the wine stand in every row beside density and temperature."""

from collections.abc import Sequence

from winery_appliance.historical_data.readers import Reader, Uses, guess_uses, is_enough


class HistoryRows(Reader):
    """fermentation_code, start, end, harvest date, kg, sample date, density, temperature, vineyard, variety."""

    id = "history_rows"
    title = "History, a row a sample"
    rank = 40

    def recognise(self, header: Sequence[str]) -> Uses | None:
        """By a wine, its start and a sample's day."""
        uses = guess_uses(header)
        known = set(uses.values())
        return uses if is_enough(uses) and {"wine", "start"} <= known else None
