"""The tables a replay reads and writes. Nothing in a file is an error but a missing column.

A cell that is empty or no number is no reading. `t_h` and every time written are hours on one scale per ferment; the
clock times of a row only tell how long after the measurement it was written down.
"""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import isfinite
from pathlib import Path

from winery_appliance.analysis_engine.measurements import Addition, Ferment, Reading
from winery_appliance.core.units import SampleType, Unit, from_canonical, to_canonical

# A replay has its own calendar: only differences of hours count.
EPOCH = datetime(2000, 1, 1, tzinfo=UTC)

QUANTITIES: Mapping[str, tuple[SampleType, Unit]] = {
    "brix": (SampleType.sugar, Unit.brix),
    "temp_c": (SampleType.temperature, Unit.celsius),
    "ph": (SampleType.ph, Unit.ph),
    "va_gl": (SampleType.va, Unit.g_l),
    "malic_gl": (SampleType.malic, Unit.g_l),
    "yan_mgl": (SampleType.yan, Unit.mg_l),
}
COLUMNS = {kind: column for column, (kind, _) in QUANTITIES.items()}
STYLES = ("red", "white", "rose", "orange")

_LARGEST = 1e4  # no quantity of ours is larger, whatever the unit it was meant in
_LATEST_H = 1e5


class UnreadableTable(ValueError):
    """A table lacks what a replay cannot do without; the text is for a person."""


@dataclass(frozen=True)
class RecordedFerment:
    """A ferment with everything a table says of it. `sample_id` counts its readings in the file's order."""

    name: str
    ferment: Ferment
    readings: tuple[Reading, ...]
    additions: tuple[Addition, ...] = ()


def read_ferments(
    readings: Path, ferments: Path, events: Path | None = None
) -> list[RecordedFerment]:
    """All ferments of `ferments` in its order, with their readings. Raises UnreadableTable, OSError."""
    facts = [_read_facts(row) for row in _read_rows(ferments, ("ferment_id", "style"))]
    rows = _group(_read_rows(readings, ("ferment_id", "t_h")))
    done = _group(_read_rows(events, ("ferment_id", "t_h", "kind")) if events else ())
    return [
        RecordedFerment(
            name,
            ferment,
            _read_readings(rows.get(name, ())),
            tuple(_read_additions(done.get(name, ()))),
        )
        for name, ferment in dict(facts).items()
    ]


def list_doubtful_lines(readings: Path) -> list[int]:
    """Line numbers of `readings` with a cell that is neither empty nor a number: such cells are no readings.

    Raises UnreadableTable, OSError.
    """
    limits = {"t_h": _LATEST_H} | dict.fromkeys(QUANTITIES, _LARGEST)
    return [
        line
        for line, row in enumerate(_read_rows(readings, ("ferment_id", "t_h")), start=2)
        if any(
            row.get(name) and _read_number(row[name], most) is None for name, most in limits.items()
        )
    ]


def hours_of(moment: datetime) -> float:
    """A moment of a replay on the scale of `t_h`."""
    return (moment - EPOCH).total_seconds() / 3600


def moment_of(hours: float) -> datetime:
    """The moment of a replay at so many hours on the scale of `t_h`."""
    return EPOCH + timedelta(hours=hours)


def write_table(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write `rows` with the same bytes on every system; the file is there whole or not at all."""
    unfinished = path.with_name(f"{path.name}.new")
    with unfinished.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows([_show(cell) for cell in row] for row in rows)
    unfinished.replace(path)


def _show(cell: object) -> object:
    if isinstance(cell, float):
        return f"{round(cell, 3) + 0.0:.10g}"  # adding nothing makes -0 a 0
    return "" if cell is None else cell


def _read_rows(path: Path, wanted: Sequence[str]) -> list[Mapping[str, str]]:
    with path.open(newline="", encoding="utf-8-sig", errors="replace") as file:
        table = csv.DictReader(file)
        missing = [name for name in wanted if name not in (table.fieldnames or ())]
        if missing:
            raise UnreadableTable(f"{path.name} has no column {', '.join(missing)}.")
        return [{k: v or "" for k, v in row.items() if isinstance(k, str)} for row in table]


def _group(rows: Iterable[Mapping[str, str]]) -> dict[str, list[Mapping[str, str]]]:
    grouped: dict[str, list[Mapping[str, str]]] = {}
    for row in rows:
        grouped.setdefault(row["ferment_id"], []).append(row)
    return grouped


def _read_number(text: str | None, largest: float = _LARGEST) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if isfinite(value) and abs(value) <= largest else None


def _read_facts(row: Mapping[str, str]) -> tuple[str, Ferment]:
    style = row["style"].strip().lower().replace("é", "e")
    brix = _read_number(row.get("brix0"))
    yan = _read_number(row.get("yan0_mgl"))
    return row["ferment_id"], Ferment(
        style=style if style in STYLES else "white",
        started_at=EPOCH,
        yeast_strain="",
        brix0=brix if brix is not None and 10 <= brix <= 45 else None,
        yan_mg_l=yan if yan is not None and 0 <= yan <= 1000 else None,
    )


def _read_readings(rows: Sequence[Mapping[str, str]]) -> tuple[Reading, ...]:
    readings: list[Reading] = []
    for row in rows:
        hours = _read_number(row["t_h"], _LATEST_H)
        if hours is None:
            continue
        measured_at = moment_of(hours)
        recorded_at = moment_of(hours + _read_delay_h(row))
        for column, (kind, unit) in QUANTITIES.items():
            value = _read_number(row.get(column))
            if value is not None:
                readings.append(
                    Reading(
                        sample_id=len(readings),
                        sample_type=kind,
                        value=to_canonical(kind, value, unit),
                        qualifier=None,
                        measured_at=measured_at,
                        recorded_at=recorded_at,
                        confirmed=False,
                        unit=unit,
                    )
                )
    return tuple(readings)


def _read_delay_h(row: Mapping[str, str]) -> float:
    """Hours from the measurement to its entry; none when the row does not say, never negative."""
    try:
        measured = datetime.fromisoformat(row.get("measured_at", ""))
        recorded = datetime.fromisoformat(row.get("recorded_at", ""))
        delay_h = (recorded - measured).total_seconds() / 3600
    except (ValueError, TypeError):
        return 0.0
    return min(max(delay_h, 0.0), _LATEST_H)


def _read_additions(rows: Sequence[Mapping[str, str]]) -> Iterable[Addition]:
    for row in rows:
        hours = _read_number(row["t_h"], _LATEST_H)
        if hours is not None:
            yield Addition(
                kind=row["kind"].strip(),
                at=moment_of(hours),
                amount=_read_number(row.get("amount"), 1e7),
                unit=(row.get("unit") or "").strip(),
            )


def show_value(reading_type: SampleType, canonical: float) -> float:
    """A canonical value in the unit of its column."""
    return from_canonical(reading_type, canonical, QUANTITIES[COLUMNS[reading_type]][1])
