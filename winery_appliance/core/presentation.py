"""How figures and times look on a page; gives the templates their filters."""

from datetime import datetime
from zoneinfo import ZoneInfo

from flask import Flask, g

from winery_appliance.core import clock
from winery_appliance.core.figures import NO_BREAK_SPACE, show_codes, show_number, show_quantity

_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def set_up_filters(app: Flask) -> None:
    """Give the templates their filters."""
    app.jinja_env.filters.update(
        quantity=show_quantity,
        number=show_number,
        ago=show_age,
        local_time=show_local_time,
        codes=show_codes,
    )


def show_age(moment: datetime | None) -> str:
    """How long ago, in one unit: "2 h ago"."""
    if moment is None:
        return "never"
    seconds = (clock.now() - moment).total_seconds()
    if seconds < _MINUTE:
        return "just now"
    for unit, name in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min")):
        if seconds >= 2 * unit or unit == _MINUTE:
            return f"{int(seconds // unit)}{NO_BREAK_SPACE}{name} ago"
    raise AssertionError("minutes catch the rest")


def show_local_time(moment: datetime | None) -> str:
    """Day and time in the winery's zone; the date where the day of the week would not be clear."""
    if moment is None:
        return "–"
    local = moment.astimezone(ZoneInfo(g.get("time_zone", "UTC")))
    recent = abs((clock.now() - moment).days) < 6
    return f"{local:%a %H:%M}" if recent else f"{local.day} {local:%b %Y %H:%M}"
