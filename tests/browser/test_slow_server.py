"""A server that is slow is not one that is away: only the round gives up on it, for it has what it needs."""

import re

from playwright.sync_api import Browser, expect

from tests.browser.slow_line import open_slow_line
from tests.system.appliance import PASSWORD, RealAppliance


def test_a_page_that_needs_the_server_waits_where_the_round_goes_on_without_it(
    chromium: Browser, appliance: RealAppliance
) -> None:
    with open_slow_line(appliance.port) as line:
        context = chromium.new_context(base_url=f"http://127.0.0.1:{line.server_port}")
        context.set_default_timeout(60_000)
        wines, tablet = context.new_page(), context.new_page()
        wines.goto("/sign-in")
        wines.get_by_label("Name or e-mail").fill("bruno@demo.winery")
        wines.get_by_label("Password", exact=True).fill(PASSWORD)
        wines.get_by_role("button", name="Sign in").click()
        wines.wait_for_url("**/")
        wines.goto("/round")
        wines.evaluate("navigator.serviceWorker.ready.then(() => null)")
        wines.goto("/account")
        line.hold("/fermentations", "/round")
        wines.evaluate("setTimeout(() => location.assign('/fermentations'))")
        line.await_request("/fermentations")
        # The round's patience begins later and ends earlier than this page's would, were it impatient, too.
        tablet.goto("/round")
        line.await_request("/round")
        expect(tablet.locator("[data-plate]")).not_to_be_empty(timeout=60_000)
        assert not line.go.is_set(), "so far the server has not said a word of either"
        assert wines.url.endswith("/account"), "it still waits"
        line.go.set()
        expect(wines).to_have_url(re.compile("/fermentations$"), timeout=60_000)
        expect(wines.locator('nav [aria-current="page"]')).to_have_text("Ferments")
        context.close()
