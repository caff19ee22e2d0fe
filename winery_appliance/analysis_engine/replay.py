"""Runs the engine over the past, as of every reading in the order they were written down. Needs no database."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from winery_appliance.analysis_engine.assessment import assess
from winery_appliance.analysis_engine.cleaning import flag_samples
from winery_appliance.analysis_engine.features import trace_curve
from winery_appliance.analysis_engine.measurements import Finding, Severity
from winery_appliance.analysis_engine.replay_files import (
    COLUMNS,
    RecordedFerment,
    hours_of,
    read_ferments,
    show_value,
    write_table,
)

_GRAVITY = {"info": 0, "warning": 1, "critical": 2}
# A ferment with a probe is judged every quarter of an hour, like in the cellar, not at each of its readings.
_PROBE_READINGS = 3000
_PROBE_PACE = timedelta(minutes=15)


@dataclass(frozen=True)
class Alarm:
    """One trouble from the moment it was found to the moment it was over; the gravest it became."""

    check: str
    severity: Severity
    opened_at: datetime
    cleared_at: datetime | None


@dataclass(frozen=True)
class Replayed:
    """What the engine would have said of one ferment."""

    name: str
    alarms: tuple[Alarm, ...]
    flags: tuple[tuple[object, ...], ...]


def replay_tables(
    readings: Path, ferments: Path, out: Path, *, events: Path | None, processes: int
) -> int:
    """Replay every ferment of the tables and write `alarms.csv` and `flags.csv`; how many there were.

    The same input gives the same bytes. Raises UnreadableTable and OSError.
    """
    recorded = read_ferments(readings, ferments, events)
    out.mkdir(parents=True, exist_ok=True)
    replayed = list(_replay_all(recorded, processes))
    write_table(
        out / "alarms.csv",
        ("ferment_id", "check", "severity", "opened_at_h", "cleared_at_h"),
        (
            (
                one.name,
                a.check,
                a.severity,
                hours_of(a.opened_at),
                a.cleared_at and hours_of(a.cleared_at),
            )
            for one in replayed
            for a in one.alarms
        ),
    )
    write_table(
        out / "flags.csv",
        ("ferment_id", "t_h", "quantity", "flag", "proposed_value"),
        ((one.name, *flag) for one in replayed for flag in one.flags),
    )
    return len(replayed)


def _replay_all(recorded: Sequence[RecordedFerment], processes: int) -> Iterator[Replayed]:
    if processes <= 1 or len(recorded) < 8:
        yield from map(replay, recorded)
        return
    with ProcessPoolExecutor(processes) as pool:
        yield from pool.map(replay, recorded, chunksize=4)


def replay(recorded: RecordedFerment) -> Replayed:
    """The life of one ferment as the engine would have seen it."""
    moments = list(list_moments(recorded))
    history: list[tuple[datetime, tuple[Finding, ...]]] = []
    for as_of in moments:
        known = [r for r in recorded.readings if r.recorded_at <= as_of]
        history.append((as_of, assess(recorded.ferment, known, as_of=as_of).findings))
    return Replayed(
        recorded.name, tuple(follow_alarms(history)), tuple(_list_flags(recorded, moments))
    )


def list_moments(recorded: RecordedFerment) -> Iterator[datetime]:
    """The moments at which something new was known."""
    moments = sorted({reading.recorded_at for reading in recorded.readings})
    last: datetime | None = None
    for moment in moments:
        probed = len(moments) > _PROBE_READINGS and moment is not moments[-1]
        if last is None or not probed or moment - last >= _PROBE_PACE:
            last = moment
            yield moment


def follow_alarms(history: Sequence[tuple[datetime, tuple[Finding, ...]]]) -> list[Alarm]:
    """One alarm per trouble, ordered by opening; found again at the next moment it is still the same."""
    standing: dict[str, Alarm] = {}
    over: list[Alarm] = []
    for as_of, findings in history:
        found = {finding.check: finding for finding in findings}
        for check in [check for check in standing if check not in found]:
            alarm = standing.pop(check)
            over.append(Alarm(check, alarm.severity, alarm.opened_at, as_of))
        for check, finding in found.items():
            alarm = standing.get(check) or Alarm(check, finding.severity, as_of, None)
            severity = max(alarm.severity, finding.severity, key=_GRAVITY.__getitem__)
            standing[check] = Alarm(check, severity, alarm.opened_at, None)
    return sorted([*over, *standing.values()], key=lambda alarm: (alarm.opened_at, alarm.check))


def _list_flags(
    recorded: RecordedFerment, moments: Sequence[datetime]
) -> Iterator[tuple[object, ...]]:
    """What is known of each sample when everything is in."""
    if not moments:
        return
    curve = trace_curve(recorded.ferment, recorded.readings, moments[-1])
    for flag in flag_samples(recorded.readings, curve):
        kind = flag.reading.sample_type
        proposed = None if flag.proposed is None else show_value(kind, flag.proposed)
        yield hours_of(flag.reading.measured_at), COLUMNS[kind], flag.fault, proposed
