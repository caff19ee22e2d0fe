"""A plain spreadsheet: a header of one's own, a column for each quantity, or one for its name and one for its value."""

from collections.abc import Sequence

from winery_appliance.historical_data.readers import Reader, Uses, guess_uses, is_enough


class PlainSheet(Reader):
    """A row a moment with a column for each quantity, or a row a reading with the quantity's name in a column."""

    id = "plain_sheet"
    title = "Spreadsheet"
    rank = 90
    left_out = {  # noqa: RUF012
        use: {
            "mean": "the mean of the rows above",
            "average": "the mean of the rows above",
            "sd": "a standard deviation",
            "stdev": "a standard deviation",
            "calibration": "a calibration",
            "blank": "a blank",
            "watercheck": "a water check",
            "control": "a control",
        }
        for use in ("wine", "code", "vessel")
    }

    def recognise(self, header: Sequence[str]) -> Uses | None:
        """By the words of the header."""
        uses = guess_uses(header)
        return uses if is_enough(uses) else None
