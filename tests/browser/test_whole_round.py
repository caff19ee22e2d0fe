"""The round of a whole cellar: few taps, every tank once, and a tablet that goes from hand to hand."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Route, expect

from tests.browser.phone import UNDO_MS, Phone, read, start_tank
from tests.system.appliance import RealAppliance

TANKS = 62
NEIGHBOUR = "carla@other.winery"
# Every touch on the page is counted; digits and the point are what has to be typed anyway.
COUNT_TAPS = """
window.taps = 0;
addEventListener("click", (event) => {
  const key = event.target.closest("[data-key]")?.dataset.key;
  if (event.isTrusted && !/^(\\d|point)$/.test(key ?? "")) window.taps += 1;
}, true);
"""


def test_62_tanks_take_two_taps_each_out_of_reach_and_are_all_there_once(
    make_phone: Callable[..., Phone], appliance: RealAppliance
) -> None:
    # The neighbour winery's cellar, so that no other test walks past them.
    tanks = [
        appliance.start_fermentation(f"big-{n:02}", days_ago=1, who=NEIGHBOUR) for n in range(TANKS)
    ]
    phone = make_phone(NEIGHBOUR)
    phone.page.add_init_script(COUNT_TAPS)
    phone.open_round(code="X-big-00")
    phone.await_worker()
    phone.context.set_offline(True)
    before = phone.page.locator("[data-done]").inner_text()
    for _ in range(TANKS):
        phone.enter("22.5", "22")
    taps = phone.page.evaluate("window.taps")
    assert taps <= 2 * TANKS, taps
    phone.expect_unsent(2 * TANKS)
    phone.page.close()  # the tab is gone, and the network, too

    phone.page = phone.context.new_page()
    phone.page.clock.install()
    phone.open_round_view("[data-unsent]")
    phone.expect_unsent(2 * TANKS)
    assert phone.page.locator("[data-done]").inner_text() != before
    phone.context.set_offline(False)
    phone.let_go()
    phone.expect_all_sent()
    kept = appliance.count(
        "SELECT count(*) FROM samples WHERE fermentation_id = ANY(%s)", [tank.id for tank in tanks]
    )
    assert kept == 2 * TANKS


def test_the_round_speaks_spanish_with_its_comma(
    make_phone: Callable[..., Phone], appliance: RealAppliance
) -> None:
    """In the neighbour's winery, so that the others' goes on in English."""
    tank = appliance.start_fermentation("es-1", days_ago=1, who=NEIGHBOUR)
    speak = {"language": "es"}
    said = appliance.call("PATCH", "/api/v1/winery", speak, who=NEIGHBOUR, **{"If-Match": "*"})
    assert said.status == 200, said
    try:
        phone = make_phone(NEIGHBOUR)
        phone.open_round(code="X-es-1")
        expect(phone.page.locator('[data-key="point"]')).to_have_text(",")
        phone.type("22.5")
        expect(phone.page.locator('[data-field="sugar"] [data-value]')).to_have_text("22,5")
        phone.next()
        phone.type("204")
        phone.next()
        expect(phone.page.locator("[data-ask-title]")).to_have_text("204 °C es imposible.")
        phone.page.locator("[data-type-again]").click()
        phone.type("21")
        phone.next()
        expect(phone.page.locator("[data-unsent-count]")).to_have_text("2 sin enviar")
        phone.take_back()
        expect(phone.page.locator("[data-unsent-count]")).to_have_text("Todo enviado")
        phone.next()  # what was typed stands there again
        phone.next()
        phone.let_go()
        expect(phone.page.locator("[data-unsent-count]")).to_have_text("Todo enviado")
        assert read(tank, NEIGHBOUR) == [("sugar", "22.5"), ("temperature", "21")]
    finally:
        back = {"language": "en"}
        appliance.call("PATCH", "/api/v1/winery", back, who=NEIGHBOUR, **{"If-Match": "*"})


def test_the_last_tank_of_the_round_can_be_taken_back_too(
    make_phone: Callable[..., Phone], appliance: RealAppliance
) -> None:
    tank = start_tank(appliance, "round-last")

    def leave_one_tank(route: Route) -> None:
        answer = route.fetch()
        told = answer.json()
        told["tanks"] = [one for one in told["tanks"] if one["fermentation_id"] == tank.id]
        route.fulfill(response=answer, json=told)

    phone = make_phone(before=lambda page: page.route("**/api/v1/round", leave_one_tank))
    phone.open_round(code="X-round-last")
    phone.enter("19.2")
    expect(phone.page.locator("[data-done-title]")).to_have_text("The round is done")
    phone.take_back()
    expect(phone.page.locator("[data-plate]")).to_have_text("X-round-last")
    expect(phone.page.locator('[data-field="sugar"] [data-value]')).to_have_text("19.2")
    phone.page.clock.fast_forward(UNDO_MS)
    phone.expect_all_sent()
    assert read(tank) == []


def test_a_skip_reaches_the_winemaker_and_can_be_taken_back(
    make_phone: Callable[..., Phone], appliance: RealAppliance
) -> None:
    tank = start_tank(appliance, "round-skip")
    path = f"/api/v1/fermentations/{tank.id}/skipped-readings"
    phone = make_phone()
    phone.open_round(code="X-round-skip")
    phone.page.locator('[data-key="skip"]').click()
    phone.page.get_by_role("button", name="Cannot be reached").click()
    phone.take_back()
    expect(phone.page.locator("[data-plate]")).to_have_text("X-round-skip")
    phone.expect_all_sent()
    phone.page.locator('[data-key="skip"]').click()
    phone.page.get_by_role("button", name="Foam over the hatch").click()
    phone.expect_unsent(1)
    phone.let_go()
    phone.expect_all_sent()
    listed = appliance.call("GET", path, who="ana").body["items"]
    assert [skip["reason"] for skip in listed] == ["Foam over the hatch"]

    colleague = make_phone("marco")
    colleague.open_round(code="X-round-skip")
    assert read(tank) == []
    colleague.page.goto(f"/fermentations/{tank.id}")
    work = colleague.page.locator("#work li").filter(has_text="Not read")
    expect(work).to_contain_text("Foam over the hatch")
    expect(work).to_contain_text("Bruno")


def test_every_vessel_of_a_wine_leads_to_it_and_is_named(
    make_phone: Callable[..., Phone], appliance: RealAppliance
) -> None:
    tank = start_tank(appliance, "round-barrels")
    to = [{"vessel_code": f"RB-{n}"} for n in range(1, 4)]
    body = {"client_uuid": "5a0d3a53-0a4f-4a6e-9a4b-0d6c8f1f9b11", "to": to}
    for code in to:
        appliance.call(
            "POST", "/api/v1/vessels", {"code": code["vessel_code"], "kind": "barrel"}, who="ana"
        )
    moved = appliance.call("POST", f"/api/v1/fermentations/{tank.id}/move", body, who="ana")
    assert moved.status == 201, moved
    phone = make_phone()
    phone.open_round(code="RB-3")
    expect(phone.page.locator("[data-plate]")).to_have_text("RB-3")
    expect(phone.page.locator("[data-others]")).to_contain_text("RB-1, RB-2")
    phone.page.locator("[data-find]").click()
    phone.page.get_by_label("Its code").fill("rb 2")
    phone.page.keyboard.press("Enter")
    expect(phone.page.locator("[data-others]")).to_contain_text("2 vessels more with this wine")


def test_a_shared_tablet_changes_hands_in_two_taps_and_a_pin(
    make_phone: Callable[..., Phone], appliance: RealAppliance
) -> None:
    tank = start_tank(appliance, "round-hands")
    for who, pin in (("marco", "4711"), ("bruno", "7305")):
        answer = appliance.call("PUT", "/api/v1/account/pin", {"pin": pin}, who=who)
        assert answer.status == 204, answer
    tablet = make_phone("ana")
    named = appliance.call("POST", "/api/v1/shared-devices", {"name": "Press tablet"}, who="ana")
    tablet.page.goto("/enroll")
    tablet.page.locator("input[name=code]").fill(named.body["code"])
    tablet.page.locator("main button[type=submit], form button[type=submit]").first.click()
    # Its cookie comes with the answer: leaving before that would leave the tablet unknown.
    tablet.page.wait_for_url("**/")
    tablet.page.add_init_script(COUNT_TAPS)

    tablet.sign_in_by_pin("Marco", "4711")
    tablet.open_round(code="X-round-hands")
    expect(tablet.page.locator("[data-person]")).to_contain_text("Marco")
    tablet.page.route("**/api/v1/samples/batch", lambda route: route.abort())
    tablet.enter("18.5")
    tablet.expect_unsent(1)

    change(tablet, "Bruno", "7305", known=False)
    expect(tablet.page.locator("[data-person]")).to_contain_text("Bruno")
    tablet.page.unroute("**/api/v1/samples/batch")
    tablet.let_go()
    tablet.expect_unsent(1)  # Marco's reading waits for Marco
    assert read(tank) == []
    change(tablet, "Marco", "4711", known=False)
    tablet.page.clock.fast_forward(UNDO_MS)  # it may be on its way already
    tablet.expect_all_sent()
    assert read(tank) == [("sugar", "18.5")]
    assert change(tablet, "Bruno", "7305", known=True) == 2
    # A wrong PIN changes nothing, and says so.
    tablet.page.locator("[data-person]").click()
    tablet.page.get_by_role("button", name="Marco").click()
    for digit in "0000":
        tablet.page.locator(f'[data-pin-key="{digit}"]').click()
    expect(tablet.page.locator("[data-pin-words]")).to_contain_text("not the PIN")
    expect(tablet.page.locator("[data-person]")).to_contain_text("Bruno")


def change(tablet: Phone, who: str, pin: str, *, known: bool) -> int:
    """Another person takes the tablet; the taps it took beside the digits of the PIN."""
    taps = 0
    for target in (
        tablet.page.locator("[data-person]"),
        tablet.page.get_by_role("button", name=who),
    ):
        target.click()
        taps += 1
    for digit in pin:
        tablet.page.locator(f'[data-pin-key="{digit}"]').click()
    if not known:
        tablet.page.locator('[data-pin-key="go"]').click()
        taps += 1
    expect(tablet.page.locator("dialog[data-people]")).to_be_hidden()
    expect(tablet.page.locator("[data-person]")).to_contain_text(who)
    return taps


CAMERA = """
navigator.mediaDevices.getUserMedia = async () => {
  const canvas = document.createElement("canvas");
  canvas.getContext("2d").fillRect(0, 0, 9, 9);
  return canvas.captureStream();
};
window.BarcodeDetector = class { async detect() { return [{ rawValue: location.origin + "/round#X-round-scan-True" }]; } };
"""


@pytest.mark.parametrize("can_read_codes", [False, True])
def test_labels_are_scanned_only_where_the_browser_reads_codes(
    make_phone: Callable[..., Phone], appliance: RealAppliance, can_read_codes: bool
) -> None:
    start_tank(appliance, f"round-scan-{can_read_codes}")
    phone = make_phone()
    phone.page.add_init_script(CAMERA if can_read_codes else "delete window.BarcodeDetector")
    phone.open_round()
    phone.page.locator("[data-find]").click()
    scan = phone.page.locator("[data-scan]")
    if not can_read_codes:
        expect(scan).to_be_hidden()
        return
    scan.click()
    expect(phone.page.locator("[data-plate]")).to_have_text("X-round-scan-True")
