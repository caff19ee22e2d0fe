"""The inbox of alarms: read in the morning, acted on with one tap, without script."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from tests.integration.analysis_engine.test_analysis import FALLING, FLAT, record
from tests.integration.analysis_engine.test_anomalies import find
from tests.integration.browser import Browser
from tests.integration.conftest import Tank
from winery_appliance.analysis_engine.alarm_routes import find_moment


def press(browser: Browser, anomaly: dict[str, Any], what: str, **form: str) -> str:
    """Press a key in the inbox; the page that is shown then."""
    form["csrf_token"] = browser.token("/anomalies")
    answer = browser.client.post(
        f"/anomalies/{anomaly['id']}/{what}", data=form, follow_redirects=True
    )
    assert answer.status_code == 200, answer.text
    return answer.text


def test_an_alarm_is_taken_given_snoozed_and_reopened_from_the_inbox(
    app: Flask, tank: Tank, work_off: Callable[[], int]
) -> None:
    record(tank, FALLING + FLAT)
    work_off()
    stuck = find(tank.api)
    marco, vera = Browser(app), Browser(app)
    marco.sign_in("marco")
    vera.sign_in("vera")
    page = marco.client.get("/anomalies").text
    assert "1 to act on" in page
    assert page.index("Act now") < page.index("Worth knowing") if "Worth knowing" in page else True
    assert "I have it" in page
    assert "I have it" not in vera.client.get("/anomalies").text
    form = {"csrf_token": vera.token("/anomalies")}
    refused = vera.client.post(f"/anomalies/{stuck['id']}/acknowledge", data=form)
    assert refused.status_code == 403

    assert "Marco has it" in press(marco, stuck, "acknowledge")
    wine = press(marco, stuck, "acknowledge", wine=str(tank.id))
    assert "Marco has it" in wine, "from the wine's page one comes back to it"
    assert f"/anomalies/{stuck['id']}/reopen" in wine

    bruno = tank.api.get("/users").json["items"]
    (bruno_id,) = [person["id"] for person in bruno if person["username"] == "bruno"]
    press(marco, stuck, "assign", **{f"assigned_to_{stuck['id']}": str(bruno_id)})
    assert find(tank.api)["assigned_to_name"] == "Bruno"
    strange = press(marco, stuck, "assign", **{f"assigned_to_{stuck['id']}": "9" * 18})
    assert "There is no such person in this winery." in strange

    assert "It sleeps." in press(marco, stuck, "snooze", **{f"until_{stuck['id']}": "7"})
    assert ">Stuck<" not in marco.client.get("/anomalies").text.replace("<b>", ">")
    asleep = marco.client.get("/anomalies?show=snoozed").text
    assert "Sleeps until" in asleep
    board = marco.client.get("/").text
    assert "Stuck." not in board, "the board does not ask for what sleeps"
    assert "It is open again." in press(marco, stuck, "reopen", show="one")

    record(tank, [(188, 6.9), (212, 5.2)])
    work_off()
    assert "The readings say it is over" in marco.client.get("/anomalies?show=cleared").text
    told = press(marco, stuck, "acknowledge")
    assert "This alarm was cleared" in told
    history = marco.client.get(f"/anomalies/{stuck['id']}").text
    for word in ("Opened", "Taken", "Assigned", "Snoozed", "Open again", "Cleared by itself"):
        assert word in history
    assert marco.client.get("/anomalies/999").status_code == 404


@given(
    st.sampled_from(["1", "2", "7", "4h", "", "nonsense"]),
    st.datetimes(min_value=datetime(2020, 1, 1), max_value=datetime(2035, 1, 1)),  # noqa: DTZ001
    st.sampled_from(["Europe/Madrid", "America/Los_Angeles", "Australia/Adelaide", "UTC"]),
)
def test_a_snooze_ends_ahead_and_in_the_morning(choice: str, at: datetime, zone: str) -> None:
    now = at.replace(tzinfo=UTC)
    until = find_moment(choice, now, ZoneInfo(zone))
    assert now < until <= now + timedelta(days=8)
    if choice != "4h":
        assert until.astimezone(ZoneInfo(zone)).hour == 6
