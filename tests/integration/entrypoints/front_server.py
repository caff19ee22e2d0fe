"""nginx of this machine on our configuration, for tests and benches."""

import http.client
import os
import re
import shutil
import signal
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.integration.runtime.running_appliance import wait_for
from winery_appliance.core.postgres import find_free_port
from winery_appliance.entrypoints.certificates import ensure_certificate

ROOT = Path(__file__).parents[3]
NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
NAME = "winery.home.arpa"


@dataclass(frozen=True)
class Front:
    """A configuration of our files, moved to places of this test."""

    directory: Path
    http: int
    https: int

    def command(self, *more: str) -> list[str]:
        """nginx on this configuration."""
        assert NGINX is not None
        return [
            NGINX,
            "-e",
            "/dev/stderr",
            "-c",
            str(self.directory / "nginx" / "nginx.conf"),
            *more,
        ]

    def ask(self, method: str, path: str, *, tls: bool = True) -> tuple[int, bytes, dict[str, str]]:
        """A status, a body and headers."""
        line: http.client.HTTPConnection
        if tls:
            trust = ssl.create_default_context(cafile=str(self.directory / "ca_certificate"))
            line = http.client.HTTPSConnection("127.0.0.1", self.https, timeout=10, context=trust)
        else:
            line = http.client.HTTPConnection("127.0.0.1", self.http, timeout=10)
        try:
            line.request(method, path, headers={"Host": NAME})
            answer = line.getresponse()
            return answer.status, answer.read(), dict(answer.headers)
        finally:
            line.close()


def lay_out(directory: Path, app1: int, app2: int) -> Front:
    """Our files with the containers' places replaced; behind them what answers at these two ports, if anything."""
    http_port = find_free_port()
    https_port = next(port for port in iter(find_free_port, None) if port != http_port)
    made = Front(directory, http_port, https_port)
    shutil.copytree(ROOT / "nginx", directory / "nginx")
    shutil.copytree(ROOT / "winery_appliance" / "static", directory / "static")
    ensure_certificate(directory, [NAME, "127.0.0.1"])
    places = {
        "/etc/winery/nginx": f"{directory}/nginx",
        "/run/secrets": str(directory),
        "/srv/winery/static": f"{directory}/static",
        "/tmp/": f"{directory}/",
        "listen 8080": f"listen 127.0.0.1:{made.http}",
        "listen 8443": f"listen 127.0.0.1:{made.https}",
        "app1:8080": f"127.0.0.1:{app1}",
        "app2:8080": f"127.0.0.1:{app2}",
    }
    for path in (directory / "nginx").rglob("*.conf"):
        lines = [line for line in path.read_text().splitlines() if "listen [::]" not in line]
        text = "\n".join(lines) + "\n"
        path.write_text(re.sub("|".join(places), lambda found: places[found.group()], text))
    if os.geteuid() == 0:
        # As root its workers would be another user, who may not enter this directory.
        config = directory / "nginx" / "nginx.conf"
        config.write_text(f"user root;\n{config.read_text()}")
    return made


@contextmanager
def serving(front: Front) -> Iterator[None]:
    """The front server, serving."""
    process = subprocess.Popen(front.command("-g", "daemon off;"), stdout=subprocess.DEVNULL)
    try:
        wait_for(lambda: is_alive(front), "nginx")
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def is_alive(front: Front) -> bool:
    try:
        return front.ask("GET", "/nginx-health", tls=False)[0] == 200
    except OSError:
        return False
