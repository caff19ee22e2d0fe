"""What a wine is called by its fruit. Pure: shares come in as plain data."""

from collections.abc import Iterable
from fractions import Fraction

# A variety may stand alone on a label from this share on: Regulation (EU) 2019/33, Article 50.
ENOUGH = Fraction(85, 100)


def name_varietal(shares: Iterable[tuple[str | None, Fraction]]) -> str | None:
    """The fewest varieties that make up at least 85 % of a wine, by the alphabet, as in "Garnacha, Tempranillo".

    `shares` are varieties with their parts of 1, None for what nobody recorded; capitals do not matter. None when too
    much of the wine is unrecorded.
    """
    parts: dict[str, Fraction] = {}
    spelled: dict[str, str] = {}
    for variety, part in shares:
        if variety is not None:
            key = variety.casefold()
            parts[key] = parts.get(key, Fraction(0)) + part
            spelled[key] = min(spelled.get(key, variety), variety)
    together, named = Fraction(0), []
    for variety, part in sorted(parts.items(), key=lambda item: (-item[1], item[0])):
        together += part
        named.append(variety)
        if together >= ENOUGH:
            return ", ".join(spelled[variety] for variety in sorted(named))
    return None


def spell_varietal(name: str) -> str:
    """A name in one spelling, so that ten vintages of TEMPRANILLO, tempranillo and Tempranillo are one variety.

    Words in one kind of letters get a capital; short ones ("de", "PX") and mixed ones ("d'Avola") stay as they are written.
    """
    words = " ".join(name.split()).split(" ")
    return " ".join(
        word.capitalize() if len(word) > 3 and (word.isupper() or word.islower()) else word
        for word in words
    )
