"""What people read, in their language: a sentence is written in English where it is said and looked up in `translations/`.

It knows no HTTP, so that refusals, checks and mails speak the same languages as pages. Whoever begins a piece of work
says in which language it speaks (`speak`, `speaking`); until somebody does it is English.
"""

import gettext as plural_rules
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

LANGUAGES = ("en", "es", "fr", "it")
FOLDER = Path(__file__).parent.parent / "translations"
SCRIPTS = "winery_appliance/static/js/"
_language: ContextVar[str] = ContextVar("language", default="en")


class Sentences(NamedTuple):
    """A language's sentences by their English: several forms for what is counted, and which of them a number takes."""

    by_english: dict[str, tuple[str, ...]]
    of_scripts: dict[str, tuple[str, ...]]
    form_of: Callable[[int], int]


def speak(language: str) -> None:
    """From here on this thread or task speaks `language`; English for one that is not ours."""
    _language.set(language if language in LANGUAGES else "en")


def spoken() -> str:
    """The language that is spoken now."""
    return _language.get()


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Speak `language` for a while."""
    before = _language.set(language if language in LANGUAGES else "en")
    try:
        yield
    finally:
        _language.reset(before)


def find_text(english: str) -> str:
    """The sentence in the spoken language, its places still empty; English where none is there."""
    found = read_sentences(spoken()).by_english.get(english)
    return found[0] if found else english


def find_form(one: str, many: str, number: int) -> str:
    """The form of the sentence for that number, its places still empty."""
    sentences = read_sentences(spoken())
    found = sentences.by_english.get(one)
    if found is None:
        return one if number == 1 else many
    return found[min(sentences.form_of(number), len(found) - 1)]


def say(english: str, /, **given: Any) -> str:
    """The sentence in the spoken language, with what is `given` in the place of `%(name)s`."""
    text = find_text(english)
    return text % given if given else text


def ngettext(one: str, many: str, number: int, /, **given: Any) -> str:
    """The sentence for that number of things; `%(num)s` is the number."""
    return find_form(one, many, number) % {"num": number, **given}


def N_(english: str) -> str:
    """`english` as it is: marks a sentence that is looked up where it is shown."""
    return english


@lru_cache
def read_sentences(language: str) -> Sentences:
    """The sentences of a language, without those that are missing or in doubt."""
    path = FOLDER / language / "LC_MESSAGES" / "messages.po"
    if not path.exists():
        return Sentences({}, {}, lambda number: int(number != 1))
    # Only who speaks another language than English needs it: the small processes of the copies do not.
    from babel.messages.pofile import read_po

    with path.open("rb") as file:
        catalog = read_po(file, locale=language)
    by_english, of_scripts = {}, {}
    for message in catalog:
        english = message.id[0] if isinstance(message.id, list | tuple) else message.id
        forms = message.string if isinstance(message.string, list | tuple) else (message.string,)
        if not english or message.fuzzy or not all(forms):
            continue
        by_english[english] = tuple(str(form) for form in forms)
        if any(place.startswith(SCRIPTS) for place, _line in message.locations):
            of_scripts[english] = by_english[english]
    return Sentences(by_english, of_scripts, plural_rules.c2py(catalog.plural_expr))
