"""A plain spreadsheet: a header of one's own, a column for each quantity, or one for its name and one for its value."""

from collections.abc import Sequence

from winery_appliance.core.words import N_
from winery_appliance.historical_data.readers import Reader, Uses, guess_uses, is_enough


class PlainSheet(Reader):
    """A row a moment with a column for each quantity, or a row a reading with the quantity's name in a column."""

    id = "plain_sheet"
    title = "Spreadsheet"
    rank = 90
    left_out = {  # noqa: RUF012
        use: {
            "mean": N_("the mean of the rows above"),
            "average": N_("the mean of the rows above"),
            "sd": N_("a standard deviation"),
            "stdev": N_("a standard deviation"),
            "calibration": N_("a calibration"),
            "blank": N_("a blank"),
            "watercheck": N_("a water check"),
            "control": N_("a control"),
        }
        for use in ("wine", "code", "vessel")
    }

    def recognise(self, header: Sequence[str]) -> Uses | None:
        """By the words of the header."""
        uses = guess_uses(header)
        return uses if is_enough(uses) else None
