"""A certificate by ACME: the client that the bundle carries, asking a real ACME server (Pebble) of this machine.

Only by `./scripts/test-system config`. Pebble is told to believe every challenge: that lego can write into a DNS is not
ours to show. That it was asked to, is.
"""

import json
import os
import socket
import socketserver
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.acme import fetch_certificate, read_trouble
from appliance.install import hand_over, is_public
from appliance.layout import Layout
from tests.stack.engine import run, wait_until
from tests.stack.machine import install_missing
from winery_appliance.core.postgres import find_free_port

NAME = "book.winery.example"


@pytest.fixture
def resolver() -> Iterator[str]:
    """A name server that knows nothing: lego asks one whether its change is seen."""
    with socketserver.UDPServer(("127.0.0.1", 0), KnowsNothing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()


class KnowsNothing(socketserver.BaseRequestHandler):
    """Answers every question alike."""

    def handle(self) -> None:
        """The same number and question, as an answer (RFC 1035, 4.1.1) that there is no such name."""
        question, line = self.request
        answer = question[:2] + b"\x81\x83" + question[4:6] + bytes(6) + question[12:]
        line.sendto(answer, self.client_address)


@pytest.fixture
def authority(tmp_path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Pebble, at work."""
    install_missing({"pebble": "pebble", "lego": "lego"})
    key, certificate = tmp_path / "pebble.key", tmp_path / "pebble.pem"
    run(
        *(
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=localhost",
        ),
        *("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate),
    )
    port, other = find_free_port(), find_free_port()
    facts = {
        "listenAddress": f"127.0.0.1:{port}",
        "managementListenAddress": f"127.0.0.1:{other}",
        "certificate": str(certificate),
        "privateKey": str(key),
        "httpPort": 5002,
        "tlsPort": 5001,
    }
    (tmp_path / "pebble.json").write_text(json.dumps({"pebble": facts}))
    ways = {"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_VA_ALWAYS_VALID": "1", "PEBBLE_WFE_NONCEREJECT": "0"}
    process = subprocess.Popen(
        ["pebble", "-config", tmp_path / "pebble.json"],
        env=os.environ | ways,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    (tmp_path / "address").write_text(f"https://127.0.0.1:{port}/dir")

    def is_there() -> bool:
        with socket.socket() as trial:
            return trial.connect_ex(("127.0.0.1", port)) == 0

    try:
        wait_until(is_there, "pebble", 30)
        yield process
    finally:
        process.kill()
        process.wait()


def test_it_is_made_kept_and_its_failure_told(
    tmp_path: Path, authority: "subprocess.Popen[bytes]", resolver: str
) -> None:
    layout = Layout(tmp_path / "server")
    layout.secrets.mkdir(parents=True)
    asked = tmp_path / "asked"
    script = tmp_path / "dns.sh"
    script.write_text(f'#!/bin/sh\necho "$1 $2" >>{asked}\n')
    script.chmod(0o755)
    (layout.settings.parent / "acme.env").write_text(
        f"EXEC_PATH={script}\nEXEC_POLLING_INTERVAL=1\nLEGO_CA_CERTIFICATES={tmp_path}/pebble.pem\n"
    )
    settings = {
        "WINERY_NAMES": f"{NAME} 192.168.1.20",
        "WINERY_ACME_DNS": "exec",
        "WINERY_ACME_MAIL": "it@winery.example",
        "WINERY_ACME_SERVER": (tmp_path / "address").read_text(),
        "WINERY_ACME_OPTIONS": f"--dns.resolvers={resolver} --dns.disable-cp",
    }
    made = fetch_certificate(layout, settings)
    assert made is not None, read_trouble(layout)
    assert asked.read_text().startswith(f"present _acme-challenge.{NAME}.")
    hand_over(layout, *made)
    assert is_public(layout)
    shown = layout.secrets / "tls_certificate"
    assert (
        run("openssl", "x509", "-noout", "-in", shown, "-checkhost", NAME)
        .strip()
        .endswith("does match certificate")
    )
    before = shown.read_bytes()
    assert fetch_certificate(layout, settings) == made, "not due yet"
    assert made[0].read_bytes() == before
    assert read_trouble(layout) is None

    authority.kill()
    authority.wait()
    for path in (layout.state / "acme/certificates").iterdir():
        path.unlink()
    assert fetch_certificate(layout, settings) is None
    assert "connection refused" in (read_trouble(layout) or "")
    assert shown.read_bytes() == before, "what is shown goes on being shown"
