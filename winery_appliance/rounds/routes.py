"""The page of the round, the labels that lead to it, and what lets it open without the server: a worker and its files."""

import hashlib
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from flask import Blueprint, current_app, make_response, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import get_locale

from winery_appliance.auth.guards import current_actor, permitted
from winery_appliance.auth.permissions import Permission
from winery_appliance.core import clock, web
from winery_appliance.rounds.hand_over import read_hand_over
from winery_appliance.rounds.labels import LOOPBACK_NAMES, make_label
from winery_appliance.rounds.queries import read_round
from winery_appliance.winery.queries import list_vessels, read_winery

blueprint = Blueprint("rounds", __name__, template_folder="templates")

# The pages that work out of the server's reach, by address: each is the same for everybody.
PAGES: dict[str, tuple[str, dict[str, str]]] = {
    "/round": ("rounds/round.html", {}),
    "/round/grid": ("rounds/sheet.html", {"sheet": "round"}),
    "/day": ("rounds/day.html", {}),
    "/lab": ("rounds/sheet.html", {"sheet": "lab"}),
}
# Everything these pages ask for. tests/browser/test_round.py walks the round with nothing else within reach.
SHELL = (
    "css/app.css",
    "css/round.css",
    "css/tokens.css",
    "img/mark.svg",
    "js/day/addition.js",
    "js/day/arrival.js",
    "js/day/cap-work.js",
    "js/day/entries.js",
    "js/day/move.js",
    "js/day/note.js",
    "js/day/page.js",
    "js/day/tasks.js",
    "js/day/work-form.js",
    "js/light-early.js",
    "js/light.js",
    "js/round/ask.js",
    "js/round/clock.js",
    "js/round/finder.js",
    "js/round/frame.js",
    "js/round/grid.js",
    "js/round/keep.js",
    "js/round/outbox.js",
    "js/round/pad.js",
    "js/round/page.js",
    "js/round/people.js",
    "js/round/scale.js",
    "js/round/sheet-page.js",
    "js/round/tanks.js",
    "js/round/tray.js",
    "js/round/words.js",
    "js/words.js",
    "manifest.webmanifest",
    "vendor/idb.js",
    "vendor/pico.min.css",
)


@blueprint.get("/round")
@permitted(Permission.RECORD_SAMPLES)
def walk() -> ResponseReturnValue:
    """The round. Its page is the same for everybody, so that a phone may keep it; who walks is asked of the API."""
    return _draw("/round")


@blueprint.get("/round/grid")
@permitted(Permission.RECORD_SAMPLES)
def type_grid() -> ResponseReturnValue:
    """The round as a sheet for the keyboard."""
    return _draw("/round/grid")


@blueprint.get("/lab")
@permitted(Permission.RECORD_SAMPLES)
def type_lab_panel() -> ResponseReturnValue:
    """The lab panel: a line a wine, a column an analyte."""
    return _draw("/lab")


@blueprint.get("/day")
@permitted(Permission.RECORD_CELLAR_WORK)
def do_work() -> ResponseReturnValue:
    """The day's work: cap work, additions, notes, tasks and moves."""
    return _draw("/day")


@blueprint.get("/round/paper")
@permitted(Permission.READ_BOOK)
def print_round() -> ResponseReturnValue:
    """The round to be printed and filled in by hand."""
    with web.transaction(current_actor().winery_id) as session:
        view = read_round(session, now=clock.now())
    return render_template("rounds/paper.html", view=view)


@blueprint.get("/round/hand-over")
@permitted(Permission.READ_BOOK)
def hand_over() -> ResponseReturnValue:
    """What the next shift has to know, on one page."""
    with web.transaction(current_actor().winery_id) as session:
        zone = read_winery(session).time_zone
        over = read_hand_over(session, now=clock.now(), time_zone=zone)
    return render_template("rounds/hand_over.html", over=over)


@blueprint.get("/round/labels")
@permitted(Permission.RECORD_SAMPLES)
def print_labels() -> ResponseReturnValue:
    """A label for every vessel, to be printed; a phone's own camera opens the round at that tank by it."""
    walk_address = url_for("rounds.walk", _external=True)
    with web.transaction(current_actor().winery_id) as session:
        labels = [make_label(walk_address, vessel.code) for vessel in list_vessels(session)]
    return render_template(
        "rounds/labels.html",
        labels=labels,
        address=walk_address,
        leads_nowhere=(urlsplit(walk_address).hostname or "") in LOOPBACK_NAMES,
    )


def _draw(path: str) -> str:
    template, given = PAGES[path]
    return render_template(template, address=path, **given)


@blueprint.get("/sw.js")
def service_worker() -> ResponseReturnValue:
    """The service worker, with the files it keeps and a version that changes with any of them."""
    response = make_response(
        render_template(
            "rounds/sw.js",
            version=_version(str(get_locale())),
            pages=list(PAGES),
            files=[f"/static/{f}" for f in SHELL],
        )
    )
    response.mimetype = "text/javascript"
    response.headers["Cache-Control"] = "no-cache"
    return web.answer_if_changed(response)


@cache
def _version(_language: str) -> str:
    """A digest of the pages as they are drawn in a language, of their files and of the worker."""
    folder = Path(current_app.root_path)
    digest = hashlib.sha256("".join(map(_draw, PAGES)).encode())
    for name in ("rounds/templates/rounds/sw.js", *(f"static/{file}" for file in SHELL)):
        digest.update((folder / name).read_bytes())
    return digest.hexdigest()[:16]
