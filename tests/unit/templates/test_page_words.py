"""What a page says, it says through `_()`: a sentence beside it would stay English in every language."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.unit.templates.page_harness import all_templates

# For people who write programs, in English like the API itself.
FOR_PROGRAMMERS = {"api_docs.html"}
# Names that are the same in every language.
NAMES = {"JSON", "CSV", "PDF", "Authorization", "Bearer", "http"}
JINJA = re.compile(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}(?!,)", re.DOTALL)
ELEMENTS = re.compile(r"<(script|style|svg)\b.*?</\1>|<[^>]*>", re.DOTALL)
READ_ALOUD = re.compile(r'\b(?:aria-label|title|placeholder|alt|content)="([^"]*)"')
# In an expression: what stands between quotes and is not handed to a function of words.
SAID = re.compile(r"(?:_|ngettext)\((?:\s*,?\s*(?:'(?:[^'\\]|\\.)*'|\"[^\"]*\"))+")
QUOTED = re.compile(r"'((?:[^'\\]|\\.)*)'")
SENTENCE = re.compile(r"[A-Za-z]{2,}[.,]? [a-z]{2,}|^ [a-z]{3,}")


def find_words(text: str) -> set[str]:
    """Words in a text, without the names that no language has another word for."""
    return set(re.findall(r"[A-Za-z]{3,}", re.sub(r"&\w+;|/\w+", " ", text))) - NAMES


@pytest.mark.parametrize("template", all_templates(), ids=lambda file: str(file.name))
def test_every_word_of_a_page_is_looked_up(template: Path) -> None:
    if template.name in FOR_PROGRAMMERS:
        return
    source = template.read_text(encoding="utf-8")
    plain = re.sub(r"\{% block (?:body_class|html_class) %\}.*?\{% endblock %\}", "", source)
    bare = JINJA.sub(" ", plain)
    # A macro may write attributes of an element that begins in another one.
    shown = re.sub(r' aria-\w+="[^"]*"', " ", ELEMENTS.sub(" ", bare))
    assert find_words(shown) == set()
    meta = re.sub(r"<(?:meta|link)\b[^>]*>", "", bare)
    assert [said for said in READ_ALOUD.findall(meta) if find_words(said)] == []
    quoted = [
        one
        for expression in JINJA.findall(plain)
        if not expression.startswith("{#")
        for one in QUOTED.findall(SAID.sub("(", expression))
        if SENTENCE.search(one)
    ]
    assert quoted == []
