"""The main job, played in a browser: a reading that shows a stuck tank becomes an explained alarm on the screen."""

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.system.appliance import LiveTank, RealAppliance


def fall(tank: LiveTank) -> None:
    """A red that ferments well for four days; one more reading a day later will show that it stopped."""
    curve = [(6, 24.0), (30, 20.1), (54, 15.2), (78, 10.4), (102, 8.3)]
    for hours, brix in curve:
        assert tank.send(tank.body(f"{brix:.1f}", hours)).status == 201
    tank.await_coverage(len(curve))


def test_a_reading_becomes_an_explained_alarm(
    page: Page, sign_in: Callable[[str], None], appliance: RealAppliance
) -> None:
    tank = appliance.start_fermentation("browser-stuck", days_ago=5.6)
    fall(tank)
    alarms = [one for one in tank.analysis()["anomalies"] if one["severity"] != "info"]
    assert alarms == []
    sign_in("bruno")
    page.goto(f"/fermentations/{tank.id}")
    expect(page.locator("#analysis")).to_contain_text("Nothing to worry about.")
    expect(page.locator("[data-curve] canvas").first).to_be_visible()

    page.get_by_label("Sugar", exact=True).fill("8,1")
    page.get_by_label("Temperature", exact=True).fill("18,5")
    page.get_by_role("button", name="Save").click()

    alarm = page.locator("#analysis .alarm")
    expect(alarm.get_by_role("heading")).to_contain_text("Stuck")
    expect(alarm).to_contain_text("Rule")
    expect(alarm).to_contain_text("Clears")
    expect(alarm.get_by_role("table")).to_contain_text("8,1")
    expect(page.locator("#analysis .advice").first).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_contain_text("stuck")

    page.goto("/")
    row = page.get_by_role("listitem").filter(has_text="X-browser-stuck")
    expect(row).to_contain_text("Stuck")

    page.get_by_role("button", name="Sign out").click()
    expect(page).to_have_url(re.compile("/sign-in"))
    page.goto(f"/fermentations/{tank.id}")
    expect(page).to_have_url(re.compile("/sign-in"))


def test_what_is_unusual_is_asked_once_and_nothing_typed_is_lost(
    page: Page, sign_in: Callable[[str], None], appliance: RealAppliance
) -> None:
    tank = appliance.start_fermentation("browser-asks")
    assert tank.send(tank.body("12.0", 100)).status == 201
    sign_in("bruno")
    page.goto(f"/fermentations/{tank.id}")
    page.get_by_label("Sugar", exact=True).fill("18.4")
    page.get_by_label("Temperature", exact=True).fill("24.0")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("does not rise by itself")
    expect(page.get_by_label("Sugar", exact=True)).to_have_value("18.4")
    expect(page.get_by_label("Temperature", exact=True)).to_have_value("24.0")
    assert len(stored(appliance, tank)) == 1
    page.get_by_role("button", name="Keep it").click()
    expect(page).to_have_url(re.compile(f"/fermentations/{tank.id}$"))
    assert sorted(stored(appliance, tank)) == ["12.0", "18.4", "24.0"]


def test_what_cannot_be_is_refused_beside_its_field(
    page: Page, sign_in: Callable[[str], None], appliance: RealAppliance
) -> None:
    tank = appliance.start_fermentation("browser-refuses")
    sign_in("bruno")
    page.goto(f"/fermentations/{tank.id}")
    page.get_by_label("Sugar", exact=True).fill("204")
    page.get_by_role("button", name="Save").click()
    field = page.get_by_label("Sugar", exact=True)
    expect(field).to_have_value("204")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#entry")).to_contain_text("204 °Bx is impossible")
    assert stored(appliance, tank) == []


def test_the_same_form_sent_twice_saves_once(
    page: Page, sign_in: Callable[[str], None], appliance: RealAppliance
) -> None:
    tank = appliance.start_fermentation("browser-twice")
    sign_in("bruno")
    page.goto(f"/fermentations/{tank.id}")
    page.get_by_label("Sugar", exact=True).fill("23.5")
    page.get_by_role("button", name="Save").dblclick()
    expect(page.locator("#readings")).to_contain_text("23.5")
    assert stored(appliance, tank) == ["23.5"]


def test_a_winemaker_starts_a_ferment(
    page: Page, sign_in: Callable[[str], None], appliance: RealAppliance
) -> None:
    sign_in("marco")
    page.goto("/fermentations/new")
    page.locator("#code").fill("26-NEW-01")
    page.locator("#vessel_code").fill("T-NEW")
    page.get_by_label("Red").check()
    page.locator("#yeast_strain").fill("QA23")
    page.get_by_role("button", name="Start").click()
    expect(page.locator(".inside form")).to_contain_text("Not in the book yet")
    page.locator("input[name=add_vessel]").check()
    page.get_by_role("button", name="Start").click()
    expect(page).to_have_url(re.compile(r"/fermentations/\d+$"))
    expect(page.get_by_role("heading", level=1)).to_contain_text("T-NEW")


def test_a_cellar_hand_is_not_offered_what_he_may_not_do(
    page: Page, sign_in: Callable[[str], None]
) -> None:
    sign_in("bruno")
    expect(page.get_by_role("link", name="Start a ferment")).to_have_count(0)
    answer = page.goto("/fermentations/new")
    assert answer is not None
    assert answer.status == 403
    expect(page.get_by_role("heading", level=1)).to_be_visible()


def test_a_name_that_is_markup_stays_a_name(
    page: Page, sign_in: Callable[[str], None], appliance: RealAppliance
) -> None:
    tank = appliance.start_fermentation("<img src=x onerror=alert(1)>")
    assert tank.send(tank.body("23.0", 2)).status == 201
    tank.await_coverage(1)
    sign_in("ana")
    for path in ("/", f"/fermentations/{tank.id}", "/fermentations"):
        page.goto(path)
        expect(page.locator("img[src=x]")).to_have_count(0)


def stored(appliance: RealAppliance, tank: LiveTank) -> list[str]:
    """The values in the book."""
    answer = appliance.call("GET", f"/api/v1/fermentations/{tank.id}/samples", who="ana")
    return [item["value"] for item in answer.body["items"]]
