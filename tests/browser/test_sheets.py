"""The grid of the round and the lab panel, by keyboard alone and pasted from a spreadsheet."""

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, expect

from tests.browser.phone import Phone, read, start_tank
from tests.integration.runtime.running_appliance import wait_for
from tests.system.appliance import RealAppliance

PASTE = """(text) => {
  const given = new DataTransfer();
  given.setData("text/plain", text);
  const how = { clipboardData: given, bubbles: true, cancelable: true };
  document.activeElement.dispatchEvent(new ClipboardEvent("paste", how));
}"""


IS_KEPT = """async (value) => {
  const answer = (request) => new Promise((done) => { request.onsuccess = () => done(request.result); });
  const db = await answer(indexedDB.open("winery"));
  const entries = await answer(db.transaction("outbox").objectStore("outbox").getAll());
  db.close();
  return JSON.stringify(entries).includes(`"${value}"`);
}"""


@pytest.fixture
def make_desk(make_phone: Callable[..., Phone]) -> Callable[[str], Phone]:
    """A desk with a sheet before it."""

    def make(path: str) -> Phone:
        desk = make_phone(
            before=lambda page: page.set_viewport_size({"width": 1440, "height": 900})
        )
        desk.page.goto(path)
        expect(desk.page.locator("[data-sheet] tbody tr").first).to_be_visible()
        return desk

    return make


def cell(desk: Phone, tank: str, column: str) -> Locator:
    """The field of a tank in a column."""
    return desk.page.get_by_label(f"{tank}, {column}", exact=True)


def test_the_grid_is_filled_by_keyboard_column_by_column(
    make_desk: Callable[[str], Phone], appliance: RealAppliance
) -> None:
    # Positions far behind, so that the two are neighbours in walking order.
    tanks = [start_tank(appliance, f"zz-sheet-{n}") for n in (1, 2)]
    desk = make_desk("/round/grid")
    cell(desk, "X-zz-sheet-1", "Sugar in °Bx").focus()
    for key in ("2", "2", ",", "5", "Enter", "2", "1", "Enter"):
        desk.page.keyboard.press(key)
    cell(desk, "X-zz-sheet-1", "Temperature in °C").focus()
    for key in ("2", "4", "Tab"):
        desk.page.keyboard.press(key)
    desk.expect_unsent(3)
    expect(desk.page.locator("td.unsent")).to_have_count(3)
    desk.let_go()
    desk.expect_all_sent()
    expect(desk.page.locator("td.saved")).to_have_count(3)
    assert read(tanks[0]) == [("sugar", "22,5"), ("temperature", "24")]
    assert read(tanks[1]) == [("sugar", "21")]


def test_what_is_impossible_is_refused_and_what_is_odd_asked_once(
    make_desk: Callable[[str], Phone], appliance: RealAppliance
) -> None:
    tank = start_tank(appliance, "sheet-odd")
    desk = make_desk("/round/grid")
    field = cell(desk, "X-sheet-odd", "Sugar in °Bx")
    field.fill("204")
    field.press("Enter")
    expect(field).to_be_focused()
    expect(field).to_have_attribute("aria-invalid", "true")
    field.fill("33")
    field.press("Enter")
    expect(desk.page.locator("td.asked")).to_contain_text("Enter again keeps it")
    desk.expect_all_sent()
    field.press("Enter")
    desk.expect_unsent(1)
    desk.let_go()
    desk.expect_all_sent()
    assert read(tank) == [("sugar", "33")]


def test_a_block_of_a_spreadsheet_goes_to_the_tanks_it_names(
    make_desk: Callable[[str], Phone], appliance: RealAppliance
) -> None:
    tanks = [start_tank(appliance, f"sheet-paste-{n}") for n in (1, 2)]
    desk = make_desk("/round/grid")
    desk.page.locator("[data-sheet] tbody input").first.focus()
    lines = ["X-sheet-paste-2\t20,5\t21", "X-sheet-paste-1\t22.5\t", "Nowhere\t1\t2"]
    desk.page.evaluate(PASTE, "\r\n".join(lines))
    expect(desk.page.locator("[data-said]")).to_contain_text("3 kept. Not found: Nowhere.")
    desk.expect_unsent(3)
    desk.let_go()
    desk.expect_all_sent()
    assert read(tanks[0]) == [("sugar", "22.5")]
    assert read(tanks[1]) == [("sugar", "20,5"), ("temperature", "21")]


def test_a_value_is_put_right_while_it_waits_and_not_after(
    make_desk: Callable[[str], Phone], appliance: RealAppliance
) -> None:
    tank = start_tank(appliance, "sheet-mend")
    desk = make_desk("/round/grid")
    field = cell(desk, "X-sheet-mend", "Sugar in °Bx")
    field.fill("22")
    field.press("Enter")
    desk.expect_unsent(1)
    field.fill("21.5")
    field.press("Enter")
    # One waits before and after: the device has it when the second figure stands in its outbox.
    wait_for(lambda: desk.page.evaluate(IS_KEPT, "21.5"), "the figure on the device")
    desk.expect_unsent(1)
    desk.page.reload()
    field = cell(desk, "X-sheet-mend", "Sugar in °Bx")
    expect(field).to_have_value("21.5")
    desk.let_go()
    desk.expect_all_sent()
    expect(field).not_to_be_editable()
    assert read(tank) == [("sugar", "21.5")]


def test_the_lab_panel_is_walked_by_keyboard_alone_and_takes_less_than(
    make_desk: Callable[[str], Phone], appliance: RealAppliance
) -> None:
    tank = start_tank(appliance, "lab-keys")
    desk = make_desk("/lab")
    expect(desk.page.locator("[data-sheet] tbody input").first).to_be_focused()
    cell(desk, "X-lab-keys", "pH").focus()
    values = ["3.45", "6,2", "180", "<5", "31", "2.1", "0.3", "0.35", "120", "6.5"]
    for value in values:
        desk.page.keyboard.type(value)
        desk.page.keyboard.press("Tab")
    desk.expect_unsent(len(values))
    desk.let_go()
    desk.expect_all_sent()
    kinds = ("alcohol", "free_so2", "lactic", "malic", "ph", "residual_sugar", "ta", "total_so2")
    expected = ("6.5", "<5", "0.3", "2.1", "3.45", "120", "6,2", "31")
    assert read(tank) == [
        *zip(kinds, expected, strict=True),
        ("va", "0.35"),
        ("yan", "180"),
    ]


def test_a_lab_panel_out_of_reach_waits_and_a_refused_result_is_mended_in_its_cell(
    make_desk: Callable[[str], Phone], appliance: RealAppliance
) -> None:
    tank = start_tank(appliance, "lab-away")
    desk = make_desk("/lab")
    desk.await_worker()
    desk.context.set_offline(True)
    desk.page.reload()
    field = cell(desk, "X-lab-away", "pH")
    field.fill("3.5")
    field.press("Enter")
    cell(desk, "X-lab-away", "TA in g/L").fill("6")
    cell(desk, "X-lab-away", "TA in g/L").press("Enter")
    desk.expect_unsent(2)
    # What the server would refuse: a result from before the wine began.
    desk.page.locator("[data-when]").fill("2020-01-01T08:00")
    cell(desk, "X-lab-away", "VA in g/L").fill("0.4")
    cell(desk, "X-lab-away", "VA in g/L").press("Enter")
    desk.expect_unsent(3)
    desk.page.locator("[data-when]").fill("")
    desk.context.set_offline(False)
    desk.let_go()
    expect(desk.page.locator("[data-unsent-count]")).to_have_text("1 to mend")
    expect(desk.page.locator("td.refused")).to_contain_text("began only at")
    desk.page.locator("[data-unsent]").click()
    desk.page.get_by_role("button", name="Drop").click()
    desk.expect_all_sent()
    assert read(tank) == [("ph", "3.5"), ("ta", "6")]


@pytest.mark.parametrize("light", ["day", "cellar"])
@pytest.mark.parametrize("path", ["/round/grid", "/lab"])
def test_nobody_is_shut_out_of_a_sheet(
    make_desk: Callable[[str], Phone], path: str, light: str
) -> None:
    desk = make_desk(path)
    for width in (390, 820, 1440):
        desk.page.set_viewport_size({"width": width, "height": 900})
        desk.page.evaluate(f"localStorage.setItem('light', '{light}')")
        desk.page.reload()
        expect(desk.page.locator("[data-sheet] tbody tr").first).to_be_visible()
        found = Axe().run(desk.page)
        assert found.violations_count == 0, found.generate_report()
        wide = desk.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert wide[0] <= wide[1], (width, wide)
