"""The board without a mouse: to a tank, to its alarm, to its reading, and back."""

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser.test_main_job import fall
from tests.system.appliance import RealAppliance


def see(page: Page) -> None:
    """Return when the page has been painted: until then nobody sees it, and the browser drops what is pressed."""
    page.wait_for_load_state()
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def test_a_tank_is_found_taken_and_opened_by_keys_alone(
    page: Page, sign_in: Callable[[str], None], appliance: RealAppliance
) -> None:
    tank = appliance.start_fermentation("by-keys", days_ago=5.6)
    fall(tank)
    assert tank.send(tank.body("8.1", 134)).status == 201
    tank.await_coverage(6)
    sign_in("marco")
    press = page.keyboard.press
    press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    mine = page.locator(f'[data-tank="{tank.id}"]')
    press("j")
    focused = page.locator("[data-tank]:focus")
    expect(focused).to_have_count(1)
    for _ in range(60):
        if focused.get_attribute("data-tank") == str(tank.id):
            break
        press("ArrowDown")
    expect(mine).to_be_focused()
    expect(page.locator("[data-key-bar]")).to_contain_text("X-by-keys")

    press("a")
    expect(page.locator(".flashes")).to_contain_text("You have it")
    expect(mine).to_be_focused()
    expect(page.get_by_role("listitem").filter(has=mine)).to_contain_text("Marco has it")

    press("4")
    expect(page.locator(".flashes")).to_contain_text("X-by-keys: Cool it is planned")
    expect(mine).to_be_focused()
    tasks = appliance.call("GET", "/api/v1/tasks?status=planned", who="ana").body["items"]
    assert [one["title"] for one in tasks if one["fermentation_id"] == tank.id] == ["Cool it"]

    press("m")
    expect(page).to_have_url(re.compile("view=map"))
    see(page)
    press("j")
    expect(focused).to_have_count(1)
    press("Enter")
    expect(page).to_have_url(re.compile(r"/fermentations/\d+$"))
    page.go_back()
    see(page)
    press("m")
    expect(page).to_have_url(re.compile("view=list"))
    see(page)
    press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("by-keys")
    press("Enter")
    expect(page).to_have_url(re.compile(r"/(search|fermentations)"))
