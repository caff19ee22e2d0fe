"""nginx's configuration, read and served by a real nginx of this machine; the whole way is walked by tests/stack."""

import http.client
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.entrypoints.front_server import NAME, NGINX, Front, lay_out, serving

pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx is not installed on this machine")


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that refuses, and that nobody else is given while the test runs."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


@pytest.fixture
def front(tmp_path: Path, silent_port: int) -> Front:
    """Our files; behind them nobody answers."""
    return lay_out(tmp_path, silent_port, silent_port)


@pytest.fixture
def running(front: Front) -> Iterator[Front]:
    """The front server as it comes, serving."""
    with serving(front):
        yield front


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


INGEST = "/api/v1/ingest/ispindel"


def test_readings_by_plain_http_are_led_to_tls_as_long_as_no_device_is_named(
    running: Front,
) -> None:
    status, _, headers = running.ask("POST", INGEST, tls=False)
    assert (status, headers["Location"]) == (308, f"https://{NAME}{INGEST}")


@pytest.fixture
def named(front: Front) -> Front:
    """A front server whose IT has named this machine as a device."""
    addresses = front.directory / "nginx" / "devices" / "addresses.conf"
    addresses.write_text("127.0.0.1 1;\n")
    return front


def test_a_named_device_gets_through_to_the_two_paths_and_nowhere_else(named: Front) -> None:
    with serving(named):
        # 502: handed on, and nobody is behind this front server.
        assert named.ask("POST", INGEST, tls=False)[0] == 502
        assert named.ask("POST", "/api/v1/ingest/tilt", tls=False)[0] == 502
        for path in ("/api/v1/tokens", "/sign-in", f"{INGEST}/x", "/api/v1/devices/1/readings"):
            assert named.ask("POST", path, tls=False)[0] == 308, path


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
