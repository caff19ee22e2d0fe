"""What probes publish is read as they mean it, and nothing else is taken for a reading."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from winery_appliance.core.errors import Invalid
from winery_appliance.core.units import Unit
from winery_appliance.devices.messages import Heard, MessageReader, NotUnderstood

NOW = datetime(2026, 9, 24, 6, 30, tzinfo=UTC)


def read(
    reader: MessageReader, topic: str, payload: str | bytes, *, retained: bool = False
) -> list[Heard]:
    raw = payload if isinstance(payload, bytes) else payload.encode()
    return reader.read(topic, raw, retained=retained, now=NOW)


def values(heard: list[Heard]) -> list[tuple[str, str, float, str]]:
    found = []
    for each in heard:
        for item in each.items:
            assert not isinstance(item, Invalid)
            found.append((each.code, item.quantity, item.value, str(item.unit)))
    return found


def test_an_ispindel_says_its_scale_after_its_first_temperature() -> None:
    reader = MessageReader()
    said = [("tilt", "54.3"), ("temperature", "70.7"), ("temp_units", "F"), ("battery", "3.9")]
    first = [each for what, text in said for each in read(reader, f"ispindel/Red/{what}", text)]
    assert values(first) == [("Red", "temperature", 70.7, Unit.fahrenheit)]
    assert values(read(reader, "ispindel/Red/gravity", "17.25")) == [
        ("Red", "sugar", 17.25, Unit.brix)
    ]
    again = read(reader, "ispindel/Red/temperature", "69.8")
    assert values(again) == [("Red", "temperature", 69.8, Unit.fahrenheit)]
    assert read(reader, "ispindel/Blue/temperature", "20") == [], "its scale is its own"


def test_json_is_read_in_the_shapes_that_bridges_send() -> None:
    reader = MessageReader()
    spindle = json.dumps({"name": "iSpindel01", "temperature": 21.5, "gravity": 1.07, "ID": 1})
    assert values(read(reader, "brewery/any", spindle)) == [
        ("iSpindel01", "temperature", 21.5, Unit.celsius),
        ("iSpindel01", "sugar", 1.07, Unit.sg),
    ]
    tilts = json.dumps({"tilts": {"Red": {"temp": 68, "gravity": 1.05}}})
    assert {code for code, *_ in values(read(reader, "tiltbridge/x", tilts))} == {"Tilt-Red"}


def test_a_reading_with_a_moment_of_its_own_keeps_it_and_a_wrong_one_beside_it_is_named() -> None:
    at = NOW - timedelta(hours=3)
    good = {"quantity": "temperature", "value": 18.5, "unit": "celsius", "read_at": at.isoformat()}
    body = json.dumps({"items": [good, {"quantity": "mood", "value": 1}]})
    (heard,) = read(MessageReader(), "winery/P-7/readings", body, retained=True)
    kept, refused = heard.items
    assert (heard.code, isinstance(refused, Invalid)) == ("P-7", True)
    assert not isinstance(kept, Invalid)
    assert kept.read_at == at


def test_what_the_broker_kept_is_no_reading_of_now() -> None:
    reader = MessageReader()
    assert read(reader, "ispindel/Red/temp_units", "C", retained=True) == []
    assert read(reader, "ispindel/Red/temperature", "21", retained=True) == []
    assert read(reader, "x/y", json.dumps({"name": "Red", "gravity": 1.05}), retained=True) == []
    assert len(read(reader, "ispindel/Red/temperature", "21")) == 1, "but the scale holds"


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        ("ispindel/Red/temp_units", "Réaumur"),
        ("ispindel/Red/gravity", "much"),
        ("ispindel/Red/gravity", "nan"),
        ("ispindel//gravity", "1.05"),
        ("temperature", "20"),
        ("x", "{broken"),
        ("x", '{"a":' * 100_000),
        ("readings", '{"items": [1]}'),
        ("x/y", '{"items": []}'),
        ("x", '{"name": "Red", "temperature": NaN}'),
        ("x", b"{" + b" " * 300_000 + b"}"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_reason(topic: str, payload: str | bytes) -> None:
    with pytest.raises(NotUnderstood, match=r"."):
        read(MessageReader(), topic, payload)


@given(
    st.lists(
        st.tuples(
            st.one_of(
                st.text(max_size=40),
                st.sampled_from(
                    ["ispindel/A/temperature", "ispindel/A/temp_units", "w/A/readings"]
                ),
            ),
            st.one_of(
                st.binary(max_size=200),
                st.recursive(
                    st.none() | st.floats() | st.text(max_size=9),
                    lambda inner: (
                        st.dictionaries(
                            st.sampled_from(["items", "tilts", "name", "gravity", "temp", "Red"]),
                            inner,
                        )
                        | st.lists(inner, max_size=4)
                    ),
                    max_leaves=8,
                ).map(lambda body: json.dumps(body).encode()),
            ),
        ),
        max_size=6,
    )
)
def test_whatever_is_published_nothing_breaks(messages: list[tuple[str, bytes]]) -> None:
    reader = MessageReader()
    for topic, payload in messages:
        try:
            heard = reader.read(topic, payload, retained=False, now=NOW)
        except NotUnderstood:
            continue
        assert all(each.code for each in heard)
