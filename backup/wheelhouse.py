"""The programs of a restore beside the copies: on a bare machine with Python, NAS and kit are enough.

What is installed here is packed again into wheels, by the files' list each distribution brings (PEP 376, PEP 427), so that
nothing has to be downloaded. They fit machines of the same kind and the same Python as this one.
"""

import base64
import hashlib
import io
import json
import platform
import re
import sys
import zipfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from backup.keys import Site, open_site_nas, read_signing_key
from backup.manifest import Body, check_bytes, read_signed, sign, sign_bytes
from backup.refusals import Damaged
from backup.store import Store
from winery_appliance.core.settings import Settings

PRODUCT = "winery-appliance"
EXTRAS = frozenset({"postgres", "s3"})
PACKAGES = ("winery_appliance", "sync", "backup")
LEFT_OUT = frozenset({"INSTALLER", "REQUESTED", "RECORD", "direct_url.json"})
SUMS = "SHA256SUMS"
SIGNATURE = (
    "SHA256SUMS.sig"  # by which the kit's recipe knows the sums, before anything of ours runs
)
REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)\s*(?:\[([^\]]*)\])?[^;]*(?:;(.*))?")
EXTRA = re.compile(r"extra\s*==\s*[\"']([^\"']+)[\"']")


class ToolsFacts(Body):
    """The wheels beside a site's copies, and the Python they are for."""

    python: str
    machine: str
    wheels: dict[str, str]  # name: SHA-256


def publish_tools(settings: Settings, site: Site) -> bool:
    """See that the programs of this release lie beside the copies; whether any were written."""
    folder = f"{site.prefix}/tools"
    with open_site_nas(settings, site, "tools") as store:
        store.clear_drafts()
        kept = _read_facts(store, folder, site.verify_key)
        wheels = {}
        for distribution in find_distributions(PRODUCT, EXTRAS):
            name, files = describe_wheel(distribution)
            known = kept.wheels.get(name) if kept else None
            is_there = known is not None and store.exists(f"{folder}/{name}")
            if known is not None and is_there and _normal(distribution.name) != PRODUCT:
                wheels[name] = known
                continue
            data = pack_wheel(name, files)
            wheels[name] = hashlib.sha256(data).hexdigest()
            if wheels[name] != known or not is_there:
                store.remove(f"{folder}/{name}")
                store.put(f"{folder}/{name}", data)
        is_signed = store.exists(f"{folder}/{SIGNATURE}")
        if kept is not None and kept.wheels == wheels and is_signed:
            return False
        key, sums = read_signing_key(settings), _render_sums(wheels)
        facts = ToolsFacts(
            place=f"{folder}/manifest.json",
            python=f"{sys.version_info.major}.{sys.version_info.minor}",
            machine=platform.machine(),
            wheels=wheels,
        )
        _replace(store, f"{folder}/{SUMS}", sums)
        _replace(store, f"{folder}/{SIGNATURE}", sign_bytes(sums, key))
        _replace(store, facts.place, sign(facts, key))
        for name in store.names(folder):
            if name.endswith(".whl") and name not in wheels:
                store.remove(f"{folder}/{name}")
    return True


def find_distributions(name: str, extras: frozenset[str]) -> list[metadata.Distribution]:
    """What `name` with its `extras` needs, itself included.

    A requirement for another Python or system is known by not being installed.
    """
    found: dict[str, metadata.Distribution] = {}
    asked: set[tuple[str, frozenset[str]]] = set()
    waiting = [(name, extras)]
    while waiting:
        wanted = waiting.pop()
        if wanted in asked:
            continue
        asked.add(wanted)
        try:
            distribution = metadata.distribution(wanted[0])
        except metadata.PackageNotFoundError:
            continue
        found[_normal(distribution.name)] = distribution
        for line in distribution.requires or []:
            match = REQUIREMENT.match(line)
            assert match is not None
            condition = EXTRA.search(match[3] or "")
            if condition is None or condition[1] in wanted[1]:
                more = frozenset(one.strip() for one in (match[2] or "").split(",") if one.strip())
                waiting.append((match[1], more))
    return [found[key] for key in sorted(found)]


def describe_wheel(distribution: metadata.Distribution) -> tuple[str, dict[str, Path | bytes]]:
    """The file name of a distribution's wheel and what goes into it, by the path in the wheel."""
    stem = re.sub(r"[^\w.]+", "_", distribution.name) + "-" + distribution.version
    if _is_editable(distribution):
        return f"{stem}-py3-none-any.whl", dict(_own_files(distribution, stem))
    info = distribution.read_text("WHEEL") or ""
    tags = [line.partition(":")[2].strip() for line in info.splitlines() if line.startswith("Tag:")]
    parts = (sorted({tag.split("-")[place] for tag in tags}) for place in range(3))
    name = f"{stem}-" + "-".join(".".join(part) for part in parts) + ".whl"
    files: dict[str, Path | bytes] = {}
    for path in distribution.files or []:
        is_ours = ".." not in path.parts and "__pycache__" not in path.parts
        if is_ours and path.name not in LEFT_OUT:
            files[path.as_posix()] = Path(str(path.locate()))
    return name, files


def pack_wheel(name: str, files: dict[str, Path | bytes]) -> bytes:
    """A wheel of `files`; the same files give the same bytes."""
    buffer, record = io.BytesIO(), []
    info = next(path.partition("/")[0] for path in files if ".dist-info/" in path)
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for path in sorted(files):
            source = files[path]
            data = source if isinstance(source, bytes) else source.read_bytes()
            mode = 0o644 if isinstance(source, bytes) else source.stat().st_mode & 0o755
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            record.append(f"{path},sha256={digest},{len(data)}")
            _add(archive, path, data, mode)
        record.append(f"{info}/RECORD,,")
        _add(archive, f"{info}/RECORD", "\n".join(record).encode() + b"\n", 0o644)
    return buffer.getvalue()


def check_tools(store: Store, site: str, verify_key: str | None) -> list[str]:
    """What is wrong with the programs beside the copies; that there are none is no damage."""
    folder = f"v1/sites/{site}/tools"
    try:
        facts = _read_facts(store, folder, verify_key)
    except Damaged as error:
        return [str(error)]
    if facts is None:
        return []
    faults = []
    for name, sha256 in facts.wheels.items():
        key = f"{folder}/{name}"
        try:
            if hashlib.sha256(store.read(key)).hexdigest() != sha256:
                faults.append(f"{key}: its hash is not the one in the signed manifest")
        except FileNotFoundError:
            faults.append(f"{key}: it is missing")
    return [*faults, *_check_sums(store, folder, facts, verify_key)]


def _check_sums(
    store: Store, folder: str, facts: ToolsFacts, verify_key: str | None
) -> Iterator[str]:
    """What would stop the kit's recipe before it begins."""
    key, signature = f"{folder}/{SUMS}", f"{folder}/{SIGNATURE}"
    try:
        sums = store.read(key)
        if sums != _render_sums(facts.wheels):
            yield f"{key}: it does not name the programs of the signed manifest"
        if verify_key is not None:
            check_bytes(sums, store.read(signature), verify_key, signature)
    except FileNotFoundError:
        yield f"{key} or {signature}: it is missing"
    except Damaged as error:
        yield str(error)


def read_tools(store: Store, site: str, verify_key: str | None) -> list[str]:
    """The names of the programs' files in the order in which they are to be copied, the manifest last; none before it is
    there. Raises Damaged.
    """
    facts = _read_facts(store, f"v1/sites/{site}/tools", verify_key)
    return [*sorted(facts.wheels), SUMS, SIGNATURE, "manifest.json"] if facts else []


def _read_facts(store: Store, folder: str, verify_key: str | None) -> ToolsFacts | None:
    key = f"{folder}/manifest.json"
    try:
        return read_signed(store.read(key), ToolsFacts, key, verify_key)
    except FileNotFoundError:
        return None


def _replace(store: Store, key: str, data: bytes) -> None:
    store.remove(key)
    store.put(key, data)


def _render_sums(wheels: dict[str, str]) -> bytes:
    return "".join(f"{wheels[name]}  {name}\n" for name in sorted(wheels)).encode()


def _add(archive: zipfile.ZipFile, path: str, data: bytes, mode: int) -> None:
    entry = zipfile.ZipInfo(path, (1980, 1, 1, 0, 0, 0))
    entry.external_attr = (0o100000 | mode) << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(entry, data)


def _is_editable(distribution: metadata.Distribution) -> bool:
    facts = json.loads(distribution.read_text("direct_url.json") or "{}")
    return bool(facts.get("dir_info", {}).get("editable"))


def _own_files(
    distribution: metadata.Distribution, stem: str
) -> Iterator[tuple[str, Path | bytes]]:
    """Our own packages out of a checkout."""
    root = Path(__file__).parent.parent
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path.relative_to(root).as_posix(), path
    for name in ("METADATA", "entry_points.txt", "top_level.txt"):
        yield f"{stem}.dist-info/{name}", (distribution.read_text(name) or "").encode()
    wheel = f"Wheel-Version: 1.0\nGenerator: {PRODUCT}\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    yield f"{stem}.dist-info/WHEEL", wheel.encode()


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
