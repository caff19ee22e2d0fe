"""The page of the round, and what lets it open without the server: a service worker and the list of its files."""

import hashlib
from functools import cache
from pathlib import Path

from flask import Blueprint, current_app, make_response, render_template
from flask.typing import ResponseReturnValue

from winery_appliance.auth.guards import permitted
from winery_appliance.auth.permissions import Permission
from winery_appliance.core import web

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
