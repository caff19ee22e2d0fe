"""Labels for tanks: a code for a phone's camera, and the tank's own for people."""

from dataclasses import dataclass
from urllib.parse import quote

import segno
from markupsafe import Markup

# By these names a label would lead every phone to itself.
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True)
class Label:
    """A vessel's code, the address of the round at that vessel, and its QR code as SVG."""

    code: str
    address: str
    drawing: Markup


def make_label(walk_address: str, code: str) -> Label:
    """The label of the vessel `code`, where the round is found at `walk_address`.

    A quarter of the drawing may be dirt or glare (error correction Q, ISO/IEC 18004).
    """
    address = f"{walk_address}#{quote(code, safe='')}"
    drawn = segno.make_qr(address, error="q").svg_inline(
        border=2, omitsize=True, dark="#000", light="#fff"
    )
    return Label(code, address, Markup(drawn))  # noqa: S704 - paths that the library draws, no text
