"""Runs the engine over the past, as of every reading in the order they were written down. Needs no database."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from winery_appliance.analysis_engine.assessment import (
    Assessment,
    describe_known,
    judge,
)
from winery_appliance.analysis_engine.checks import Check
from winery_appliance.analysis_engine.cleaning import Flag
from winery_appliance.analysis_engine.forecasting.finished import PastFerment
from winery_appliance.analysis_engine.forecasting.forecast import Forecast
from winery_appliance.analysis_engine.forecasting.kinetic_bank import load_bank
from winery_appliance.analysis_engine.forecasting.learning import learn
from winery_appliance.analysis_engine.forecasting.lessons import UNTAUGHT, Lessons
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


_HEADERS = {
    "alarms": ("check", "severity", "opened_at_h", "cleared_at_h"),
    "flags": ("t_h", "quantity", "flag", "proposed_value"),
    "forecasts": (
        *("asked_at_h", "dry_h_p10", "dry_h_p50", "dry_h_p90", "p_not_dry_in_time"),
        *("brix_24h_p10", "brix_24h_p50", "brix_24h_p90"),
    ),
}


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
    alarms: tuple[tuple[object, ...], ...]
    flags: tuple[tuple[object, ...], ...]
    forecasts: tuple[tuple[object, ...], ...]


def replay_tables(
    readings: Path,
    ferments: Path,
    out: Path,
    *,
    events: Path | None = None,
    history: tuple[Path, Path] | None = None,
    processes: int = 1,
) -> int:
    """Replay every ferment of the tables and write `alarms.csv`, `flags.csv` and `forecasts.csv`; how many there were.

    `history` are readings and ferments of the past to learn from. The same input gives the same bytes. Raises
    UnreadableTable and OSError.
    """
    recorded = read_ferments(readings, ferments, events)
    lessons = UNTAUGHT
    if history is not None:
        lessons = learn([PastFerment(p.ferment, p.readings) for p in read_ferments(*history)])
    write_replayed(out, list(replay_all(recorded, lessons, processes)))
    return len(recorded)


def write_replayed(out: Path, replayed: Sequence[Replayed]) -> None:
    """The three tables in the folder `out`, which is made. Raises OSError."""
    out.mkdir(parents=True, exist_ok=True)
    for name, header in _HEADERS.items():
        rows = ((one.name, *row) for one in replayed for row in getattr(one, name))
        write_table(out / f"{name}.csv", ("ferment_id", *header), rows)


def replay_all(
    recorded: Sequence[RecordedFerment], lessons: Lessons, processes: int
) -> Iterator[Replayed]:
    """The life of every ferment, in order, worked on by several processes."""
    look_back = partial(replay, lessons=lessons)
    if processes <= 1 or len(recorded) < 8:
        yield from map(look_back, recorded)
        return
    load_bank()  # once, before the processes part
    with ProcessPoolExecutor(processes) as pool:
        yield from pool.map(look_back, recorded, chunksize=8)


def replay(recorded: RecordedFerment, lessons: Lessons = UNTAUGHT) -> Replayed:
    """The life of one ferment as the engine would have seen it."""
    history: list[tuple[datetime, tuple[Finding, ...]]] = []
    forecasts = []
    last: Assessment | None = None
    for as_of in list_moments(recorded):
        known = [r for r in recorded.readings if r.recorded_at <= as_of]
        last = judge(
            describe_known(
                recorded.ferment,
                known,
                as_of=as_of,
                additions=recorded.additions,
                lessons=lessons,
                course=False,
            )
        )
        history.append((as_of, last.findings))
        if last.forecast is not None:
            forecasts.append(_list_forecast(last.forecast))
    return Replayed(
        recorded.name,
        tuple(_list_alarm(alarm) for alarm in follow_alarms(history)),
        tuple(_list_flag(flag) for flag in last.flags) if last else (),
        tuple(forecasts),
    )


def compare_rules(
    recorded: RecordedFerment,
    lessons: Lessons,
    rules: Sequence[Sequence[Check]],
) -> tuple[list[list[Alarm]], Forecast | None]:
    """The alarms of one ferment by each of several sets of checks, and the last forecast; what is costly is done once."""
    history: list[list[tuple[datetime, tuple[Finding, ...]]]] = [[] for _ in rules]
    made: Forecast | None = None
    for as_of in list_moments(recorded):
        readings = [r for r in recorded.readings if r.recorded_at <= as_of]
        known = describe_known(
            recorded.ferment,
            readings,
            as_of=as_of,
            additions=recorded.additions,
            lessons=lessons,
            course=False,
        )
        made = known.situation.forecast or made
        for heard, checks in zip(history, rules, strict=True):
            heard.append((as_of, judge(known, checks=checks).findings))
    return [follow_alarms(heard) for heard in history], made


def _list_alarm(alarm: Alarm) -> tuple[object, ...]:
    cleared = None if alarm.cleared_at is None else hours_of(alarm.cleared_at)
    return alarm.check, alarm.severity, hours_of(alarm.opened_at), cleared


def _list_flag(flag: Flag) -> tuple[object, ...]:
    kind = flag.reading.sample_type
    proposed = None if flag.proposed is None else show_value(kind, flag.proposed)
    return hours_of(flag.reading.measured_at), COLUMNS[kind], flag.fault, proposed


def _list_forecast(made: Forecast) -> tuple[object, ...]:
    dry, tomorrow = made.dry_h, made.brix_24h
    return (
        *(made.now_h, dry.p10, dry.p50, dry.p90, made.p_not_dry),
        *(tomorrow.p10, tomorrow.p50, tomorrow.p90),
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
