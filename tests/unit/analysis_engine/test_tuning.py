"""A winery's own limits: whatever is accepted works, and what is not accepted says why."""

from dataclasses import asdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.analysis_engine.readings import HEALTHY_RED, START, at, sugar, warmth
from winery_appliance.analysis_engine.assessment import assess
from winery_appliance.analysis_engine.checks import find_checks
from winery_appliance.analysis_engine.measurements import Ferment, RuleSetting
from winery_appliance.analysis_engine.tuning import (
    STYLES,
    UnfitLimits,
    find_check,
    fit_limits,
    list_limits,
    tune_checks,
)
from winery_appliance.core.words import LANGUAGES, speaking


@st.composite
def settings_of_rules(draw: st.DrawFn) -> list[RuleSetting]:
    """Switches and limits anywhere within their bounds."""
    made = []
    for check in find_checks():
        limits = {}
        for limit in list_limits(check, "red"):
            if draw(st.booleans()):
                value = draw(st.floats(limit.least, limit.most))
                limits[limit.name] = float(round(value)) if limit.whole else value
        made.append(RuleSetting(check.id, "red", draw(st.integers(0, 5)) > 0, limits))
    return made


@settings(max_examples=30)
@given(
    rules=settings_of_rules(),
    values=st.lists(st.floats(-3, 30), min_size=1, max_size=14),
    celsius=st.lists(st.floats(5, 40), min_size=1, max_size=14),
)
def test_no_accepted_limit_makes_a_check_fail(
    rules: list[RuleSetting], values: list[float], celsius: list[float]
) -> None:
    readings = sugar(values) + warmth(celsius)
    checks = tune_checks(rules, "red")
    found = assess(Ferment("red", START, ""), readings, as_of=at(200), checks=checks)
    switched_off = {rule.check for rule in rules if not rule.in_use}
    assert not {finding.check for finding in found.findings} & switched_off


def test_defaults_are_the_checks_themselves() -> None:
    for style in STYLES:
        assert tune_checks([], style) == find_checks()


def test_a_limit_holds_for_its_style_only() -> None:
    own = [RuleSetting("temp_high", "red", limits={"high_warning_c": 28.0})]
    hot = warmth([25, 25, 29, 29])
    red = assess(Ferment("red", START, ""), hot, as_of=at(40), checks=tune_checks(own, "red"))
    orange = Ferment("orange", START, "")
    assert "temp_high" in {f.check for f in red.findings}
    assert "temp_high" not in {
        f.check for f in assess(Ferment("red", START, ""), hot, as_of=at(40)).findings
    }
    tuned = {check.id: check for check in tune_checks(own, "orange")}
    assert asdict(tuned["temp_high"].parameters["orange"]) == asdict(
        next(c for c in find_checks() if c.id == "temp_high").parameters["orange"]
    )
    assert orange.style in STYLES


@pytest.mark.parametrize(
    ("limits", "named"),
    [
        ({"high_warning_c": 33.0}, "high_warning_c"),
        ({"high_critical_c": float("nan")}, "high_critical_c"),
        ({"margin_c": -1.0}, "margin_c"),
        ({"unheard_of": 1.0}, "unheard_of"),
    ],
)
def test_what_does_not_fit_is_named(limits: dict[str, float], named: str) -> None:
    check = find_check("temp_high")
    assert check is not None
    with pytest.raises(UnfitLimits) as refused:
        fit_limits(check, "red", limits)
    assert refused.value.limit == named
    assert str(refused.value).endswith(".")


def test_what_another_version_stored_does_no_harm() -> None:
    old = [
        RuleSetting("stuck", "red", limits={"gone_since": 3.0}),
        RuleSetting("no_such_check", "red", in_use=False),
    ]
    assert [c.id for c in tune_checks(old, "red")] == [c.id for c in find_checks()]
    healthy = assess(
        Ferment("red", START, ""), sugar(HEALTHY_RED), as_of=at(270), checks=tune_checks(old, "red")
    )
    assert "stuck" not in {f.check for f in healthy.findings}


def test_every_limit_has_a_name_in_every_language() -> None:
    named = {
        limit.name: limit.words
        for check in find_checks()
        for style in STYLES
        for limit in list_limits(check, style)
    }
    bare = {name for name, words in named.items() if words == words.lower()}
    assert bare == set(), (
        "a limit without words in limit_words.py shows the name it has in the code"
    )
    for language in LANGUAGES[1:]:
        with speaking(language):
            for check in find_checks():
                for limit in list_limits(check, "red"):
                    assert limit.words != named[limit.name], (language, limit.name)
