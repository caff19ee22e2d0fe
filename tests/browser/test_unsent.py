"""What a round left on the device is told on every page, goes off from there, and is not signed out over unawares."""

from collections.abc import Callable

from playwright.sync_api import expect

from tests.browser.phone import UNDO_MS, Phone, read, start_tank
from tests.system.appliance import RealAppliance

BATCH = "**/api/v1/samples/batch"


def test_nobody_signs_out_over_unsent_readings_unawares(
    make_phone: Callable[..., Phone], appliance: RealAppliance
) -> None:
    tank = start_tank(appliance, "unsent-leave")
    phone = make_phone("bruno")
    phone.context.route(BATCH, lambda route: route.abort())
    phone.open_round(code="X-unsent-leave")
    phone.enter("18.5", "21")
    phone.expect_unsent(2)
    phone.page.goto("/")
    told = phone.page.locator("nav [data-waiting]")
    expect(told).to_have_text("2 unsent")
    leave = phone.page.locator("form[data-sign-out]").filter(visible=True).get_by_role("button")
    asked = phone.page.get_by_role("dialog", name="2 entries are not in the book yet")
    leave.click()
    expect(asked).to_contain_text("go when Bruno signs in here again")
    asked.get_by_role("button", name="Stay").click()
    expect(asked).to_be_hidden()
    expect(told).to_have_text("2 unsent")
    leave.click()
    asked.get_by_role("button", name="Sign out all the same").click()
    phone.page.wait_for_url("**/sign-in**")

    phone.context.unroute(BATCH)
    phone.sign_in("bruno")  # the board itself sends them
    phone.page.clock.fast_forward(UNDO_MS)
    expect(told).to_be_hidden()
    assert read(tank) == [("sugar", "18.5"), ("temperature", "21")]


def test_with_nothing_unsent_signing_out_asks_nothing(make_phone: Callable[..., Phone]) -> None:
    phone = make_phone("bruno")
    expect(phone.page.locator("nav [data-waiting]")).to_be_hidden()
    phone.page.locator("form[data-sign-out]").filter(visible=True).get_by_role("button").click()
    phone.page.wait_for_url("**/sign-in**")
