"""A phone in a cellar hand's hand, and what it should have brought into the book."""

from dataclasses import dataclass

from playwright.sync_api import BrowserContext, Page, expect

from tests.system.appliance import PASSWORD, LiveTank, RealAppliance

UNDO_MS = 11_000
KEYS = {".": "point", "-": "sign"}


@dataclass
class Phone:
    """A phone in somebody's hand, with the round open."""

    context: BrowserContext
    page: Page
    appliance: RealAppliance

    def sign_in(self, who: str) -> None:
        """Sign in by the form."""
        self.page.goto("/sign-in")
        self.page.get_by_label("Name or e-mail").fill(who if "@" in who else f"{who}@demo.winery")
        self.page.get_by_label("Password", exact=True).fill(PASSWORD)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.wait_for_url("**/")

    def sign_in_by_pin(self, name: str, pin: str) -> None:
        """Sign in on a shared tablet, once no answer is on its way that would bring the last one's cookie again."""
        self.page.wait_for_load_state("networkidle")
        self.context.clear_cookies(name="winery_session")
        self.page.goto("/sign-in")
        self.page.get_by_role("link", name=name).click()
        self.page.get_by_label("PIN").fill(pin)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.wait_for_url("**/")

    def open_round_view(self, shown: str) -> None:
        """Open the round, where no tank may be left to read."""
        self.page.goto("/round")
        expect(self.page.locator(shown)).to_be_visible()

    def open_round(self, tank: LiveTank | None = None, code: str = "") -> None:
        """Open the round, at a tank."""
        self.page.goto("about:blank")  # so that a new tank in the address is a new page, too
        self.page.goto(f"/round#{code}")
        expect(self.page.locator("[data-plate]")).not_to_be_empty()

    def await_worker(self) -> None:
        """Until the round can be opened without the server."""
        self.page.evaluate("navigator.serviceWorker.ready.then(() => null)")

    def lose_session(self) -> None:
        """Be signed out behind the page's back, once no answer is on its way that would bring the cookie again."""
        self.await_worker()
        self.page.wait_for_load_state("networkidle")
        self.context.clear_cookies()

    def type(self, text: str) -> None:
        """Digits on the pad."""
        for key in text:
            self.page.locator(f'[data-key="{KEYS.get(key, key)}"]').click()

    def next(self) -> None:
        """The key Next."""
        self.page.locator('[data-key="next"]').click()

    def enter(self, sugar: str, temperature: str = "") -> None:
        """Sugar, Next, temperature, Next."""
        self.type(sugar)
        self.next()
        self.type(temperature)
        self.next()

    def take_back(self) -> None:
        """Take the last entry back, wherever the round stands now."""
        self.page.locator("[data-undo]:visible").click()

    def let_go(self) -> None:
        """Let the time pass in which the last entry can be taken back, once the device has it."""
        expect(self.page.locator("[data-unsent-count]")).not_to_have_text("All sent")
        self.page.clock.fast_forward(UNDO_MS)

    def expect_all_sent(self) -> None:
        """Everything is in the book."""
        expect(self.page.locator("[data-unsent-count]")).to_have_text("All sent")

    def expect_unsent(self, count: int) -> None:
        """So many wait on the device."""
        expect(self.page.locator("[data-unsent-count]")).to_have_text(f"{count} unsent")


def read(tank: LiveTank, who: str = "ana") -> list[tuple[str, str]]:
    """Kind and value of every reading in the book."""
    path = f"/api/v1/fermentations/{tank.id}/samples"
    items = tank.appliance.call("GET", path, who=who).body["items"]
    return sorted((item["sample_type"], item["value"]) for item in items)


def start_tank(appliance: RealAppliance, name: str) -> LiveTank:
    """A young red that nobody has read yet."""
    return appliance.start_fermentation(name, days_ago=1)
