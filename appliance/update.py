"""Update and the way back. Until the link `current` is set the old release is in force, afterwards the new one.

Migrations only add (a later schema serves an earlier release too), and each runs in one transaction: so the way back swaps
the code on the same data, and a migration that failed has left nothing behind.
"""

import platform
import shutil
from pathlib import Path

from appliance import bundle as bundles
from appliance.compose import Compose, docker
from appliance.copies import copy_before_update
from appliance.files import remove_tree
from appliance.journal import Entry, Journal, Step
from appliance.layout import Layout, Release
from appliance.probe import probe, read_front
from appliance.refusals import Failed, Refused
from appliance.swap import Say, swap

SPARE_BYTES = 2 << 30  # kept free beside what the images take unpacked
UNPACKED = 3.5  # images take about so many times their packed size


def update(layout: Layout, path: Path, say: Say) -> None:
    """Bring the server to the bundle's release. Raises Refused before anything ran, Failed after the way back."""
    before = layout.current()
    if before is None:
        raise Refused("No appliance runs here yet. Run ./install from the bundle instead.")
    journal = Journal(layout)
    if journal.read() is not None:
        raise Refused(
            "An earlier update was cut off. Run `winery-appliance start` first; it ends it."
        )
    say("verifying signature and checksums")
    with bundles.open_bundle(path, layout.release_key, layout.state) as folder:
        _check_before(layout, folder)
        release = bundles.take_release(layout, folder)
        if release.version == before.version:
            raise Refused(f"{release.version} is in force already. Nothing was changed.")
        entry = journal.begin(before.version, release.version)
        try:
            say("loading the images")
            bundles.load_images(release, folder)
        except Failed as error:
            journal.close(entry, f"not begun: {error}")
            raise Failed(f"{error}. {before.version} runs on as before.") from error
    _install(layout, journal, entry, before, release, say)


def _install(
    layout: Layout, journal: Journal, entry: Entry, before: Release, after: Release, say: Say
) -> None:
    compose = Compose(layout, after)
    try:
        say("copying the database")
        copy_before_update(layout, Compose(layout, before), before.version)
        entry = journal.reach(entry, Step.MIGRATE)
        # What a later release needs and this server has not: a missing file keeps a container from starting.
        compose.run("run", "--rm", "--no-deps", "--no-TTY", "secrets")
        say("migrating")
        compose.run("run", "--rm", "--no-deps", "--no-TTY", "migrate", timeout_s=3600)
        entry = journal.reach(entry, Step.SWAP)
        swap(compose, say)
        entry = journal.reach(entry, Step.PROBE)
        say("probing through nginx")
        probe(read_front(layout))
    except Failed as error:
        say(f"failed: {error}")
        say(f"going back to {before.version}")
        _go_back(layout, journal, entry, before, str(error), say)
        raise Failed(
            f"{after.version} failed ({error}). {before.version} runs again; no record was lost."
        ) from error
    layout.make_current(after)
    journal.close(entry, "done")
    tidy(layout)


def _go_back(
    layout: Layout, journal: Journal, entry: Entry, before: Release, reason: str, say: Say
) -> None:
    try:
        swap(Compose(layout, before), say)
        probe(read_front(layout))
    except Failed as error:
        journal.close(entry, f"failed ({reason}), and {before.version} did not answer: {error}")
        raise Failed(
            f"{entry.after} failed ({reason}), and {before.version} does not answer either ({error}). The data is "
            "untouched. Run `winery-appliance doctor`, then `winery-appliance start`."
        ) from error
    journal.close(entry, f"taken back: {reason}")


def roll_back(layout: Layout, say: Say) -> Release:
    """Return to the release that was in force before, on the same data. Raises Refused or Failed."""
    current, previous = layout.current(), layout.previous()
    if current is None or previous is None or previous.version == current.version:
        raise Refused("There is no earlier release on this server. Nothing was changed.")
    journal = Journal(layout)
    entry = journal.reach(journal.begin(current.version, previous.version), Step.SWAP)
    try:
        swap(Compose(layout, previous), say)
        probe(read_front(layout))
    except Failed as error:
        _go_back(layout, journal, entry, current, str(error), say)
        raise Failed(
            f"{previous.version} failed ({error}). {current.version} runs again."
        ) from error
    layout.make_current(previous)
    journal.close(entry, "done")
    return previous


def start(layout: Layout, say: Say) -> bool:
    """Have the release in force run; whether any container changed. Ends an update that was cut off. Raises Failed."""
    current = layout.current()
    if current is None:
        raise Refused("No appliance is installed here. Run ./install from a bundle.")
    journal = Journal(layout)
    entry = journal.read()
    if entry is not None:
        say(f"an update to {entry.after} was cut off while it should {entry.step}")
    compose = Compose(layout, current)
    before = _identities(compose)
    laid_out = compose.lay_out()
    if entry is not None:
        swap(compose, say)
        became = (
            "done"
            if current.version == entry.after
            else "taken back: the server went down meanwhile"
        )
        journal.close(entry, became)
    else:
        compose.up()
    if laid_out:
        _reload(compose)
    return laid_out or _identities(compose) != before


def _reload(compose: Compose) -> None:
    containers = compose.containers()
    nginx = containers["nginx"]
    docker("exec", nginx["Id"], "nginx", "-t", "-c", "/etc/winery/nginx/nginx.conf")
    for service in ("nginx", "prometheus", "alertmanager"):
        if service in containers:
            docker("kill", "--signal=HUP", containers[service]["Id"])


def _identities(compose: Compose) -> dict[str, str]:
    return {service: facts["Id"] for service, facts in compose.containers().items()}


def _check_before(layout: Layout, folder: Path) -> None:
    """Raise Refused when this server cannot take the bundle."""
    manifest = bundles.read_manifest(folder)
    if manifest["architecture"] != platform.machine():
        raise Refused(
            f"The bundle is for {manifest['architecture']}, and this server is {platform.machine()}. Nothing was changed."
        )
    packed = (folder / bundles.IMAGES).stat().st_size
    needed = int(packed * UNPACKED) + SPARE_BYTES
    free = shutil.disk_usage(layout.home).free
    if free < needed:
        raise Refused(
            f"{needed / 1e9:.1f} GB must be free on the disk, and {free / 1e9:.1f} GB are. Nothing was changed. "
            "`docker image prune` removes images that nothing uses."
        )


def tidy(layout: Layout) -> None:
    """Remove releases that are neither in force nor the one before, with their images."""
    kept = {release.version for release in (layout.current(), layout.previous()) if release}
    names = {
        image["name"]
        for version in kept
        for image in layout.release(version).manifest["images"].values()
    }
    for folder in layout.releases.iterdir():
        if folder.name in kept or not (folder / bundles.MANIFEST).is_file():
            continue
        for image in Release(folder).manifest["images"].values():
            if image["name"] not in names:
                try:
                    docker("image", "rm", image["name"])
                except Failed:
                    continue  # in use, or gone: neither is the update's business
        remove_tree(folder)
