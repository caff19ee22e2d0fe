"""Every page that a browser can open, from the routes themselves, each with an address that the demo has."""

import base64
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import uuid4

from axe_playwright_python.sync_playwright import DEFAULT_OPTIONS, Axe
from flask import Flask
from playwright.sync_api import Page
from werkzeug.routing import Rule

from tests.integration.runtime.running_appliance import wait_for
from tests.system.appliance import RealAppliance
from winery_appliance.core.web import IdConverter
from winery_appliance.entrypoints.certificates import ensure_certificate
from winery_appliance.entrypoints.web import PAGES

SIZES = {"phone": (390, 844), "tablet": (820, 1180), "desk": (1440, 900)}
# What axe looks for in each light: everything in one, and in the other what another light can change, which is colours.
LIGHTS = {"day": {}, "cellar": {"runOnly": ["color-contrast", "link-in-text-block"]}}
# The description of the API draws some hundred doors and models with the same two pieces; axe sees five of each section.
SAME_AGAIN = {"exclude": [[".api-docs section > article:nth-of-type(n + 6)"]]}
# What a browser gets there is no page of its own: files, a part of a page, and answers to programs.
NO_PAGES = {
    "/api/v1/openapi.json",
    "/fermentations/<id:fermentation_id>/analysis-panel",
    "/fermentations/<id:fermentation_id>/readings.csv",
    "/fermentations/<id:fermentation_id>/readings.pdf",
    "/hand-over/ca.crt",
    "/hand-over/ca.mobileconfig",
    "/healthz",
    "/metrics",
    "/readyz",
    "/sw.js",
}
# There is something to hand over to a phone only where the winery has an authority of its own.
HANDED_OVER = {"/hand-over", "/hand-over/poster", "/hand-over/test"}
# Before the door: nobody is signed in there. The last two lead on to the sign-in once there is a winery.
OUTSIDE = {
    *HANDED_OVER,
    "/sign-in",
    "/enroll",
    "/new-password",
    "/new-pin",
    "/sign-in/code",
    "/setup",
    "/setup/restore",
}
# Other faces of pages that have one address.
MORE = (
    "/?view=map",
    "/anomalies?show=mine",
    "/anomalies?show=snoozed",
    "/anomalies?show=cleared",
    "/compare?id={wine}&id={other}",
    "/fermentations?show=deleted",
    "/harvest-lots?deleted=true",
    "/probes?deleted=true",
    "/recommendation-templates/new?type=stuck&code=stuck_encourage",
    "/search?q=T-1",
)
_PLAIN = re.compile(r"[^a-z0-9]+")


def list_rules() -> list[Rule]:
    """The rules of all pages, without a database behind them."""
    app = Flask("winery_appliance", static_folder=None)
    app.url_map.converters["id"] = IdConverter
    for feature in PAGES:
        app.register_blueprint(feature.blueprint)
    rules = [rule for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ())]
    return sorted((rule for rule in rules if rule.rule not in NO_PAGES), key=lambda rule: rule.rule)


def name_pages() -> list[str]:
    """Every page by its rule, with the further faces; what the tests are named by."""
    return [*(rule.rule for rule in list_rules()), *MORE]


@dataclass
class Book:
    """What the demo has that a page can be about; what it lacks is made, once."""

    appliance: RealAppliance
    _found: dict[str, str] = field(default_factory=dict)

    def fill(self, page: str) -> str:
        """The address of a page."""
        if page in HANDED_OVER:
            ensure_certificate(self.appliance.settings.secrets_dir, ["winery.home.arpa"])
        if page in MORE:
            return page.format(wine=self.find("fermentation_id"), other=self.find("other"))
        sort = page.split("/")[1]
        return re.sub(r"<(?:\w+:)?(\w+)>", lambda place: self.find(place[1], sort), page)

    def find(self, what: str, sort: str = "") -> str:
        """The id of something. Raises KeyError for what nobody here knows of: say in `_FINDERS` where it is."""
        key = f"{sort}/{what}" if what == "row_id" else what
        if key not in self._found:
            self._found[key] = str(_FINDERS[what](self, sort))
        return self._found[key]

    def list(self, path: str) -> list[dict[str, object]]:
        """The items of a list."""
        items: list[dict[str, object]] = self.appliance.call("GET", path, who="ana").body["items"]
        return items

    def make(self, path: str, body: dict[str, object]) -> int:
        """The id of something new."""
        answer = self.appliance.call("POST", path, body, who="ana")
        assert answer.status in {200, 201, 202}, answer
        return int(answer.body["id"])


def _find_worst_alarm(book: Book, _: str) -> object:
    grave = ["critical", "warning", "info"].index
    path = "/api/v1/anomalies"
    wait_for(lambda: bool(book.list(path)), "alarms of the demo's wines", timeout_s=120)
    return min(book.list(path), key=lambda one: grave(str(one["severity"])))["id"]


def _find_worst_wine(book: Book, _: str) -> object:
    worst = int(book.find("anomaly_id"))
    return next(
        one["fermentation_id"] for one in book.list("/api/v1/anomalies") if one["id"] == worst
    )


def _find_other_wine(book: Book, _: str) -> object:
    running = book.list("/api/v1/fermentations?status=active")
    return next(one["id"] for one in running if str(one["id"]) != book.find("fermentation_id"))


def _find_row(book: Book, sort: str) -> object:
    rows = book.list(f"/api/v1/{sort}")
    return rows[0]["id"] if rows else book.make(f"/api/v1/{sort}", _make_ground(book, sort))


def _make_ground(book: Book, sort: str) -> dict[str, object]:
    """What a new vineyard, block or lot is; the demo's fruit may be without any."""
    if sort == "vineyards":
        return {"code": "SEEN", "name": "Seen"}
    book.find("row_id", "vineyards")
    vineyard = book.list("/api/v1/vineyards")[0]["code"]
    if sort == "vineyard-blocks":
        return {"vineyard_code": vineyard, "code": "1", "variety": "Bobal"}
    about = {"code": "26-SEEN", "variety": "Bobal", "vintage": "2026", "kg_harvested": "1200"}
    return {**about, "vineyard_code": vineyard, "harvested_on": "2026-09-12"}


def _find_pattern(book: Book, _: str) -> object:
    path = "/api/v1/patterns"
    wait_for(lambda: bool(book.list(path)), "patterns of the demo's vintages", timeout_s=120)
    return book.list(path)[0]["id"]


def _bring_a_file(book: Book, _: str) -> object:
    text = b"wine,date,brix,style\nP-1,2021-09-10,24.0,red\nP-1,2021-09-11,eleven,red\n"
    about = {"file_name": "past.csv", "size_bytes": len(text), "client_uuid": str(uuid4())}
    made = book.make("/api/v1/imports", about)
    piece = {"offset": 0, "piece": base64.b64encode(text).decode()}
    book.make(f"/api/v1/imports/{made}/pieces", piece)
    path = f"/api/v1/imports/{made}"
    busy = {"uploading", "reading"}
    wait_for(
        lambda: book.appliance.call("GET", path, who="ana").body["state"] not in busy, "the file"
    )
    return made


def _try_a_rule(book: Book, _: str) -> object:
    past = book.list("/api/v1/fermentations?status=completed")
    vintage = max(int(str(one["started_at"])[:4]) for one in past)
    made = book.make("/api/v1/replays", {"vintage": vintage, "rules": []})
    path = f"/api/v1/replays/{made}"
    done = {"done", "failed"}
    wait_for(
        lambda: book.appliance.call("GET", path, who="ana").body["state"] in done,
        "the replay",
        timeout_s=300,
    )
    return made


def _hang_a_probe(book: Book, _: str) -> object:
    probe = book.make("/api/v1/devices", {"code": "Seen", "kind": "ispindel"})
    tank = book.list("/api/v1/vessels")[0]["code"]
    body = {"vessel_code": tank, "since": "2026-09-01T08:00:00Z"}
    book.appliance.call("POST", f"/api/v1/devices/{probe}/assignments", body, who="ana")
    return probe


def _write_advice(book: Book, _: str) -> object:
    body = {"anomaly_type": "stuck", "code": "our-way", "action": "Warm it to {temperature_c}."}
    return book.make(
        "/api/v1/recommendation_templates",
        body | {"instructions": ["Slowly.", "{dose}"], "dose": "dap"},
    )


_FINDERS: dict[str, Callable[[Book, str], object]] = {
    "anomaly_id": _find_worst_alarm,
    "check": lambda *_: "stuck",
    "device_id": _hang_a_probe,
    "fermentation_id": _find_worst_wine,
    "import_id": _bring_a_file,
    "lot_id": lambda book, _: _find_row(book, "harvest-lots"),
    "other": _find_other_wine,
    "pattern_id": _find_pattern,
    "replay_id": _try_a_rule,
    "row_id": _find_row,
    "sample_id": lambda book, _: book.list(
        f"/api/v1/fermentations/{book.find('fermentation_id')}/samples"
    )[0]["id"],
    "style": lambda *_: "red",
    "template_id": _write_advice,
    "user_id": lambda book, _: book.list("/api/v1/users")[0]["id"],
    "vessel_id": lambda book, _: book.list("/api/v1/vessels")[0]["id"],
}


def name_picture(page: str) -> str:
    """What a picture of the page is called."""
    return _PLAIN.sub("-", page.lower()).strip("-") or "board"


def find_faults(page: Page) -> list[str]:
    """What axe finds on the page that is open, in light and dark at three sizes, and where it is wider than its window."""
    found = []
    for light, more in LIGHTS.items():
        page.evaluate(f"document.documentElement.dataset.theme = '{light}'")
        for size, (width, height) in SIZES.items():
            page.set_viewport_size({"width": width, "height": height})
            if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                found.append(f"{size}: wider than its window")
            for finding in (
                Axe().run(page, SAME_AGAIN, DEFAULT_OPTIONS | more).response["violations"]
            ):
                found.append(
                    f"{light} {size}: {finding['id']}: {finding['nodes'][0]['html'][:200]}"
                )
    return found


def speak(appliance: RealAppliance, language: str) -> None:
    """Let the demo's winery speak a language."""
    body, whatever = {"language": language}, {"If-Match": "*"}
    answer = appliance.call("PATCH", "/api/v1/winery", body, who="ana", **whatever)
    assert answer.status == 200, answer
