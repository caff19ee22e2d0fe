"""Keeps the catalogs of translations and the sentences of the product together; see scripts/translations."""

import sys
from collections.abc import Iterator, Mapping
from io import BytesIO
from itertools import combinations
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from winery_appliance.core.words import FOLDER, LANGUAGES

ROOT = Path(__file__).parent.parent
PACKAGES = ("winery_appliance", "backup", "sync")
# A vendored script has no sentences of ours.
METHODS = [
    ("**.py", "python"),
    ("**/templates/**.html", "jinja2"),
]
# A vendored script has no sentences of ours; in our own, `say` is something else.
SCRIPT_METHODS = [("**/static/vendor/**", "ignore"), ("**/static/js/**.js", "javascript")]
SCRIPT_OPTIONS = {"**/static/js/**.js": {"parse_template_string": "true"}}
HEADER = "# The sentences of the winery appliance; ./scripts/translations brings in new ones."
SCRIPT_KEYWORDS = {"_": None, "ngettext": (1, 2)}
KEYWORDS = {**SCRIPT_KEYWORDS, "N_": None, "say": None}
# Shorter ones are often rightly the same in two languages.
MANY_WORDS = 4
# What is rightly the same, and why.
RIGHTLY_SAME = {
    "%(change)s en 24 h": "Spanish and French both say en",
    "%(tank)s, %(what)s en %(unit)s": "Spanish and French both say en",
    "(JPEG, PNG o WebP)": "Spanish and Italian both say o",
}


def collect_sentences() -> Catalog:
    """Every sentence of the product, with the files that say it."""
    catalog = Catalog()
    for package in PACKAGES:
        found = [
            *extract_from_dir(ROOT / package, METHODS, keywords=KEYWORDS),
            *extract_from_dir(
                ROOT / package,
                SCRIPT_METHODS,
                options_map=SCRIPT_OPTIONS,
                keywords=SCRIPT_KEYWORDS,
            ),
        ]
        for name, _line, message, *_rest in sorted(found, key=lambda entry: str(entry[0])):
            catalog.add(message, locations=[(f"{package}/{name}", 0)])
    return catalog


def read_catalog(language: str) -> Catalog:
    """What is translated already."""
    path = path_of(language)
    if not path.exists():
        made = Catalog(locale=language, fuzzy=False, header_comment=HEADER)
        # One thing and several; a form of its own for whole millions is nothing that a cellar counts.
        one = "n > 1" if language == "fr" else "n != 1"
        made.mime_headers = [("Plural-Forms", f"nplurals=2; plural=({one});")]
        return made
    with path.open("rb") as file:
        return read_po(file, locale=language)


def path_of(language: str) -> Path:
    """Where a language's catalog lies."""
    return FOLDER / language / "LC_MESSAGES" / "messages.po"


def write_catalog(language: str, catalog: Catalog) -> None:
    """Write it sorted, without noisy and line numbers, so that a change shows what changed."""
    text = BytesIO()
    write_po(text, catalog, sort_output=True, include_lineno=False, omit_header=False, width=0)
    lines = text.getvalue().decode().splitlines(keepends=True)
    noise = ("POT-", "PO-Rev", "Generated", "Last-Tr", "Project-", "Report-", "Language-Team")
    noisy = tuple(f'"{name}' for name in noise)
    path_of(language).parent.mkdir(parents=True, exist_ok=True)
    path_of(language).write_text("".join(line for line in lines if not line.startswith(noisy)))


def find_faults(language: str, wanted: Catalog) -> Iterator[str]:
    """What keeps a language from being complete: a sentence each."""
    there = read_catalog(language)
    for message in wanted:
        if not message.id:
            continue
        found = there.get(message.id)
        if found is None or not all(forms_of(found)):
            yield f"{language}: not translated: {message.id!r}"
        elif found.fuzzy:
            yield f"{language}: in doubt: {message.id!r}"
        else:
            yield from (f"{language}: {fault}: {message.id!r}" for fault in found.check())


def forms_of(message: Message | None) -> tuple[str | None, ...]:
    """A translation as its forms: one, or one thing and several."""
    if message is None:
        return ()
    said = message.string
    return tuple(said) if isinstance(said, tuple | list) else (said,)


def find_same(catalogs: Mapping[str, Catalog]) -> Iterator[str]:
    """Sentences that say the same in two languages, so that one of them likely speaks the other: a line each."""
    for (one, catalog), (other, beside) in combinations(catalogs.items(), 2):
        for message in catalog:
            english = message.id if isinstance(message.id, tuple) else (message.id,)
            theirs = forms_of(beside.get(message.id)) if message.id else ()
            for text in dict.fromkeys(forms_of(message)):
                if not text or text not in theirs or text in english or text in RIGHTLY_SAME:
                    continue
                if len(text.split()) >= MANY_WORDS:
                    yield f"{one} and {other}: the same sentence: {text!r} for {english[0]!r}"


def main() -> int:
    """Renew the catalogs, or tell what is missing."""
    wanted = collect_sentences()
    faults: list[str] = []
    for language in LANGUAGES[1:]:
        if "--check" in sys.argv:
            faults += find_faults(language, wanted)
        else:
            there = read_catalog(language)
            there.update(wanted, no_fuzzy_matching=True)
            there.obsolete.clear()
            write_catalog(language, there)
    if "--check" in sys.argv:
        faults += find_same({language: read_catalog(language) for language in LANGUAGES[1:]})
    print("\n".join(faults[:40]), f"{len(faults)} faults" if faults else "")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
