"""What `winery history export` writes."""

from collections.abc import Sequence

from winery_appliance.historical_data.columns import IGNORE, name_columns, simplify
from winery_appliance.historical_data.readers import Reader, Uses

# The column of the export, in its order, and what it holds.
COLUMNS = {
    "fermentation_code": "wine",
    "style": "style",
    "yeast_strain": "yeast",
    "started_at": "start",
    "ended_at": "end",
    "start_volume_l": "volume_l",
    "vineyard": "vineyard",
    "variety": "variety",
    "harvest_date": "harvest_date",
    "harvest_mass_kg": "kg",
    "measured_at": "moment",
    "sample_type": "what/1",
    "value": "value/1",
    "unit": "unit/1",
    "qualifier": "qualifier",
    "sample_temperature_c": "sample_temperature",
}


class OwnExport(Reader):
    """A row a reading, with the facts of its wine; a wine without readings has one row of its own."""

    id = "own_export"
    title = "Our own export"
    rank = 10
    is_ours = True

    def recognise(self, header: Sequence[str]) -> Uses | None:
        """By all the columns of the export; others may stand beside them."""
        words = {simplify(name): use for name, use in COLUMNS.items()}
        names = name_columns(header)
        if not words.keys() <= set(names):
            return None
        return {name: words.get(name, IGNORE) for name in names}
