"""One rule to a file; every module here with a class that is a check is found by the folder.

A new rule is a new file with a subclass of `Check`; nothing else has to be told. The ids are kept
with stored findings and must not change.
"""

import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cache
from importlib import import_module
from types import MappingProxyType
from typing import Any, ClassVar, TypeVar

from winery_appliance.analysis_engine.measurements import Finding, Severity, Threshold
from winery_appliance.analysis_engine.situation import Situation
from winery_appliance.core.words import say

Limits = TypeVar("Limits")


class Check(ABC):
    """One rule. A check holds no state: the same curve gives the same finding."""

    id: ClassVar[str]
    title: ClassVar[str]
    severity: ClassVar[Severity]  # the gravest it can be
    about: ClassVar[str]  # for a winemaker: what it looks for, and why
    clears: ClassVar[str]  # what makes it go away
    sources: ClassVar[str]
    parameters: Mapping[str, Any]  # limits by style

    @abstractmethod
    def run(self, situation: Situation) -> Finding | None:
        """The finding that is open in `situation`, or None. Never raises."""

    def find(
        self,
        since: datetime,
        explanation: str,
        evidence: Iterable[int],
        threshold: Threshold,
        score: float,
        severity: Severity | None = None,
        title: str | None = None,
    ) -> Finding:
        """A finding of this check, with its own words where no others are given."""
        return Finding(
            check=self.id,
            severity=severity or self.severity,
            since=since,
            title=title or say(self.title),
            explanation=explanation,
            evidence=tuple(evidence),
            threshold=threshold,
            clears_when=say(self.clears),
            deviation_score=max(float(score), 0.0),
        )


def same_for_all(limits: Limits) -> Mapping[str, Limits]:
    """The same limits for every style."""
    return MappingProxyType({style: limits for style in ("red", "white", "rose", "orange")})


def for_styles(on_skins: Limits, juice: Limits) -> Mapping[str, Limits]:
    """Limits for what ferments on skins (red, orange) and for juice (white, rosé)."""
    return MappingProxyType({"red": on_skins, "orange": on_skins, "white": juice, "rose": juice})


@cache
def find_checks() -> tuple[Check, ...]:
    """Every check of this folder with its default parameters, ordered by id.

    Raises ValueError when two checks share an id.
    """
    found: dict[str, Check] = {}
    for module in pkgutil.iter_modules(__path__):
        for item in vars(import_module(f"{__name__}.{module.name}")).values():
            if isinstance(item, type) and issubclass(item, Check) and item is not Check:
                check = item()
                if check.id in found and type(found[check.id]) is not item:
                    raise ValueError(f"two checks have the id {check.id}")
                found[check.id] = check
    return tuple(found[check_id] for check_id in sorted(found))
