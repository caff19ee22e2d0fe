"""One rule to a file; every module here with a class that is a check is found by the folder.

A new rule is a new file with a subclass of `Check`; nothing else has to be told. The ids are kept
with stored findings and must not change.
"""

import pkgutil
from abc import ABC, abstractmethod
from datetime import datetime
from functools import cache
from importlib import import_module
from typing import ClassVar

from winery_appliance.analysis_engine.features import Curve
from winery_appliance.analysis_engine.measurements import Ferment, Finding


class Check(ABC):
    """One rule. A check holds no state: the same curve gives the same finding."""

    id: ClassVar[str]
    title: ClassVar[str]

    @abstractmethod
    def run(self, ferment: Ferment, curve: Curve, as_of: datetime) -> Finding | None:
        """The finding that is open at `as_of`, or None. Never raises on a curve that was traced."""


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
