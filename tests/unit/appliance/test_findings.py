"""What is said of a server, and what leaves the house with a support bundle."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.doctor import judge_certificate
from appliance.findings import Level
from appliance.preflight import look
from appliance.support import Blackener


@pytest.mark.parametrize(
    ("days", "level"),
    [
        (397, Level.PASS),
        (31, Level.PASS),
        (30, Level.WARN),
        (14, Level.WARN),
        (8, Level.WARN),
        (7, Level.FAIL),
        (-1, Level.FAIL),
    ],
)
def test_a_certificate_that_ends_is_said_in_time(days: int, level: Level) -> None:
    finding = judge_certificate(days)
    assert finding.level is level
    assert bool(finding.advice) == (level is not Level.PASS)


def test_a_machine_of_another_kind_is_told_so_and_what_to_do() -> None:
    findings = {f.check: f for f in look(architecture="vax", ports=(), nas=None, installed=False)}
    assert findings["architecture"].level is Level.FAIL
    assert findings["architecture"].advice
    assert {"memory", "disk", "processors", "clock", "system"} <= set(findings)


WORDS = st.text(st.characters(codec="utf-8", categories=("L", "N", "P")), max_size=30)


@given(
    WORDS, WORDS, st.from_regex(r"[a-z]{3,12}\.[a-z]{3,12}@[a-z]{3,12}\.example", fullmatch=True)
)
def test_no_secret_no_person_and_no_address_leaves_the_house(
    before: str, after: str, person: str
) -> None:
    secret = "Zk3+vault/of-the.house=="
    line = json.dumps(
        {"event": before, "login": "Inés", "note": f"{secret} {person} 192.168.1.77 {after}"}
    )
    told = Blackener(iter([secret + "\n"])).blacken(line + "\nSetup code: S4HC-J6V7-HNFS\n")
    for word in (secret, person, "In\\u00e9s", "192.168.1.77", "S4HC-J6V7"):
        assert word not in told


def test_the_same_address_has_the_same_stand_in_all_through() -> None:
    blackener = Blackener(iter(()))
    one = blackener.blacken("10.0.0.5 asked, 10.0.0.6 too, 127.0.0.1 answered")
    assert one == "[address-1] asked, [address-2] too, 127.0.0.1 answered"
    assert blackener.blacken("again 10.0.0.6") == "again [address-2]"
