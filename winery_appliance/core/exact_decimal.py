"""Decimal numbers as they may be sent: a JSON number, or text with a point or a comma; never a binary fraction."""

import re
from decimal import Decimal

from pydantic import BeforeValidator

from winery_appliance.core.words import say

_PLAIN = re.compile(r"[0-9]{1,15}(?:[.,][0-9]{1,15})?")


def read_decimal(given: object) -> Decimal:
    """`given` as it was written, `33,5` being 33.5. Raises ValueError for what is no plain positive decimal or zero.

    A JSON number has become a float on its way; its shortest text is what the sender wrote, up to 15 digits.
    """
    if isinstance(given, Decimal):
        return given
    if isinstance(given, bool) or not isinstance(given, str | int | float):
        raise ValueError(say("send a number, such as 33.5"))
    written = given.strip() if isinstance(given, str) else str(given)
    if _PLAIN.fullmatch(written) is None:
        raise ValueError(say("this is not a plain number; send one such as 33.5"))
    return Decimal(written.replace(",", "."))


AsWritten = BeforeValidator(read_decimal)
