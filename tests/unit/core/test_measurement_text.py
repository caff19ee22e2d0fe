"""What people type as a number, and what is refused with a sentence for them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from winery_appliance.core.units import UnreadableNumber, parse_measurement


@pytest.mark.parametrize(
    ("text", "value", "qualifier"),
    [
        ("21.4", 21.4, None),
        ("21,4", 21.4, None),
        ("1,085", 1.085, None),
        ("1.085", 1.085, None),
        ("  7 ", 7.0, None),
        ("\u00a024.1\u202f", 24.1, None),
        ("−1.4", -1.4, None),
        ("-1,4", -1.4, None),
        ("+3", 3.0, None),
        ("<5", 5.0, "<"),
        ("< 5", 5.0, "<"),
        (" >200", 200.0, ">"),
        ("< −0,5", -0.5, "<"),
        (".5", 0.5, None),
        ("5,", 5.0, None),
        ("007", 7.0, None),
        ("123456.789012", 123456.789012, None),
    ],
)
def test_readable(text: str, value: float, qualifier: str | None) -> None:
    assert parse_measurement(text) == (value, qualifier)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "<",
        "-",
        ".",
        ",",
        "1.234,5",
        "1,234.5",
        "1..5",
        "1 085",
        "1e3",
        "1E-3",
        "inf",
        "-Infinity",
        "nan",
        "0x1F",
        "1_000",
        "٢١",
        "２１",
        "²",
        "21.4 Bx",
        "21.4°",
        "--3",
        "- 3",
        "5<",
        "<<5",
        "<>5",
        "<=5",
        "≤5",
        "–3",
        "12/3",
        "1\n2",
        "1\x002",
        "1234567890123",
        "0.0000000000001",
        "9" * 10_000,
    ],
)
def test_unreadable(text: str) -> None:
    with pytest.raises(UnreadableNumber):
        parse_measurement(text)


def test_two_marks_are_explained() -> None:
    with pytest.raises(UnreadableNumber, match="two decimal marks"):
        parse_measurement("1.234,5")


def test_the_refusal_is_a_short_printable_sentence() -> None:
    with pytest.raises(UnreadableNumber) as refusal:
        parse_measurement("\x1b[31m" + "x" * 10_000)
    assert str(refusal.value).isprintable()
    assert len(str(refusal.value)) < 120


def test_zero_has_no_sign() -> None:
    assert str(parse_measurement("-0.0").value) == "0.0"


@given(
    number=st.decimals(-99999, 99999, places=3),
    mark=st.sampled_from(",."),
    minus=st.sampled_from(["-", "\N{MINUS SIGN}"]),
    blanks=st.tuples(st.sampled_from(["", " ", "\t"]), st.sampled_from(["", " ", "\n"])),
)
def test_a_decimal_number_is_read_as_it_was_meant(
    number: object, mark: str, minus: str, blanks: tuple[str, str]
) -> None:
    typed = f"{number:f}".replace(".", mark).replace("-", minus)
    before, after = blanks
    assert parse_measurement(f"{before}{typed}{after}").value == float(f"{number:f}")


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused_and_nothing_else(text: str) -> None:
    try:
        value, qualifier = parse_measurement(text)
    except UnreadableNumber:
        return
    assert abs(value) < 1e12
    assert qualifier in ("<", ">", None)
    assert text.strip().lstrip("<> ")[:1] in set("0123456789.,+-\N{MINUS SIGN}")
