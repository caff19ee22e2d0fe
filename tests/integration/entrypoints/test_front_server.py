"""nginx's configuration, read and served by a real nginx of this machine; the whole way is walked by tests/stack."""

import http.client
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.runtime.running_appliance import wait_for
from winery_appliance.core.postgres import find_free_port
from winery_appliance.entrypoints.certificates import ensure_certificate

NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx is not installed on this machine")
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


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that refuses, and that nobody else is given while the test runs."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


@pytest.fixture
def front(tmp_path: Path, repository: Path, silent_port: int) -> Front:
    """Our files, with the containers' places replaced; behind them nobody answers."""
    http_port = find_free_port()
    https_port = next(port for port in iter(find_free_port, None) if port != http_port)
    made = Front(tmp_path, http_port, https_port)
    shutil.copytree(repository / "nginx", tmp_path / "nginx")
    shutil.copytree(repository / "winery_appliance" / "static", tmp_path / "static")
    ensure_certificate(tmp_path, [NAME, "127.0.0.1"])
    places = {
        "/etc/winery/nginx": f"{tmp_path}/nginx",
        "/run/secrets": str(tmp_path),
        "/srv/winery/static": f"{tmp_path}/static",
        "/tmp/": f"{tmp_path}/",
        "listen 8080": f"listen 127.0.0.1:{made.http}",
        "listen 8443": f"listen 127.0.0.1:{made.https}",
        "app1:8080": f"127.0.0.1:{silent_port}",
        "app2:8080": f"127.0.0.1:{silent_port}",
    }
    for path in (tmp_path / "nginx").rglob("*.conf"):
        lines = [line for line in path.read_text().splitlines() if "listen [::]" not in line]
        text = "\n".join(lines) + "\n"
        path.write_text(re.sub("|".join(places), lambda found: places[found.group()], text))
    if (
        os.geteuid() == 0
    ):  # as root its workers would be another user, who may not enter this directory
        config = tmp_path / "nginx" / "nginx.conf"
        config.write_text(f"user root;\n{config.read_text()}")
    return made


@pytest.fixture
def running(front: Front) -> Iterator[Front]:
    """The front server, serving."""
    process = subprocess.Popen(front.command("-g", "daemon off;"), stdout=subprocess.DEVNULL)
    try:
        wait_for(lambda: is_alive(front), "nginx")
        yield front
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def is_alive(front: Front) -> bool:
    try:
        return front.ask("GET", "/nginx-health", tls=False)[0] == 200
    except OSError:
        return False


def test_the_files_are_read_without_a_word_of_complaint(front: Front) -> None:
    done = subprocess.run(front.command("-t"), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "[warn]" not in done.stderr


def test_without_web_processes_it_still_serves_and_explains(running: Front) -> None:
    status, _, headers = running.ask("POST", "/sign-in?next=/", tls=False)
    assert (status, headers["Location"]) == (308, f"https://{NAME}/sign-in?next=/")
    status, body, headers = running.ask("GET", "/static/css/app.css")
    assert (status, headers["Content-Type"]) == (200, "text/css")
    assert body
    for method in ("GET", "POST"):
        status, body, headers = running.ask(method, "/fermentations/1/samples")
        assert (status, headers["Content-Type"]) == (503, "text/html")
        assert b"What was saved is safe" in body
        status, body, headers = running.ask(method, "/api/v1/fermentations/1/samples")
        assert (status, headers["Content-Type"]) == (503, "application/problem+json")
        assert b'"code":"maintenance"' in body
    for path in ("/problem/maintenance.html", "/static/../nginx.conf", "/static../nginx.conf"):
        assert running.ask("GET", path)[0] in {404, 503}, path


def test_a_door_is_slowed_down_and_looking_is_not(running: Front) -> None:
    assert [running.ask("POST", "/sign-in")[0] for _ in range(20)][-1] == 429
    assert running.ask("POST", "/api/v1/tokens")[1].startswith(b'{"type"')
    assert {running.ask("GET", "/sign-in")[0] for _ in range(20)} == {503}
    assert {running.ask("POST", "/fermentations/1/samples")[0] for _ in range(20)} == {503}


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tls_is_spoken_in_its_two_good_versions(running: Front, version: ssl.TLSVersion) -> None:
    trust = ssl.create_default_context(cafile=str(running.directory / "ca_certificate"))
    trust.minimum_version = trust.maximum_version = version
    line = http.client.HTTPSConnection("127.0.0.1", running.https, timeout=10, context=trust)
    line.request("GET", "/static/css/app.css")
    assert line.getresponse().status == 200
    line.close()


def test_old_tls_and_weak_ciphers_are_refused(running: Front) -> None:
    for old in (("-tls1_1",), ("-tls1_2", "-cipher", "AES128-SHA:AES256-SHA:DES-CBC3-SHA")):
        done = subprocess.run(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{running.https}", *old],
            input=b"",
            capture_output=True,
            check=False,
        )
        assert done.returncode != 0, old
