"""Writes what the image consists of, as CycloneDX 1.6: Debian's packages, Python, its packages, the front-end files.

Run inside the image while it is built: `sbom.py package-lock.json`. Standard library only; the same input gives
the same bytes. The format: https://cyclonedx.org/docs/1.6/json; package URLs: the purl specification.
"""

import base64
import json
import os
import platform
import sys
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

DPKG = Path("/var/lib/dpkg/status")
NAMESPACE = uuid.UUID("6f1d0a52-6c4e-5d1f-9a55-0d2f8a7b6c11")  # ours, for the document's number
OURS = "winery-appliance"


def describe(kind: str, name: str, version: str, purl: str, **more: Any) -> dict[str, Any]:
    """One component."""
    return {
        "type": kind,
        "name": name,
        "version": version,
        "purl": purl,
        "bom-ref": purl,
        **more,
    }


def read_debian(status: Path = DPKG) -> Iterator[dict[str, Any]]:
    """The installed packages of Debian, from dpkg's own list."""
    if not status.exists():
        return
    for paragraph in status.read_text("utf-8").split("\n\n"):
        fields = dict(
            line.split(": ", 1)
            for line in paragraph.splitlines()
            if ": " in line[1:] and line[0] != " "
        )
        if fields.get("Status", "").endswith(" installed"):
            name, version = fields["Package"], fields["Version"]
            purl = f"pkg:deb/debian/{name}@{version}?arch={fields['Architecture']}"
            yield describe("library", name, version, purl)


def read_python(found: Distribution) -> dict[str, Any]:
    """A Python package with the licence it names itself."""
    facts = found.metadata
    name = facts["Name"].lower().replace("_", "-").replace(".", "-")
    licence = facts.get("License-Expression") or facts.get("License")
    short = licence and len(licence) < 80 and "\n" not in licence
    kind = "application" if name == OURS else "library"
    more = {"licenses": [{"license": {"name": licence}}]} if short else {}
    return describe(kind, name, found.version, f"pkg:pypi/{name}@{found.version}", **more)


def read_front_end(lock: Path) -> Iterator[dict[str, Any]]:
    """The packages that the front-end files come from, with the checksum they were fetched by."""
    for path, facts in json.loads(lock.read_text("utf-8"))["packages"].items():
        if not path:
            continue
        name = path.rpartition("node_modules/")[2]
        purl = f"pkg:npm/{name.replace('@', '%40')}@{facts['version']}"
        algorithm, _, digest = facts["integrity"].partition("-")
        content = base64.b64decode(digest).hex()
        yield describe(
            "library",
            name,
            facts["version"],
            purl,
            hashes=[{"alg": algorithm.upper().replace("SHA", "SHA-"), "content": content}],
            licenses=[{"license": {"name": facts["license"]}}] if "license" in facts else [],
        )


def write(lock: Path) -> dict[str, Any]:
    """The whole document."""
    packages = [read_python(found) for found in distributions()]
    ours = next((package for package in packages if package["name"] == OURS), None)
    python = platform.python_version()
    parts = [package for package in packages if package is not ours]
    parts += [*read_debian(), *read_front_end(lock)]
    parts.append(describe("platform", "python", python, f"pkg:generic/python@{python}"))
    parts.sort(key=lambda part: str(part["purl"]))
    content = json.dumps([ours, parts], sort_keys=True)
    made = datetime.fromtimestamp(int(os.environ.get("SOURCE_DATE_EPOCH", "0")), UTC)
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(NAMESPACE, content)}",
        "version": 1,
        "metadata": {"timestamp": made.strftime("%Y-%m-%dT%H:%M:%SZ"), "component": ours},
        "components": parts,
    }


if __name__ == "__main__":
    json.dump(write(Path(sys.argv[1])), sys.stdout, indent=1, sort_keys=True)
    print()
