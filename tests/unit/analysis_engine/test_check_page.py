"""Every rule explains itself, and the page in the docs says what the rules say."""

from pathlib import Path

import pytest

import winery_appliance
from winery_appliance.analysis_engine.check_page import describe_checks
from winery_appliance.analysis_engine.checks import Check, find_checks

PAGE = Path(winery_appliance.__file__).parent / "docs" / "checks.md"
PROMISED = {
    *("stuck", "sluggish", "slow_start", "too_fast", "temp_high", "temp_low", "temp_rate"),
    *("cooling_failure", "nutrient", "h2s", "va_rise", "va_limit", "mlf_stall", "sugar_rise"),
    *(
        "entry_error",
        "unit_mixup",
        "missing_reading",
        "flat_sensor",
        "silent_sensor",
        "atypical",
        "near_dry",
    ),
    "milestone",
}


def test_every_promised_check_is_found_by_its_folder() -> None:
    assert {check.id for check in find_checks()} == PROMISED


@pytest.mark.parametrize("check", find_checks(), ids=lambda check: check.id)
def test_a_check_tells_a_winemaker_what_it_is(check: Check) -> None:
    assert 120 < len(check.about) < 700
    assert check.about.endswith(".")
    assert check.clears
    assert check.sources
    assert set(check.parameters) == {"red", "white", "rose", "orange"}
    assert check.severity in ("info", "warning", "critical")


def test_the_page_in_the_docs_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == describe_checks(), (
        "run: winery analysis checks > winery_appliance/docs/checks.md"
    )
