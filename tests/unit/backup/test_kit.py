"""The recovery kit is an age identity file, and says when it was mistyped."""

import re
from pathlib import Path

import pyrage
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backup.keys import KitFacts, Site
from backup.kit import read_kit, render_kit, render_page, render_printable
from backup.manifest import make_signing_key, read_verify_key
from backup.refusals import KeyRefused
from winery_appliance.core.clock import now

KEY = pyrage.x25519.Identity.generate()
SITE = Site(
    site="home",
    nas="1",
    mounted=True,
    custody="strict",
    verify_key=read_verify_key(make_signing_key()),
    operational=None,
    kits=(KitFacts(number=2, recipient=str(KEY.to_public()), made_at=now(), canary_sha256="00"),),
)
TEXT = render_kit(SITE, str(KEY), "/mnt/nas")


def test_a_kit_tells_what_a_restore_needs() -> None:
    kit = read_kit(TEXT)

    assert (kit.identity, kit.site, kit.verify_key) == (str(KEY), "home", SITE.verify_key)
    assert (kit.number, kit.recipient) == ("2", SITE.kit.recipient)


def test_every_line_but_the_key_is_a_comment() -> None:
    assert [line for line in TEXT.splitlines() if not line.startswith("#")] == [str(KEY)]


@given(st.integers(1, 73))
def test_the_key_may_be_typed_in_groups_and_small_letters(size: int) -> None:
    text = str(KEY).lower()
    typed = " ".join(text[place : place + size] for place in range(0, len(text), size))

    assert read_kit(typed).identity == str(KEY)


@pytest.mark.parametrize(
    "typed", ["", "AGE-SECRET-KEY-1", "hello", pytest.param(str(KEY)[:-1], id="cut")]
)
def test_what_is_no_key_is_refused(typed: str) -> None:
    with pytest.raises(KeyRefused):
        read_kit(typed)


def test_the_page_shows_the_key_as_code_and_in_groups_and_never_in_a_link() -> None:
    page = render_page(SITE, str(KEY), TEXT)

    assert "<svg" in page
    assert str(KEY)[:8] + " " + str(KEY)[8:16] in page
    assert "href" not in page


def test_the_pdf_holds_every_word_of_the_kit_and_the_key() -> None:
    """Its text is not compressed, so that it can be read here."""
    folder = "/mnt/kühlhaus (unten)/" + "sehr-weit-unten/" * 12
    text = TEXT.replace("/mnt/nas", folder)

    pdf = render_printable(Path("kit.pdf"), SITE, str(KEY), text)

    assert pdf.startswith(b"%PDF-")
    lines = [line for line in re.findall(rb"\((.*)\) Tj", pdf) if b" of 2" not in line]
    shown = b"".join(re.sub(rb"\\(.)", rb"\1", line) for line in lines).decode("cp1252")
    squeezed = "".join(shown.replace("#", "").split())
    assert str(KEY) in squeezed
    assert "".join("".join(text.splitlines()[:-1]).replace("#", "").split()) in squeezed


def test_a_long_kit_goes_on_on_a_further_page() -> None:
    pdf = render_printable(Path("kit.pdf"), SITE, str(KEY), "# a line\n" * 90 + str(KEY))

    assert pdf.count(b"# a line") == 90
    assert b"(1 of 2)" in pdf
    assert b"(2 of 2)" in pdf
