"""Where everything lies on the server. The link `current` alone says which release is in force."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from appliance.files import point
from appliance.refusals import Refused


@dataclass(frozen=True)
class Layout:
    """The places, below `root` (`/` on a server, a folder in tests)."""

    root: Path = Path("/")

    @property
    def home(self) -> Path:
        """Releases and the folder that the containers mount their configuration from."""
        return self.root / "opt/winery"

    @property
    def releases(self) -> Path:
        """One folder per release that is kept."""
        return self.home / "releases"

    @property
    def stack(self) -> Path:
        """Compose's project folder: its path never changes, so an update replaces no container for a path's sake."""
        return self.home / "stack"

    @property
    def settings(self) -> Path:
        """IT's choices, written by the playbook: NAME=value."""
        return self.root / "etc/winery/appliance.env"

    @property
    def release_key(self) -> Path:
        """The public key that bundles must be signed by."""
        return self.root / "etc/winery/release.pub"

    @property
    def secrets(self) -> Path:
        """Passwords and keys, for root alone."""
        return self.root / "etc/winery/secrets"

    @property
    def state(self) -> Path:
        """The journal of an update, its log, and the copies made before updates."""
        return self.root / "var/lib/winery-appliance"

    def release(self, version: str) -> "Release":
        """The release `version`. Raises Refused when it is not here."""
        folder = self.releases / version
        if not (folder / "manifest.json").is_file():
            raise Refused(f"Release {version} is not on this server. Nothing was changed.")
        return Release(folder)

    def current(self) -> "Release | None":
        """The release in force; None before the first installation."""
        return self._follow("current")

    def previous(self) -> "Release | None":
        """The release that was in force before, to which `rollback` returns."""
        return self._follow("previous")

    def _follow(self, name: str) -> "Release | None":
        link = self.home / name
        if not link.is_symlink():
            return None
        return self.release(link.readlink().name)

    def make_current(self, release: "Release") -> None:
        """Put `release` in force: the one moment at which old becomes new."""
        before = self.current()
        if before is not None and before.version != release.version:
            point(self.home / "previous", f"releases/{before.version}")
        point(self.home / "current", f"releases/{release.version}")

    def read_settings(self) -> dict[str, str]:
        """IT's choices."""
        if not self.settings.is_file():
            raise Refused(
                f"{self.settings} is missing: no appliance is installed here. Run ./install from a bundle."
            )
        return read_variables(self.settings)


@dataclass(frozen=True)
class Release:
    """An unpacked release: compose.yaml, nginx/, postgres/, monitoring/, images.env, manifest.json."""

    folder: Path

    @property
    def version(self) -> str:
        """Its name."""
        return self.folder.name

    @property
    def compose_file(self) -> Path:
        """What runs."""
        return self.folder / "compose.yaml"

    @property
    def images_file(self) -> Path:
        """Which images: NAME=image, read by Compose."""
        return self.folder / "images.env"

    @property
    def manifest(self) -> dict[str, Any]:
        """What the release's maker signed."""
        told: dict[str, Any] = json.loads((self.folder / "manifest.json").read_text("utf-8"))
        return told


def read_variables(path: Path) -> dict[str, str]:
    """NAME=value lines, as Compose reads them; values may be quoted."""
    found = {}
    for line in path.read_text("utf-8").splitlines():
        name, equals, value = line.partition("=")
        if equals and not name.lstrip().startswith("#"):
            found[name.strip()] = value.strip().strip("'\"")
    return found
