"""Which wine a code in a file means: `CF2` is `CF02`. Pure; the codes of the book come in as plain data."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from winery_appliance.core.words import say

_PARTS = re.compile(r"\d+|[^\W\d_]+")


@lru_cache(maxsize=8192)
def fold_code(code: str) -> str:
    """What codes have in common that people take for one: letters and numbers, without case, zeros in front or signs.

    `CF2`, `cf-02` and `CF 002` are one; `F24-1` and `F2-41` are two. A code without any is its own.
    """
    parts = _PARTS.findall(code.casefold())
    folded = " ".join(part.lstrip("0") or "0" if part[0].isdigit() else part for part in parts)
    return folded or code.casefold().strip()


class AmbiguousCode(ValueError):
    """A code that means several; the text is a sentence for a person."""


@dataclass
class Codes:
    """The codes of one kind of thing, to find ids by what somebody typed."""

    exact: dict[str, int] = field(default_factory=dict)
    folded: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def gather(cls, ids: Mapping[str, int]) -> "Codes":
        """Of ids by code."""
        codes = cls()
        for code, row_id in ids.items():
            codes.exact[code.casefold()] = row_id
            codes.folded.setdefault(fold_code(code), []).append(code)
        return codes

    def find(self, typed: str) -> int | None:
        """The id that was meant: by the code itself, else by what it has in common with just one. Raises AmbiguousCode."""
        found = self.exact.get(typed.strip().casefold())
        if found is not None:
            return found
        alike = self.folded.get(fold_code(typed), [])
        if len(alike) > 1:
            told = say(
                "%(code)s could be %(these)s. Say which one is meant.",
                code=typed,
                these=_list(alike),
            )
            raise AmbiguousCode(told)
        return self.exact[alike[0].casefold()] if alike else None


def _list(codes: Iterable[str]) -> str:
    *others, last = sorted(codes)
    return say("%(these)s or %(last)s", these=", ".join(others), last=last)
