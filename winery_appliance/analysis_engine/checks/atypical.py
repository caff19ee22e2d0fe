"""The ferment runs unlike any of the winery's own before it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from winery_appliance.analysis_engine.checks import Check, same_for_all
from winery_appliance.analysis_engine.measurements import Finding, Severity, Threshold
from winery_appliance.analysis_engine.situation import Situation


@dataclass(frozen=True, slots=True)
class AtypicalLimits:
    """Finished ferments needed to compare with, and how far out (robust deviations, share of sugar) is unlike them."""

    least_past: int = 20
    deviations: float = 5.0
    least_share: float = 0.25


class Atypical(Check):
    """Finds what no rule names."""

    id: ClassVar[str] = "atypical"
    title: ClassVar[str] = "Unlike the others"
    severity: ClassVar[Severity] = "warning"
    about: ClassVar[str] = (
        "The sugar left is compared with that of the winery's own finished ferments of the style, "
        "at the same number of warm hours (an hour at 20 °C counts one, at 29 °C two), so a cool "
        "cellar is not called slow. Five robust deviations outside, and a quarter of all sugar, is "
        "worth a look even when no other rule speaks. It needs 20 finished ferments."
    )
    clears: ClassVar[str] = "the sugar is within the band of the past again, or the wine is dry"
    sources: ClassVar[str] = "house defaults; the band is the winery's own"

    def __init__(self, parameters: Mapping[str, AtypicalLimits] | None = None) -> None:
        self.parameters = parameters or same_for_all(AtypicalLimits())

    def run(self, situation: Situation) -> Finding | None:
        """The strangeness that is open now."""
        limits = self.parameters.get(situation.ferment.style, AtypicalLimits())
        expected, looks = situation.forecast, situation.curve.sugar
        if expected is None or expected.found_dry or expected.band is None or not looks:
            return None
        middle, deviation, past = expected.band
        apart = expected.share - middle
        if past < limits.least_past or abs(apart) < limits.least_share:
            return None
        score = abs(apart) / max(deviation, 0.03)
        if score < limits.deviations:
            return None
        side = "more" if apart > 0 else "less"
        return self.find(
            since=looks[-1].measured_at,
            explanation=(
                f"{100 * expected.share:.0f} % of the sugar is left, much {side} than the "
                f"{100 * middle:.0f} % of {past} past ferments after as many warm hours."
            ),
            evidence=looks[-1].sample_ids,
            threshold=Threshold(
                f"{limits.deviations:g} robust deviations from the past",
                limits.deviations,
                "deviations",
            ),
            score=score / limits.deviations - 1,
        )
