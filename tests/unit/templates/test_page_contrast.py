"""The colours of the house, computed: enough contrast to read, enough difference to tell apart for every kind of eye."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Sequence

import pytest

from tests.unit.templates.page_harness import PACKAGE, STATIC, without_comments

CSS = without_comments((STATIC / "css/tokens.css").read_text(encoding="utf-8"))
LIGHTS = ("day", "cellar", "sun")
GROUNDS = ("page", "surface", "sunk", "must-soft")
# WCAG 2.2, 1.4.6 (enhanced contrast): 7 for text. 1.4.11: 3 for lines and marks.
TEXT = [
    ("ink", GROUNDS),
    ("ink2", GROUNDS),
    ("must", ("page", "surface", "must-soft")),
    ("on-fill", ("fill",)),
    ("page", ("ink",)),
]
LINES = ("edge", "act", "watch", "good", "ask", "red", "white", "rose", "orange", "temp")
WINES, MARKS = ("red", "white", "rose", "orange", "temp"), ("act", "watch", "good", "ask")
# Nearest two colours, in OKLab x 100; 6 is the house rule. Shape and word tell the rest.
LEAST_DISTANCE = 6.0
# Machado, Oliveira, Fernandes: A physiologically-based model for simulation of color vision deficiency (2009), severity 1.
EYES: dict[str, Sequence[Sequence[float]]] = {
    "usual": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protan": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deutan": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "tritan": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}  # fmt: skip
# Ottosson: A perceptual color space for image processing (2020).
TO_CONES = (
    (0.4122214708, 0.5363325363, 0.0514459929),
    (0.2119034982, 0.6806995451, 0.1073969566),
    (0.0883024619, 0.2817188376, 0.6299787005),
)
TO_LAB = (
    (0.2104542553, 0.7936177850, -0.0040720468),
    (1.9779984951, -2.4285922050, 0.4505937099),
    (0.0259040371, 0.7827717662, -0.8086757660),
)

Vector = Sequence[float]


def tokens_of(light: str) -> dict[str, str]:
    blocks = re.findall(rf'\[data-theme="{light}"\]\s*\{{(.*?)\}}', CSS, re.S)
    assert len(blocks) == 1
    return dict(re.findall(r"--([\w-]+):\s*(#[0-9a-f]{6})(?![0-9a-f])", blocks[0]))


def linear(colour: str) -> Vector:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    return [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]


def apply(matrix: Sequence[Vector], vector: Vector) -> list[float]:
    return [sum(a * b for a, b in zip(line, vector, strict=True)) for line in matrix]


def contrast(one: str, other: str) -> float:
    """WCAG 2: (lighter + 0.05) / (darker + 0.05) of the relative luminances."""
    light, dark = sorted(
        (apply([(0.2126, 0.7152, 0.0722)], linear(c))[0] for c in (one, other)), reverse=True
    )
    return (light + 0.05) / (dark + 0.05)


def seen_by(eye: str, colour: str) -> list[float]:
    clipped = [min(1.0, max(0.0, c)) for c in apply(EYES[eye], linear(colour))]
    return apply(TO_LAB, [c ** (1 / 3) for c in apply(TO_CONES, clipped)])


def distance(eye: str, one: str, other: str) -> float:
    pairs = zip(seen_by(eye, one), seen_by(eye, other), strict=True)
    return 100 * math.sqrt(sum((a - b) ** 2 for a, b in pairs))


def test_the_ruler_itself_is_right() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
    assert distance("usual", "#000000", "#ffffff") == pytest.approx(100, abs=0.1)
    assert distance("deutan", "#a03030", "#507030") < distance("usual", "#a03030", "#507030")


@pytest.mark.parametrize("light", LIGHTS)
@pytest.mark.parametrize(("ink", "grounds"), TEXT)
def test_text_can_be_read(light: str, ink: str, grounds: tuple[str, ...]) -> None:
    tokens = tokens_of(light)
    assert {g: c for g in grounds if (c := contrast(tokens[ink], tokens[g])) < 7} == {}


@pytest.mark.parametrize("light", LIGHTS)
@pytest.mark.parametrize("line", LINES)
def test_lines_and_marks_can_be_seen(light: str, line: str) -> None:
    tokens = tokens_of(light)
    assert {g: c for g in ("page", "surface") if (c := contrast(tokens[line], tokens[g])) < 3} == {}


@pytest.mark.parametrize("light", LIGHTS)
@pytest.mark.parametrize("eye", EYES)
@pytest.mark.parametrize("group", [WINES, MARKS], ids=["wines", "marks"])
def test_colours_can_be_told_apart(light: str, eye: str, group: tuple[str, ...]) -> None:
    tokens = tokens_of(light)
    near = {
        f"{a}/{b}": d
        for a, b in itertools.combinations(group, 2)
        if (d := distance(eye, tokens[a], tokens[b])) < LEAST_DISTANCE
    }
    assert near == {}


def test_every_light_has_every_colour() -> None:
    assert set(tokens_of("day")) == set(tokens_of("cellar")) == set(tokens_of("sun"))


def test_without_script_the_dark_is_the_cellar() -> None:
    copy = re.findall(r":root:not\(\[data-theme\]\)\s*\{(.*?)\}", CSS, re.S)
    original = re.findall(r'\[data-theme="cellar"\]\s*\{(.*?)\}', CSS, re.S)
    assert copy[0].split() == original[0].split()


def test_the_bar_of_the_browser_has_the_colour_of_the_page() -> None:
    head = (PACKAGE / "templates/skeleton.html").read_text(encoding="utf-8")
    said = re.findall(
        r'name="theme-color" content="(#\w+)" media="\(prefers-color-scheme: (\w+)\)"', head
    )
    assert {scheme: colour for colour, scheme in said} == {
        "light": tokens_of("day")["page"],
        "dark": tokens_of("cellar")["page"],
    }


def test_styles_name_no_colour_but_the_tokens() -> None:
    for file in sorted((STATIC / "css").glob("*.css")):
        if file.name != "tokens.css":
            css = without_comments(file.read_text(encoding="utf-8"))
            assert re.findall(r"#[0-9a-fA-F]{3,8}\b(?=[^{}]*;)|\brgba?\(|\bhsla?\(", css) == [], (
                file.name
            )


def test_styles_use_no_token_that_is_not_there() -> None:
    everything = "".join(
        without_comments(file.read_text(encoding="utf-8"))
        for file in (STATIC / "css").glob("*.css")
    )
    there = set(re.findall(r"(--[\w-]+)\s*:", everything))
    assert set(re.findall(r"var\((--[\w-]+)", everything)) <= there
