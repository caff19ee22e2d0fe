"""The round on a phone, with everything that goes wrong in a cellar: no number is lost, and none is there twice."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Route, expect

from tests.browser.phone import Phone, read, start_tank
from tests.system.appliance import PASSWORD, RealAppliance

BATCH = "**/api/v1/samples/batch"


def test_a_tank_is_read_with_two_taps_beside_its_digits(
    make_phone: Callable[..., Phone], appliance: RealAppliance
) -> None:
    tank = start_tank(appliance, "round-plain")
    phone = make_phone()
    phone.open_round(tank, "X-round-plain")
    expect(phone.page.locator("[data-plate]")).to_have_text("X-round-plain")
    phone.enter("22.5", "24.5")
    expect(phone.page.locator("[data-plate]")).not_to_have_text("X-round-plain")
    phone.expect_unsent(2)
    assert read(tank) == []
    phone.let_go()
    phone.expect_all_sent()
    assert read(tank) == [("sugar", "22.5"), ("temperature", "24.5")]


def test_a_whole_round_without_the_server_survives_a_killed_tab(
    make_phone: Callable[..., Phone], appliance: RealAppliance
) -> None:
    tanks = {f"X-round-off-{n}": start_tank(appliance, f"round-off-{n}") for n in range(5)}
    phone = make_phone()
    phone.open_round()
    phone.await_worker()
    phone.context.set_offline(True)
    for place, code in enumerate(tanks):
        phone.open_round(code=code)
        expect(phone.page.locator("[data-banner]")).to_contain_text("out of reach")
        phone.enter(f"2{place}.0", "23")
        phone.expect_unsent(2 * (place + 1))
    phone.page.close()

    phone.page = phone.context.new_page()
    phone.page.clock.install()
    phone.open_round()
    phone.expect_unsent(10)
    phone.page.locator("[data-unsent]").click()
    expect(phone.page.get_by_role("heading", name="10 entries wait on this device")).to_be_visible()
    phone.context.set_offline(False)
    phone.let_go()
    phone.expect_all_sent()
    for place, tank in enumerate(tanks.values()):
        assert read(tank) == [("sugar", f"2{place}.0"), ("temperature", "23")]


def test_a_line_cut_after_the_commit_saves_once(
    make_phone: Callable[..., Phone], appliance: RealAppliance
) -> None:
    tank = start_tank(appliance, "round-cut")
    phone = make_phone()
    phone.open_round(code="X-round-cut")
    cut: list[int] = []

    def cut_first(route: Route) -> None:
        if cut:
            route.continue_()
        else:
            cut.append(route.fetch().status)
            route.abort("connectionreset")

    phone.page.route(BATCH, cut_first)
    phone.enter("21.5", "22")
    phone.let_go()
    expect(phone.page.locator("[data-banner]")).to_contain_text("out of reach")
    assert cut == [200]
    assert read(tank) == [("sugar", "21.5"), ("temperature", "22")]
    phone.expect_unsent(2)
    phone.page.evaluate("dispatchEvent(new Event('online'))")
    phone.expect_all_sent()
    assert read(tank) == [("sugar", "21.5"), ("temperature", "22")]


def test_answers_that_are_not_the_appliance_s_delete_nothing(
    make_phone: Callable[..., Phone], appliance: RealAppliance
) -> None:
    tank = start_tank(appliance, "round-portal")
    phone = make_phone()
    phone.open_round(code="X-round-portal")
    answers = [
        {"status": 200, "content_type": "text/html", "body": "<p>Welcome to the hotel</p>"},
        {"status": 200, "content_type": "application/json", "body": '{"items": []}'},
        {"status": 502, "content_type": "text/html", "body": "Bad gateway"},
        {"status": 413, "content_type": "text/html", "body": "Too large"},
    ]
    given: list[int] = []

    def answer(route: Route) -> None:
        if len(given) < len(answers):
            given.append(len(given))
            route.fulfill(**answers[given[-1]])
        else:
            route.continue_()

    phone.page.route(BATCH, answer)
    phone.enter("20.5")
    phone.let_go()
    for place in range(len(answers)):
        expect(phone.page.locator("[data-banner]")).to_contain_text("They go off by themselves")
        phone.expect_unsent(1)
        assert read(tank) == []
        if len(given) <= place + 1:
            phone.page.evaluate("dispatchEvent(new Event('online'))")
    phone.expect_all_sent()
    assert given == [0, 1, 2, 3]
    assert read(tank) == [("sugar", "20.5")]


def test_a_session_that_ended_keeps_readings_until_the_person_is_back(
    make_phone: Callable[..., Phone], appliance: RealAppliance
) -> None:
    tank = start_tank(appliance, "round-session")
    phone = make_phone()
    phone.open_round(code="X-round-session")
    phone.lose_session()
    phone.enter("19.5", "21")
    phone.let_go()
    expect(phone.page.locator("[data-banner]")).to_contain_text("signed out")
    phone.expect_unsent(2)
    phone.page.locator("[data-banner-sign-in] a").click()
    phone.page.get_by_label("Name or e-mail").fill("bruno@demo.winery")
    phone.page.get_by_label("Password", exact=True).fill(PASSWORD)
    phone.page.get_by_role("button", name="Sign in").click()
    phone.page.wait_for_url("**/round")
    phone.let_go()
    phone.expect_all_sent()
    assert read(tank) == [("sugar", "19.5"), ("temperature", "21")]


def test_what_one_typed_is_not_saved_in_another_s_name(
    make_phone: Callable[..., Phone], appliance: RealAppliance
) -> None:
    tank = start_tank(appliance, "round-people")
    phone = make_phone("bruno")
    phone.open_round(code="X-round-people")
    phone.await_worker()
    phone.context.set_offline(True)  # nothing goes off before he is signed out
    phone.enter("18.5")
    phone.expect_unsent(1)
    phone.context.clear_cookies()
    phone.context.set_offline(False)
    phone.sign_in("marco")
    phone.open_round()
    phone.let_go()
    phone.page.evaluate("dispatchEvent(new Event('online'))")
    phone.page.locator("[data-unsent]").click()
    waiting = phone.page.locator('[data-part="waiting"]')
    expect(waiting).to_contain_text("of Bruno; they go when Bruno signs in here")
    assert read(tank) == []
    phone.lose_session()
    phone.sign_in("bruno")
    phone.open_round()
    phone.let_go()
    phone.expect_all_sent()
    users = {user["display_name"]: user["id"] for user in users_of(appliance)}
    samples = appliance.call("GET", f"/api/v1/fermentations/{tank.id}/samples", who="ana").body
    assert [item["recorded_by"] for item in samples["items"]] == [users["Bruno"]]


def users_of(appliance: RealAppliance) -> list[dict[str, Any]]:
    """The people of the winery."""
    found: list[dict[str, Any]] = appliance.call("GET", "/api/v1/users", who="ana").body["items"]
    return found


def test_a_session_of_another_in_the_same_browser_cannot_send_for_the_first(
    make_phone: Callable[..., Phone], appliance: RealAppliance
) -> None:
    tank = start_tank(appliance, "round-two-tabs")
    phone = make_phone("bruno")
    phone.open_round(code="X-round-two-tabs")
    phone.lose_session()
    other = Phone(phone.context, phone.context.new_page(), appliance)
    other.sign_in("marco")  # the first tab still shows Bruno
    phone.enter("17.5")
    phone.let_go()
    expect(phone.page.locator("[data-banner]")).to_contain_text("Somebody else is signed in")
    phone.expect_unsent(1)
    assert read(tank) == []


def test_two_tablets_at_one_tank_keep_both(
    make_phone: Callable[..., Phone], appliance: RealAppliance
) -> None:
    tank = start_tank(appliance, "round-both")
    phones = [make_phone("bruno"), make_phone("marco")]
    for phone, value in zip(phones, ("16.5", "16.4"), strict=True):
        phone.open_round(code="X-round-both")
        phone.enter(value)
    for phone in phones:
        phone.let_go()
        phone.expect_all_sent()
    assert read(tank) == [("sugar", "16.4"), ("sugar", "16.5")]


def test_an_entry_can_be_taken_back_for_ten_seconds(
    make_phone: Callable[..., Phone], appliance: RealAppliance
) -> None:
    tank = start_tank(appliance, "round-undo")
    phone = make_phone()
    phone.open_round(code="X-round-undo")
    phone.enter("15.5", "25")
    phone.page.get_by_role("button", name="Undo X-round-undo").click()
    expect(phone.page.locator("[data-plate]")).to_have_text("X-round-undo")
    expect(phone.page.locator('[data-field="sugar"]')).to_contain_text("15.5")
    phone.expect_all_sent()
    phone.page.locator('[data-key="delete"]').click()
    phone.enter("6")
    phone.let_go()
    phone.expect_all_sent()
    assert read(tank) == [("sugar", "15.6"), ("temperature", "25")]
    expect(phone.page.get_by_role("button", name="Undo")).to_be_hidden()


def test_what_is_out_of_band_is_asked_once(
    make_phone: Callable[..., Phone], appliance: RealAppliance
) -> None:
    tank = appliance.start_fermentation("round-asks", days_ago=5)
    for hours, value in ((60, "14.0"), (80, "11.5"), (110, "8.0")):
        assert tank.send(tank.body(value, hours)).status == 201
    phone = make_phone()
    phone.open_round(code="X-round-asks")
    phone.type("17.1")
    phone.next()
    asked = phone.page.get_by_role("heading", name=re.compile(r"17\.1\? We expected"))
    expect(asked).to_be_visible()
    expect(phone.page.locator("[data-ask-words]")).to_contain_text("If a 1 slipped in, 7.1")
    phone.page.get_by_role("button", name="Type again").click()
    expect(phone.page.locator('[data-field="sugar"] [data-value]')).to_be_empty()
    phone.type("17.1")
    phone.next()
    phone.page.get_by_role("button", name="Keep it").click()
    expect(asked).to_be_hidden()
    phone.next()
    phone.let_go()
    phone.expect_all_sent()  # the server, too, would have asked
    assert ("sugar", "17.1") in read(tank)


def test_what_the_server_refuses_is_mended_or_dropped(
    make_phone: Callable[..., Phone], appliance: RealAppliance
) -> None:
    tank, gone = start_tank(appliance, "round-mend"), start_tank(appliance, "round-gone")
    phone = make_phone()
    phone.open_round(code="X-round-mend")
    phone.enter("14.5")
    phone.open_round(code="X-round-gone")
    phone.enter("13.5")
    # Meanwhile a colleague reads one tank far lower, and the winemaker cancels the other wine.
    assert tank.send(tank.body("5.0", 23.9)).status == 201
    path = f"/api/v1/fermentations/{gone.id}/cancel"
    assert appliance.call("POST", path, {}, who="marco").status == 200
    phone.let_go()
    expect(phone.page.locator("[data-unsent-count]")).to_have_text("2 to mend")
    phone.page.locator("[data-unsent]").click()
    rows = phone.page.locator('[data-part="refused"] li')
    cancelled = rows.filter(has_text="X-round-gone")
    expect(cancelled).to_contain_text("cancelled")
    cancelled.get_by_role("button", name="Drop").click()
    doubted = rows.filter(has_text="X-round-mend")
    expect(doubted.get_by_role("button", name="Keep it")).to_be_visible()
    doubted.get_by_role("button", name="Mend").click()
    for _ in "14.5":
        phone.page.locator('[data-key="delete"]').click()
    phone.type("4.5")
    phone.next()
    phone.expect_all_sent()
    assert read(tank) == [("sugar", "4.5"), ("sugar", "5.0")]
    assert read(gone) == []


def test_a_browser_that_keeps_nothing_says_so_before_the_first_digit(
    make_phone: Callable[..., Phone], appliance: RealAppliance
) -> None:
    refusing = "indexedDB.open = () => { throw new DOMException('no', 'InvalidStateError'); };"
    phone = make_phone(before=lambda page: page.add_init_script(refusing))
    phone.page.goto("/round")
    heading = phone.page.get_by_role("heading", name="This browser cannot keep readings")
    expect(heading).to_be_visible()
    expect(phone.page.locator("[data-pad]")).to_be_hidden()


def test_a_clock_five_years_off_gives_the_right_time(
    make_phone: Callable[..., Phone], appliance: RealAppliance
) -> None:
    tank = start_tank(appliance, "round-clock")
    phone = make_phone()
    phone.page.clock.set_system_time(datetime.now(UTC) - timedelta(days=5 * 365.25))
    phone.open_round(code="X-round-clock")
    expect(phone.page.locator("[data-banner]")).to_contain_text("clock is 5 years off")
    phone.enter("12.5")
    phone.let_go()
    phone.expect_all_sent()
    assert read(tank) == [("sugar", "12.5")]
    within = "measured_at BETWEEN now() - interval '2 min' AND now() + interval '2 min'"
    offset = (
        "clock_offset_ms BETWEEN 157e9 AND 158.5e9 AND device_time < now() - interval '4 years'"
    )
    query = f"SELECT count(*) FROM samples WHERE fermentation_id = %s AND {within} AND {offset}"
    assert appliance.count(query, tank.id) == 1


def test_an_entry_of_an_older_page_is_still_taken(
    make_phone: Callable[..., Phone], appliance: RealAppliance
) -> None:
    tank = start_tank(appliance, "round-older")
    phone = make_phone()
    phone.open_round()
    body = tank.body("11.5", 20) | {"fermentation_id": tank.id}
    phone.page.evaluate(
        """async (body) => {
          const { addEntries, recall } = await import("/static/js/round/keep.js");
          const person = await recall("person");
          await addEntries([{ client_uuid: body.client_uuid, user_id: person.user_id, person: person.display_name,
            vessel_code: "X", symbol: "°Bx", typed_at: Date.now() - 86400000, body }]);
        }""",
        body,
    )
    phone.open_round()
    phone.expect_all_sent()
    assert read(tank) == [("sugar", "11.5")]


def test_the_round_is_walked_by_keyboard_alone(
    make_phone: Callable[..., Phone], appliance: RealAppliance
) -> None:
    tank = start_tank(appliance, "round-keys")
    phone = make_phone()
    phone.open_round(code="X-round-keys")
    for key in ("2", "3", ",", "5", "Backspace", "4", "Enter", "2", "1", "Enter"):
        phone.page.keyboard.press(key)
    expect(phone.page.locator("[data-plate]")).not_to_have_text("X-round-keys")
    phone.let_go()
    phone.expect_all_sent()
    assert read(tank) == [("sugar", "23.4"), ("temperature", "21")]
    phone.page.keyboard.press("s")
    expect(phone.page.get_by_role("heading", name="Why is it skipped?")).to_be_focused()


@pytest.mark.parametrize("light", ["day", "cellar", "sun"])
@pytest.mark.parametrize("width", [390, 820, 1440])
def test_nobody_is_shut_out(make_phone: Callable[..., Phone], light: str, width: int) -> None:
    phone = make_phone(before=lambda page: page.set_viewport_size({"width": width, "height": 900}))
    phone.page.evaluate(f"localStorage.setItem('light', '{light}')")
    phone.open_round()
    for view in ("pad", "skip", "unsent", "done"):
        if view == "skip":
            phone.page.locator('[data-key="skip"]').click()
        elif view == "unsent":
            phone.page.locator("[data-unsent]").click()
        found = Axe().run(phone.page)
        assert found.violations_count == 0, found.generate_report()
    assert phone.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_pad_needs_no_scrolling_on_a_small_phone(make_phone: Callable[..., Phone]) -> None:
    phone = make_phone(before=lambda page: page.set_viewport_size({"width": 360, "height": 640}))
    phone.open_round()
    assert phone.page.evaluate("document.documentElement.scrollHeight <= innerHeight")
    box = phone.page.locator('[data-key="next"]').bounding_box()
    assert box is not None
    assert box["y"] + box["height"] <= 640
    assert min(box["width"], box["height"]) >= 64
