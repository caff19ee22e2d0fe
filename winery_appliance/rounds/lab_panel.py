"""What a lab panel needs to know: the wines, what each column measures and in which unit, and what was found last."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from winery_appliance.core.units import (
    CANONICAL,
    UNIT_SYMBOLS,
    SampleType,
    Unit,
    hard_range,
    soft_range,
)
from winery_appliance.core.words import N_, say
from winery_appliance.fermentation.last_readings import read_last_of_each_kind
from winery_appliance.fermentation.queries import SampleView, list_fermentations
from winery_appliance.rounds.queries import MOST_TANKS, Limits, place_in_walking_order

# In the order in which a laboratory reports them, with their names on the sheet.
ANALYTES: dict[SampleType, str] = {
    SampleType.ph: "pH",
    SampleType.ta: N_("TA"),
    SampleType.yan: N_("YAN"),
    SampleType.free_so2: N_("Free SO₂"),
    SampleType.total_so2: N_("Total SO₂"),
    SampleType.malic: N_("Malic"),
    SampleType.lactic: N_("Lactic"),
    SampleType.va: N_("VA"),
    SampleType.residual_sugar: N_("Residual sugar"),
    SampleType.alcohol: N_("Alcohol"),
}


@dataclass(frozen=True)
class Analyte:
    """A column: what it measures, the one unit it is typed in, and what is possible and usual in it."""

    sample_type: SampleType
    name: str
    unit: Unit
    symbol: str
    limits: Limits


@dataclass(frozen=True)
class LastResult:
    """What was found last of an analyte, as it was typed."""

    sample_type: SampleType
    value: str
    symbol: str
    measured_at: datetime


@dataclass(frozen=True)
class PanelWine:
    """A row: a running wine, and its last results."""

    fermentation_id: int
    vessel_code: str
    vessel_codes: tuple[str, ...]
    code: str
    last: list[LastResult]


@dataclass(frozen=True)
class PanelView:
    """The whole sheet, in walking order."""

    as_of: datetime
    analytes: list[Analyte]
    wines: list[PanelWine]


def read_panel(session: Session, *, now: datetime) -> PanelView:
    """The lab panel as of `now`; the same number of queries whatever the number of wines."""
    ferments = list_fermentations(session, status="active", limit=MOST_TANKS).items
    last = read_last_of_each_kind(session, [f.id for f in ferments], list(ANALYTES))
    wines = [
        PanelWine(
            ferment.id,
            ferment.vessel_code,
            ferment.vessel_codes,
            ferment.code,
            [
                _view_last(last[ferment.id][kind])
                for kind in ANALYTES
                if kind in last.get(ferment.id, {})
            ],
        )
        for ferment in place_in_walking_order(session, ferments)
    ]
    return PanelView(
        now, [_view_analyte(kind, say(name)) for kind, name in ANALYTES.items()], wines
    )


def _view_analyte(kind: SampleType, name: str) -> Analyte:
    unit = CANONICAL[kind]
    limits = Limits(hard_range(kind, unit), soft_range(kind, unit, style="red"))
    return Analyte(kind, name, unit, "" if kind is SampleType.ph else UNIT_SYMBOLS[unit], limits)


def _view_last(sample: SampleView) -> LastResult:
    typed = (
        sample.value
        if sample.value.startswith(("<", ">"))
        else (sample.qualifier or "") + sample.value
    )
    return LastResult(sample.sample_type, typed, UNIT_SYMBOLS[sample.unit], sample.measured_at)
