"""One example of every page of the probes in every state that it can be met in."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from tests.unit.templates.page_harness import NOW
from winery_appliance.devices.connecting import list_settings
from winery_appliance.devices.queries import AssignmentView, DeviceView
from winery_appliance.devices.routes import Figure

Page = tuple[str, dict[str, Any]]
thing = SimpleNamespace
HOUR = timedelta(hours=1)
NOT_REFUSED = (0, None, None)
SPINDEL = DeviceView(
    *(1, "iSpindel000", "ispindel", "The white one", "T-12", NOW, None),
    *(3, "This time has not come yet. Check its clock. It was not saved.", NOW - 2 * HOUR),
    NOW - 100 * HOUR,
)
TILT = DeviceView(2, "Tilt-Red", "tilt", None, "T-2", NOW, None, *NOT_REFUSED, NOW + 5 * HOUR)
UNHUNG = DeviceView(3, "Barrel hall", "probe", None, None, NOW, None, *NOT_REFUSED, None)
HEARD = {
    "at": NOW - HOUR,
    "figures": [Figure("temperature", 18.53, "°C"), Figure("sugar", 1.0713, "SG")],
}
WARM = {"at": NOW - 30 * HOUR, "figures": [Figure("temperature", 14.2, "°C")]}
PLACES = [
    AssignmentView(2, 1, "T-12", NOW - 100 * HOUR, None),
    AssignmentView(1, 1, "T-03", NOW - 900 * HOUR, NOW - 100 * HOUR),
]
VESSELS = [thing(code=f"T-{n:02}") for n in range(1, 13)]
MADE = thing(
    view=thing(name="iSpindel000", expires_at=NOW + timedelta(days=366)),
    secret="j_RP5c7qTnqcPR86KyxNXg.Zm9yZ2VkIGJ5IG5vYm9keSBhdCBhbGwgLSBhIHNhbXA",
)


def fill(act: str | None = None, **more: Any) -> dict[str, Any]:
    """The forms of a page."""
    values = {"version": "v", "kind": "ispindel", "token_name": "iSpindel000"}
    return {"act": act, "values": values, "errors": {}, "error": None, **more}


def probes(found: list[DeviceView], **more: Any) -> Page:
    """The list."""
    told = {"heard": {1: HEARD, 2: WARM}, "deleted": False, "may_change": True, "now": NOW}
    return "devices/probes.html", {"probes": found, "form": fill(), **told, **more}


def probe(device: DeviceView, **more: Any) -> Page:
    """One probe."""
    told: dict[str, Any] = {
        "probe": device, "places": [], "heard": None, "vessels": VESSELS, "zone": "Europe/Madrid",
        "made": None, "days": 366, "settings": list_settings(device, "https://winery.home.arpa/"), "form": fill(),
        "may_change": True, "now": NOW,
    }  # fmt: skip
    return "devices/probe.html", told | more


PROBE_PAGES: dict[str, Page] = {
    "probes": probes([UNHUNG, SPINDEL, TILT]),
    "probes-none": probes([]),
    "probes-out-of-use": probes([TILT, SPINDEL], deleted=True),
    "probes-to-look-at": probes([SPINDEL], may_change=False),
    "probes-refused": probes(
        [SPINDEL], form=fill("add", values={"code": "a/b"}, errors={"code": "Already in use."})
    ),
    "probe": probe(SPINDEL, places=PLACES, heard=HEARD),
    "probe-tilt": probe(TILT, heard=WARM),
    "probe-new": probe(UNHUNG),
    "probe-to-look-at": probe(SPINDEL, places=PLACES, heard=HEARD, may_change=False),
    "probe-with-token": probe(SPINDEL, places=PLACES, made=MADE),
    "probe-not-moved": probe(
        SPINDEL,
        places=PLACES,
        form=fill("hang", errors={"since": "It was moved at or after that moment."}),
    ),
    "probe-changed-meanwhile": probe(
        SPINDEL, form=fill("change", error="Somebody changed this since you read it.")
    ),
}
