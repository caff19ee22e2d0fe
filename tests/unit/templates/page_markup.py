"""A page as a tree of tags, just enough to ask it questions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = frozenset(["area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source"])


@dataclass
class Tag:
    """An element with its attributes, its children and the text right inside it."""

    name: str
    attributes: dict[str, str]
    parent: Tag | None = None
    children: list[Tag] = field(default_factory=list)
    own_text: str = ""

    def walk(self) -> Iterator[Tag]:
        """This element and all inside it, in the order of the page."""
        yield self
        for child in self.children:
            yield from child.walk()

    def find_all(self, *names: str, **attributes: str) -> list[Tag]:
        """The elements inside with one of these names and all of these attributes."""
        return [
            tag
            for tag in self.walk()
            if tag.name in names and all(tag.attributes.get(k) == v for k, v in attributes.items())
        ]

    def lies_in(self, name: str) -> bool:
        """Whether an element around this one has that name."""
        return self.parent is not None and (self.parent.name == name or self.parent.lies_in(name))

    def text(self) -> str:
        """All text inside."""
        return " ".join([self.own_text, *(child.text() for child in self.children)])


class _Builder(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.root = Tag("#page", {})
        self.open = self.root

    def handle_starttag(self, name: str, attributes: list[tuple[str, str | None]]) -> None:
        tag = Tag(name, {key: value or "" for key, value in attributes}, self.open)
        self.open.children.append(tag)
        if name not in VOID:
            self.open = tag

    def handle_startendtag(self, name: str, attributes: list[tuple[str, str | None]]) -> None:
        tag = Tag(name, {key: value or "" for key, value in attributes}, self.open)
        self.open.children.append(tag)

    def handle_endtag(self, name: str) -> None:
        if name in VOID:
            return
        assert self.open.name == name, f"</{name}> closes <{self.open.name}>"
        assert self.open.parent is not None
        self.open = self.open.parent

    def handle_data(self, data: str) -> None:
        self.open.own_text += data


def read_page(html: str) -> Tag:
    """The tree of a page. AssertionError where an end tag closes something else."""
    builder = _Builder()
    builder.feed(html)
    builder.close()
    return builder.root
