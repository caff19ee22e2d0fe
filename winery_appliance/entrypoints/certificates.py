"""The winery's own certificate authority and the certificate that the front server shows.

The authority is bound to the winery's names (RFC 5280, 4.2.1.10): whoever trusts it trusts it for this appliance and for
nothing else. The certificate holds what browsers ask of one: names in the SAN, `serverAuth`, and at most 398 days
(CA/Browser Forum baseline requirements, 6.3.2).
"""

import ipaddress
import os
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from winery_appliance.core import clock

AUTHORITY_LASTS = timedelta(days=3650)
CERTIFICATE_LASTS = timedelta(days=397)
RENEWED_BEFORE = timedelta(days=30)
BEGUN_BEFORE = timedelta(hours=1)  # a phone's clock may be behind
AUTHORITY, AUTHORITY_KEY = "ca_certificate", "ca_key"
CERTIFICATE, KEY = "tls_certificate", "tls_key"


class CertificateRefused(Exception):
    """The certificate cannot be made; the text says why and what to do."""


def ensure_certificate(directory: Path, names: Iterable[str]) -> bool:
    """Make in `directory` what is missing of the authority and its certificate for `names`, and renew the certificate in
    its last 30 days, and one that begins later than now, as a clock that ran ahead made it; whether anything was made. A
    certificate beside which no authority's key lies is IT's own and stays.

    `names`: DNS names and IP addresses by which browsers call the appliance, the first one also the display name. Raises
    CertificateRefused when the authority that is here may not speak for one of them.
    """
    wanted = [_read_name(name) for name in names]
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if (directory / CERTIFICATE).exists() and not (directory / AUTHORITY_KEY).exists():
        return False
    if not (directory / AUTHORITY_KEY).exists():
        _make_authority(directory, wanted)
    authority = x509.load_pem_x509_certificate((directory / AUTHORITY).read_bytes())
    _check_names(authority, wanted)
    if _is_current(directory, authority, wanted):
        return False
    _make_certificate(directory, authority, wanted)
    return True


def fingerprint(directory: Path) -> str:
    """SHA-256 of the authority's certificate as people compare it, in pairs."""
    authority = x509.load_pem_x509_certificate((directory / AUTHORITY).read_bytes())
    return authority.fingerprint(hashes.SHA256()).hex(":").upper()


def _read_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        pass
    try:
        return x509.DNSName(name.lower())
    except ValueError as error:
        raise CertificateRefused(
            f"{name} is no DNS name in ASCII and no IP address. Nothing was made."
        ) from error


def _permit(name: x509.GeneralName) -> x509.GeneralName:
    """The constraint under which an authority may speak for `name`."""
    if isinstance(name, x509.IPAddress):
        return x509.IPAddress(ipaddress.ip_network(name.value))
    return name


def _constrain(names: list[x509.GeneralName]) -> x509.NameConstraints:
    """`names` only. A form of name that is not among them must be shut out by itself: no word about it permits all."""
    forms = {type(name) for name in names}
    shut: list[x509.GeneralName] = []
    if x509.IPAddress not in forms:
        shut += [x509.IPAddress(ipaddress.ip_network(every)) for every in ("0.0.0.0/0", "::/0")]
    if x509.DNSName not in forms:
        shut.append(x509.DNSName(""))
    return x509.NameConstraints([_permit(name) for name in names], shut or None)


def _make_authority(directory: Path, names: list[x509.GeneralName]) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _title(f"{names[0].value} winery CA")
    builder = _begin(subject, subject, key.public_key(), AUTHORITY_LASTS)
    certificate = (
        builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .add_extension(_constrain(names), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    _write(directory / AUTHORITY, _pem(certificate), 0o444)
    _write(directory / AUTHORITY_KEY, _pem(key), 0o440)


def _make_certificate(
    directory: Path, authority: x509.Certificate, names: list[x509.GeneralName]
) -> None:
    loaded = serialization.load_pem_private_key((directory / AUTHORITY_KEY).read_bytes(), None)
    if not isinstance(loaded, ec.EllipticCurvePrivateKey):
        raise CertificateRefused(f"{directory / AUTHORITY_KEY} is not the key this command makes.")
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        _begin(_title(str(names[0].value)), authority.subject, key.public_key(), CERTIFICATE_LASTS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(loaded.public_key()), critical=False
        )
        .sign(loaded, hashes.SHA256())
    )
    # Key first: a front server that reads in between refuses the pair and goes on with the one it has.
    _write(directory / KEY, _pem(key), 0o440)
    _write(directory / CERTIFICATE, _pem(certificate), 0o444)


def _check_names(authority: x509.Certificate, names: list[x509.GeneralName]) -> None:
    permitted = authority.extensions.get_extension_for_class(x509.NameConstraints).value
    allowed = permitted.permitted_subtrees or []
    foreign = [str(name.value) for name in names if _permit(name) not in allowed]
    if foreign:
        raise CertificateRefused(
            f"The authority that phones already trust may not speak for {', '.join(foreign)}. Nothing was changed. "
            f"Keep to its names, or move {AUTHORITY} and {AUTHORITY_KEY} away: a new one is made, and every phone "
            "has to be told to trust it."
        )


def _is_current(
    directory: Path, authority: x509.Certificate, names: list[x509.GeneralName]
) -> bool:
    try:
        held = x509.load_pem_x509_certificate((directory / CERTIFICATE).read_bytes())
        key = serialization.load_pem_private_key((directory / KEY).read_bytes(), None)
        held.verify_directly_issued_by(authority)
        known = held.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except Exception:  # noqa: BLE001 - whatever is wrong with it, a new one is made
        return False
    if list(known) != names or key.public_key() != held.public_key():
        return False
    moment = clock.now()
    if moment < authority.not_valid_before_utc:
        return True  # the clock fell back to before the installation: what is made now would have ended long ago
    return held.not_valid_before_utc <= moment < held.not_valid_after_utc - RENEWED_BEFORE


def _begin(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, lasts: timedelta
) -> x509.CertificateBuilder:
    begin: datetime = clock.now() - BEGUN_BEFORE
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + lasts)
    )


def _title(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text[:64])])


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(made: x509.Certificate | ec.EllipticCurvePrivateKey) -> bytes:
    if isinstance(made, x509.Certificate):
        return made.public_bytes(serialization.Encoding.PEM)
    return made.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _write(path: Path, content: bytes, mode: int) -> None:
    """`content` in `path`, whole or not at all."""
    draft = path.with_name(f".{path.name}.new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fchmod(descriptor, mode)
        os.fsync(descriptor)
    draft.replace(path)
