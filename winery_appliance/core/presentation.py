"""How figures and times look on a page; gives the templates their filters."""

import re
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from babel.dates import format_datetime
from flask import g
from jinja2 import Environment
from markupsafe import Markup

from winery_appliance.core import clock
from winery_appliance.core.figures import (
    NO_BREAK_SPACE,
    show_bare,
    show_codes,
    show_number,
    show_quantity,
)
from winery_appliance.core.words import N_, say, spoken

# The readings of a winery that runs, at some 300 bytes each.
MOST_TIMES = 20_000
_GAP = re.compile(r">\s*\n\s*<")
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def set_up_filters(environment: Environment) -> None:
    """Give the templates their filters."""
    environment.filters.update(
        quantity=show_quantity,
        number=show_number,
        bare=show_bare,
        ago=show_age,
        local_time=show_local_time,
        codes=show_codes,
        svg_points=show_points,
        without_gaps=drop_gaps,
    )


def drop_gaps(markup: str) -> Markup:
    """Markup without the line breaks between its elements, each of which a phone would keep: for what is long."""
    return Markup(_GAP.sub("><", markup))  # noqa: S704 - what a template has escaped


def show_points(points: Sequence[tuple[float, float]], width: int, height: int, edge: int) -> str:
    """Points of the unit square as an SVG polyline's, in a frame of this size with an edge left free; high is up."""
    wide, high = width - 2 * edge, height - 2 * edge
    return " ".join(f"{edge + wide * x:.1f},{height - edge - high * y:.1f}" for x, y in points)


def show_age(moment: datetime | None) -> str:
    """How long ago, in one unit: "2 h ago"."""
    if moment is None:
        return say("never")
    seconds = (clock.now() - moment).total_seconds()
    if seconds < _MINUTE:
        return say("just now")
    for unit, counted in (
        (_DAY, N_("%(n)s d")),
        (_HOUR, N_("%(n)s h")),
        (_MINUTE, N_("%(n)s min")),
    ):
        if seconds >= 2 * unit or unit == _MINUTE:
            count = say(counted, n=int(seconds // unit)).replace(" ", NO_BREAK_SPACE)
            return say("%(time)s ago", time=count)
    raise AssertionError("minutes catch the rest")


def show_local_time(moment: datetime | None) -> str:
    """Day and time in the winery's zone; the date where the day of the week would not be clear."""
    if moment is None:
        return "–"
    recent = abs((clock.now() - moment).days) < 6
    shape = "EEE HH:mm" if recent else "d MMM y HH:mm"
    return _shape_time(moment, g.get("time_zone", "UTC"), shape, spoken())


@lru_cache(MOST_TIMES)
def _shape_time(moment: datetime, zone: str, shape: str, language: str) -> str:
    """Kept: a page says hundreds of times, and most are those it said before."""
    return format_datetime(moment.astimezone(ZoneInfo(zone)), shape, locale=language)
