"""Judges one ferment: readings in, findings and advice out. Pure, so that any past can be replayed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from winery_appliance.analysis_engine.checks import find_checks
from winery_appliance.analysis_engine.features import trace_curve
from winery_appliance.analysis_engine.measurements import Advice, Ferment, Finding, Reading
from winery_appliance.analysis_engine.recommendations import advise

_ORDER = {"critical": 0, "warning": 1, "info": 2}


@dataclass(frozen=True, slots=True)
class Assessment:
    """What is wrong with a ferment at a moment, and what could help.

    `findings` holds at most one of each check, the gravest first. `used` counts the readings that
    drew the curve, `left_out` names those that were set aside as impossible.
    """

    findings: tuple[Finding, ...]
    advice: tuple[Advice, ...]
    used: int
    left_out: tuple[int, ...]


def assess(ferment: Ferment, readings: Sequence[Reading], *, as_of: datetime) -> Assessment:
    """Everything the checks find in `readings` as they were known at `as_of`.

    The order of `readings` does not matter, readings measured after `as_of` are not looked at (a
    phone's clock may run ahead by a quarter of an hour). Any readings that passed validation are
    judged without an error: none, one, duplicates, only temperatures.
    """
    curve = trace_curve(ferment, readings, as_of)
    found = (check.run(ferment, curve, as_of) for check in find_checks())
    findings = sorted(
        (finding for finding in found if finding is not None),
        key=lambda finding: (_ORDER[finding.severity], finding.check),
    )
    return Assessment(
        findings=tuple(findings),
        advice=tuple(advice for finding in findings for advice in advise(ferment, finding, curve)),
        used=sum(len(look.sample_ids) for look in curve.sugar + curve.temperature),
        left_out=tuple(doubt.reading.sample_id for doubt in curve.doubts),
    )
