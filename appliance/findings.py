"""What is right and wrong with a server: one line each, with what to do."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How much it matters."""

    PASS = "PASS"  # noqa: S105 - a verdict
    WARN = "WARN"
    FAIL = "FAIL"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    check: str
    level: Level
    sentence: str
    advice: str = ""

    def __str__(self) -> str:
        return f"{self.level}  {self.check}: {self.sentence} {self.advice}".rstrip()


def judge(
    check: str, holds: bool, sentence: str, advice: str, *, only_warn: bool = False
) -> Finding:
    """PASS when it holds; else FAIL, or WARN for what can be lived with, with the advice."""
    if holds:
        return Finding(check, Level.PASS, sentence)
    return Finding(check, Level.WARN if only_warn else Level.FAIL, sentence, advice)
