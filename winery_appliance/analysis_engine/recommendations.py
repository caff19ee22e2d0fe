"""What could help against a finding: templates whose conditions hold, filled with the wine's figures, the likeliest first.

Wherever something is dosed the caution is added: no rule here knows the wine or the law of the place.
"""

import re
from collections.abc import Mapping

from winery_appliance.analysis_engine.advice_templates import (
    FIGURES,
    AdviceTemplate,
    Value,
    all_hold,
    list_names,
    load_words,
    weigh,
)
from winery_appliance.analysis_engine.doses import Dose, NotReckoned, reckon_dose
from winery_appliance.analysis_engine.measurements import Advice, Finding
from winery_appliance.analysis_engine.situation import Situation
from winery_appliance.analysis_engine.wine_figures import Adviser, collect_figures
from winery_appliance.core.figures import show_number

CAUTION = load_words("en").caution

_DOUBT = 0.6  # house default: what its template calls doubtful is so much less likely
_DOSED = re.compile(r"\d\s*(g/hL|mg/L|g/L|mL/hL|mL/L)")
_MOST = 6  # a page of advice is read, a book is not


def advise(situation: Situation, finding: Finding, adviser: Adviser) -> tuple[Advice, ...]:
    """Advice for one finding, the likeliest first; empty where no template's conditions hold."""
    figures = collect_figures(situation, finding, adviser)
    found = []
    for template in adviser.templates:
        if template.anomaly_type == finding.check and all_hold(template.when, figures):
            advice = _fill(template, figures, adviser)
            if advice is not None:
                found.append(advice)
    found.sort(key=lambda advice: -advice.confidence)
    return tuple(found[:_MOST])


def _fill(
    template: AdviceTemplate, figures: Mapping[str, Value], adviser: Adviser
) -> Advice | None:
    """The template for this wine; None where the law leaves no dose, or its action names what nobody knows."""
    shown = {name: _show(name, value) for name, value in figures.items()}
    after: list[str] = []
    if template.dose is not None:
        given = adviser.given_g_hl.get(template.dose, 0.0)
        dose = reckon_dose(template.dose, figures, given)
        if isinstance(dose, Dose):
            shown["dose"], after = _tell_dose(dose, adviser)
        elif not dose.missing:
            return None
        else:
            after = [_ask_for(dose, adviser)]
    steps = [line.text for line in template.lines if all_hold(line.when, figures)]
    instructions = [*(told for step in steps if (told := _put_in(step, shown))), *after]
    action = _put_in(template.action, shown)
    if action is None:
        return None
    if _DOSED.search(" ".join(instructions)):
        instructions.append(adviser.words.caution)
    doubt = _DOUBT if template.doubtful_when and all_hold(template.doubtful_when, figures) else 1.0
    return Advice(
        check=template.anomaly_type,
        code=template.code,
        action=action,
        instructions=tuple(instructions),
        reasoning=_reason(template, shown, adviser),
        confidence=weigh(template) * doubt,
        own=template.own,
        sources=template.sources,
    )


def _reason(template: AdviceTemplate, shown: Mapping[str, str | None], adviser: Adviser) -> str:
    """Why, sentence by sentence; one whose figure nobody knows is left out."""
    sentences = re.split(r"(?<=[.!?]) ", template.reasoning)
    told = [text for sentence in sentences if (text := _put_in(sentence, shown))]
    if template.tried:
        told.append(adviser.words.experience.format(helped=template.helped, tried=template.tried))
    return " ".join(told)


def _put_in(text: str, shown: Mapping[str, str | None]) -> str | None:
    """`text` with its figures; None where one of them is not known."""
    values = {name: shown.get(name) for name in list_names(text)}
    return None if None in values.values() else text.format(**values)


def _show(name: str, value: Value) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return show_number(value, FIGURES[name])


def _tell_dose(dose: Dose, adviser: Adviser) -> tuple[str, list[str]]:
    """The dose as a sentence, and what has to be said after it: what was given, and how far the law goes."""
    words = adviser.words
    product, rate = words.products[dose.product], show_number(dose.rate_g_hl, 0)
    if dose.product == "so2":
        rate = show_number(dose.rate_g_hl, 1)
    if adviser.volume_l:
        form = words.dose_by_capacity if adviser.volume_is_capacity else words.dose
        total = _weight(dose.rate_g_hl * adviser.volume_l / 100)
        sentence = form.format(
            product=product, rate=rate, total=total, volume=show_number(adviser.volume_l, 0)
        )
    else:
        sentence = words.dose_rate.format(product=product, rate=rate)
    after = []
    if dose.given_g_hl:
        after.append(words.given.format(given=show_number(dose.given_g_hl, 0)))
    law = f"{getattr(words, adviser.region)}, {dose.law}"
    if dose.is_stopped:
        after.append(words.stopped.format(wanted=show_number(dose.wanted_g_hl, 0), law=law))
    elif dose.limit is not None:
        limit = f"{show_number(dose.limit, 0)} {dose.limit_unit}"
        after.append(words.law.format(law=law, limit=limit))
    return sentence, after


def _weight(grams: float) -> str:
    return f"{show_number(grams / 1000, 2)} kg" if grams >= 1000 else f"{show_number(grams, 0)} g"


def _ask_for(dose: NotReckoned, adviser: Adviser) -> str:
    missing = ", ".join(adviser.words.figures[name] for name in dose.missing)
    return adviser.words.measure_first.format(missing=missing)
