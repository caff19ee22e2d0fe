"""Templates of advice: sound data in every language, honest about what nobody knows, and moved by outcomes."""

import tomllib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.analysis_engine.readings import START, at, read_at, sugar, warmth
from winery_appliance.analysis_engine import advice_templates
from winery_appliance.analysis_engine.advice_templates import (
    FIGURES,
    WORDS,
    AdviceTemplate,
    Condition,
    Line,
    find_unknown_names,
    list_languages,
    list_names,
    load_built_in,
    load_words,
    merge_templates,
    weigh,
)
from winery_appliance.analysis_engine.assessment import Assessment, assess
from winery_appliance.analysis_engine.checks import find_checks
from winery_appliance.analysis_engine.measurements import Advice, Ferment, Reading
from winery_appliance.analysis_engine.wine_figures import Adviser
from winery_appliance.core.units import SampleType, Unit

SLOW = sugar([24.0, 24.0, 24.0, 23.9, 23.9, 23.9, 23.8])
HUNGRY = [*SLOW, read_at(3, 90, kind=SampleType.yan, unit=Unit.mg_l, sample_id=99_999)]


def judge(
    readings: list[Reading], adviser: Adviser | None = None, style: str = "red"
) -> Assessment:
    return assess(Ferment(style, START, ""), readings, as_of=at(90), adviser=adviser)


def find(judged: Assessment, code: str) -> list[Advice]:
    return [advice for advice in judged.advice if advice.code == code]


def test_every_check_has_built_in_advice_and_there_is_enough_of_it() -> None:
    built_in = load_built_in("en")
    assert {t.anomaly_type for t in built_in} == {check.id for check in find_checks()}
    assert len({t.code for t in built_in}) >= 25


@pytest.mark.parametrize("language", list_languages())
def test_every_language_is_sound_data(language: str) -> None:
    load_words(language)
    folder = advice_templates._folder()
    rules = tomllib.loads((folder / "rules.toml").read_text("utf-8"))
    texts = tomllib.loads((folder / f"{language}.toml").read_text("utf-8"))
    assert set(texts) - {"words"} == set(rules)
    for code, rule in rules.items():
        lines = set(rule["lines"])
        assert set(texts[code]) == {"action", "reasoning"} | lines, code
        assert set(rule.get("line_when", {})) <= lines, code
    for template in load_built_in(language):
        told = [template.action, template.reasoning, *(line.text for line in template.lines)]
        assert find_unknown_names(told, with_dose=template.dose is not None) == set()
        asked = {*template.when, *template.doubtful_when}
        asked |= {name for line in template.lines for name in line.when}
        assert asked <= {*FIGURES, *WORDS}, template.code
        assert template.action.endswith(".")
        assert all(line.text.endswith((".", "?", "{dose}")) for line in template.lines)
        assert template.sources
        assert 0 < template.confidence < 1
        spoken = "{dose}" in " ".join(told)
        assert spoken == (template.dose is not None), template.code
    english = tomllib.loads((folder / "en.toml").read_text("utf-8"))
    for code in rules:
        for line, text in english[code].items():
            assert list_names(texts[code][line]) == list_names(text), (language, code, line)


def test_a_language_that_is_not_there_speaks_english() -> None:
    assert load_built_in("xx") == load_built_in("en")
    assert load_words("xx") == load_words("en")


@given(
    value=st.one_of(st.none(), st.floats(-100, 100), st.sampled_from(["red", "white"])),
    low=st.floats(-100, 100),
)
def test_a_condition_holds_or_not_and_what_nobody_knows_is_no_number(
    value: float | str | None, low: float
) -> None:
    at_least, below = Condition(at_least=low), Condition(below=low)
    if isinstance(value, float):
        assert at_least.holds(value) != below.holds(value)
        assert not Condition(unknown=True).holds(value)
    elif value is None:
        assert not at_least.holds(value)
        assert Condition(below=low, or_unknown=True).holds(value)
        assert Condition(unknown=True).holds(value)
    else:
        assert Condition(one_of=("red",)).holds(value) == (value == "red")


@pytest.mark.parametrize("text", ["{brix:.1f}", "{brix!r}", "{}", "{brix.real}", "{a[0]}", "{"])
def test_braces_hold_bare_names(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        list_names(text)


def test_a_hungry_must_is_dosed_by_its_volume_and_the_law() -> None:
    known = Adviser(region="eu", volume_l=5000)
    steps = find(judge(HUNGRY, known), "sluggish_feed")[0].instructions
    # 24 °Bx want 216 mg/L; 126 are missing, 600 mg/L of DAP hold them, half of it now.
    assert steps[0] == "DAP: 30 g/hL, 1.50 kg in 5000 L."
    assert "The law (EU, Delegated Regulation (EU) 2019/934) allows 100 g/hL in all." in steps
    assert steps[-1] == load_words("en").caution
    guess = replace(known, volume_is_capacity=True)
    assert "a full vessel" in find(judge(HUNGRY, guess), "sluggish_feed")[0].instructions[0]
    bare = find(judge(HUNGRY, Adviser()), "sluggish_feed")[0].instructions
    assert bare[0] == "DAP: 30 g/hL."


@pytest.mark.parametrize(("region", "limit"), [("eu", 100), ("us", 96)])
def test_the_law_stops_a_dose_and_leaves_none_beyond(region: str, limit: int) -> None:
    starved = [*SLOW, read_at(3, 5, kind=SampleType.yan, unit=Unit.mg_l, sample_id=99_999)]

    def advice(given: float) -> list[Advice]:
        return find(
            judge(starved, Adviser(region=region, given_g_hl={"dap": given})), "sluggish_feed"
        )

    stopped = advice(85.0)[0].instructions
    assert stopped[0].startswith(f"DAP: {limit - 85} g/hL") or "stops it here" not in " ".join(
        stopped
    )
    assert advice(limit + 0.0) == [], "nothing is left"


def test_a_dose_that_cannot_be_reckoned_names_what_to_measure() -> None:
    template = AdviceTemplate(
        "slow_start", "mine", "Sulphite it.", (Line("{dose}"),), "Because.", 0.9, dose="so2"
    )
    told = find(judge(SLOW, Adviser(templates=(template,))), "mine")[0].instructions
    assert told == ("The dose can be reckoned once these are measured: free SO₂, total SO₂, pH.",)


def test_a_step_that_names_what_nobody_knows_is_left_out() -> None:
    template = AdviceTemplate(
        "slow_start",
        "mine",
        "Warm it from {brix} °Bx.",
        (Line("It has {temperature_c} °C."), Line("Stir.")),
        "It has {temperature_c} °C. It is slow.",
        0.5,
    )
    adviser = Adviser(templates=(template,))
    (cold,) = find(judge(SLOW, adviser), "mine")
    assert (cold.instructions, cold.reasoning) == (("Stir.",), "It is slow.")
    (warm,) = find(judge(SLOW + warmth([25.0] * 7), adviser), "mine")
    assert warm.instructions == ("It has 25.0 °C.", "Stir.")
    unsayable = replace(template, action="Warm it from {temperature_c} °C.")
    assert find(judge(SLOW, Adviser(templates=(unsayable,))), "mine") == []


def test_a_winery_s_own_comes_in_the_place_of_the_built_in_one() -> None:
    built_in = load_built_in("en")
    own = replace(built_in[0], action="Ask Marco.", own=True)
    merged = merge_templates([own], [("slow_start", "start_check")], built_in)
    assert len(merged) == len(built_in) - 1
    assert merged[0] is own
    assert ("slow_start", "start_check") not in {(t.anomaly_type, t.code) for t in merged}


@given(tried=st.integers(0, 500), share=st.floats(0, 1))
def test_outcomes_move_the_confidence_towards_what_they_say(tried: int, share: float) -> None:
    helped = round(tried * share)
    template = replace(load_built_in("en")[0], tried=tried, helped=helped)
    moved = weigh(template)
    assert 0 < moved < 1
    bounds = sorted((template.confidence, helped / tried if tried else template.confidence))
    assert bounds[0] - 1e-9 <= moved <= bounds[1] + 1e-9
    assert weigh(replace(template, tried=tried + 1, helped=helped + 1)) > moved
    assert weigh(replace(template, tried=tried + 1)) < moved
