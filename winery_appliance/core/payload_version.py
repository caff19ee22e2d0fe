"""What the entries look like that a page keeps out of the server's reach, and which of them this release still takes.

A phone may come back after an update with entries of the release before, or after the update was taken back with entries of
the release that was too new. It says by `X-Payload-Version` which of them it sends; a program that says nothing sends what
the API's document describes.
"""

from flask import Flask, request

from winery_appliance.core.errors import Conflict, Invalid
from winery_appliance.core.words import say

HEADER = "X-Payload-Version"
# The same number as PAYLOAD_VERSION in static/js/round/outbox.js. 1: readings only, without a kind; 2: every kind of entry.
CURRENT = 2
OLDEST = CURRENT - 1


def set_up_payload_versions(app: Flask) -> None:
    """Refuse entries of a release that this one cannot read, before anything is done with them."""
    app.before_request(_refuse_unreadable)


def _refuse_unreadable() -> None:
    given = request.headers.get(HEADER)
    if given is None:
        return
    version = int(given) if given.isascii() and given.isdigit() and len(given) < 9 else 0
    if version > CURRENT:
        raise Conflict(
            say(
                "This was typed in a newer release than the server has. Nothing was saved; the "
                "device keeps it until the server is updated."
            ),
            code="payload_newer",
        )
    if version < OLDEST:
        raise Invalid(
            say(
                "This was kept by a page of a release that is too old to be read. Nothing was saved. "
                "Type it again; the device keeps what it has."
            ),
            code="payload_older",
        )
