"""A bundle, proven to be what its maker signed, and the release taken out of it.

`manifest.json` names every file with its SHA-256; `manifest.json.sig` is its Ed25519 signature (RFC 8032), which openssl
checks. The key a server believes is the one that its first installation brought.
"""

import hashlib
import json
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from appliance.compose import docker, has_image
from appliance.files import remove_tree, sync_folder, write_whole
from appliance.layout import Layout, Release
from appliance.programs import run
from appliance.refusals import Failed, Refused

MANIFEST, SIGNATURE = "manifest.json", "manifest.json.sig"
IMAGES = "images.tar.gz"
RELEASE_PARTS = "release/"  # of the bundle's files, those that make up a release's folder


@contextmanager
def open_bundle(path: Path, key: Path, beside: Path) -> Iterator[Path]:
    """The folder of an unpacked bundle, checked; an archive is unpacked for the time being in `beside`.

    Raises Refused when it is not what the owner of `key` signed.
    """
    if path.is_dir():
        check_bundle(path, key)
        yield path
        return
    if not path.is_file():
        raise Refused(f"There is no bundle {path}. Nothing was changed.")
    beside.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bundle-", dir=beside) as place:
        try:
            with tarfile.open(path) as archive:
                archive.extractall(place, members=map(_tame, archive))  # noqa: S202 # each is looked at
        except (tarfile.TarError, OSError, EOFError) as error:
            raise Refused(
                f"{path} cannot be unpacked ({error}). Nothing was changed. Copy it here again."
            ) from error
        inside = [folder for folder in Path(place).iterdir() if (folder / MANIFEST).is_file()]
        if len(inside) != 1:
            raise Refused(f"{path} is no bundle of this appliance. Nothing was changed.")
        check_bundle(inside[0], key)
        yield inside[0]


def _tame(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """A file or folder below the place it is unpacked to, which is then ours. Raises TarError for anything else.

    Debian 12's Python (3.11.2) has no `filter="data"` that would do it.
    """
    path = PurePosixPath(member.name)
    if path.is_absolute() or ".." in path.parts or not (member.isfile() or member.isdir()):
        raise tarfile.TarError(f"{member.name} is neither a file nor a folder of it")
    member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
    member.uid, member.gid, member.uname, member.gname = os.getuid(), os.getgid(), "", ""
    return member


def check_bundle(folder: Path, key: Path) -> dict[str, Any]:
    """The manifest, when signature and checksums hold. Raises Refused."""
    for name in (MANIFEST, SIGNATURE):
        if not (folder / name).is_file():
            raise Refused(f"The bundle has no {name}. Nothing was changed. Get the bundle again.")
    checked = ("-rawin", "-in", folder / MANIFEST, "-sigfile", folder / SIGNATURE)
    try:
        run("openssl", "pkeyutl", "-verify", "-pubin", "-inkey", key, *checked)
    except Failed as error:
        raise Refused(
            f"The bundle is not signed by the maker whom this server knows ({key}). Nothing was changed. "
            "Get the bundle again from where the first one came from; do not use this one."
        ) from error
    manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text("utf-8"))
    for name, digest in manifest["files"].items():
        file = folder / name
        if not file.is_file():
            raise Refused(f"The bundle lacks {name}. Nothing was changed. Copy it here again.")
        with file.open("rb") as opened:
            if hashlib.file_digest(opened, "sha256").hexdigest() != digest:
                raise Refused(
                    f"{name} of the bundle is damaged. Nothing was changed. Copy it here again."
                )
    return manifest


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a bundle that was checked."""
    told: dict[str, Any] = json.loads((folder / MANIFEST).read_text("utf-8"))
    return told


def take_release(layout: Layout, folder: Path) -> Release:
    """The bundle's release below /opt/winery/releases, whole or not at all."""
    manifest = read_manifest(folder)
    target = layout.releases / manifest["version"]
    if (target / MANIFEST).is_file() and (target / MANIFEST).read_bytes() == (
        folder / MANIFEST
    ).read_bytes():
        return Release(target)
    layout.releases.mkdir(parents=True, exist_ok=True)
    draft = layout.releases / f".{manifest['version']}.new"
    shutil.rmtree(draft, ignore_errors=True)
    for name in manifest["files"]:
        if name.startswith(RELEASE_PARTS):  # and nothing that lies beside them unsigned
            target_file = draft / name.removeprefix(RELEASE_PARTS)
            target_file.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(folder / name, target_file)
    shutil.copy(folder / MANIFEST, draft)
    write_images_file(draft, manifest)
    run("sync", "--file-system", draft)
    remove_tree(target)
    draft.rename(target)
    sync_folder(layout.releases)
    return Release(target)


def write_images_file(folder: Path, manifest: dict[str, Any]) -> None:
    """The images by variable, as Compose reads them."""
    lines = [
        f"{variable}={image['name']}\n" for variable, image in sorted(manifest["images"].items())
    ]
    write_whole(folder / "images.env", "".join(lines))


def load_images(release: Release, folder: Path) -> bool:
    """Load the bundle's images where the engine lacks one of them; whether any was loaded. Raises Failed."""
    images = release.manifest["images"].values()
    if all(has_image(image["name"]) and _id(image["name"]) == image["id"] for image in images):
        return False
    docker("load", "--quiet", "--input", folder / IMAGES, timeout_s=1800)
    for image in images:
        if not has_image(image["name"]) or _id(image["name"]) != image["id"]:
            raise Failed(f"the image {image['name']} is not the one that the bundle names")
    return True


def _id(name: str) -> str:
    return docker("image", "inspect", "--format", "{{.Id}}", name).strip()
