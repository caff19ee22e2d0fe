"""What could help against each finding: the appliance's own advice, before a winery writes its own.

The confidence is our judgement of how often the advice is the right first step; it stands until a
winery's own outcomes are counted. Wherever something is dosed the caution is added: no rule here
knows the wine or the law of the place.
"""

from collections.abc import Callable, Mapping

from winery_appliance.analysis_engine.features import Curve
from winery_appliance.analysis_engine.measurements import Advice, Ferment, Finding
from winery_appliance.core.figures import show_number

CAUTION = "Bench trial first, check the law, the winemaker decides."

_EMERGENCY_C = 35.0
_YEAST_TIRED_PCT_VOL = 10.0  # ammonium is hardly taken up above 10 to 12 %vol (UC Davis)


def advise(ferment: Ferment, finding: Finding, curve: Curve) -> tuple[Advice, ...]:
    """Advice for one finding, the most urgent first; empty for a check that has none."""
    author = _AUTHORS.get(finding.check)
    return author(ferment, finding, curve) if author else ()


def _advise_stuck(ferment: Ferment, finding: Finding, curve: Curve) -> tuple[Advice, ...]:
    brix = curve.sugar[-1].value
    left, alcohol = curve.sugar_left_g_l(brix), curve.alcohol_pct_vol(brix)
    measure = Advice(
        check=finding.check,
        action="Measure before you add anything.",
        instructions=(
            "Shake the gas out of a sample, bring it to 20 °C and read the sugar again.",
            "Ask the laboratory for glucose + fructose, volatile acidity and malic acid.",
            "Count living yeast under the microscope.",
        ),
        reasoning=(
            f"About {left:.0f} g/L of sugar and {show_number(alcohol)} %vol are estimates; what "
            "helps depends on the true figures."
        ),
        confidence=0.9,
    )
    return measure, _encourage(finding, curve, alcohol), _prepare_rescue(finding, alcohol)


def _encourage(finding: Finding, curve: Curve, alcohol: float) -> Advice:
    """Warm, stir, hulls (AWRI 2020; hulls within 40 g/hL, EU regulation 643/2006)."""
    now = curve.temperature[-1].value if curve.temperature else None
    steps = ["Stir the lees, or pump over once with air."]
    if now is None:
        steps.insert(0, "Read the temperature; the yeast wants 18 to 22 °C.")
    elif now < 18:
        steps.insert(0, f"Warm from {show_number(now)} to 20 °C, at most 3 °C a day.")
    elif now > 25:
        steps.insert(0, f"Cool from {show_number(now)} to 22 °C, step by step.")
    steps.append("Add yeast hulls, 25 to 30 g/hL.")
    if alcohol >= _YEAST_TIRED_PCT_VOL:
        steps.append("Do not add ammonium phosphate: at this alcohol it hardly helps.")
    return Advice(
        check=finding.check,
        action="Set the temperature right, then wake the yeast.",
        instructions=(*steps, CAUTION),
        reasoning=(
            "It often works while at least a quarter of the yeast lives, alcohol is under 12 %vol "
            f"(here about {show_number(alcohol)}) and volatile acidity under 0.8 g/L."
        ),
        confidence=0.7 if alcohol < 12 else 0.45,
    )


def _prepare_rescue(finding: Finding, alcohol: float) -> Advice:
    """Rescue culture (AWRI 2020, stuck fermentation protocol)."""
    return Advice(
        check=finding.check,
        action="Prepare a rescue culture.",
        instructions=(
            "If the malolactic fermentation has begun, let it finish first.",
            "Bring free SO2 to about 30 mg/L, wait a day, rack off the lees under inert gas.",
            "Build up a yeast that takes fructose, in steps of must and wine; double it only when "
            "half of its sugar is gone.",
            "Keep 20 to 25 °C, and less than 3 °C between culture and wine.",
            CAUTION,
        ),
        reasoning=(
            "For when less than a quarter of the yeast lives, or alcohol is over 12 %vol (here "
            f"about {show_number(alcohol)}) and waking it did not help."
        ),
        confidence=0.6 if alcohol >= 12 else 0.35,
    )


def _advise_heat(ferment: Ferment, finding: Finding, curve: Curve) -> tuple[Advice, ...]:
    now = curve.temperature[-1].value
    red = ferment.style in ("red", "orange")
    steps = ["Check that the cooling runs and that its valve is open."]
    if now >= _EMERGENCY_C:
        steps.insert(0, "Act at once: move the wine to a tank that cools, or use dry ice.")
    steps.append("Cool by 2 to 4 °C, not more at a time.")
    if red:
        steps.append("Pump over to break the cap and mix, then read again.")
    steps.append("Hold back nutrients until it has cooled.")
    steps.append("Air the cellar before you go in: the gas of a fast ferment kills.")
    return (
        Advice(
            check=finding.check,
            action="Cool the tank now." if finding.severity == "critical" else "Cool the tank.",
            instructions=tuple(steps),
            reasoning=_reason_about_heat(ferment, curve),
            confidence=0.9 if finding.severity == "critical" else 0.75,
        ),
    )


def _reason_about_heat(ferment: Ferment, curve: Curve) -> str:
    """AWRI 2013 for reds above 32 °C; about 25 °C after 10 %vol (sawine.co.za)."""
    text = "Heat kills yeast and drives off aroma; a hot ferment often ends stuck."
    if not curve.sugar or ferment.style not in ("red", "orange"):
        return text
    alcohol = curve.alcohol_pct_vol(curve.sugar[-1].value)
    if alcohol >= _YEAST_TIRED_PCT_VOL:
        text += f" With about {show_number(alcohol)} %vol already made, 25 °C is enough."
    return text


def _advise_cold(ferment: Ferment, finding: Finding, curve: Curve) -> tuple[Advice, ...]:
    target = 20 if ferment.style in ("red", "orange") else 14
    return (
        Advice(
            check=finding.check,
            action="Warm the tank slowly.",
            instructions=(
                "Check the cooling: is its valve stuck open, is the wanted temperature right?",
                f"Warm to {target} °C, by 2 to 3 °C a day.",
                "Stir the lees once when it is warm again.",
            ),
            reasoning="Yeast that gets cold settles and stops; a quick jump back shocks it.",
            confidence=0.7,
        ),
    )


def _advise_entry(ferment: Ferment, finding: Finding, curve: Curve) -> tuple[Advice, ...]:
    return (
        Advice(
            check=finding.check,
            action="Read the tank again.",
            instructions=(
                "If the reading was a slip, correct it; what was typed first stays in the history.",
                "If something was added or blended, write that down and confirm the reading.",
                "If it was another tank, move the reading there.",
            ),
            reasoning=(
                "The reading is left out of the curve until somebody answers; nothing is deleted."
            ),
            confidence=0.8,
        ),
    )


_AUTHORS: Mapping[str, Callable[[Ferment, Finding, Curve], tuple[Advice, ...]]] = {
    "stuck": _advise_stuck,
    "temp_high": _advise_heat,
    "temp_low": _advise_cold,
    "entry_error": _advise_entry,
    "unit_mixup": _advise_entry,
}
