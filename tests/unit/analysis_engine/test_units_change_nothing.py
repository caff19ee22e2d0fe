"""The engine thinks in one unit per quantity: in which one a winery types its readings changes nothing."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.analysis_engine.readings import (
    HEALTHY_RED,
    HEALTHY_WHITE,
    judge,
    read_at,
    sugar,
    warmth,
)
from winery_appliance.analysis_engine.assessment import Assessment
from winery_appliance.analysis_engine.measurements import Reading
from winery_appliance.core.units import SampleType, Unit, from_canonical

STUCK_RED = [24.0, 23.9, 22.5, 20.0, 17.5, 15.0, 12.5, 10.1, 8.0, 8.0, 7.9, 8.0, 7.9, 8.0]
SUGAR_UNITS = (Unit.sg, Unit.oechsle, Unit.kg_m3)


def retype(readings: Sequence[Reading], sugar_unit: Unit, warmth_unit: Unit) -> list[Reading]:
    """The same must read with other instruments, to their last digit."""
    units = {SampleType.sugar: sugar_unit, SampleType.temperature: warmth_unit}
    typed = []
    for reading in readings:
        unit = units[reading.sample_type]
        hours = reading.sample_id // 2 / 60
        value = from_canonical(reading.sample_type, reading.value, unit)
        again = read_at(hours, value, kind=reading.sample_type, unit=unit)
        typed.append(replace(again, sample_id=reading.sample_id))
    return typed


def list_figures(outcome: Assessment) -> list[float]:
    """The forecast; nothing before there is one."""
    made = outcome.forecast
    if made is None:
        return []
    return [made.dry_h.p10, made.dry_h.p50, made.dry_h.p90, made.p_not_dry]


@settings(max_examples=8, deadline=None)
@given(
    series=st.sampled_from(
        [("red", HEALTHY_RED, 25.0), ("red", STUCK_RED, 29.0), ("white", HEALTHY_WHITE, 15.0)]
    ),
    count=st.integers(1, 22),
    sugar_unit=st.sampled_from(SUGAR_UNITS),
    warmth_unit=st.sampled_from([Unit.celsius, Unit.fahrenheit]),
)
def test_the_unit_of_a_reading_changes_nothing(
    series: tuple[str, list[float], float], count: int, sugar_unit: Unit, warmth_unit: Unit
) -> None:
    style, values, celsius = series
    values = values[:count]
    readings = sugar(values) + warmth([celsius + n % 3 * 0.5 for n in range(len(values))])
    here = judge(readings, style=style)
    there = judge(retype(readings, sugar_unit, warmth_unit), style=style)
    assert [(f.check, f.severity, f.evidence) for f in there.findings] == [
        (f.check, f.severity, f.evidence) for f in here.findings
    ]
    assert there.left_out == here.left_out
    assert list_figures(there) == pytest.approx(list_figures(here), abs=1 / 60)
