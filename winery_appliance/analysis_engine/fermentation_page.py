"""What the page of one fermentation shows: its figures, its readings, its analysis and the values of its curve."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from winery_appliance.analysis_engine.anomaly_queries import AlarmChange, AnomalyView
from winery_appliance.analysis_engine.board import day_of
from winery_appliance.analysis_engine.chart import build_chart, show_brix
from winery_appliance.analysis_engine.curve import change_in_24h
from winery_appliance.analysis_engine.own_band import find_own_band
from winery_appliance.analysis_engine.queries import (
    AnalysisResult,
    find_doubted,
    is_awaited,
    read_analysis,
)
from winery_appliance.analysis_engine.readings_table import ReadingRow, find_authors, view_rows
from winery_appliance.analysis_engine.work_log import WorkRow, read_work_log
from winery_appliance.auth.queries import list_active_names
from winery_appliance.core import density
from winery_appliance.core.figures import show_codes
from winery_appliance.core.units import UNIT_SYMBOLS, SampleType, Unit, from_canonical
from winery_appliance.core.words import say
from winery_appliance.fermentation.entry import tell_previous
from winery_appliance.fermentation.queries import (
    FermentationView,
    SampleView,
    read_samples_and_replaced,
)
from winery_appliance.fermentation.service import get_fermentation
from winery_appliance.fermentation.states import Phase
from winery_appliance.winery.queries import Units, WineryView, read_units, read_winery

# While a reading waits for its analysis the page asks often, so that the answer is seen within the second.
POLL_WAITING_S = 0.4
POLL_CALM_S = 15.0
# An analysis that takes longer than this is not waited for so impatiently.
IMPATIENT_FOR = timedelta(seconds=30)
MOST_ROWS = 60


@dataclass(frozen=True)
class AnomalyCard:
    """A trouble that is not cleared, with the readings it used."""

    alarm: AnomalyView
    evidence: list[ReadingRow]


@dataclass(frozen=True)
class ForecastLine:
    """When the wine will be dry, in days from the last analysis, and its sugar a day after it (`next_at`), in the winery's
    unit. A day of None lies past the horizon of 45 days; `dry_since` is set once it is dry.
    """

    dry_since: datetime | None
    days_from: float | None
    days: float | None
    days_to: float | None
    next_at: datetime
    sugar_low: float
    sugar: float
    sugar_high: float
    unit_symbol: str


@dataclass(frozen=True)
class AnalysisPanel:
    """The live part of the page; `over` are the alarms that the latest analysis cleared."""

    status: str
    analyzed_at: datetime | None
    covers_samples: int
    sample_count: int
    anomalies: list[AnomalyCard]
    recommendations: Sequence[Any]
    poll_seconds: float
    chart: dict[str, Any]
    people: dict[int, str]
    forecast: ForecastLine | None = None
    over: Sequence[AlarmChange] = ()


@dataclass(frozen=True)
class FermentView:
    """The figures on top of the page; sugar in the winery's unit."""

    id: int
    code: str
    vessel_codes: tuple[str, ...]
    style: str
    vintage: int | None
    af: Phase
    mlf: Phase
    yeast_strain: str
    started_at: datetime
    day: int
    status: str
    headline: str
    sugar: float | None
    sugar_unit_symbol: str
    sugar_at: datetime | None
    sugar_by: str | None
    change_24h: float | None
    temperature: float | None
    temperature_unit_symbol: str
    sugar_left_g_l: float | None
    alcohol_pct: float | None


@dataclass(frozen=True)
class FermentationPage:
    """Everything the page needs; `rows` are the newest readings of `row_count`, `previous` the last two of sugar and of
    temperature as they were typed.
    """

    ferment: FermentView
    analysis: AnalysisPanel
    rows: list[ReadingRow]
    row_count: int
    work: list[WorkRow]
    winery: WineryView
    units: Units
    previous: dict[str, list[tuple[str, datetime]]]


def read_fermentation_page(
    session: Session, fermentation_id: int, *, now: datetime, user_id: int
) -> FermentationPage:
    """The page of one fermentation in the units of this person. Raises NotFound."""
    ferment = get_fermentation(session, fermentation_id)
    winery = read_winery(session)
    units = read_units(session, user_id, winery)
    samples, replaced = read_samples_and_replaced(session, fermentation_id)
    work = read_work_log(session, fermentation_id)
    # Asked before the result is read: an analysis that lands in between is then asked for once more, not missed.
    awaited = is_awaited(session, fermentation_id)
    result = read_analysis(session, fermentation_id, now=now)
    shown = _choose_shown(samples, result)
    names = find_authors(session, [*shown, *replaced])
    rows = view_rows(shown, replaced, names)
    newest = {s.id for s in samples[-MOST_ROWS:]}
    return FermentationPage(
        _view_ferment(ferment, samples, result, units, names, now),
        _view_panel(
            ferment,
            samples,
            result,
            {row.sample_id: row for row in rows},
            build_chart(
                ferment,
                samples,
                result,
                work,
                find_own_band(session, ferment, units.sugar),
                units,
                winery.time_zone,
            ),
            units,
            now,
            awaited=awaited,
            people=list_active_names(session),
        ),
        [row for row in reversed(rows) if row.sample_id in newest or row.voided],
        len(samples),
        work,
        winery,
        units,
        tell_previous(samples),
    )


def _choose_shown(samples: Sequence[SampleView], result: AnalysisResult) -> list[SampleView]:
    """The newest readings, those that an alarm rests on, and the last of sugar; a probe has tens of thousands."""
    evidence = {sample_id for anomaly in result.anomalies for sample_id in anomaly.evidence}
    last = next((s.id for s in reversed(samples) if s.sample_type is SampleType.sugar), None)
    older = samples[:-MOST_ROWS]
    return [s for s in older if s.id in evidence or s.id == last] + list(samples[-MOST_ROWS:])


def _view_ferment(
    ferment: FermentationView,
    samples: Sequence[SampleView],
    result: AnalysisResult,
    units: Units,
    names: Mapping[int, str],
    now: datetime,
) -> FermentView:
    unit = units.sugar
    flagged = find_doubted(result.anomalies)
    sugars = [s for s in samples if s.sample_type is SampleType.sugar]
    temperatures = [s for s in samples if s.sample_type is SampleType.temperature]
    sound = [s for s in sugars if s.id not in flagged]
    points = [(s.measured_at, from_canonical(SampleType.sugar, s.canonical, unit)) for s in sound]
    last = sugars[-1] if sugars else None
    left = alcohol = None
    if len(sound) >= 2:
        start, current = max(s.canonical for s in sound[:3]), sound[-1].canonical
        left = density.sugar_left_g_l(current, start_density=start)
        alcohol = density.alcohol_pct_vol(current, start_density=start)
    return FermentView(
        ferment.id,
        ferment.code,
        ferment.vessel_codes,
        ferment.style,
        ferment.vintage,
        ferment.af,
        ferment.mlf,
        ferment.yeast_strain,
        ferment.started_at,
        day_of(ferment, now),
        ferment.status,
        _headline(ferment, result),
        from_canonical(SampleType.sugar, last.canonical, unit) if last else None,
        UNIT_SYMBOLS[unit],
        last.measured_at if last else None,
        names[last.id] if last else None,
        change_in_24h(points),
        from_canonical(SampleType.temperature, temperatures[-1].canonical, units.temperature)
        if temperatures
        else None,
        UNIT_SYMBOLS[units.temperature],
        left,
        alcohol,
    )


def _headline(ferment: FermentationView, result: AnalysisResult) -> str:
    name = show_codes(ferment.vessel_codes) or ferment.code
    awake = [anomaly for anomaly in result.anomalies if anomaly.status != "snoozed"]
    if awake:
        title = awake[0].title
        # "Stuck" goes on in small letters, "VA rising" does not.
        return f"{name}: {title if title[:2].isupper() else title[:1].lower() + title[1:]}"
    if ferment.status == "completed":
        return say("%(wine)s is finished", wine=ferment.code)
    if ferment.status == "planned":
        return say("%(wine)s is planned for %(vessel)s", wine=ferment.code, vessel=name)
    return (
        say("%(vessel)s is on course", vessel=name)
        if result.analyzed_at
        else say("%(vessel)s has just begun", vessel=name)
    )


def _view_panel(
    ferment: FermentationView,
    samples: Sequence[SampleView],
    result: AnalysisResult,
    rows: Mapping[int, ReadingRow],
    chart: dict[str, Any],
    units: Units,
    now: datetime,
    *,
    awaited: bool,
    people: dict[int, str],
) -> AnalysisPanel:
    newest = max((s.received_at for s in samples), default=now)
    impatient = awaited and now - newest < IMPATIENT_FOR
    return AnalysisPanel(
        result.status,
        result.analyzed_at,
        result.covers_samples,
        len(samples),
        [_view_anomaly(anomaly, rows) for anomaly in result.anomalies],
        result.recommendations,
        POLL_WAITING_S if impatient else POLL_CALM_S,
        chart,
        people,
        _view_forecast(ferment, result, units.sugar),
        [change for change in result.changes if change.what == "cleared"],
    )


def _view_forecast(
    ferment: FermentationView, result: AnalysisResult, unit: Unit
) -> ForecastLine | None:
    made = result.forecast
    if made is None or result.analyzed_at is None or ferment.status != "active":
        return None
    asked = result.analyzed_at

    def days(moment: datetime | None) -> float | None:
        return None if moment is None else max((moment - asked).total_seconds() / 86400, 0.0)

    low, sugar, high = (
        show_brix(brix, unit) for brix in (made.brix_24h_low, made.brix_24h, made.brix_24h_high)
    )
    return ForecastLine(
        dry_since=made.dry_at if made.found_dry else None,
        days_from=days(made.dry_from),
        days=days(made.dry_at),
        days_to=days(made.dry_to),
        next_at=asked + timedelta(hours=24),
        sugar_low=low,
        sugar=sugar,
        sugar_high=high,
        unit_symbol=UNIT_SYMBOLS[unit],
    )


def _view_anomaly(anomaly: AnomalyView, rows: Mapping[int, ReadingRow]) -> AnomalyCard:
    return AnomalyCard(
        anomaly,
        [rows[sample_id] for sample_id in reversed(anomaly.evidence) if sample_id in rows],
    )
