"""What the page of one fermentation shows: its figures, its readings, its analysis and the values of its curve."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from winery_appliance.analysis_engine.anomaly_queries import AnomalyView
from winery_appliance.analysis_engine.board import day_of
from winery_appliance.analysis_engine.curve import change_in_24h
from winery_appliance.analysis_engine.queries import (
    AnalysisResult,
    find_doubted,
    is_awaited,
    read_analysis,
)
from winery_appliance.auth.queries import find_names, list_active_names
from winery_appliance.core import density
from winery_appliance.core.figures import show_codes
from winery_appliance.core.units import (
    CANONICAL,
    UNIT_SYMBOLS,
    SampleType,
    Unit,
    from_canonical,
    soft_range,
)
from winery_appliance.devices.queries import find_device_codes
from winery_appliance.fermentation.queries import FermentationView, SampleView, read_samples
from winery_appliance.fermentation.service import get_fermentation
from winery_appliance.fermentation.states import Phase
from winery_appliance.winery.queries import WineryView, read_winery

# While a reading waits for its analysis the page asks often, so that the answer is seen within the second.
POLL_WAITING_S = 0.4
POLL_CALM_S = 15.0
# An analysis that takes longer than this is not waited for so impatiently.
IMPATIENT_FOR = timedelta(seconds=30)
LATE_AFTER = timedelta(hours=6)
# Apparent °Bx under which a must counts as dry for the line on the curve.
DRY_BRIX = -1.0
TYPE_LABELS = {
    SampleType.sugar: "Sugar",
    SampleType.temperature: "Temperature",
    SampleType.ph: "pH",
    SampleType.ta: "TA",
    SampleType.va: "VA",
    SampleType.yan: "YAN",
    SampleType.malic: "Malic acid",
    SampleType.lactic: "Lactic acid",
    SampleType.free_so2: "Free SO₂",
    SampleType.total_so2: "Total SO₂",
    SampleType.alcohol: "Alcohol",
}


@dataclass(frozen=True)
class ReadingRow:
    """A reading as a line of a table."""

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
    """The live part of the page."""

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
    temperature_c: float | None
    sugar_left_g_l: float | None
    alcohol_pct: float | None


@dataclass(frozen=True)
class FermentationPage:
    """Everything the page needs."""

    ferment: FermentView
    analysis: AnalysisPanel
    rows: list[ReadingRow]
    winery: WineryView


def read_fermentation_page(
    session: Session, fermentation_id: int, *, now: datetime
) -> FermentationPage:
    """The page of one fermentation. Raises NotFound."""
    ferment = get_fermentation(session, fermentation_id)
    winery = read_winery(session)
    samples = read_samples(session, fermentation_id)
    # Asked before the result is read: an analysis that lands in between is then asked for once more, not missed.
    awaited = is_awaited(session, fermentation_id)
    result = read_analysis(session, fermentation_id, now=now)
    names = _find_authors(session, samples)
    rows = {s.id: _view_row(s, names) for s in samples}
    return FermentationPage(
        _view_ferment(ferment, samples, result, winery.sugar_unit, names, now),
        _view_panel(
            ferment,
            samples,
            result,
            rows,
            winery,
            now,
            awaited=awaited,
            people=list_active_names(session),
        ),
        list(reversed(rows.values())),
        winery,
    )


def _find_authors(session: Session, samples: Sequence[SampleView]) -> dict[int, str]:
    """By sample who recorded it: a person's name, or a device's code."""
    people = find_names(session, {s.recorded_by for s in samples if s.recorded_by is not None})
    devices = find_device_codes(session, {s.device_id for s in samples if s.device_id is not None})
    return {
        s.id: devices.get(s.device_id, "?")
        if s.device_id is not None
        else people.get(s.recorded_by or 0, "?")
        for s in samples
    }


def _view_row(sample: SampleView, names: Mapping[int, str]) -> ReadingRow:
    canonical = CANONICAL[sample.sample_type]
    converted = f"{sample.canonical:.1f} {UNIT_SYMBOLS[canonical]}"
    return ReadingRow(
        sample.id,
        sample.measured_at,
        TYPE_LABELS[sample.sample_type],
        sample.value.lstrip("<> ").replace("-", "−"),
        UNIT_SYMBOLS[sample.unit],
        sample.qualifier,
        converted if sample.sample_type is SampleType.sugar and sample.unit != canonical else None,
        names[sample.id],
        sample.confirmed,
        sample.received_at - sample.measured_at > LATE_AFTER,
    )


def _view_ferment(
    ferment: FermentationView,
    samples: Sequence[SampleView],
    result: AnalysisResult,
    unit: Unit,
    names: Mapping[int, str],
    now: datetime,
) -> FermentView:
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
        temperatures[-1].canonical if temperatures else None,
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
        return f"{ferment.code} is finished"
    if ferment.status == "planned":
        return f"{ferment.code} is planned for {name}"
    return f"{name} is on course" if result.analyzed_at else f"{name} has just begun"


def _view_panel(
    ferment: FermentationView,
    samples: Sequence[SampleView],
    result: AnalysisResult,
    rows: Mapping[int, ReadingRow],
    winery: WineryView,
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
        _chart(ferment, samples, result, winery),
        people,
        _view_forecast(ferment, result, winery.sugar_unit),
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
        from_canonical(SampleType.sugar, density.density_from_brix(brix), unit)
        for brix in (made.brix_24h_low, made.brix_24h, made.brix_24h_high)
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


def _chart(
    ferment: FermentationView,
    samples: Sequence[SampleView],
    result: AnalysisResult,
    winery: WineryView,
) -> dict[str, Any]:
    flagged = find_doubted(result.anomalies)
    unit = winery.sugar_unit

    def points(kind: SampleType, shown_in: Unit) -> list[list[Any]]:
        return [
            [
                s.measured_at.timestamp(),
                round(from_canonical(kind, s.canonical, shown_in), 4),
                s.id,
                s.id in flagged,
            ]
            for s in samples
            if s.sample_type is kind
        ]

    return {
        "sugar_unit": UNIT_SYMBOLS[unit],
        "sugar": points(SampleType.sugar, unit),
        "temperature": points(SampleType.temperature, Unit.celsius),
        "alarm": _alarm_window(samples, result),
        "dry_line": round(
            from_canonical(SampleType.sugar, density.density_from_brix(DRY_BRIX), unit), 4
        ),
        "wanted_temperature": list(
            soft_range(SampleType.temperature, Unit.celsius, style=ferment.style)
        ),
        "style": ferment.style,
        "timezone": winery.time_zone,
    }


def _alarm_window(samples: Sequence[SampleView], result: AnalysisResult) -> dict[str, Any] | None:
    """The stretch of the sugar curve that the worst alarm rests on."""
    at = {s.id: s.measured_at for s in samples if s.sample_type is SampleType.sugar}
    for anomaly in result.anomalies:
        moments = [at[sample_id] for sample_id in anomaly.evidence if sample_id in at]
        if moments:
            return {
                "from": min(moments).timestamp(),
                "to": max(moments).timestamp(),
                "label": anomaly.title,
            }
    return None
