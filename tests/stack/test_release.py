"""What ./scripts/release makes, checked as whoever downloads it would; only by `./scripts/test-system release`."""

import json
import os
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.stack.engine import run
from tests.stack.machine import KEPT, ROOT, find_compose_program, make_images, prepare_machine, say

VERSION = "9.9.9"


@pytest.fixture(scope="module")
def release() -> Iterator[Path]:
    """The folder of a release, with stand-ins for the official images."""
    engine = prepare_machine()
    engine.directory = KEPT / "release-engine"
    try:
        engine.start()
        images = make_images(engine, None)
        say("Making the release ...")
        environment = os.environ | images
        environment |= {
            "DOCKER": " ".join(engine.docker_command),
            "WINERY_COMPOSE_PROGRAM": find_compose_program(),
            "WINERY_RELEASE_KEY": str(KEPT / "release-key.pem"),
        }
        run("scripts/release", VERSION, cwd=ROOT, env=environment, timeout_s=1500)
        yield ROOT / "build/release"
    finally:
        engine.stop()


def verify(folder: Path) -> None:
    """The two lines that the script names; RuntimeError when one of them does not hold."""
    run("sha256sum", "--check", "--strict", "SHA256SUMS", cwd=folder)
    options = ("-verify", "-rawin", "-pubin", "-inkey", "release.pub", "-in", "SHA256SUMS")
    run("openssl", "pkeyutl", *options, "-sigfile", "SHA256SUMS.sig", cwd=folder)


def test_01_checksums_and_signature_hold(release: Path) -> None:
    verify(release)
    listed = {line.split()[1] for line in (release / "SHA256SUMS").read_text().splitlines()}
    assert listed == {f"winery-appliance-{VERSION}.tar", f"winery-appliance-{VERSION}.cdx.json"}


def test_02_the_list_names_every_locked_package_with_its_version(release: Path) -> None:
    told = json.loads((release / f"winery-appliance-{VERSION}.cdx.json").read_text())
    assert told["bomFormat"] == "CycloneDX"
    parts = {(canonicalize_name(part["name"]), part["version"]) for part in told["components"]}
    lines = (ROOT / "requirements/run.lock").read_text().splitlines()
    locked = [
        Requirement(line.rstrip("\\ ")) for line in lines if re.match(r"[\w.-]+(\[.*\])?==", line)
    ]
    # The image holds this machine's Python (scripts/image sees to it), and no setuptools.
    wanted = {
        (canonicalize_name(one.name), str(one.specifier).removeprefix("=="))
        for one in locked
        if one.name != "setuptools" and (one.marker is None or one.marker.evaluate())
    }
    assert len(wanted) > 40
    assert wanted <= parts


def test_03_the_bundle_is_signed_inside_and_names_its_version(release: Path) -> None:
    with tarfile.open(release / f"winery-appliance-{VERSION}.tar") as bundle:
        names = set(bundle.getnames())
        manifest = bundle.extractfile(f"winery-appliance-{VERSION}/manifest.json")
        assert manifest is not None
        assert json.load(manifest)["version"] == VERSION
    for part in ("install", "manifest.json.sig", "SHA256SUMS", "images.tar.gz", "README.md"):
        assert f"winery-appliance-{VERSION}/{part}" in names


@pytest.mark.parametrize("what", [f"winery-appliance-{VERSION}.cdx.json", "SHA256SUMS"])
def test_04_what_was_changed_on_the_way_is_refused(
    release: Path, tmp_path: Path, what: str
) -> None:
    for file in release.iterdir():
        if file.name != what:
            (tmp_path / file.name).symlink_to(file)
    (tmp_path / what).write_bytes((release / what).read_bytes().replace(b"1", b"2", 1))
    with pytest.raises(RuntimeError):
        verify(tmp_path)
