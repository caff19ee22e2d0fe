"""How a phone comes to trust the winery: the authority's certificate in the forms that phones take, and what to tap.

The front server shows these addresses without TLS too, at `/setup` of port 80: who does not trust the certificate yet can
reach nothing else. Nothing here is secret. The certificate is bound to the winery's names: see certificates.py.
"""

import plistlib
import uuid

import segno
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from flask import Blueprint, Response, current_app, render_template
from flask.typing import ResponseReturnValue

from winery_appliance.core.errors import NotFound
from winery_appliance.core.settings import Settings
from winery_appliance.core.words import say
from winery_appliance.entrypoints.certificates import AUTHORITY

blueprint = Blueprint("handover", __name__, url_prefix="/hand-over")


@blueprint.get("/test")
def try_out() -> ResponseReturnValue:
    """The same page; the front server leads here from port 80, and only by TLS there is something to try out."""
    return show()


@blueprint.get("")
def show() -> ResponseReturnValue:
    """What to tap on which phone, the fingerprint to compare, and whether this phone is ready."""
    authority = read_authority()
    return render_template("handover.html", **_describe(authority))


@blueprint.get("/poster")
def poster() -> ResponseReturnValue:
    """A sheet for the cellar's door: the address as a code to photograph."""
    return render_template("handover_poster.html", **_describe(read_authority()))


@blueprint.get("/ca.crt")
def certificate() -> ResponseReturnValue:
    """The authority's certificate, as Android, Windows and browsers take it (DER)."""
    data = read_authority().public_bytes(serialization.Encoding.DER)
    return _send(data, "application/x-x509-ca-cert", "winery-ca.crt")


@blueprint.get("/ca.mobileconfig")
def profile() -> ResponseReturnValue:
    """The same as a profile for iPhone and iPad."""
    return _send(
        build_profile(read_authority()), "application/x-apple-aspen-config", "winery.mobileconfig"
    )


def has_authority(settings: Settings) -> bool:
    """Whether the winery's own authority makes the certificate, so that phones must be told to trust it."""
    file = settings.secrets_dir / AUTHORITY
    return file.is_file() and file.stat().st_size > 0


def read_authority() -> x509.Certificate:
    """The winery's own authority. Raises NotFound where somebody else makes the certificate."""
    settings: Settings = current_app.extensions["winery_settings"]
    file = settings.secrets_dir / AUTHORITY
    try:
        return x509.load_pem_x509_certificate(file.read_bytes())
    except (OSError, ValueError) as error:
        raise NotFound(
            say(
                "This winery has no certificate authority of its own, so phones need no file from here."
            )
        ) from error


def find_name(authority: x509.Certificate) -> str:
    """The first name that the authority may speak for: by it phones call the appliance."""
    permitted = authority.extensions.get_extension_for_class(x509.NameConstraints).value
    return str((permitted.permitted_subtrees or [])[0].value).removesuffix("/32")


def build_profile(authority: x509.Certificate) -> bytes:
    """A configuration profile (Apple, "Configuration Profile Reference": CertificateRoot) with the authority;
    always the same for the same certificate, so that taking it twice replaces it."""
    print_of_it = authority.fingerprint(hashes.SHA256()).hex()
    name = find_name(authority)
    inner, outer = (
        str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{part}.{print_of_it}.{name}")).upper()
        for part in ("certificate", "profile")
    )
    payload = {
        "PayloadType": "com.apple.security.root",
        "PayloadVersion": 1,
        "PayloadIdentifier": f"{name}.ca.certificate",
        "PayloadUUID": inner,
        "PayloadDisplayName": f"{name} winery CA",
        "PayloadContent": authority.public_bytes(serialization.Encoding.DER),
    }
    return plistlib.dumps(
        {
            "PayloadType": "Configuration",
            "PayloadVersion": 1,
            "PayloadIdentifier": f"{name}.ca",
            "PayloadUUID": outer,
            "PayloadDisplayName": f"Fermentation book at {name}",
            "PayloadDescription": f"Lets this device trust the fermentation book at {name}, and nothing else.",
            "PayloadContent": [payload],
        }
    )


def _describe(authority: x509.Certificate) -> dict[str, str]:
    name = find_name(authority)
    code = segno.make(f"http://{name}/setup", error="m")
    return {
        "name": name,
        "fingerprint": authority.fingerprint(hashes.SHA256()).hex(" ", 2).upper(),
        "code": code.svg_inline(border=3, omitsize=True, light="white"),
    }


def _send(data: bytes, kind: str, name: str) -> Response:
    response = Response(data, mimetype=kind)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
