"""The server is updated while a phone is in the cellar: the pages follow, and what waits on the device stays."""

from collections.abc import Callable

from playwright.sync_api import expect

from tests.browser.phone import Phone, read, start_tank
from tests.browser.slow_line import open_slow_line
from tests.system.appliance import RealAppliance

SHELLS = "caches.keys().then((names) => names.filter((name) => name.startsWith('round-')))"
FOLLOWED = f"{SHELLS}.then((names) => names.length === 1 && names[0].startsWith('round-next-'))"


def test_what_a_newer_page_kept_waits_until_that_page_is_back(
    make_phone: Callable[..., Phone], appliance: RealAppliance
) -> None:
    tank = start_tank(appliance, "round-rolled-back")
    phone = make_phone()
    phone.open_round(code="X-round-rolled-back")
    body = tank.body("11.5", 20) | {"fermentation_id": tank.id}
    # The update was taken back: entries of the release that is gone lie beside those of this one.
    phone.page.evaluate(
        """async (body) => {
          const { addEntries, recall } = await import("/static/js/round/keep.js");
          const { PAYLOAD_VERSION } = await import("/static/js/round/outbox.js");
          const person = await recall("person");
          await addEntries([{ client_uuid: body.client_uuid, payload_version: PAYLOAD_VERSION + 1, kind: "sample",
            user_id: person.user_id, person: person.display_name, vessel_code: "X-new", symbol: "°Bx",
            typed_at: Date.now() - 86400000, body }]);
        }""",
        body,
    )
    phone.open_round(code="X-round-rolled-back")
    phone.enter("21.5")
    phone.let_go()
    phone.expect_unsent(1)
    assert read(tank) == [("sugar", "21.5")], "what this page can read goes past it"
    phone.page.locator("[data-unsent]").click()
    waiting = phone.page.locator('[data-part="waiting"] li')
    expect(waiting).to_contain_text("newer release of this page")
    expect(phone.page.locator("[data-send]")).to_be_hidden()


def test_an_update_brings_its_pages_and_keeps_what_waits(
    make_phone: Callable[..., Phone], appliance: RealAppliance
) -> None:
    tank = start_tank(appliance, "round-update")
    with open_slow_line(appliance.port) as line:
        phone = make_phone(port=line.server_port)
        phone.open_round(code="X-round-update")
        phone.await_worker()
        phone.context.set_offline(True)
        phone.enter("21.5")
        phone.expect_unsent(1)
        # The next version: its worker keeps its pages under a name of its own.
        line.altered["/sw.js"] = lambda text: text.replace(b'VERSION = "', b'VERSION = "next-', 1)
        phone.context.set_offline(False)
        phone.page.evaluate("navigator.serviceWorker.getRegistration().then((one) => one.update())")
        phone.page.wait_for_function(f"() => {FOLLOWED}")
        phone.expect_unsent(1)
        phone.context.set_offline(True)
        phone.open_round(code="X-round-update")
        phone.expect_unsent(1)
        phone.context.set_offline(False)
        phone.let_go()
        phone.expect_all_sent()
        phone.context.close()
    assert read(tank) == [("sugar", "21.5")]
