"""The envelope: what comes out is what went in, or nothing is used; plain programs open it too."""

import io
import shutil
import subprocess
import sys
from pathlib import Path

import pyrage
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backup.envelope import seal, unseal
from backup.refusals import Damaged, KeyRefused

KEY = pyrage.x25519.Identity.generate()
SECOND = pyrage.x25519.Identity.generate()
BOTH = [str(KEY.to_public()), str(SECOND.to_public())]


def sealed_bytes(plain: bytes) -> bytes:
    sink = io.BytesIO()
    seal(io.BytesIO(plain), sink, BOTH)
    return sink.getvalue()


@given(st.binary(max_size=200_000), st.sampled_from([KEY, SECOND]))
def test_each_recipient_gets_back_what_went_in(plain: bytes, key: pyrage.x25519.Identity) -> None:
    sink, back = io.BytesIO(), io.BytesIO()
    said = seal(io.BytesIO(plain), sink, BOTH)

    found = unseal(io.BytesIO(sink.getvalue()), back, [str(key)], expected=said)

    assert back.getvalue() == plain
    assert (found.plain_size, found.size) == (len(plain), len(sink.getvalue()))


PLAIN = bytes(range(256)) * 1500
SEALED = sealed_bytes(PLAIN)


@settings(max_examples=300)
@given(st.data())
def test_no_flipped_bit_cut_or_addition_passes(data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(SEALED) - 1))
    kind = data.draw(st.sampled_from(["flip", "cut", "add"]))
    changed = bytearray(SEALED)
    if kind == "flip":
        changed[place] ^= 1 << data.draw(st.integers(0, 7))
    elif kind == "cut":
        del changed[place:]
    else:
        changed += data.draw(st.binary(min_size=1, max_size=50))

    with pytest.raises((Damaged, KeyRefused)):
        unseal(io.BytesIO(bytes(changed)), io.BytesIO(), [str(KEY)])


def test_an_object_in_the_place_of_another_is_noticed() -> None:
    said = seal(io.BytesIO(b"one"), io.BytesIO(), BOTH)

    with pytest.raises(Damaged):
        unseal(io.BytesIO(sealed_bytes(b"two")), io.BytesIO(), [str(KEY)], expected=said)


def test_another_key_opens_nothing_and_is_told_apart_from_damage() -> None:
    with pytest.raises(KeyRefused):
        unseal(io.BytesIO(SEALED), io.BytesIO(), [str(pyrage.x25519.Identity.generate())])


@given(st.integers(20, 73), st.sampled_from("QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L"))
def test_one_mistyped_character_of_the_key_is_caught(place: int, letter: str) -> None:
    text = str(KEY)
    typed = text[:place] + letter + text[place + 1 :]
    if typed != text:
        with pytest.raises(KeyRefused, match="mistyped"):
            unseal(io.BytesIO(SEALED), io.BytesIO(), [typed])


class Failing:
    """A source or sink whose disk fails after a while."""

    def __init__(self, fails_at: int) -> None:
        self.left = fails_at

    def read(self, size: int = -1, /) -> bytes:
        self.left -= size
        if self.left < 0:
            raise OSError(5, "Input/output error")
        return b"x" * size

    def write(self, data: bytes, /) -> int:
        self.left -= len(data)
        if self.left < 0:
            raise OSError(28, "No space left on device")
        return len(data)


def test_a_failing_disk_is_no_damage() -> None:
    with pytest.raises(OSError, match="Input/output"):
        seal(Failing(3_000_000), io.BytesIO(), BOTH)
    with pytest.raises(OSError, match="No space"):
        unseal(io.BytesIO(SEALED), Failing(1000), [str(KEY)])


GROW = """
import resource, sys
from backup.envelope import seal, unseal
class Many:
    def __init__(self, size): self.left = size
    def read(self, size=-1):
        size = min(size, self.left); self.left -= size
        return bytes(range(256)) * (size // 256)
key, recipient, mib = sys.argv[1], sys.argv[2], int(sys.argv[3])
with open(sys.argv[4], "wb") as file:
    said = seal(Many(mib << 20), file, [recipient])
class Nothing:
    def write(self, data): return len(data)
with open(sys.argv[4], "rb") as file:
    unseal(file, Nothing(), [key], expected=said)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_memory_does_not_grow_with_the_object(tmp_path: Path) -> None:
    def peak_kib(mib: int) -> int:
        command = [
            sys.executable,
            "-c",
            GROW,
            str(KEY),
            BOTH[0],
            str(mib),
            str(tmp_path / "object"),
        ]
        return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    assert peak_kib(512) < peak_kib(16) + 20 * 1024


@pytest.mark.skipif(
    not (shutil.which("age") and shutil.which("zstd")), reason="age and zstd are not installed"
)
def test_the_plain_programs_open_it(tmp_path: Path) -> None:
    (tmp_path / "object").write_bytes(SEALED)
    (tmp_path / "kit.txt").write_text(f"# a comment\n{KEY}\n")

    done = subprocess.run(
        "age -d -i kit.txt object | zstd -d", shell=True, cwd=tmp_path, capture_output=True
    )

    assert done.stdout == PLAIN
