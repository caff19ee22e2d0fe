"""Pieces of pages that look as they did a moment ago are not drawn anew: a reading changes one row of hundreds."""

from collections.abc import Callable, Hashable

from markupsafe import Markup

from winery_appliance.core.words import spoken

# A board in some languages and the readings of its wines, at 1 to 2 kB a piece.
MOST = 16_000


class KeptPieces:
    """What macros drew, by everything that it shows. One for all requests of a process; a lost one is drawn again."""

    def __init__(self) -> None:
        self._drawn: dict[Hashable, Markup] = {}

    def __call__(
        self, name: str, draw: Callable[..., Markup], shown: Hashable, *also: Hashable
    ) -> Markup:
        """What `draw(shown)` draws. `also` holds all else that it depends on, but for the language: what a clock, a zone
        or the page around it decides.
        """
        key = (name, spoken(), shown, also)
        piece = self._drawn.get(key)
        if piece is None:
            piece = draw(shown)
            if len(self._drawn) >= MOST:
                self._drawn.clear()
            self._drawn[key] = piece
        return piece
