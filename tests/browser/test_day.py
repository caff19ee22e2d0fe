"""The day's work on a phone: written out of reach, sent once, mended where it was refused."""

import io
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import expect

from tests.browser.phone import Phone, start_tank
from tests.system.appliance import LiveTank, RealAppliance


def open_day(phone: Phone, tab: str = "cap") -> None:
    """The page of the day's work at one of its tabs."""
    phone.page.goto("about:blank")
    phone.page.goto(f"/day#{tab}")
    expect(phone.page.locator(f'[data-tab="{tab.split("/")[0]}"]')).to_have_attribute(
        "aria-current", "true"
    )


def read_work(tank: LiveTank, what: str) -> list[dict[str, Any]]:
    """What the book has of a wine."""
    path = f"/api/v1/fermentations/{tank.id}/{what}"
    found: list[dict[str, Any]] = tank.appliance.call("GET", path, who="ana").body["items"]
    return found


def choose(phone: Phone, code: str) -> None:
    """Tick a tank of the list."""
    row = phone.page.locator("[data-cap-tanks] li").filter(
        has=phone.page.get_by_text(code, exact=True)
    )
    row.locator("input").check()


def test_several_tanks_are_pumped_over_at_once_out_of_reach(
    make_phone: Callable[..., Phone], appliance: RealAppliance
) -> None:
    tanks = [start_tank(appliance, f"day-cap-{n}") for n in (1, 2)]
    phone = make_phone()
    open_day(phone)
    phone.await_worker()
    phone.context.set_offline(True)
    open_day(phone)
    for n in (1, 2):
        choose(phone, f"X-day-cap-{n}")
    phone.page.get_by_role("button", name="Start").click()
    expect(phone.page.locator("[data-cap-tanks] .running")).to_have_count(2)
    phone.page.clock.fast_forward(12 * 60_000)
    phone.page.reload()  # the tablet was put away meanwhile
    phone.page.clock.fast_forward(60_000)
    for n in (1, 2):
        choose(phone, f"X-day-cap-{n}")
    expect(phone.page.locator("[data-minutes]")).not_to_have_value("15")
    phone.page.get_by_role("button", name="Done").click()
    phone.expect_unsent(2)
    phone.context.set_offline(False)
    phone.let_go()
    phone.expect_all_sent()
    for tank in tanks:
        (work,) = read_work(tank, "cap-work")
        assert work["kind"] == "pump_over"
        assert 1 <= work["duration_min"] <= 20


def test_a_dose_tells_its_amount_and_the_limit_before_it_is_given(
    make_phone: Callable[..., Phone], appliance: RealAppliance
) -> None:
    tank = start_tank(appliance, "day-dose")
    phone = make_phone()
    open_day(phone, "addition/X-day-dose")
    form = phone.page.locator('[data-form="addition"]')
    form.get_by_label("What is added").select_option("dap")
    form.get_by_label("Litres of wine").fill("5000")
    form.get_by_label("Dose", exact=True).fill("25")
    expect(form.locator("[data-amount]")).to_have_text("1.25 kg")
    expect(form.locator("[data-limit]")).to_contain_text("25 g/hL; usual up to 96 g/hL")
    form.get_by_label("Dose", exact=True).fill("600")
    form.get_by_role("button", name="Save").click()
    expect(form.locator("[data-asked]")).to_contain_text("impossible")
    phone.expect_all_sent()
    form.get_by_label("Dose", exact=True).fill("100")
    form.get_by_role("button", name="Save").click()
    form.get_by_role("button", name="Keep it all the same").click()
    phone.expect_unsent(1)
    phone.page.locator("[data-undo]").click()
    phone.expect_all_sent()
    form.get_by_label("Dose", exact=True).fill("25")
    form.get_by_label("Litres of wine").fill("5000")
    form.get_by_role("button", name="Save").click()
    phone.let_go()
    phone.expect_all_sent()
    (added,) = read_work(tank, "additions")
    assert (added["kind"], added["dose"], added["amount"]) == ("dap", "25", 1250)


def test_fruit_comes_in_out_of_reach_and_is_split_to_its_wines(
    make_phone: Callable[..., Phone], appliance: RealAppliance
) -> None:
    tanks = [start_tank(appliance, f"day-fruit-{n}") for n in (1, 2)]
    ground = {"code": "DAYVINE", "name": "Day"}
    appliance.call("POST", "/api/v1/vineyards", ground, who="ana")
    block = {"vineyard_code": "DAYVINE", "code": "7", "variety": "Bobal"}
    appliance.call("POST", "/api/v1/vineyard-blocks", block, who="ana")
    phone = make_phone("marco")
    open_day(phone, "arrival")
    phone.await_worker()
    phone.context.set_offline(True)
    open_day(phone, "arrival")
    form = phone.page.locator('[data-form="arrival"]')
    form.get_by_label("Vineyard").select_option("DAYVINE")
    form.get_by_label("Block").select_option("7")
    expect(form.get_by_label("Variety")).to_have_value("Bobal")
    form.get_by_label("Lot").fill("26-DAY-1")
    form.get_by_label("Weight, kg").fill("4000")
    form.get_by_label("°Bx").fill("23,5")
    form.get_by_role("button", name="One more wine").click()
    for n, (tank, part) in enumerate(zip(tanks, ("70", "20"), strict=True)):
        line = form.locator("[data-parts] > *").nth(n)
        line.locator("select").select_option(str(tank.id))
        line.locator("input").fill(part)
    form.get_by_role("button", name="Save").click()
    expect(form.locator("[data-asked]")).to_contain_text("100 together")
    form.locator("[data-parts] input").nth(1).fill("30")
    expect(form.locator("[data-sum]")).to_contain_text("1200 kg")
    form.get_by_role("button", name="Save").click()
    phone.expect_unsent(1)
    phone.context.set_offline(False)
    phone.let_go()
    phone.expect_all_sent()
    for tank, kg in zip(tanks, (2800, 1200), strict=True):
        view = appliance.call("GET", f"/api/v1/fermentations/{tank.id}", who="ana").body
        (source,) = view["lot_sources"]
        assert (source["harvest_lot_code"], source["kg"]) == ("26-DAY-1", kg)

    hand = make_phone()
    open_day(hand)
    expect(hand.page.locator('[data-tab="arrival"]')).to_be_hidden()


def test_what_the_server_doubts_comes_back_and_is_mended(
    make_phone: Callable[..., Phone], appliance: RealAppliance
) -> None:
    tank = start_tank(appliance, "day-doubt")
    phone = make_phone()
    open_day(phone, "addition/X-day-doubt")
    # Meanwhile a colleague adds as much as is usual.
    body = {"client_uuid": str(uuid4()), "kind": "dap", "dose": "90", "unit": "g_hl"}
    body["done_at"] = tank.body("1", 20)["measured_at"]
    path = f"/api/v1/fermentations/{tank.id}/additions"
    assert appliance.call("POST", path, body, who="ana").status == 201
    form = phone.page.locator('[data-form="addition"]')
    form.get_by_label("Dose", exact=True).fill("30")
    form.get_by_role("button", name="Save").click()
    phone.let_go()
    expect(phone.page.locator("[data-unsent-count]")).to_have_text("1 to mend")
    phone.page.locator("[data-unsent]").click()
    row = phone.page.locator('[data-part="refused"] li')
    expect(row).to_contain_text("with the 0.9 before")
    row.get_by_role("button", name="Mend").click()
    form.get_by_label("Dose", exact=True).fill("5")
    form.get_by_role("button", name="Save").click()
    phone.let_go()
    phone.expect_all_sent()
    assert [one["dose"] for one in read_work(tank, "additions")] == ["90", "5"]


def test_a_note_with_a_photo_waits_on_the_device_and_is_sent_once(
    make_phone: Callable[..., Phone], appliance: RealAppliance
) -> None:
    tank = start_tank(appliance, "day-note")
    phone = make_phone()
    open_day(phone, "note/X-day-note")
    phone.await_worker()
    phone.context.set_offline(True)
    picture = io.BytesIO()
    Image.new("RGB", (640, 480), "purple").save(picture, "JPEG")
    form = phone.page.locator('[data-form="note"]')
    form.locator("textarea").fill("Smells of cherries.")
    photo = {"name": "cap.jpg", "mimeType": "image/jpeg", "buffer": picture.getvalue()}
    form.get_by_label("Photo").set_input_files(photo)  # type: ignore[arg-type]
    form.get_by_role("button", name="Save").click()
    phone.expect_unsent(1)
    phone.page.close()

    phone.page = phone.context.new_page()
    phone.page.clock.install()
    open_day(phone, "note")
    phone.expect_unsent(1)
    phone.context.set_offline(False)
    phone.let_go()
    phone.expect_all_sent()
    (note,) = read_work(tank, "notes")
    assert note["content"] == "Smells of cherries."
    assert note["photo"] == {"width": 640, "height": 480}


def test_tasks_are_done_by_what_they_ask_for_or_skipped_with_a_reason(
    make_phone: Callable[..., Phone], appliance: RealAppliance
) -> None:
    tank = start_tank(appliance, "day-tasks")
    planned = {}
    for kind, title in (
        ("cap_work", "Pump it"),
        ("other", "Wash it"),
        ("addition", "Feed it"),
        ("sample", "Read it"),
    ):
        body = {
            "client_uuid": str(uuid4()),
            "kind": kind,
            "title": title,
            "fermentation_id": tank.id,
        }
        answer = appliance.call("POST", "/api/v1/tasks", body, who="marco")
        planned[title] = answer.body["id"]
    phone = make_phone()
    open_day(phone, "tasks")
    phone.await_worker()
    phone.context.set_offline(True)
    rows = phone.page.locator("[data-tasks] > li")
    rows.filter(has_text="Wash it").get_by_role("button", name="Done").click()
    phone.expect_unsent(1)
    feed = rows.filter(has_text="Feed it")
    feed.get_by_role("button", name="Skip", exact=True).click()
    feed.get_by_label("Why?").fill("Enough nitrogen")
    feed.get_by_role("button", name="Skip it").click()
    phone.expect_unsent(2)
    sample = rows.filter(has_text="Read it")
    sample.get_by_role("button", name="Done").click()
    sample.get_by_label("Value").fill("21.5")
    sample.get_by_role("button", name="Save").click()
    phone.expect_unsent(3)
    rows.filter(has_text="Pump it").get_by_role("button", name="Done").click()
    phone.page.locator("[data-done]").click()
    phone.expect_unsent(4)
    phone.context.set_offline(False)
    phone.let_go()
    phone.expect_all_sent()
    status = {
        title: appliance.call("GET", f"/api/v1/tasks/{task_id}", who="ana").body
        for title, task_id in planned.items()
    }
    assert {title: task["status"] for title, task in status.items()} == {
        "Pump it": "done",
        "Wash it": "done",
        "Feed it": "skipped",
        "Read it": "done",
    }
    assert status["Feed it"]["reason"] == "Enough nitrogen"
    assert status["Pump it"]["cap_work_id"] == read_work(tank, "cap-work")[0]["id"]


def test_a_wine_is_racked_and_a_cut_line_moves_it_once(
    make_phone: Callable[..., Phone], appliance: RealAppliance
) -> None:
    tank = start_tank(appliance, "day-move")
    assert appliance.call("POST", "/api/v1/vessels", {"code": "DM-1"}, who="ana").status == 201
    phone = make_phone()
    open_day(phone, "move/X-day-move")
    cut: list[int] = []

    def cut_first(route: Any) -> None:
        if cut:
            route.continue_()
        else:
            cut.append(route.fetch().status)
            route.abort("connectionreset")

    phone.page.route("**/move", cut_first)
    form = phone.page.locator('[data-form="move"]')
    form.get_by_label("To").fill("DM-1")
    form.get_by_role("button", name="Save").click()
    phone.let_go()
    expect(phone.page.locator("[data-banner]")).to_contain_text("out of reach")
    phone.expect_unsent(1)
    phone.page.evaluate("dispatchEvent(new Event('online'))")
    phone.expect_all_sent()
    assert cut == [201]
    path = f"/api/v1/transfers?fermentation_id={tank.id}"
    transfers = appliance.call("GET", path, who="ana").body["items"]
    assert [flow["to_vessel_code"] for one in transfers for flow in one["flows"]] == ["DM-1"]


@pytest.mark.parametrize("light", ["day", "cellar"])
def test_nobody_is_shut_out_of_the_day_s_work(make_phone: Callable[..., Phone], light: str) -> None:
    phone = make_phone()
    for width in (390, 1440):
        phone.page.set_viewport_size({"width": width, "height": 900})
        phone.page.evaluate(f"localStorage.setItem('light', '{light}')")
        for tab in ("cap", "addition", "note", "tasks", "move"):
            open_day(phone, tab)
            found = Axe().run(phone.page)
            assert found.violations_count == 0, (tab, width, found.generate_report())
            assert phone.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), tab
