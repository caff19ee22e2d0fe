"""A kept piece is what would be drawn now, whatever was drawn before, and in the language spoken now."""

from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from winery_appliance.core import kept_pieces
from winery_appliance.core.kept_pieces import KeptPieces
from winery_appliance.core.words import speaking, spoken

SMALL = st.integers(0, 3)


@given(st.lists(st.tuples(st.sampled_from(["en", "es"]), SMALL, SMALL), max_size=40))
def test_what_is_kept_is_what_would_be_drawn(asked: list[tuple[str, int, int]]) -> None:
    kept, drawn = KeptPieces(), list[tuple[str, int, int]]()
    for language, shown, around in asked:

        def draw(shown: int, language: str = language, around: int = around) -> Markup:
            assert spoken() == language
            drawn.append((language, shown, around))
            return Markup(f"{language} {shown} {around}")

        with speaking(language):
            assert kept("row", draw, shown, around) == f"{language} {shown} {around}"
    assert sorted(drawn) == sorted(set(asked)), "each is drawn once"


def test_more_than_fits_is_drawn_again() -> None:
    kept = KeptPieces()
    for shown in range(kept_pieces.MOST + 1):
        kept("row", lambda one: Markup(one), shown)
    assert kept("row", lambda one: Markup(f"again {one}"), 0) == "again 0"
