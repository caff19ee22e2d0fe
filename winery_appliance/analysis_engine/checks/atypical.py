"""The ferment runs unlike any of the winery's own before it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from winery_appliance.analysis_engine.checks import Check, same_for_all
from winery_appliance.analysis_engine.measurements import Finding, Severity, Threshold
from winery_appliance.analysis_engine.situation import Situation
from winery_appliance.core.figures import show_bare
from winery_appliance.core.words import N_, say


@dataclass(frozen=True, slots=True)
class AtypicalLimits:
    """Finished ferments needed to compare with, and the share of sugar outside of nearly all of them."""

    least_past: int = 20
    least_share: float = 0.1


class Atypical(Check):
    """Finds what no rule names."""

    id: ClassVar[str] = "atypical"
    title: ClassVar[str] = N_("Unlike the others")
    severity: ClassVar[Severity] = "warning"
    about: ClassVar[str] = N_(
        "The sugar left is compared with that of the winery's own finished ferments of the style, "
        "at the same number of warm hours (an hour at 20 °C counts one, at 29 °C two), so a cool "
        "cellar is not called slow. A tenth of all sugar outside of what 98 of 100 past ferments "
        "did is worth a look even when no other rule speaks: an alarm when it lags, information when "
        "it is ahead. It needs 20 finished ferments."
    )
    clears: ClassVar[str] = N_("the sugar is within the band of the past again, or the wine is dry")
    sources: ClassVar[str] = "house defaults; the band is the winery's own"

    def __init__(self, parameters: Mapping[str, AtypicalLimits] | None = None) -> None:
        self.parameters = parameters or same_for_all(AtypicalLimits())

    def run(self, situation: Situation) -> Finding | None:
        """The strangeness that is open now."""
        limits = self.parameters.get(situation.ferment.style, AtypicalLimits())
        expected, looks = situation.forecast, situation.curve.sugar
        if expected is None or expected.found_dry or expected.band is None or not looks:
            return None
        band = expected.band
        over, under = expected.share - band.high, band.low - expected.share
        apart = max(over, under)
        if band.ferments < limits.least_past or apart < limits.least_share:
            return None
        side = say("more") if over > 0 else say("less")
        return self.find(
            since=looks[-1].measured_at,
            explanation=(
                say(
                    "%(what)s %% of the sugar is left, much %(side)s than the %(what_2)s %% "
                    "of %(ferments)s past ferments after as many warm hours.",
                    what=f"{100 * expected.share:.0f}",
                    side=side,
                    what_2=f"{100 * band.middle:.0f}",
                    ferments=band.ferments,
                )
            ),
            evidence=looks[-1].sample_ids,
            threshold=Threshold(
                say(
                    "%(what)s %% of the sugar outside of the past",
                    what=show_bare(100 * limits.least_share),
                ),
                limits.least_share,
                "share",
            ),
            score=apart / limits.least_share - 1,
            severity="warning" if over > 0 else "info",
        )
