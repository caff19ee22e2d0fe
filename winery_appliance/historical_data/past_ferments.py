"""Completed fermentations as curves: written beside their past readings, read for patterns and comparisons."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from winery_appliance.core.many_rows import insert_rows, is_among
from winery_appliance.core.units import SampleType
from winery_appliance.fermentation.queries import FermentationView, SampleView
from winery_appliance.fermentation.whereabouts import list_occupancies
from winery_appliance.historical_data.courses import (
    HOURS,
    LEAST_SHARE,
    SHARES,
    Course,
    trace_course,
)
from winery_appliance.historical_data.models import PastFerment
from winery_appliance.historical_data.vessel_sizes import VesselSize, name_vessel_size
from winery_appliance.winery.queries import list_vessels


@dataclass(frozen=True, order=True)
class Group:
    """Ferments that are laid over each other: one variety ("" where it is not known), style and size of vessel."""

    varietal: str
    style: str
    vessel_size: str


def trace_samples(ferment: FermentationView, samples: Sequence[SampleView]) -> Course | None:
    """The course of a fermentation by its readings; results like `<5` draw no curve."""

    def points(kind: SampleType) -> list[tuple[float, float]]:
        return [
            ((s.measured_at - ferment.started_at).total_seconds() / 3600, s.canonical)
            for s in samples
            if s.sample_type is kind and s.qualifier is None
        ]

    return trace_course(points(SampleType.sugar), points(SampleType.temperature))


def size_vessels(
    session: Session, ferments: Sequence[FermentationView]
) -> Mapping[int, VesselSize]:
    """By fermentation the class of the vessel that it began in, the largest of several; else of its volume."""
    capacity = {vessel.id: vessel.capacity_l for vessel in list_vessels(session, deleted=None)}
    began: dict[int, list[tuple[float, int]]] = {}
    for lay in list_occupancies(session, fermentation_ids=[f.id for f in ferments]):
        held = capacity.get(lay.vessel_id)
        if held is not None:
            began.setdefault(lay.fermentation_id, []).append((lay.since.timestamp(), -held))
    return {
        f.id: name_vessel_size(-min(began[f.id])[1] if f.id in began else f.start_volume_l)
        for f in ferments
    }


def forget_ferments(session: Session, fermentation_ids: Collection[int]) -> set[Group]:
    """Delete the curves of these fermentations; the groups that they were in."""
    gone = session.execute(
        delete(PastFerment)
        .where(is_among(PastFerment.fermentation_id, fermentation_ids))
        .returning(PastFerment.varietal, PastFerment.style, PastFerment.vessel_size)
    )
    return {Group(*row) for row in gone}


def write_ferments(
    session: Session,
    winery_id: int,
    ferments: Sequence[tuple[FermentationView, str | None, Sequence[SampleView]]],
) -> set[Group]:
    """Write the curves of completed fermentations with their varietals and readings; the groups that they are in now.

    One that was read too seldom, or hardly fermented, has none.
    """
    sizes = size_vessels(session, [ferment for ferment, _, _ in ferments])
    rows = []
    for ferment, varietal, samples in ferments:
        course = trace_samples(ferment, samples)
        if course is None or course.share_gone < LEAST_SHARE:
            continue
        by_share, by_time = pack_course(course)
        rows.append(
            {
                "winery_id": winery_id,
                "fermentation_id": ferment.id,
                "code": ferment.code,
                "varietal": varietal or "",
                "style": ferment.style,
                "vessel_size": sizes[ferment.id],
                "vintage": ferment.vintage,
                "source": ferment.data_source,
                "started_at": ferment.started_at,
                "start_density": course.start_density,
                "share_gone": course.share_gone,
                "last_h": course.last_h,
                "lag_h": course.lag_h,
                "dry_h": course.dry_h,
                "fastest": course.fastest,
                "temperature_c": course.temperature_c,
                "by_share": by_share,
                "by_time": by_time,
            }
        )
    if rows:
        session.execute(insert_rows(PastFerment, rows))
    return {Group(row["varietal"], row["style"], row["vessel_size"]) for row in rows}  # type: ignore[arg-type]


def list_groups(session: Session) -> list[Group]:
    """Every group that has a past ferment."""
    wanted = select(PastFerment.varietal, PastFerment.style, PastFerment.vessel_size).distinct()
    return sorted(Group(*row) for row in session.execute(wanted))


def read_courses(session: Session, group: Group) -> dict[int, Course]:
    """The curves of a group, by fermentation."""
    columns = (
        PastFerment.fermentation_id,
        PastFerment.start_density,
        PastFerment.share_gone,
        PastFerment.last_h,
        PastFerment.lag_h,
        PastFerment.dry_h,
        PastFerment.fastest,
        PastFerment.temperature_c,
        PastFerment.by_share,
        PastFerment.by_time,
    )
    rows = session.execute(
        select(*columns)
        .where(
            PastFerment.varietal == group.varietal,
            PastFerment.style == group.style,
            PastFerment.vessel_size == group.vessel_size,
        )
        .order_by(PastFerment.fermentation_id)
    )
    return {
        row[0]: Course(*row[1:8], *unpack_halves(row.by_share), *unpack_halves(row.by_time))
        for row in rows
    }


def mark_of_past(session: Session) -> tuple[int, object]:
    """Changes whenever a past ferment of this winery does; who writes them does so one after the other."""
    row = session.execute(
        select(func.count(), func.max(PastFerment.written_at)).select_from(PastFerment)
    ).one()
    return row[0], row[1]


def pack_course(course: Course) -> tuple[bytes, bytes]:
    """The curve by share and by time: two rows of little-endian 32-bit floats each."""
    return (
        np.array([course.hours_at, course.warmth_at], dtype="<f4").tobytes(),
        np.array([course.share_by, course.warmth_by], dtype="<f4").tobytes(),
    )


def unpack_halves(packed: bytes) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """What `pack_course` made of two rows."""
    assert len(packed) in (8 * len(SHARES), 8 * len(HOURS))
    return np.frombuffer(packed, dtype="<f4").reshape(2, -1).astype(np.float64)
