"""Sentences are said in the language that is spoken, and English where a language lacks one."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from winery_appliance.core import words

SPANISH = r"""
msgid ""
msgstr ""
"Content-Type: text/plain; charset=utf-8\n"
"Plural-Forms: nplurals=2; plural=(n != 1);\n"

#: winery_appliance/static/js/round/page.js
msgid "Tank %(code)s"
msgstr "Depósito %(code)s"

#: winery_appliance/templates/base.html
msgid "%(num)s tank"
msgid_plural "%(num)s tanks"
msgstr[0] "%(num)s depósito"
msgstr[1] "%(num)s depósitos"

#, fuzzy
msgid "Press"
msgstr "Prensa"

msgid "Must"
msgstr ""
"""


@pytest.fixture
def spanish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    file = tmp_path / "es" / "LC_MESSAGES" / "messages.po"
    file.parent.mkdir(parents=True)
    file.write_text(SPANISH, encoding="utf-8")
    monkeypatch.setattr(words, "FOLDER", tmp_path)
    words.read_sentences.cache_clear()
    with words.speaking("es"):
        yield
    words.read_sentences.cache_clear()


@pytest.mark.usefixtures("spanish")
def test_what_is_there_is_said_in_the_spoken_language() -> None:
    assert words.say("Tank %(code)s", code="T-1") == "Depósito T-1"
    assert [words.ngettext("%(num)s tank", "%(num)s tanks", n) for n in (0, 1, 2)] == [
        "0 depósitos",
        "1 depósito",
        "2 depósitos",
    ]
    with words.speaking("en"):
        assert words.say("Tank %(code)s", code="T-1") == "Tank T-1"
    assert words.spoken() == "es"


@pytest.mark.usefixtures("spanish")
@pytest.mark.parametrize("english", ["Press", "Must", "Lees", ""])
def test_what_is_in_doubt_or_missing_is_said_in_english(english: str) -> None:
    assert words.say(english) == english


@pytest.mark.usefixtures("spanish")
def test_a_page_brings_along_what_its_scripts_say_and_nothing_else() -> None:
    assert words.read_sentences("es").of_scripts == {"Tank %(code)s": ("Depósito %(code)s",)}


@pytest.mark.parametrize("language", ["de", "", "ES", "en"])
def test_a_language_that_is_not_ours_is_english(language: str) -> None:
    with words.speaking(language):
        assert words.spoken() == "en"
        assert words.ngettext("%(num)s tank", "%(num)s tanks", 1) == "1 tank"


@pytest.mark.parametrize("language", words.LANGUAGES[1:])
def test_a_script_knows_each_sentence_that_it_says(language: str) -> None:
    """Also one that stands in the middle of a template string."""
    known = words.read_sentences(language).of_scripts
    scripts = Path(words.FOLDER.parent, "static", "js").rglob("*.js")
    said = {
        sentence
        for script in scripts
        for sentence in re.findall(r'\b(?:_|ngettext)\("([^"]+)"', script.read_text("utf-8"))
    }
    assert len(said) > 50
    assert said - known.keys() == set()
