"""The page of the round, the labels that lead to it, and what lets it open without the server: a worker and its files."""

import hashlib
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from flask import Blueprint, current_app, make_response, render_template, url_for
from flask.typing import ResponseReturnValue

from winery_appliance.auth.guards import current_actor, permitted
from winery_appliance.auth.permissions import Permission
from winery_appliance.core import web
from winery_appliance.rounds.labels import LOOPBACK_NAMES, make_label
from winery_appliance.winery.queries import list_vessels

blueprint = Blueprint("rounds", __name__, template_folder="templates")

# Everything the round's page asks for. tests/browser/test_round.py walks the round with nothing else within reach.
SHELL = (
    "css/app.css",
    "css/round.css",
    "css/tokens.css",
    "img/mark.svg",
    "js/light-early.js",
    "js/light.js",
    "js/round/ask.js",
    "js/round/clock.js",
    "js/round/keep.js",
    "js/round/outbox.js",
    "js/round/pad.js",
    "js/round/page.js",
    "js/round/scale.js",
    "js/round/tanks.js",
    "js/round/tray.js",
    "js/round/words.js",
    "manifest.webmanifest",
    "vendor/idb.js",
    "vendor/pico.min.css",
)


@blueprint.get("/round")
@permitted(Permission.RECORD_SAMPLES)
def walk() -> ResponseReturnValue:
    """The round. Its page is the same for everybody, so that a phone may keep it; who walks is asked of the API."""
    return render_template("rounds/round.html")


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


@blueprint.get("/sw.js")
def service_worker() -> ResponseReturnValue:
    """The service worker, with the files it keeps and a version that changes with any of them."""
    response = make_response(
        render_template("rounds/sw.js", version=_version(), files=[f"/static/{f}" for f in SHELL])
    )
    response.mimetype = "text/javascript"
    response.headers["Cache-Control"] = "no-cache"
    return web.answer_if_changed(response)


@cache
def _version() -> str:
    """A digest of the page as it is drawn, of its files and of the worker."""
    folder = Path(current_app.root_path)
    digest = hashlib.sha256(render_template("rounds/round.html").encode())
    for name in ("rounds/templates/rounds/sw.js", *(f"static/{file}" for file in SHELL)):
        digest.update((folder / name).read_bytes())
    return digest.hexdigest()[:16]
