"""From a checked bundle to a running appliance; the playbook calls this, and calling it again changes nothing."""

import os
from pathlib import Path

from appliance import bundle as bundles
from appliance.acme import fetch_certificate
from appliance.compose import Compose, docker
from appliance.files import write_whole
from appliance.layout import Layout, Release
from appliance.programs import run
from appliance.refusals import Refused
from appliance.swap import WEB, Say, await_health
from appliance.update import start, update

# Whose certificate is shown: IT's, a public authority's, or one of the winery's own authority.
OWN, ACME, WINERYS = "own", "acme", "winery"
# Mounted as files, so they must be there; empty means that somebody else made the certificate.
GROUP = 10001  # by which our processes read secrets
AUTHORITY = ("ca_certificate", "ca_key")


def install(layout: Layout, path: Path, say: Say) -> bool:
    """Bring the server to the bundle's release with IT's choices; whether anything changed. Raises Refused or Failed."""
    with bundles.open_bundle(path, layout.release_key, layout.state) as folder:
        wanted = bundles.read_manifest(folder)["version"]
        current = layout.current()
        if current is not None and current.version != wanted:
            update(layout, folder, say)
            apply(layout, say)
            return True
        release = bundles.take_release(layout, folder)
        changed = bundles.load_images(release, folder)
    if current is None:
        make_handed_over(layout, release)
        layout.make_current(release)
        changed = True
    return apply(layout, say) or changed


def apply(layout: Layout, say: Say) -> bool:
    """Let what runs be as IT's choices say; whether anything changed. Raises Failed."""
    release = layout.current()
    if release is None:
        raise Refused("No appliance is installed here. Run ./install from a bundle.")
    handed = make_handed_over(layout, release)
    started = start(layout, say)
    if handed and not started:
        refresh_certificate(layout, release)
    return handed or started


def renew(layout: Layout) -> bool:
    """Renew the certificate in its last 30 days and let nginx show it; whether it was renewed. Raises Failed."""
    release = layout.current()
    if release is None or not make_handed_over(layout, release):
        return False
    refresh_certificate(layout, release)
    return True


def make_handed_over(layout: Layout, release: Release) -> bool:
    """Make the secrets, the certificate and the hand-over files that are missing; whether any were."""
    settings = layout.read_settings()
    compose = Compose(layout, release)
    layout.secrets.mkdir(mode=0o755, parents=True, exist_ok=True)
    before = _snapshot(layout)
    compose.lay_out()
    compose.run("run", "--rm", "--no-TTY", "secrets")
    kind = settings.get("WINERY_CERTIFICATE", WINERYS)
    fetched = fetch_certificate(layout, settings) if kind == ACME else None
    if kind == OWN:
        take_own_certificate(layout)
    elif fetched is not None:
        hand_over(layout, *fetched)
    elif kind == WINERYS or not is_public(layout):
        if is_public(layout):  # IT changed its mind: the winery's authority begins anew
            for name in (*AUTHORITY, "tls_certificate", "tls_key"):
                (layout.secrets / name).unlink()
        names = [word for name in settings["WINERY_NAMES"].split() for word in ("--name", name)]
        compose.run("run", "--rm", "--no-TTY", "certificate", *names)
    return _snapshot(layout) != before


def is_public(layout: Layout) -> bool:
    """Whether the certificate that is shown was made by somebody else than the winery's authority."""
    certificate, key = layout.secrets / "tls_certificate", layout.secrets / "ca_key"
    return certificate.is_file() and key.is_file() and not key.stat().st_size


def take_own_certificate(layout: Layout) -> None:
    """Hand over what IT, or a client of its own, put into /etc/winery/own. Raises Refused when it does not fit."""
    certificate, key = (
        layout.settings.parent / "own" / name for name in ("certificate.pem", "key.pem")
    )
    for file in (certificate, key):
        if not file.is_file():
            raise Refused(
                f"winery_certificate is `own`, and {file} is missing. Nothing was changed. Put it there, or into the vault."
            )
    hand_over(layout, certificate, key)


def hand_over(layout: Layout, certificate: Path, key: Path) -> None:
    """Let a certificate of somebody else be the one that is shown. Raises Refused when its key is not this one."""
    if run("openssl", "x509", "-noout", "-pubkey", "-in", certificate) != run(
        "openssl", "pkey", "-pubout", "-in", key
    ):
        raise Refused(f"{certificate} and {key} do not belong together. Nothing was changed.")
    for file, name, mode in ((key, "tls_key", 0o440), (certificate, "tls_certificate", 0o444)):
        target = layout.secrets / name
        if not target.is_file() or target.read_bytes() != file.read_bytes():
            write_whole(target, file.read_text("utf-8"), mode)
            os.chown(target, 0, GROUP)
    for name in AUTHORITY:
        if not (layout.secrets / name).is_file() or (layout.secrets / name).stat().st_size:
            write_whole(layout.secrets / name, "")


def refresh_certificate(layout: Layout, release: Release) -> None:
    """Let nginx read the certificate anew, then the web processes, which watch it.

    A file that was replaced is seen only after a restart: of under a second for nginx, of one web process at a time.
    """
    compose = Compose(layout, release)
    containers = compose.containers()
    if "nginx" not in containers:
        return
    docker("restart", containers["nginx"]["Id"])
    for service in WEB:
        docker("restart", containers[service]["Id"])
        await_health(compose, service)


def _snapshot(layout: Layout) -> dict[str, tuple[int, int]]:
    return {
        str(path): (path.stat().st_mtime_ns, path.stat().st_size)
        for path in layout.secrets.rglob("*")
        if path.is_file()
    }
