"""A certificate of a public authority for a name that IT owns, by ACME (RFC 8555) with the DNS-01 challenge, through lego.

Nothing waits for it: without a line to the internet the certificate that is here goes on being shown, and the next night
tries again. What went wrong is kept for `doctor`.
"""

import ipaddress
import os
from collections.abc import Mapping
from pathlib import Path

from appliance.files import write_whole
from appliance.layout import Layout, read_variables
from appliance.programs import run
from appliance.refusals import Failed

RENEWED_DAYS = "30"
PATIENCE_S = 600.0  # a change in DNS may take minutes until everybody sees it


def fetch_certificate(layout: Layout, settings: Mapping[str, str]) -> tuple[Path, Path] | None:
    """Certificate with its chain, and key, newly made or not due yet; None where there is none so far."""
    names = [name for name in settings["WINERY_NAMES"].split() if not _is_address(name)]
    place = layout.state / "acme"
    stem = place / "certificates" / names[0]
    certificate, key = stem.with_name(stem.name + ".crt"), stem.with_name(stem.name + ".key")
    work = ("renew", "--days", RENEWED_DAYS) if certificate.is_file() else ("run",)
    secrets = layout.settings.parent / "acme.env"
    try:
        run(
            *("lego", "--accept-tos", "--path", place, "--email", settings["WINERY_ACME_MAIL"]),
            *("--dns", settings["WINERY_ACME_DNS"]),
            *(word for name in names for word in ("--domains", name)),
            *(("--server", server) if (server := settings.get("WINERY_ACME_SERVER")) else ()),
            *settings.get("WINERY_ACME_OPTIONS", "").split(),
            *work,
            env=os.environ | (read_variables(secrets) if secrets.is_file() else {}),
            timeout_s=PATIENCE_S,
        )
        _trouble(layout).unlink(missing_ok=True)
    except Failed as error:
        write_whole(_trouble(layout), f"{error}\n", 0o600)
    return (certificate, key) if certificate.is_file() and key.is_file() else None


def read_trouble(layout: Layout) -> str | None:
    """Why the last try failed; None when it did not."""
    file = _trouble(layout)
    return file.read_text("utf-8").strip().splitlines()[-1] if file.is_file() else None


def _trouble(layout: Layout) -> Path:
    return layout.state / "acme-trouble.txt"


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
