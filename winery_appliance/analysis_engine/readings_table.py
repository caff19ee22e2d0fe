"""Readings as lines of a table: what was typed, never rounded, by whom, and what was corrected."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from winery_appliance.auth.queries import find_names
from winery_appliance.core.figures import show_number, show_typed
from winery_appliance.core.units import CANONICAL, UNIT_SYMBOLS, SampleType
from winery_appliance.core.words import N_, say
from winery_appliance.devices.queries import find_device_codes
from winery_appliance.fermentation.queries import SampleView

LATE_AFTER = timedelta(hours=6)
TYPE_LABELS = {
    SampleType.sugar: N_("Sugar"),
    SampleType.temperature: N_("Temperature"),
    SampleType.ph: "pH",
    SampleType.ta: N_("TA"),
    SampleType.va: N_("VA"),
    SampleType.yan: N_("YAN"),
    SampleType.malic: N_("Malic acid"),
    SampleType.lactic: N_("Lactic acid"),
    SampleType.free_so2: N_("Free SO₂"),
    SampleType.total_so2: N_("Total SO₂"),
    SampleType.alcohol: N_("Alcohol"),
    SampleType.residual_sugar: N_("Residual sugar"),
}


@dataclass(frozen=True)
class ReadingRow:
    """A reading as a line of a table.

    `by` is a person, or with a `device_id` a probe. `earlier` is what it was before each correction, the oldest first;
    `reason` is why it was last corrected or, with `voided`, taken out.
    """

    sample_id: int
    measured_at: datetime
    type_label: str
    value_typed: str
    unit_symbol: str
    qualifier: str | None
    canonical_text: str | None
    by: str
    confirmed: bool
    late: bool
    earlier: tuple[str, ...] = ()
    reason: str | None = None
    voided: bool = False
    device_id: int | None = None


def find_authors(session: Session, samples: Sequence[SampleView]) -> dict[int, str]:
    """By sample who recorded it: a person's name, or a device's code."""
    people = find_names(session, {s.recorded_by for s in samples if s.recorded_by is not None})
    devices = find_device_codes(session, {s.device_id for s in samples if s.device_id is not None})
    return {
        s.id: devices.get(s.device_id, "?")
        if s.device_id is not None
        else people.get(s.recorded_by or 0, "?")
        for s in samples
    }


def view_rows(
    samples: Sequence[SampleView], replaced: Sequence[SampleView], names: Mapping[int, str]
) -> list[ReadingRow]:
    """The current readings with what they were before, and those that were taken out, in the order they were measured."""
    before = {s.id: s for s in replaced}
    gone = [s for s in replaced if s.voids]
    rows = [_view_row(s, before, names) for s in (*samples, *gone)]
    return sorted(rows, key=lambda row: (row.measured_at, row.sample_id))


def _view_row(
    sample: SampleView, before: Mapping[int, SampleView], names: Mapping[int, str]
) -> ReadingRow:
    canonical = CANONICAL[sample.sample_type]
    converted = f"{show_number(sample.canonical)} {UNIT_SYMBOLS[canonical]}"
    earlier = []
    older = before.get(sample.supersedes_id or 0)
    while older is not None:
        if not older.voids:
            earlier.append(f"{show_typed(older.value)}\u00a0{UNIT_SYMBOLS[older.unit]}")
        older = before.get(older.supersedes_id or 0)
    return ReadingRow(
        sample.id,
        sample.measured_at,
        say(TYPE_LABELS[sample.sample_type]),
        show_typed(sample.value),
        UNIT_SYMBOLS[sample.unit],
        sample.qualifier,
        converted if sample.sample_type is SampleType.sugar and sample.unit != canonical else None,
        names.get(sample.id, "?"),
        sample.confirmed,
        sample.received_at - sample.measured_at > LATE_AFTER,
        tuple(reversed(earlier)),
        sample.reason,
        sample.voids,
        sample.device_id,
    )
