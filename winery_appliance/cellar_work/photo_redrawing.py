"""A program of its own that draws a stranger's picture anew: `python -m …photo_redrawing <picture >result`.

What a picture can do to the one who decodes it (use up memory, never end, break a decoder) it does to this process, which
has no secrets and narrow limits. What comes out was written by our own encoder: nothing of the
file's other contents (place and time of the shot, a page or archive hidden behind the picture) comes along.

It answers on stdout with one line of JSON and then the bytes that the line counts, and ends with 0, or with REFUSED and a
line that says why.
"""

import io
import json
import resource
import sys
import warnings

from PIL import Image, UnidentifiedImageError

# Telephones make pictures of 50 megapixels; more is refused before anything is decoded.
MOST_PIXELS = 52_000_000
LONGEST_SIDE = 2048
THUMBNAIL_SIDE = 320
MOST_BYTES = 1_000_000
# JPEG from cameras, PNG from screens, WebP from browsers.
FORMATS = ("JPEG", "PNG", "WEBP")
# Tried in turn until the picture fits: longest side and JPEG quality.
TRIES = ((2048, 85), (2048, 70), (1600, 60), (1280, 50), (1024, 40), (800, 30))
# Twice what the largest picture takes: decoded with four bytes a pixel, and copied once while it is made smaller.
MEMORY_BYTES = 1024 * 1024 * 1024
CPU_S = 10
# EXIF 2.32, tag Orientation: how to turn what the sensor saw.
ORIENTATION = 0x0112
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
REFUSED = 3


class Refused(Exception):
    """The picture is not taken: a machine's word and a sentence."""


def redraw(given: bytes) -> tuple[bytes, bytes, tuple[int, int]]:
    """The picture as JPEG of at most 1 MB, a small one of it, and its width and height, upright and without metadata.

    Raises Refused.
    """
    picture = _open(given)
    # JPEG can be decoded at a half or a quarter of its size, for a quarter or a sixteenth of the memory.
    picture.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))
    picture.load()
    upright = _flatten(picture)
    photo, size = _fit(upright)
    upright.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    return photo, _write(upright, 75), size


def _open(given: bytes) -> Image.Image:
    Image.MAX_IMAGE_PIXELS = None  # ours is asked below, and says it in our words
    try:
        picture = Image.open(io.BytesIO(given), formats=FORMATS)
    except UnidentifiedImageError as error:
        raise Refused("not_a_picture", "This is no JPEG, PNG or WebP picture.") from error
    if picture.width * picture.height > MOST_PIXELS:
        raise Refused(
            "too_many_pixels",
            f"This picture has {picture.width} × {picture.height} pixels; "
            f"at most {MOST_PIXELS // 1_000_000} megapixels can be taken.",
        )
    # JPEG with further pictures behind the first (MPO) does not move; many telephones write it.
    if picture.format != "MPO" and getattr(picture, "is_animated", False):
        raise Refused("animated", "This picture moves. Send one that stands still.")
    return picture


def _flatten(picture: Image.Image) -> Image.Image:
    """The picture in plain colours, no larger than is kept, turned the way the camera was held."""
    if picture.mode == "P":
        picture = picture.convert("RGBA")
    orientation = picture.getexif().get(ORIENTATION)
    picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    if picture.mode in ("RGBA", "LA", "PA", "La", "RGBa"):
        seen = picture.convert("RGBA")
        picture = Image.new("RGB", seen.size, "white")
        picture.paste(seen, mask=seen.getchannel("A"))
    picture = picture.convert("RGB")
    if orientation in UPRIGHT:
        picture = picture.transpose(UPRIGHT[orientation])
    picture.info.clear()  # a comment would be written out again
    return picture


def _fit(picture: Image.Image) -> tuple[bytes, tuple[int, int]]:
    for side, quality in TRIES:
        smaller = picture.copy()
        smaller.thumbnail((side, side))
        photo = _write(smaller, quality)
        if len(photo) <= MOST_BYTES:
            return photo, smaller.size
    raise Refused("too_large", "This picture cannot be made small enough.")


def _write(picture: Image.Image, quality: int) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=quality, optimize=True)
    return out.getvalue()


def _limit_self() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main() -> int:
    """Draw the picture on stdin anew; the exit code."""
    Image.init()  # what will be needed is loaded before there are limits
    _limit_self()
    warnings.simplefilter("ignore")
    try:
        photo, thumbnail, (width, height) = redraw(sys.stdin.buffer.read())
    except Refused as refused:
        code, detail = refused.args
        print(json.dumps({"code": code, "detail": detail}))  # noqa: T201 -- this is its answer
        return REFUSED
    except MemoryError:
        told = {"code": "too_large", "detail": "This picture takes too much memory to open."}
        print(json.dumps(told))  # noqa: T201
        return REFUSED
    except Exception as error:  # noqa: BLE001 -- decoders raise whatever they like at broken files
        detail = f"This picture is damaged ({type(error).__name__})."
        print(json.dumps({"code": "damaged", "detail": detail}))  # noqa: T201
        return REFUSED
    head = {"photo": len(photo), "thumbnail": len(thumbnail), "width": width, "height": height}
    sys.stdout.buffer.write(json.dumps(head).encode() + b"\n" + photo + thumbnail)
    sys.stdout.buffer.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
