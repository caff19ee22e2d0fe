"""What a server must have before anything on it is touched. Changes nothing.

Stands alone with findings.py, so that the playbook can run it on a bare server that has Python and nothing else.
"""

import os
import platform
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from appliance.findings import Finding, judge

ARCHITECTURES = ("x86_64", "aarch64")
DEBIAN = ("12",)
RAM_MIB = 3700  # a machine sold with 4 GB shows about so much
RAM_GOOD_MIB = 7600
CPUS = 2
DISK_GB = 20
YEARS_KNOWN = 2026  # an earlier clock is a dead battery


def look(
    *,
    architecture: str,
    ports: tuple[int, ...],
    nas: Path | None,
    installed: bool,
    root: Path = Path("/"),
) -> Iterator[Finding]:
    """Every finding. `architecture`: the bundle's; `nas`: its mountpoint if it is mounted already; `installed`: an
    appliance is there, whose own ports count as free."""
    yield from _look_at_machine(architecture, root)
    yield from _look_at_ports(ports, installed)
    yield _look_at_clock()
    if nas is not None:
        yield _look_at_nas(nas)


def _look_at_machine(architecture: str, root: Path) -> Iterator[Finding]:
    here = platform.machine()
    yield judge(
        "architecture",
        here == architecture and here in ARCHITECTURES,
        f"this server is {here}, the bundle is for {architecture}.",
        "Get the bundle for this kind of machine.",
    )
    release = read_release(root)
    yield judge(
        "system",
        release.get("ID") == "debian" and release.get("VERSION_ID") in DEBIAN,
        f"{release.get('PRETTY_NAME', 'an unknown system')}.",
        f"The bundle's packages are for Debian {' or '.join(DEBIAN)}. Install that first.",
    )
    ram = read_ram_mib()
    yield judge(
        "memory",
        ram >= RAM_MIB,
        f"{ram} MiB.",
        f"At least 4 GB are needed, of which a system shows {RAM_MIB} MiB.",
    )
    cpus = len(os.sched_getaffinity(0))
    yield judge(
        "processors",
        cpus >= CPUS,
        f"{cpus}.",
        f"{CPUS} are needed; with fewer pages wait.",
        only_warn=True,
    )
    place = root / "var/lib"
    free = shutil.disk_usage(place if place.exists() else root).free / 1e9
    yield judge(
        "disk",
        free >= DISK_GB,
        f"{free:.0f} GB are free below /var/lib.",
        f"{DISK_GB} GB are needed. Free some, or give /var/lib a disk of its own.",
    )


def _look_at_ports(ports: tuple[int, ...], installed: bool) -> Iterator[Finding]:
    for port in ports:
        taken = is_taken(port)
        if installed:
            yield judge(f"port {port}", True, "belongs to the appliance that is installed.", "")
        else:
            yield judge(
                f"port {port}",
                not taken,
                "another program listens on it." if taken else "free.",
                f"`ss -ltnp 'sport = :{port}'` names it; stop it or give it another port.",
            )


def is_taken(port: int) -> bool:
    """Whether something listens on a TCP port of this machine."""
    for family, every in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):  # noqa: S104
        try:
            with socket.socket(family, socket.SOCK_STREAM) as trial:
                trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    trial.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                trial.bind((every, port))
                trial.listen()
        except OSError as error:
            if error.errno == 98:  # EADDRINUSE; a machine without IPv6 says something else
                return True
    return False


def _look_at_clock() -> Finding:
    year = time.gmtime().tm_year
    told = _ask("timedatectl", "show", "--property=NTPSynchronized", "--value")
    if year < YEARS_KNOWN:
        return judge(
            "clock",
            False,
            f"it shows the year {year}.",
            "Set it: timedatectl set-time '2026-09-01 06:00:00'.",
        )
    return judge(
        "clock",
        told == "yes",
        "synchronised." if told == "yes" else "not synchronised by a time server.",
        "chrony comes with the installation; name a time server of the house with `winery_time_servers`.",
        only_warn=True,
    )


def _look_at_nas(nas: Path) -> Finding:
    if not is_mounted(nas):
        return judge(
            "NAS",
            False,
            f"{nas} is not mounted.",
            "It is mounted during the installation; if that fails, see `systemctl status srv-nas-share.mount`.",
            only_warn=True,
        )
    trial = nas / ".winery-preflight"
    try:
        trial.write_bytes(b"may this be written?")
        trial.unlink()
    except OSError as error:
        return judge(
            "NAS",
            False,
            f"cannot be written ({error.strerror}).",
            "Give the share's user the right to write.",
        )
    return judge("NAS", True, f"{nas} can be written.", "")


def is_mounted(path: Path) -> bool:
    """Whether something is mounted at `path`: it lies on another device than the folder above it."""
    try:
        return path.stat().st_dev != path.parent.stat().st_dev
    except OSError:
        return False


def read_ram_mib() -> int:
    """The memory the kernel has."""
    for line in Path("/proc/meminfo").read_text("ascii").splitlines():
        if line.startswith("MemTotal:"):
            return int(line.split()[1]) >> 10
    return 0


def read_release(root: Path) -> dict[str, str]:
    """/etc/os-release."""
    file = root / "etc/os-release"
    if not file.is_file():
        return {}
    pairs = (line.partition("=") for line in file.read_text("utf-8").splitlines())
    return {name: value.strip('"') for name, _, value in pairs}


def _ask(*command: str) -> str:
    try:
        return subprocess.run(
            command, capture_output=True, text=True, timeout=10, check=False
        ).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return ""
