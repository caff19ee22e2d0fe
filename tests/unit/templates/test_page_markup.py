"""Every page in every state: sound markup, nothing that the content policy forbids, nothing that only sight can find."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.templates.page_examples import (
    CALM,
    EMPTY_CHART,
    PAGES,
    PARTIALS,
    analysis,
    board,
    entry,
    ferment,
    row,
    tank,
)
from tests.unit.templates.page_harness import ADDRESSES, NOW, all_templates, render
from tests.unit.templates.page_markup import Tag, read_page
from winery_appliance.analysis_engine.work_log import WorkRow
from winery_appliance.cellar_work.work_forms import FIELDS, WorkForm

EVERY = {**PAGES, **PARTIALS}
NASTY = "</script><script>alert('T\"17')</script>&"


@pytest.fixture(params=sorted(EVERY))
def page(request: pytest.FixtureRequest) -> Tag:
    return read_page(render(*EVERY[request.param]))


@pytest.fixture(params=sorted(PAGES))
def whole_page(request: pytest.FixtureRequest) -> Tag:
    return read_page(render(*PAGES[request.param]))


def test_every_template_is_drawn_by_an_example() -> None:
    shown = {template for template, _ in EVERY.values()}
    pages = {
        f"{path.parent.name}/{path.name}" if path.parent.name != "templates" else path.name
        for path in all_templates()
    }
    frames = {"base.html", "outside.html", "skeleton.html"}
    assert {name for name in pages if not name.split("/")[-1].startswith("_")} - frames <= shown


def test_nothing_that_the_content_policy_blocks(page: Tag) -> None:
    for tag in page.walk():
        assert "style" not in tag.attributes, tag
        assert not [name for name in tag.attributes if name.startswith(("on", "hx-on"))], tag
        assert tag.name not in {"style", "iframe", "object", "embed"}, tag
    for script in page.find_all("script"):
        data = script.attributes.get("type") == "application/json"
        assert data or script.attributes["src"].startswith("/static/"), script.attributes


def test_nothing_comes_from_elsewhere(page: Tag) -> None:
    for tag in page.walk():
        for name in ("src", "href", "action", "hx-get", "hx-post"):
            address = tag.attributes.get(name, "/")
            assert address.startswith(("/", "#")), (tag.name, address)
            assert not address.startswith("//"), (tag.name, address)


def test_ids_are_there_once_and_what_points_to_them_finds_them(page: Tag) -> None:
    ids = [tag.attributes["id"] for tag in page.walk() if "id" in tag.attributes]
    assert len(ids) == len(set(ids)), sorted(ids)
    partial = not page.find_all("html")
    for tag in page.walk():
        pointers = " ".join(
            tag.attributes.get(name, "")
            for name in ("aria-describedby", "aria-labelledby", "for", "list")
        ).split()
        href = tag.attributes.get("href", "")
        if href.startswith("#") and not (partial and tag.name == "use"):
            pointers.append(href[1:])
        assert set(pointers) <= set(ids), (tag.name, tag.attributes)


def test_every_field_and_key_has_a_name(page: Tag) -> None:
    labelled = {label.attributes.get("for") for label in page.find_all("label")}
    for control in page.find_all("input", "select"):
        named = control.attributes.get("id") in labelled or "aria-label" in control.attributes
        hidden = control.attributes.get("type") == "hidden"
        assert hidden or named or control.lies_in("label"), control.attributes
    for key in page.find_all("button", "a"):
        # What a script copies gets its words from it; the browser's tests look at that.
        named = key.text().strip() or key.attributes.get("aria-label") or key.lies_in("template")
        assert named, key.attributes
    for button in page.find_all("button"):
        assert button.attributes.get("type") in {"button", "submit"}, button.attributes


def test_every_post_carries_the_token(page: Tag) -> None:
    for form in page.find_all("form", method="post"):
        assert len(form.find_all("input", name="csrf_token")) == 1, form.attributes


def test_a_page_has_a_language_a_title_a_main_part_and_a_finding(whole_page: Tag) -> None:
    assert whole_page.find_all("html")[0].attributes["lang"] == "en"
    assert whole_page.find_all("title")[0].text().strip()
    assert len(whole_page.find_all("main", id="main")) == 1
    levels = [int(tag.name[1]) for tag in whole_page.find_all("h1", "h2", "h3")]
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in zip([0, *levels], levels, strict=False))


def test_icons_are_in_the_sprite(whole_page: Tag) -> None:
    drawn = {tag.attributes["id"] for tag in whole_page.find_all("symbol")}
    assert {tag.attributes["href"][1:] for tag in whole_page.find_all("use")} <= drawn


def test_the_rail_shows_where_one_is(whole_page: Tag) -> None:
    for rail in whole_page.find_all("nav"):
        here = [link for link in rail.find_all("a") if "aria-current" in link.attributes]
        assert len(here) == 1


@pytest.mark.parametrize("name", ["problem-404", "problem-503", "sign-in", "first-run"])
def test_pages_before_the_door_need_nobody_signed_in(name: str) -> None:
    template, context = PAGES[name]
    assert context["_outside"]
    assert "Sign out" not in render(template, context)


def test_passwords_never_come_back() -> None:
    html = render(*PAGES["first-run-refused"])
    assert "must-never-come-back" not in html
    assert 'value="Ana Ibáñez"' in html


def test_what_people_type_cannot_become_markup() -> None:
    context: dict[str, Any] = {
        "ferment": ferment(headline=NASTY, vessel_codes=(NASTY,), yeast_strain=NASTY, code=NASTY),
        "analysis": analysis(
            anomalies=[], recommendations=[], chart=EMPTY_CHART | {"alarm": {"label": NASTY}}
        ),
        "row_count": 1,
        "rows": [row(NOW, "Sugar", NASTY, "°Bx", by=NASTY, confirmed=True)],
        "entry": entry(values={"sugar": NASTY}, questions=[NASTY], errors={"temperature": NASTY}),
        "may_record": True,
        "may_manage": True,
        "work": [WorkRow("note", NOW, NASTY, NASTY, NASTY, NASTY, NASTY, True, 3)],
        "work_forms": {
            what: WorkForm(what, {f"{what}_note": NASTY, "note_content": NASTY}, {"body": NASTY})
            for what in FIELDS
        },
    }
    shown = render("fermentation/fermentation.html", context)
    assert "<script>alert" not in shown
    page = read_page(shown)
    assert [tag.text() for tag in page.find_all("h1")] == [NASTY]
    assert page.find_all("input", id="sugar")[0].attributes["value"] == NASTY
    assert json.loads(page.find_all("script", id="chart-data")[0].text())["alarm"]["label"] == NASTY
    html = render(
        "fermentation/board.html",
        {"view": "list", "board": board(act=[tank(1, "act", reason=NASTY)]), "may_start": True},
    )
    assert "<script>alert" not in html


def test_a_fresh_entry_is_never_filled_in() -> None:
    form = read_page(render(*PAGES["ferment"])).find_all("form", id="entry")[0]
    for name in ("sugar", "temperature", "measured_at"):
        assert form.find_all("input", name=name)[0].attributes["value"] == ""
    for name in ("sugar", "temperature"):
        assert form.find_all("input", name=name)[0].attributes["inputmode"] == "decimal"


@pytest.mark.parametrize("name", ["entry-question", "entry-refused"])
def test_what_was_typed_comes_back_with_the_same_uuids(name: str) -> None:
    template, context = PAGES[name]
    form = read_page(render(template, context)).find_all("form", id="entry")[0]
    sent = {tag.attributes["name"]: tag.attributes["value"] for tag in form.find_all("input")}
    given = context["entry"]
    assert sent["sugar"] == given.values["sugar"]
    assert sent["temperature"] == given.values["temperature"]
    assert (sent["sugar_uuid"], sent["temperature_uuid"]) == (
        given.sugar_uuid,
        given.temperature_uuid,
    )


def test_enter_never_keeps_an_unlikely_value() -> None:
    form = read_page(render(*PAGES["entry-question"])).find_all("form", id="entry")[0]
    submits = form.find_all("button", type="submit")
    assert "name" not in submits[0].attributes, "Enter presses the first one"
    assert [
        key.attributes["value"] for key in submits if key.attributes.get("name") == "confirm"
    ] == ["yes"]


def test_without_a_question_nothing_can_be_confirmed() -> None:
    assert 'name="confirm"' not in render(*PAGES["ferment"])
    assert 'name="confirm"' not in render(*PAGES["entry-refused"])


def test_whoever_may_not_record_or_start_meets_no_such_key() -> None:
    assert 'id="entry"' not in render(*PAGES["ferment-on-course"])
    assert ADDRESSES["fermentation.start"] not in render(*PAGES["board-empty-viewer"])
    assert ADDRESSES["fermentation.start"] in render(*PAGES["board-empty"])


def test_the_panel_asks_again_by_itself_and_carries_no_token() -> None:
    html = render(*PARTIALS["panel"])
    panel = read_page(html).find_all("section", id="analysis")[0]
    assert panel.attributes["hx-get"] == "/fermentations/17/analysis-panel"
    assert panel.attributes["hx-trigger"] == "every 15.0s"
    assert panel.attributes["hx-swap"] == "outerHTML"
    assert "the-token" not in html, (
        "a token differs each time, and an unchanged answer must be the same text"
    )


def test_the_panel_brings_heading_figures_and_readings_along() -> None:
    swapped = [
        tag
        for tag in read_page(render(*PARTIALS["panel"])).walk()
        if "hx-swap-oob" in tag.attributes
    ]
    assert [tag.attributes["id"] for tag in swapped] == ["headline", "figures", "readings"]
    within = read_page(render(*PAGES["ferment"]))
    assert not [tag for tag in within.walk() if "hx-swap-oob" in tag.attributes]


@pytest.mark.parametrize(
    ("covered", "total", "status", "said"),
    [
        (33, 34, "done", "Working on 1 new reading"),
        (30, 34, "pending", "Working on 4 new readings"),
        (34, 34, "pending", "Working on the readings"),
        (34, 34, "done", "1 alarm is open"),
        (0, 0, "pending", "No reading yet"),
        (34, 34, "failed", "did not finish"),
        (35, 34, "done", "1 alarm is open"),
    ],
)
def test_the_panel_says_how_fresh_it_is(covered: int, total: int, status: str, said: str) -> None:
    given = analysis(status=status, covers_samples=covered, sample_count=total)
    html = render("fermentation/_analysis.html", {"ferment": ferment(), "analysis": given})
    news = [tag for tag in read_page(html).walk() if "data-news" in tag.attributes]
    assert len(news) == 1
    assert said in news[0].text()


def test_a_ferment_that_came_in_finished_is_not_waited_for() -> None:
    given = analysis(status="pending", analyzed_at=None, covers_samples=0, anomalies=[])
    whole = {"ferment": ferment(status="completed"), "analysis": given}
    html = render("fermentation/_analysis.html", whole)
    assert "It is over" in html
    assert "Working on" not in html


@pytest.mark.parametrize(
    ("confidence", "word"),
    [(0.95, "Very sure"), (0.74, "Fairly sure"), (0.5, "Likely"), (0.49, "Not sure")],
)
def test_advice_tells_its_confidence_as_word_and_figure(confidence: float, word: str) -> None:
    advice = PAGES["ferment"][1]["analysis"].recommendations[0]
    given = analysis(recommendations=[type(advice)(**(vars(advice) | {"confidence": confidence}))])
    html = render("fermentation/_analysis.html", {"ferment": ferment(), "analysis": given})
    assert f"{word} ({confidence:.2f})" in html


@settings(max_examples=12)
@given(st.integers(1, 60), st.integers(0, 4))
def test_the_rule_has_one_tick_for_each_tank(calm: int, act: int) -> None:
    given_board = board(
        act=[tank(n, "act") for n in range(60, 60 + act)],
        calm=[tank(n, "calm") for n in range(calm)],
    )
    page = read_page(
        render(
            "fermentation/board.html", {"view": "list", "board": given_board, "may_start": False}
        )
    )
    tanks = sum(len(group.tanks) for group in given_board.groups)
    rule = next(tag for tag in page.walk() if tag.attributes.get("class") == "rule")
    ticks = [tag for tag in rule.children if tag.name == "span"]
    assert (
        len(ticks)
        == tanks
        == len([tag for tag in page.walk() if tag.attributes.get("class") == "tank"])
    )
    assert [tag.attributes["class"] for tag in ticks].count("act") == act


@settings(max_examples=20)
@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), max_size=24))
def test_a_sparkline_stays_inside_its_frame(points: list[tuple[float, float]]) -> None:
    one = board(act=[], calm=[tank(1, "calm", spark=sorted(points))])
    html = render("fermentation/board.html", {"view": "list", "board": one, "may_start": False})
    drawn = re.findall(r'<polyline points="([^"]*)"', html)
    assert len(drawn) == (len(points) > 1)
    for pair in (drawn[0] if drawn else "").split():
        x, y = (float(number) for number in pair.split(","))
        assert 0 <= x <= 264
        assert 0 <= y <= 68


def test_a_high_value_is_drawn_above_a_low_one() -> None:
    one = board(act=[], calm=[tank(1, "calm", spark=[(0.0, 1.0), (1.0, 0.0)])])
    html = render("fermentation/board.html", {"view": "list", "board": one, "may_start": False})
    first, last = re.findall(r'<polyline points="([^"]*)"', html)[0].split()
    assert float(first.split(",")[1]) < float(last.split(",")[1])


def test_a_rise_has_a_plus_and_a_fall_a_true_minus() -> None:
    given_board = board(act=[], calm=[CALM[0], tank(2, "calm", change_24h=0.2)])
    html = render(
        "fermentation/board.html", {"view": "list", "board": given_board, "may_start": False}
    )
    assert "<b>+0.2</b>" in html
    assert re.search(r"<b>−\d", html)
