"""The early classifier that comes with the appliance, for wineries whose own past is too short to teach one.

`scripts/train_prior.py` makes the file and tells its digest. It holds plain arrays like a winery's own lessons; a file with
another digest is not opened, and one that another version of the library grew, or for other signs, is not asked.
"""

import hashlib
from functools import cache
from importlib.resources import files

import structlog

from winery_appliance.analysis_engine.forecasting.kept_lessons import pack_lessons, unpack_lessons
from winery_appliance.analysis_engine.forecasting.lessons import Early, Lessons

log = structlog.get_logger("winery.forecasts")

FILE = files(__package__) / "early_prior.bin"
# Of the file as it was trained; who changes one of both alone has a test against them.
SHA256 = "329800f01670cdc4ae9ef6966e181c2432566dbd26d0279d49fa1dace8704b06"
_KEY = b"shipped with the appliance"  # no secret: the digest tells that the file is ours


def pack_early(early: Early) -> bytes:
    """The content of the shipped file."""
    return pack_lessons(Lessons(early=early), _KEY)


def unpack_early(packed: bytes, digest: str) -> Early | None:
    """What `pack_early` packed; None for another digest, and what another version of the library or format made."""
    if hashlib.sha256(packed).hexdigest() != digest:
        return None
    lessons = unpack_lessons(packed, _KEY)
    return lessons.early if lessons is not None else None


@cache
def load_shipped_early() -> Early | None:
    """The shipped classifier, read once in a process; None where it must not be asked, then courses alone speak."""
    early = unpack_early(FILE.read_bytes(), SHA256)
    if early is None:
        log.warning("the shipped early classifier is not used: it is not of this version")
    return early
