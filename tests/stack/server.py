"""A whole server: Debian 12 with systemd in a container, into which the appliance is installed as on bare metal.

It sits on the engine's bridge and reaches nothing beyond it. The engine's network stands for the LAN.
"""

import http.client
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from tests.stack.engine import Engine, run, wait_until
from tests.stack.machine import CACHE, KEPT, ROOT, say
from tests.stack.running_stack import NAME, Answer

# What Debian's installer leaves on a small server, and not even Python.
IN_SERVER = ("systemd", "systemd-sysv", "dbus", "udev", "iproute2", "procps", "openssh-server")
SERVER = CACHE / f"server-{'-'.join(IN_SERVER)}.tar"
IMAGE = "bare-debian:12"
# What a machine may do and a container may not: mounting, networks, and a Docker of its own.
MAY = (
    *(
        "SYS_ADMIN",
        "NET_ADMIN",
        "NET_RAW",
        "MKNOD",
        "SYS_CHROOT",
        "SETPCAP",
        "SYS_PTRACE",
        "SYS_NICE",
    ),
    *(
        "DAC_READ_SEARCH",
        "SYSLOG",
        "AUDIT_CONTROL",
        "AUDIT_WRITE",
        "LINUX_IMMUTABLE",
        "IPC_LOCK",
        "SYS_TTY_CONFIG",
    ),
)
UNPACKED = "/root/winery"


def make_server_image(engine: Engine) -> None:
    """A bare Debian 12 as an image; its root is made once and kept."""
    if not SERVER.exists():
        say("Making a bare Debian 12 with systemd (a minute or two) ...")
        CACHE.mkdir(parents=True, exist_ok=True)
        root = CACHE / f"server.{os.getpid()}"
        run(
            "debootstrap", "--variant=minbase", f"--include={','.join(IN_SERVER)}", "bookworm", root
        )
        for leftover in ("var/cache/apt/archives", "var/lib/apt/lists"):
            shutil.rmtree(root / leftover)
        (root / "etc/machine-id").write_text("")
        # No hardware of the host's is this server's.
        for unit in ("systemd-udevd.service", "systemd-udev-trigger.service", "getty@tty1.service"):
            (root / "etc/systemd/system" / unit).symlink_to("/dev/null")
        draft = root.with_suffix(".new")
        run("tar", "-C", root, "-cf", draft, ".")
        shutil.rmtree(root)
        draft.rename(SERVER)
    # What is mounted later is seen by those that look on: systemd arranges it on a machine, but leaves it to whoever made a
    # container.
    init = 'CMD ["/bin/sh", "-c", "mount --make-rshared / && exec /sbin/init"]'
    engine.docker("import", "--change", init, SERVER, IMAGE)


def make_bundle(
    engine: Engine, compose: str, images: dict[str, str], version: str, folder: Path
) -> Path:
    """A bundle with these images, made by ./scripts/bundle."""
    environment = os.environ | images
    environment |= {
        "DOCKER": " ".join(engine.docker_command),
        "VERSION": version,
        "WINERY_COMPOSE_PROGRAM": compose,
        "WINERY_RELEASE_KEY": str(KEPT / "release-key.pem"),
    }
    say(f"Making the bundle {version} ...")
    run("scripts/bundle", folder, cwd=ROOT, env=environment, timeout_s=900)
    return folder / f"winery-appliance-{version}.tar"


class Server:
    """One server, from power on to power off."""

    def __init__(
        self, engine: Engine, media: Path, disk: str | None = None, name: str = "server"
    ) -> None:
        """`media`: a folder of this machine that the server sees as /media/usb. `disk`: a device that it may mount."""
        self.engine = engine
        self.name = name
        self.begun = 0.0  # when somebody began to install
        options = [word for capability in MAY for word in ("--cap-add", capability)]
        options += ["--device", "/dev/fuse", "--security-opt", "seccomp=unconfined"]
        options += ["--device", "/dev/autofs", *(["--device", disk] if disk else [])]
        self.disk = disk
        options += ["--security-opt", "apparmor=unconfined", "--cgroupns=host"]
        options += ["--security-opt", "systempaths=unconfined"]  # its own /proc/sys
        options += [
            "--volume",
            "/sys/fs/cgroup:/sys/fs/cgroup:rw",
            "--volume",
            f"{media}:/media/usb:ro",
        ]
        options += ["--volume", f"winery-{name}:/var/lib/docker"]
        for place in ("/run", "/run/lock", "/tmp"):
            options += ["--tmpfs", f"{place}:exec" if place == "/tmp" else place]
        engine.docker("run", "--detach", "--name", name, "--hostname", name, *options, IMAGE)
        self.await_boot()

    def await_boot(self) -> None:
        """Return when systemd has started everything."""
        wait_until(
            lambda: self.try_("systemctl", "is-system-running").strip() in {"running", "degraded"},
            "the server's boot",
            120,
        )
        form = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
        self.address = self.engine.docker("inspect", "--format", form, self.name).strip()

    def run(self, *command: str, timeout_s: float = 900.0) -> str:
        """What a command on the server prints; RuntimeError when it fails."""
        return self.engine.docker("exec", self.name, *command, timeout_s=timeout_s)

    def shell(self, script: str, timeout_s: float = 900.0) -> str:
        """What a line of bash on the server prints; RuntimeError when it fails."""
        return self.run("bash", "-c", script, timeout_s=timeout_s)

    def try_(self, *command: str) -> str:
        """What a command on the server prints, whether it fails or not."""
        done = subprocess.run(
            [*self.engine.docker_command, "exec", self.name, *command],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return done.stdout + done.stderr

    def write(self, path: str, text: str) -> None:
        """A file on the server."""
        self.write_bytes(path, text.encode())

    def write_bytes(self, path: str, content: bytes) -> None:
        """A file on the server."""
        subprocess.run(
            [
                *self.engine.docker_command,
                "exec",
                "--interactive",
                self.name,
                "sh",
                "-c",
                f"cat >{path}",
            ],
            input=content,
            check=True,
        )

    def plug_in(self, label: str) -> None:
        """Let the disk be there under its label, as udev does on a machine."""
        self.shell(f"mkdir -p /dev/disk/by-label && ln -s {self.disk} /dev/disk/by-label/{label}")

    def pull_out(self, label: str) -> None:
        """Let it be gone, as a NAS that was switched off."""
        away = "systemctl stop srv-nas-share.mount || umount --lazy /srv/nas/share"
        self.shell(f"rm /dev/disk/by-label/{label}; {away}")

    def cut_power(self) -> None:
        """End everything at once, as when the plug is pulled."""
        self.engine.docker("kill", "--signal=KILL", self.name)

    def power_on(self) -> None:
        """Start it again; returns when systemd has started everything."""
        self.engine.docker("start", self.name)
        self.await_boot()

    def from_lan(self, script: str) -> str:
        """What a Python script prints that runs on another machine of the LAN."""
        return self.engine.inside("python3", "-c", script)

    def open_ports(self, ports: range) -> list[int]:
        """TCP ports that somebody on the LAN reaches."""
        told = self.from_lan(SCAN.format(address=self.address, first=ports.start, end=ports.stop))
        return list(json.loads(told))

    def ask(self, method: str, path: str, body: Any = None, token: str = "") -> Answer:
        """One request from the LAN by TLS that is verified against the winery's authority."""
        authority = self.try_("cat", "/etc/winery/secrets/ca_certificate")
        given = json.dumps([self.address, authority, NAME, method, path, body, token])
        told = json.loads(self.from_lan(f"GIVEN = {given!r}\n{ASK}"))
        headers = http.client.HTTPMessage()
        return Answer(told["status"], told["body"].encode(), headers)


SCAN = """
import json, socket
from concurrent.futures import ThreadPoolExecutor
def is_open(port):
    try:
        socket.create_connection(("{address}", port), timeout=0.7).close()
        return True
    except OSError:
        return False
ports = range({first}, {end})
with ThreadPoolExecutor(400) as pool:
    print(json.dumps([port for port, found in zip(ports, pool.map(is_open, ports)) if found]))
"""
ASK = """
import http.client, json, socket, ssl
address, authority, name, method, path, body, token = json.loads(GIVEN)
try:
    trust = ssl.create_default_context(cadata=authority)
    line = http.client.HTTPConnection(name)
    line.sock = trust.wrap_socket(socket.create_connection((address, 443), timeout=20), server_hostname=name)
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    line.request(method, path, None if body is None else json.dumps(body), headers)
    answer = line.getresponse()
    print(json.dumps({"status": answer.status, "body": answer.read().decode(errors="replace")}))
except (OSError, ValueError, http.client.HTTPException) as error:
    print(json.dumps({"status": 0, "body": str(error)}))
"""
