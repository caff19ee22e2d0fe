"""Writes manifest.json of a bundle: its version, its images by their numbers, and every file's SHA-256.

`bundle_manifest.py FOLDER DOCKER...`; the images are named by the variables that compose.yaml reads.
"""

import hashlib
import json
import os
import platform
import subprocess
import sys
from pathlib import Path

IMAGES = ("WINERY_IMAGE", "WINERY_POSTGRES_IMAGE", "WINERY_NGINX_IMAGE")
MONITORING = ("WINERY_PROMETHEUS_IMAGE", "WINERY_ALERTMANAGER_IMAGE", "WINERY_GRAFANA_IMAGE")
# IT fills these in; they are no part of what was signed.
LEFT_OUT = {"manifest.json", "manifest.json.sig", "SHA256SUMS", "inventory.yml", "vault.yml"}


def main(folder: Path, docker: list[str]) -> None:
    """The manifest, with everything that lies in the bundle."""
    files = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and name not in LEFT_OUT:
            with path.open("rb") as opened:
                files[name] = hashlib.file_digest(opened, "sha256").hexdigest()
    manifest = {
        "product": "winery-appliance",
        "version": os.environ["VERSION"],
        "architecture": platform.machine(),
        "debian": "12",
        "images": {
            variable: {"name": os.environ[variable], "id": read_id(docker, os.environ[variable])}
            for variable in (*IMAGES, *(name for name in MONITORING if name in os.environ))
        },
        "files": files,
    }
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1, sort_keys=True), "utf-8")


def read_id(docker: list[str], image: str) -> str:
    """The number of an image: the hash of its configuration."""
    command = [*docker, "image", "inspect", "--format", "{{.Id}}", image]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
