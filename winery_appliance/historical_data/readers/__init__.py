"""One layout to a file; every module here with a class that is a reader is found by the folder.

A new instrument is a new file with a subclass of `Reader`; nothing else has to be told. The ids are kept with imports and
remembered mappings and must not change.
"""

import pkgutil
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from typing import ClassVar, Literal

from winery_appliance.historical_data.columns import IGNORE, guess_use, name_columns

DateOrder = Literal["dmy", "mdy"]
Uses = Mapping[str, str]


class Reader:
    """One layout. What a column holds is told by its header; a row says in its cells what it is."""

    id: ClassVar[str]
    title: ClassVar[str]
    rank: ClassVar[int] = 50  # the smaller one is asked first; plain spreadsheets come last
    date_order: ClassVar[DateOrder | None] = None  # where the maker of the file leaves no doubt
    makes_wines: ClassVar[bool] = True  # whether a code that nobody knows begins a new wine
    names_wine: ClassVar[bool] = True  # whether rows say whose they are; else the person is asked
    names_moment: ClassVar[bool] = True  # whether rows say when; else the person is asked
    has_replicates: ClassVar[bool] = (
        False  # whether rows of one code and day are one sample measured again
    )
    is_ours: ClassVar[bool] = False  # written by us: cells that a spreadsheet would run are marked
    warmth_is_reading: ClassVar[bool] = (
        False  # whether the sample's temperature is the wine's as well
    )
    # Cells that a row is left out for, by use: {"left_out": {"watercheck": "a water check"}}
    left_out: ClassVar[Mapping[str, Mapping[str, str]]] = {}
    units: ClassVar[Mapping[str, str]] = {}  # of quantities that their header leaves open

    def recognise(self, header: Sequence[str]) -> Uses | None:
        """The use of every column by its name, or None when this is no header of this layout."""
        raise NotImplementedError


def guess_uses(header: Sequence[str]) -> dict[str, str]:
    """What each column seems to hold, from its header alone."""
    names = name_columns(header)
    return {name: guess_use(title) for name, title in zip(names, header, strict=True)}


def is_enough(uses: Uses, *, names_wine: bool = True) -> bool:
    """Whether a row with these columns can be a reading: whose, when and what."""
    found = set(uses.values())
    whose = bool(found & {"wine", "code", "vessel"}) or not names_wine
    when = bool(found & {"moment", "date"})
    what = "value/1" in found or any(
        "/" in use and not use.startswith(("what/", "value/", "unit/")) for use in found
    )
    return whose and when and what


@cache
def find_readers() -> tuple[Reader, ...]:
    """Every reader of this folder, those asked first in front. Raises ValueError when two share an id."""
    found: dict[str, Reader] = {}
    for module in pkgutil.iter_modules(__path__):
        for item in vars(import_module(f"{__name__}.{module.name}")).values():
            if isinstance(item, type) and issubclass(item, Reader) and item is not Reader:
                if item.id in found and type(found[item.id]) is not item:
                    raise ValueError(f"two readers have the id {item.id}")
                found[item.id] = item()
    return tuple(sorted(found.values(), key=lambda reader: (reader.rank, reader.id)))


__all__ = ["IGNORE", "DateOrder", "Reader", "Uses", "find_readers", "guess_uses", "is_enough"]
