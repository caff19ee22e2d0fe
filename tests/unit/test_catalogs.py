"""A catalog that was filled with another language's sentences is complete, and is told all the same."""

import runpy
from collections.abc import Mapping
from pathlib import Path

from babel.messages.catalog import Catalog

SCRIPT = runpy.run_path(str(Path(__file__).parent.parent.parent / "scripts" / "catalogs.py"))
KEYS = "There are no keys, so nothing is copied."
CODES = ("%(num)s recovery code is left", "%(num)s recovery codes are left")
Sentences = Mapping[str | tuple[str, str], str | tuple[str, str]]


def find(spanish: Sentences, french: Sentences) -> list[str]:
    catalogs = {}
    for language, sentences in (("es", spanish), ("fr", french)):
        catalogs[language] = Catalog(locale=language)
        for message, text in sentences.items():
            catalogs[language].add(message, text)
    return list(SCRIPT["find_same"](catalogs))


def test_a_sentence_that_is_the_same_in_two_languages_is_told_with_both() -> None:
    said = "No hay claves, así que no se copia nada."
    assert find({KEYS: said}, {KEYS: said}) == [
        f"es and fr: the same sentence: {said!r} for {KEYS!r}"
    ]
    assert find({KEYS: said}, {KEYS: "Il n'y a pas de clés, donc rien n'est copié."}) == []


def test_one_form_of_several_is_enough() -> None:
    spanish = ("Queda %(num)s código de recuperación", "Quedan %(num)s códigos de recuperación")
    french = ("Il reste %(num)s code de secours", spanish[1])
    assert find({CODES: spanish}, {CODES: french}) == [
        f"es and fr: the same sentence: {spanish[1]!r} for {CODES[0]!r}"
    ]


def test_what_may_be_the_same_is_not_told() -> None:
    sentences: Sentences = {
        "Total SO₂": "SO₂ total",  # few words
        KEYS: KEYS,  # the English itself
        CODES: ("", ""),  # missing, which is told as such
        "%(change)s in 24 h": "%(change)s en 24 h",  # rightly so
    }
    assert find(sentences, sentences) == []
