"""Photos: what a person sends is drawn anew by a process with narrow limits before anything else touches it."""

import hashlib
import json
import subprocess
import sys
import threading
from dataclasses import dataclass

from winery_appliance.core.errors import Invalid, Unavailable, refuse_field
from winery_appliance.core.words import say

# A photo of 50 megapixels, well compressed, with what a form puts around it.
MOST_SENT_BYTES = 20 * 1024 * 1024
PROGRAM = "winery_appliance.cellar_work.photo_redrawing"
REFUSED = 3
# The process has 10 s of the processor; on a busy machine they take a multiple of that.
TIMEOUT_S = 60
# One picture at a time may take up to a gigabyte, and the appliance has other work to do.
PATIENCE_S = 20
_one_at_a_time = threading.BoundedSemaphore(1)


@dataclass(frozen=True)
class Photo:
    """A photo as it is kept: JPEG, upright, without metadata; `thumbnail` is the same, small."""

    image: bytes
    thumbnail: bytes
    width: int
    height: int

    @property
    def digest(self) -> str:
        """What tells one photo from another."""
        return hashlib.sha256(self.image).hexdigest()[:32]


def redraw_photo(sent: bytes) -> Photo:
    """`sent`, drawn anew; call it outside of a transaction, since it takes its time.

    Raises Invalid for what is no picture, is damaged, moves, or has too many pixels, and Unavailable when many photos
    come at once.
    """
    if not _one_at_a_time.acquire(timeout=PATIENCE_S):
        raise Unavailable(
            say("Many photos come in just now. Nothing was saved. Try again in a few seconds.")
        )
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-m", PROGRAM],
            input=sent,
            capture_output=True,
            timeout=TIMEOUT_S,
            env={},  # it shall know nothing that it could tell
            cwd="/",
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise _refusal("too_hard", say("This picture takes too long to open.")) from error
    finally:
        _one_at_a_time.release()
    if done.returncode == REFUSED:
        told = json.loads(done.stdout)
        raise _refusal(told["code"], told["detail"])
    if done.returncode < 0:  # a signal: the processor's time was used up, or a decoder broke
        raise _refusal("too_hard", say("This picture cannot be opened safely."))
    if done.returncode != 0:
        raise RuntimeError(f"redrawing failed: {done.stderr.decode(errors='replace')}")
    head, _, rest = done.stdout.partition(b"\n")
    told = json.loads(head)
    image, thumbnail = rest[: told["photo"]], rest[told["photo"] :]
    assert len(thumbnail) == told["thumbnail"]
    return Photo(image, thumbnail, told["width"], told["height"])


def _refusal(code: str, detail: str) -> Invalid:
    return refuse_field("photo", code, detail, end=say("Nothing was saved. Send another one."))
