"""The one writer of patterns: each is drawn anew when the past ferments of its group change, and then alone."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from winery_appliance.core import outbox
from winery_appliance.core.outbox import Event, Reaction
from winery_appliance.historical_data.bands import Bands, draw_bands
from winery_appliance.historical_data.courses import Course
from winery_appliance.historical_data.events import PatternOutdated
from winery_appliance.historical_data.models import Pattern
from winery_appliance.historical_data.past_ferments import Group, list_groups, read_courses


@dataclass(frozen=True)
class Drawing:
    """A group of a winery with its curves by fermentation, before or after its bands are drawn."""

    winery_id: int
    group: Group
    courses: dict[int, Course]
    bands: Bands | None = None


def outdate_patterns(session: Session, winery_id: int, groups: Iterable[Group]) -> None:
    """Let a worker draw the patterns of these groups anew."""
    outbox.publish_all(
        session,
        [
            PatternOutdated(winery_id, group.varietal, group.style, group.vessel_size)
            for group in sorted(groups)
        ],
    )


def rebuild_patterns(session: Session, winery_id: int) -> int:
    """Draw every pattern of a winery anew, and forget those that have no ferment; how many there are."""
    groups = list_groups(session)
    known = select(Pattern.varietal, Pattern.style, Pattern.vessel_size)
    for row in session.execute(known).all():
        if Group(*row) not in groups:
            store_pattern(session, Drawing(winery_id, Group(*row), {}))
    for group in groups:
        store_pattern(session, draw(Drawing(winery_id, group, read_courses(session, group))))
    return len(groups)


def draw(drawing: Drawing) -> Drawing:
    """The same with its bands, where it has a ferment."""
    if not drawing.courses:
        return drawing
    bands = draw_bands(list(drawing.courses.values()))
    return Drawing(drawing.winery_id, drawing.group, drawing.courses, bands)


def store_pattern(session: Session, drawing: Drawing) -> None:
    """Keep what was drawn; a group without ferments has no pattern."""
    group, bands = drawing.group, drawing.bands
    if bands is None:
        session.execute(
            delete(Pattern).where(
                Pattern.varietal == group.varietal,
                Pattern.style == group.style,
                Pattern.vessel_size == group.vessel_size,
            )
        )
        return
    places = sorted(zip(drawing.courses, bands.places, strict=True), key=lambda one: (one[1], one[0]))  # fmt: skip
    content = bands.content | {"places": [list(place) for place in places]}
    values = {"ferments": len(drawing.courses), "content": content}
    session.execute(
        insert(Pattern)
        .values(
            winery_id=drawing.winery_id,
            varietal=group.varietal,
            style=group.style,
            vessel_size=group.vessel_size,
            **values,
        )
        .on_conflict_do_update(
            index_elements=["winery_id", "varietal", "style", "vessel_size"],
            set_={**values, "written_at": func.clock_timestamp()},
        )
    )


def _load(session: Session, events: Sequence[Event]) -> Drawing:
    event = events[-1]
    assert isinstance(event, PatternOutdated)
    group = Group(event.varietal, event.style, event.vessel_size)
    return Drawing(event.winery_id, group, read_courses(session, group))


draw_pattern = Reaction("draw_pattern", _load, draw, store_pattern)
