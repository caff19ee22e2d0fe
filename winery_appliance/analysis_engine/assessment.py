"""Judges one ferment: readings in, findings and advice out. Pure, so that any past can be replayed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from winery_appliance.analysis_engine.checks import Check, find_checks
from winery_appliance.analysis_engine.cleaning import Flag
from winery_appliance.analysis_engine.forecasting.forecast import Forecast
from winery_appliance.analysis_engine.forecasting.lessons import UNTAUGHT, Lessons
from winery_appliance.analysis_engine.measurements import (
    Addition,
    Advice,
    Ferment,
    Finding,
    Probe,
    Reading,
)
from winery_appliance.analysis_engine.recommendations import advise
from winery_appliance.analysis_engine.situation import Situation, describe_situation
from winery_appliance.analysis_engine.wine_figures import Adviser

_ORDER = {"critical": 0, "warning": 1, "info": 2}
# One trouble is one alarm: what a ferment is told for is not told again by a vaguer check.
_VAGUER = {
    "sluggish": {"stuck", "slow_start"},
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
    checks: Sequence[Check] | None = None,
    probes: Sequence[Probe] = (),
) -> Assessment:
    """Everything the checks find in `readings` as they were known at `as_of`.

    The order of `readings` does not matter, readings measured after `as_of` are not looked at (a
    phone's clock may run ahead by a quarter of an hour). Any readings that passed validation are
    judged without an error: none, one, duplicates, only temperatures. `lessons` come from the
    winery's finished ferments; without them the forecast rests on the kinetic bank alone. `adviser` knows the templates in
    use and the wine's volume; without it the built-in ones speak, in English. `checks` are those that the winery
    wants, with its limits; without them all with their defaults. `probes` hang in the wine at `as_of`.
    """
    known = describe_known(
        ferment, readings, as_of=as_of, additions=additions, lessons=lessons, probes=probes
    )
    return judge(known, adviser=adviser, checks=checks)


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a ferment at a moment; `unlogged` is the same without the log, where that moves the curve."""

    situation: Situation
    unlogged: Situation | None


def describe_known(
    ferment: Ferment,
    readings: Sequence[Reading],
    *,
    as_of: datetime,
    additions: Sequence[Addition] = (),
    lessons: Lessons = UNTAUGHT,
    course: bool = True,
    probes: Sequence[Probe] = (),
) -> Known:
    """The costly part of a judgement: the curve and the forecast, whatever is then looked for in them.

    Without `course` the forecast does not tell its course, which only pages need.
    """
    situation = describe_situation(
        ferment, readings, as_of, lessons, additions, course=course, probes=probes
    )
    logged = any(addition.kind != "cap" for addition in situation.additions)
    unlogged = None
    if logged:
        unlogged = describe_situation(
            ferment, readings, as_of, lessons, course=False, probes=probes
        )
    return Known(situation, unlogged)


def judge(
    known: Known, *, adviser: Adviser | None = None, checks: Sequence[Check] | None = None
) -> Assessment:
    """What `checks` find in what is known, and what could help; as `assess`."""
    wanted = find_checks() if checks is None else checks
    situation = known.situation
    findings, told_as = _run_checks(situation, wanted)
    explained: frozenset[str] = frozenset()
    if known.unlogged is not None:
        # What was logged explains, it never accuses: no log can open an alarm, whatever a rule makes of it.
        standing = {finding.check for finding in _run_checks(known.unlogged, wanted)[0]}
        findings = [finding for finding in findings if finding.check in standing]
        explained = frozenset(standing - {finding.check for finding in findings})
    curve = situation.curve
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


def _run_checks(
    situation: Situation, checks: Sequence[Check]
) -> tuple[list[Finding], dict[str, Finding]]:
    """What is told, the gravest first, and of each vaguer finding that is not told which one speaks for it."""
    judged = (check.run(situation) for check in checks)
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
