"""What a phone is handed so that it trusts the winery."""

import plistlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from flask import Flask
from flask.testing import FlaskClient

from tests.conftest import Winery
from winery_appliance.entrypoints.certificates import (
    AUTHORITY,
    AUTHORITY_KEY,
    CERTIFICATE,
    KEY,
    ensure_certificate,
    fingerprint,
)

NAME = "winery.home.arpa"


@pytest.fixture
def authority(book: Winery) -> Iterator[Path]:
    directory = book.settings.secrets_dir
    ensure_certificate(directory, [NAME, "192.168.1.20"])
    yield directory
    for name in (AUTHORITY, AUTHORITY_KEY, CERTIFICATE, KEY):
        (directory / name).unlink()


def test_the_page_tells_what_to_tap_and_what_to_compare(app: Flask, authority: Path) -> None:
    client: FlaskClient = app.test_client()
    page = client.get("/hand-over").text
    assert client.get("/hand-over/test").status_code == 200
    shown = re.sub(r"\s", "", re.findall(r'fingerprint num">([^<]+)', page)[0])
    assert shown == fingerprint(authority).replace(":", "")
    poster = client.get("/hand-over/poster").text
    assert "<svg" in poster
    assert f"http://{NAME}/setup" in poster


def test_android_and_iphone_get_the_same_authority(app: Flask, authority: Path) -> None:
    client: FlaskClient = app.test_client()
    held = x509.load_pem_x509_certificate((authority / AUTHORITY).read_bytes())
    answer = client.get("/hand-over/ca.crt")
    assert answer.mimetype == "application/x-x509-ca-cert"
    assert x509.load_der_x509_certificate(answer.data) == held
    answer = client.get("/hand-over/ca.mobileconfig")
    assert answer.mimetype == "application/x-apple-aspen-config"
    profile = plistlib.loads(answer.data)
    inside = profile["PayloadContent"][0]
    assert inside["PayloadType"] == "com.apple.security.root"
    assert x509.load_der_x509_certificate(inside["PayloadContent"]) == held
    assert client.get("/hand-over/ca.mobileconfig").data == answer.data


def test_without_an_authority_of_its_own_it_says_so(app: Flask) -> None:
    answer = app.test_client().get("/hand-over")
    assert answer.status_code == 404
    assert "no certificate authority of its own" in answer.text
