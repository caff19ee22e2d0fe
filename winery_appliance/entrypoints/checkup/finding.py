"""One thing that was looked at, and how it was found."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad it is: a FAIL loses data, leaks it or stops the work; a WARN may come to that."""

    PASS = "PASS"  # noqa: S105 - a word on the screen
    WARN = "WARN"
    FAIL = "FAIL"


@dataclass(frozen=True)
class Finding:
    """`check` is a stable word for scripts; `sentence` says what was seen and `advice` what to do about it."""

    check: str
    level: Level
    sentence: str
    advice: str = ""


def passed(check: str, sentence: str) -> Finding:
    """It is as it should be."""
    return Finding(check, Level.PASS, sentence)


def warned(check: str, sentence: str, advice: str) -> Finding:
    """It works, and somebody should look at it."""
    return Finding(check, Level.WARN, sentence, advice)


def failed(check: str, sentence: str, advice: str) -> Finding:
    """It is broken or open."""
    return Finding(check, Level.FAIL, sentence, advice)
