"""What this machine tells of itself: room on a disk, whether a time server is followed, how long a certificate lasts."""

import ctypes
import os
from datetime import datetime
from pathlib import Path

from cryptography import x509

# linux/timex.h: the state that adjtimex(2) returns while nobody sets the clock, and the size of its structure.
_TIME_ERROR = 5
_TIMEX_BYTES = 208


def read_room(path: Path) -> tuple[int, int] | None:
    """Free and all bytes of the disk that `path` lies on; None where there is no such path."""
    try:
        facts = os.statvfs(path)
    except OSError:
        return None
    return facts.f_bavail * facts.f_frsize, facts.f_blocks * facts.f_frsize


def is_clock_followed() -> bool | None:
    """Whether this machine's clock follows a time server, by the kernel's word; None where it cannot be asked."""
    try:
        adjtimex = ctypes.CDLL(None, use_errno=True).adjtimex
    except (OSError, AttributeError):
        return None
    state = adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    return None if state < 0 else bool(state != _TIME_ERROR)


def find_expiry(certificate: Path) -> datetime | None:
    """Until when a certificate holds; None where there is none that can be read."""
    try:
        return x509.load_pem_x509_certificate(certificate.read_bytes()).not_valid_after_utc
    except (OSError, ValueError):
        return None
