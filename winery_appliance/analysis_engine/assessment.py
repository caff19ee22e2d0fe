"""Judges one ferment: readings in, findings and advice out. Pure, so that any past can be replayed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from winery_appliance.analysis_engine.checks import find_checks
from winery_appliance.analysis_engine.cleaning import Flag
from winery_appliance.analysis_engine.forecasting.forecast import Forecast
from winery_appliance.analysis_engine.forecasting.lessons import UNTAUGHT, Lessons
from winery_appliance.analysis_engine.measurements import (
    Addition,
    Advice,
    Ferment,
    Finding,
    Reading,
)
from winery_appliance.analysis_engine.recommendations import advise
from winery_appliance.analysis_engine.situation import Situation, describe_situation
from winery_appliance.analysis_engine.wine_figures import Adviser

_ORDER = {"critical": 0, "warning": 1, "info": 2}
# One trouble is one alarm: what a ferment is told for is not told again by a vaguer check.
_VAGUER = {
    "sluggish": {"stuck"},
    "slow_start": {"sluggish"},
    "too_fast": {"temp_high", "cooling_failure"},
    "h2s": {"nutrient"},
}
_FOR_WHAT_NO_RULE_NAMES = "atypical"


@dataclass(frozen=True, slots=True)
class Assessment:
    """What is wrong with a ferment at a moment, and what could help.

    `findings` holds at most one of each check, the gravest first. `used` counts the readings that
    drew the curve, `left_out` names those that were set aside as impossible. `forecast` is None
    while there is not enough yet to say anything. `told_as` names the clearer check that speaks for a vaguer one,
    `explained` the checks that would speak if nothing had been logged.
    """

    findings: tuple[Finding, ...]
    advice: tuple[Advice, ...]
    used: int
    left_out: tuple[int, ...]
    forecast: Forecast | None = None
    flags: tuple[Flag, ...] = ()
    told_as: Mapping[str, Finding] = field(default_factory=dict)
    explained: frozenset[str] = frozenset()


def assess(
    ferment: Ferment,
    readings: Sequence[Reading],
    *,
    as_of: datetime,
    additions: Sequence[Addition] = (),
    lessons: Lessons = UNTAUGHT,
    adviser: Adviser | None = None,
) -> Assessment:
    """Everything the checks find in `readings` as they were known at `as_of`.

    The order of `readings` does not matter, readings measured after `as_of` are not looked at (a
    phone's clock may run ahead by a quarter of an hour). Any readings that passed validation are
    judged without an error: none, one, duplicates, only temperatures. `lessons` come from the
    winery's finished ferments; without them the forecast rests on the kinetic bank alone. `adviser` knows the templates in
    use and the wine's volume; without it the built-in ones speak, in English.
    """
    situation = describe_situation(ferment, readings, as_of, lessons, additions)
    curve = situation.curve
    findings, told_as = _run_checks(situation)
    explained: frozenset[str] = frozenset()
    if any(addition.kind != "cap" for addition in situation.additions):
        # What was logged explains, it never accuses: no log can open an alarm, whatever a rule makes of it.
        unlogged, _ = _run_checks(describe_situation(ferment, readings, as_of, lessons))
        standing = {finding.check for finding in unlogged}
        findings = [finding for finding in findings if finding.check in standing]
        explained = frozenset(standing - {finding.check for finding in findings})
    return Assessment(
        findings=tuple(findings),
        advice=tuple(
            advice
            for finding in findings
            for advice in advise(situation, finding, adviser or Adviser())
        ),
        used=sum(len(look.sample_ids) for look in curve.sugar + curve.temperature),
        left_out=tuple(doubt.reading.sample_id for doubt in curve.doubts),
        forecast=situation.forecast,
        flags=situation.flags,
        told_as=told_as,
        explained=explained,
    )


def _run_checks(situation: Situation) -> tuple[list[Finding], dict[str, Finding]]:
    """What is told, the gravest first, and of each vaguer finding that is not told which one speaks for it."""
    judged = (check.run(situation) for check in find_checks())
    findings = [finding for finding in judged if finding is not None]
    findings.sort(key=lambda finding: (_ORDER[finding.severity], finding.check))
    named = {finding.check: finding for finding in findings if finding.severity != "info"}
    told_as: dict[str, Finding] = {}
    for finding in findings:
        vague = finding.check
        clearer = _VAGUER.get(vague, set())
        if vague == _FOR_WHAT_NO_RULE_NAMES:
            clearer = named.keys() - {vague}
        speaks = [named[check] for check in named if check in clearer]
        if speaks:
            told_as[vague] = speaks[0]
    return [finding for finding in findings if finding.check not in told_as], told_as
