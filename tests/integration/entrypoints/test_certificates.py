"""The winery's authority and certificate, judged by OpenSSL."""

import ssl
import stat
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509

from winery_appliance.core import clock
from winery_appliance.entrypoints import certificates
from winery_appliance.entrypoints.certificates import CertificateRefused, ensure_certificate

NAMES = ("winery.home.arpa", "192.168.1.20")


def verify(directory: Path, option: str, name: str) -> bool:
    """Whether OpenSSL, trusting the authority, takes the certificate for `name`."""
    done = subprocess.run(
        [
            *("openssl", "verify", "-purpose", "sslserver", "-x509_strict", option, name),
            *("-CAfile", directory / "ca_certificate", directory / "tls_certificate"),
        ],
        capture_output=True,
        check=False,
    )
    return done.returncode == 0


def test_it_is_good_for_every_name_of_the_winery_and_no_other(tmp_path: Path) -> None:
    assert ensure_certificate(tmp_path, NAMES)
    assert verify(tmp_path, "-verify_hostname", "winery.home.arpa")
    assert verify(tmp_path, "-verify_ip", "192.168.1.20")
    assert not verify(tmp_path, "-verify_hostname", "other.home.arpa")
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(
        tmp_path / "tls_certificate", tmp_path / "tls_key"
    )
    held = x509.load_pem_x509_certificate((tmp_path / "tls_certificate").read_bytes())
    lasts = held.not_valid_after_utc - held.not_valid_before_utc
    assert timedelta(days=390) < lasts < timedelta(days=398)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {
        "ca_certificate": 0o444,
        "ca_key": 0o440,
        "tls_certificate": 0o444,
        "tls_key": 0o440,
    }


@pytest.mark.parametrize("own", [("winery.home.arpa",), ("192.168.1.20",), NAMES])
@pytest.mark.parametrize(
    ("foreign", "option"),
    [
        ("bank.example", "-verify_hostname"),
        ("192.168.1.1", "-verify_ip"),
        ("2001:db8::1", "-verify_ip"),
    ],
)
def test_who_steals_the_authoritys_key_can_speak_for_nobody_else(
    tmp_path: Path, own: tuple[str, ...], foreign: str, option: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ensure_certificate(tmp_path, own)
    monkeypatch.setattr(certificates, "_check_names", lambda *_: None)  # a thief asks nobody
    assert ensure_certificate(tmp_path, [foreign])
    assert not verify(tmp_path, option, foreign)


def test_a_second_run_changes_nothing(tmp_path: Path) -> None:
    ensure_certificate(tmp_path, NAMES)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert not ensure_certificate(tmp_path, NAMES)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize(("days", "renews"), [(366, False), (368, True), (3000, True)])
def test_it_is_renewed_in_its_last_30_days_by_the_same_authority(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: int, renews: bool
) -> None:
    ensure_certificate(tmp_path, NAMES)
    authority = (tmp_path / "ca_certificate").read_bytes()
    later = clock.now() + timedelta(days=days)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert ensure_certificate(tmp_path, NAMES) is renews
    assert (tmp_path / "ca_certificate").read_bytes() == authority


@pytest.mark.parametrize(("jump", "renews"), [(400, True), (-2000, False)])
def test_after_a_jump_of_the_clock_it_is_good_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jump: int, renews: bool
) -> None:
    """A flat battery: the clock is off for a while, and nightly renewal goes on meanwhile."""
    ensure_certificate(tmp_path, NAMES)
    rightly = clock.now
    with monkeypatch.context() as jumped:
        jumped.setattr(clock, "now", lambda: rightly() + timedelta(days=jump))
        assert ensure_certificate(tmp_path, NAMES) is renews
        assert not ensure_certificate(tmp_path, NAMES)
    assert ensure_certificate(tmp_path, NAMES) is renews
    assert verify(tmp_path, "-verify_hostname", "winery.home.arpa")
    assert not ensure_certificate(tmp_path, NAMES)


@pytest.mark.parametrize("broken", ["tls_certificate", "tls_key"])
@pytest.mark.parametrize("content", [None, b"", b"not a certificate"])
def test_what_is_lost_or_broken_is_made_anew(
    tmp_path: Path, broken: str, content: bytes | None
) -> None:
    ensure_certificate(tmp_path, NAMES)
    (tmp_path / broken).unlink()
    if content is not None:
        (tmp_path / broken).write_bytes(content)
    assert ensure_certificate(tmp_path, NAMES)
    assert verify(tmp_path, "-verify_hostname", "winery.home.arpa")


def test_a_name_that_phones_do_not_trust_it_for_is_refused(tmp_path: Path) -> None:
    ensure_certificate(tmp_path, NAMES)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(CertificateRefused, match=r"wine\.example"):
        ensure_certificate(tmp_path, ("winery.home.arpa", "wine.example"))
    with pytest.raises(CertificateRefused, match="no DNS name"):
        ensure_certificate(tmp_path, ("wein güter",))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_certificate_of_ones_own_stays(tmp_path: Path) -> None:
    (tmp_path / "tls_certificate").write_text("from the winery's own authority")
    (tmp_path / "tls_key").write_text("and its key")
    assert not ensure_certificate(tmp_path, NAMES)
    assert {path.name for path in tmp_path.iterdir()} == {"tls_certificate", "tls_key"}
