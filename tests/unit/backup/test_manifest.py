"""Signed manifests: nothing forged, swapped or changed passes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backup.manifest import Body, make_signing_key, read_signed, read_verify_key, sign
from backup.refusals import Damaged

KEY = make_signing_key()
VERIFY = read_verify_key(KEY)


class Note(Body):
    """A manifest for these tests."""

    text: str


SIGNED = sign(Note(place="a/b.json", text="24.1 Brix"), KEY)


def test_what_was_signed_is_read_back() -> None:
    assert read_signed(SIGNED, Note, "a/b.json", VERIFY).text == "24.1 Brix"


@given(st.integers(0, len(SIGNED) - 1), st.integers(0, 7))
def test_no_flipped_bit_passes_as_another_content(place: int, bit: int) -> None:
    changed = bytearray(SIGNED)
    changed[place] ^= 1 << bit
    try:
        body = read_signed(bytes(changed), Note, "a/b.json", VERIFY)
    except Damaged:
        return
    # The key beside the signature is a hint for people; base64 has bits that mean nothing.
    assert body == read_signed(SIGNED, Note, "a/b.json", VERIFY)


@given(st.integers(0, len(SIGNED) - 1))
def test_no_cut_passes(end: int) -> None:
    if end < len(SIGNED) - 1:
        with pytest.raises(Damaged):
            read_signed(SIGNED[:end], Note, "a/b.json", VERIFY)


def test_another_signer_is_refused() -> None:
    forged = sign(Note(place="a/b.json", text="24.1 Brix"), make_signing_key())
    with pytest.raises(Damaged, match="not signed by this appliance"):
        read_signed(forged, Note, "a/b.json", VERIFY)


def test_a_valid_manifest_in_the_place_of_another_is_refused() -> None:
    with pytest.raises(Damaged, match="belongs to a"):
        read_signed(SIGNED, Note, "a/c.json", VERIFY)
