"""Mending the book: what a correction changes, what it leaves to be seen, and who may."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import psycopg
import pytest
from sqlalchemy import text
from werkzeug.test import TestResponse

from tests.conftest import Cast, Winery
from tests.integration.conftest import Api, Tank
from winery_appliance.core.errors import NotAllowed
from winery_appliance.core.schema import check_models, downgrade, migrate
from winery_appliance.fermentation.commands import VoidSample
from winery_appliance.fermentation.queries import read_samples
from winery_appliance.fermentation.sample_corrections import void_sample

FALLING = [(6, 24.0), (30, 20.1), (54, 15.2), (78, 10.4), (102, 8.3)]


def recorded(tank: Tank, value: str, **more: Any) -> int:
    answer = tank.record(value, **more)
    assert answer.status_code == 201, answer.text
    return int(answer.json["id"])


def fix(value: str, **more: Any) -> dict[str, Any]:
    return {
        "client_uuid": str(uuid4()),
        "value": value,
        "unit": "brix",
        "reason": "Read the wrong scale.",
        **more,
    }


def correct(api: Api, sample_id: int, value: str, **more: Any) -> TestResponse:
    return api.post(f"/samples/{sample_id}/correct", fix(value, **more))


def void(api: Api, sample_id: int, **more: Any) -> TestResponse:
    body = {"client_uuid": str(uuid4()), "reason": "Of another tank.", **more}
    return api.post(f"/samples/{sample_id}/void", body)


def listed(tank: Tank, query: str = "") -> list[str]:
    items = tank.api.get(f"/fermentations/{tank.id}/samples{query}").json["items"]
    return [item["value"] for item in items]


def chain(api: Api, sample_id: int) -> list[tuple[str, bool]]:
    items = api.get(f"/samples/{sample_id}/history").json["items"]
    return [(item["value"], item["voids"]) for item in items]


def test_a_correction_takes_the_place_of_the_reading_and_both_can_be_seen(tank: Tank) -> None:
    wrong = recorded(tank, "24.0", hours=5)
    answer = correct(tank.api, wrong, "22.4")
    assert answer.status_code == 201
    right = answer.json
    assert (right["supersedes_id"], right["reason"]) == (wrong, "Read the wrong scale.")
    assert right["measured_at"] == (tank.started_at + timedelta(hours=5)).isoformat()
    assert listed(tank) == ["22.4"]
    assert listed(tank, "?history=true") == ["24.0", "22.4"]
    again = correct(tank.api, right["id"], "22.5")
    assert again.status_code == 201
    for member in (wrong, right["id"], again.json["id"]):
        assert chain(tank.api, member) == [("24.0", False), ("22.4", False), ("22.5", False)]
    assert listed(tank) == ["22.5"]


def test_a_chain_holds_nothing_of_other_readings(tank: Tank) -> None:
    first, second = recorded(tank, "24.0", hours=2), recorded(tank, "23.0", hours=20)
    correct(tank.api, first, "23.9")
    assert chain(tank.api, second) == [("23.0", False)]


def test_a_voided_reading_counts_no_more_and_stays_to_be_seen(
    tank: Tank, book: Winery, cast: Cast
) -> None:
    kept, strange = recorded(tank, "24.0", hours=2), recorded(tank, "20.0", hours=20)
    answer = void(tank.api, strange)
    assert (answer.status_code, answer.json["voids"]) == (201, True)
    assert listed(tank) == ["24.0"]
    assert listed(tank, "?history=true") == ["24.0", "20.0", "20.0"]
    assert chain(tank.api, strange) == [("20.0", False), ("20.0", True)]
    with book.app.transaction(cast.ana.winery_id) as session:
        assert len(read_samples(session, tank.id)) == 1
    assert void(tank.api, answer.json["id"]).json["code"] == "superseded"
    assert correct(tank.api, kept, "23.8").status_code == 201


@pytest.mark.parametrize("verb", ["correct", "void"])
def test_a_reading_is_mended_once(tank: Tank, verb: str) -> None:
    wrong = recorded(tank, "24.0")
    mend = correct(tank.api, wrong, "23.0") if verb == "correct" else void(tank.api, wrong)
    assert mend.status_code == 201
    for second in (correct(tank.api, wrong, "22.0"), void(tank.api, wrong)):
        assert (second.status_code, second.json["code"]) == (409, "superseded")


@pytest.mark.parametrize("verb", ["correct", "void"])
def test_a_retry_gets_the_first_result_and_changes_nothing(tank: Tank, verb: str) -> None:
    wrong = recorded(tank, "24.0")
    body = fix("23.0") if verb == "correct" else {"client_uuid": str(uuid4()), "reason": "Slip."}
    first = tank.api.post(f"/samples/{wrong}/{verb}", body)
    again = tank.api.post(f"/samples/{wrong}/{verb}", body)
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json == first.json
    other = tank.api.post(f"/samples/{wrong}/{verb}", {**body, "reason": "Another."})
    assert (other.status_code, other.json["code"]) == (409, "uuid_reused")


def test_the_uuid_of_a_reading_is_not_one_of_a_correction(tank: Tank) -> None:
    body = tank.body("24.0")
    wrong = tank.send(body).json["id"]
    answer = correct(tank.api, wrong, "23.0", client_uuid=body["client_uuid"])
    assert (answer.status_code, answer.json["code"]) == (409, "uuid_reused")
    assert listed(tank) == ["24.0"]


def test_a_correction_is_judged_without_what_it_replaces_and_by_the_others(tank: Tank) -> None:
    recorded(tank, "24.0", hours=100)
    slip = recorded(tank, "2.0", hours=124, confirm=True)
    assert correct(tank.api, slip, "22.0").status_code == 201, "20 °Bx up from the slip is no rise"
    low = recorded(tank, "20.0", hours=148)
    asked = correct(tank.api, low, "23.5")
    assert (asked.status_code, asked.json["code"]) == (422, "needs_confirmation")
    assert [fault["code"] for fault in asked.json["fields"]] == ["sugar_rose"]
    kept = correct(tank.api, low, "23.5", confirm=True)
    assert (kept.status_code, kept.json["confirmed"]) == (201, True)


def test_what_was_superseded_or_voided_judges_no_new_reading(tank: Tank) -> None:
    recorded(tank, "24.0", hours=100)
    slip = recorded(tank, "2.0", hours=124, confirm=True)
    assert void(tank.api, slip).status_code == 201
    assert tank.record("21.0", hours=148).status_code == 201
    slip = recorded(tank, "1.0", hours=150, confirm=True)
    assert correct(tank.api, slip, "20.5").status_code == 201
    assert tank.record("20.0", hours=151).status_code == 201


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"value": "204"}, "out_of_range"),
        ({"unit": "celsius"}, "wrong_unit"),
        ({"measured_at": "2190-01-01T00:00:00+00:00"}, "in_future"),
        ({"measured_at": "2000-01-01T00:00:00+00:00"}, "before_start"),
    ],
)
def test_what_cannot_be_is_refused(tank: Tank, change: dict[str, str], code: str) -> None:
    wrong = recorded(tank, "24.0")
    answer = correct(tank.api, wrong, **{"value": "23.0", **change}, confirm=True)
    assert (answer.status_code, answer.json["code"]) == (422, code)
    assert listed(tank, "?history=true") == ["24.0"]


@pytest.mark.parametrize(
    "change",
    [
        {"reason": ""},
        {"reason": "\x00"},
        {"reason": "x" * 501},
        {"client_uuid": "1"},
        {"surprise": 1},
    ],
)
@pytest.mark.parametrize("verb", ["correct", "void"])
def test_malformed_bodies_are_refused_with_the_field(
    tank: Tank, verb: str, change: dict[str, Any]
) -> None:
    wrong = recorded(tank, "24.0")
    answer = (
        correct(tank.api, wrong, "23.0", **change)
        if verb == "correct"
        else void(tank.api, wrong, **change)
    )
    assert answer.status_code == 422
    assert answer.json["fields"][0]["path"] == next(iter(change))
    assert listed(tank, "?history=true") == ["24.0"]


def test_history_is_asked_for_by_true_or_false(tank: Tank) -> None:
    assert tank.api.get(f"/fermentations/{tank.id}/samples?history=yes").status_code == 422
    assert tank.api.get("/samples/999999/history").status_code == 404


def test_a_hydrometer_temperature_stays_unless_something_is_said_of_it(tank: Tank) -> None:
    def record(hours: float) -> int:
        return recorded(tank, "1.0800", unit="sg", sample_temperature=30, hours=hours, confirm=True)

    kept = correct(tank.api, record(1), "1.0810", unit="sg").json
    assert kept["sample_temperature"] == 30
    gone = correct(
        tank.api, record(2), "1.0810", unit="sg", sample_temperature=None, confirm=True
    ).json
    assert gone["sample_temperature"] is None
    assert kept["canonical_value"] > gone["canonical_value"] + 2


def test_the_analysis_forgets_a_slip_that_was_mended(
    tank: Tank, work_off: Callable[[], int]
) -> None:
    for hours, brix in FALLING:
        recorded(tank, f"{brix:.1f}", hours=hours)
    flat = [recorded(tank, "8.2", hours=hours) for hours in (126, 138, 152)]

    def analysis() -> tuple[list[str], int]:
        work_off()
        found = tank.api.get(f"/fermentations/{tank.id}/analysis").json
        # The tank was read for the last time days ago, and the analysis says that, too.
        troubles = [a["check"] for a in found["anomalies"] if a["check"] != "missing_reading"]
        return troubles, found["covers_samples"]

    assert analysis() == (["stuck"], 8)
    for sample_id, brix in zip(reversed(flat), ("5.2", "6.1", "6.9"), strict=True):
        assert correct(tank.api, sample_id, brix).status_code == 201
    assert analysis() == ([], 8)
    last = tank.api.get(f"/fermentations/{tank.id}/samples").json["items"][-1]
    assert void(tank.api, last["id"]).status_code == 201
    assert analysis()[1] == 7


def test_an_alarm_does_not_outlive_the_last_reading(
    tank: Tank, work_off: Callable[[], int], book: Winery
) -> None:
    hot = recorded(tank, "39.5", sample_type="temperature", unit="celsius", hours=1, confirm=True)
    work_off()
    path = f"/fermentations/{tank.id}/analysis"
    assert tank.api.get(path).json["anomalies"] != []
    assert void(tank.api, hot).status_code == 201
    work_off()
    assert tank.api.get(path).json["anomalies"] == []


def test_a_reading_voided_no_longer_holds_back_the_end(tank: Tank) -> None:
    late = recorded(tank, "24.0", hours=100)
    at = {"at": (tank.started_at + timedelta(hours=90)).isoformat()}
    assert tank.api.post(f"/fermentations/{tank.id}/complete", at).status_code == 422
    assert void(tank.api, late).status_code == 201
    assert tank.api.post(f"/fermentations/{tank.id}/complete", at).status_code == 200


def test_the_cancelled_are_left_alone(tank: Tank) -> None:
    wrong = recorded(tank, "24.0")
    tank.api.post(f"/fermentations/{tank.id}/cancel", {})
    for answer in (correct(tank.api, wrong, "23.0"), void(tank.api, wrong)):
        assert (answer.status_code, answer.json["code"]) == (409, "fermentation_cancelled")


class TestWhoMay:
    """Owner and winemaker any reading; a cellar hand his own on the day he typed it."""

    def test_anybody_of_rank_mends_anybodys(
        self, tank: Tank, sign_in_api: Callable[[str], Api]
    ) -> None:
        tank.api = sign_in_api("bruno")
        first, second = recorded(tank, "24.0", hours=1), recorded(tank, "23.0", hours=9)
        assert correct(sign_in_api("ana"), first, "23.9").status_code == 201
        assert void(sign_in_api("marco"), second).status_code == 201

    def test_a_cellar_hand_mends_his_own_only(
        self, tank: Tank, sign_in_api: Callable[[str], Api]
    ) -> None:
        bruno = sign_in_api("bruno")
        anas = recorded(tank, "24.0", hours=1)
        for answer in (correct(bruno, anas, "23.0"), void(bruno, anas)):
            assert (answer.status_code, answer.json["code"]) == (403, "not_yours_today")
        tank.api = bruno
        own = recorded(tank, "23.0", hours=9)
        mended = correct(bruno, own, "22.9")
        assert mended.status_code == 201
        assert correct(bruno, mended.json["id"], "22.8").status_code == 201

    def test_what_the_winemaker_mended_is_not_the_cellar_hands_any_more(
        self, tank: Tank, sign_in_api: Callable[[str], Api]
    ) -> None:
        tank.api = bruno = sign_in_api("bruno")
        mended = correct(sign_in_api("marco"), recorded(tank, "24.0"), "23.0").json["id"]
        assert correct(bruno, mended, "22.0").status_code == 403

    @pytest.mark.parametrize("zone", ["Pacific/Auckland", "America/Los_Angeles", "UTC"])
    def test_the_day_is_the_winerys(
        self,
        tank: Tank,
        sign_in_api: Callable[[str], Api],
        book: Winery,
        cast: Cast,
        zone: str,
    ) -> None:
        tank.api = sign_in_api("bruno")
        answer = tank.record("24.0").json
        received = datetime.fromisoformat(answer["received_at"]).astimezone(ZoneInfo(zone))
        midnight = (received + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        command = VoidSample(client_uuid=uuid4(), reason="Slip.")
        with book.app.transaction(cast.bruno.winery_id) as session:
            session.execute(text("UPDATE wineries SET time_zone = :zone"), {"zone": zone})
            with pytest.raises(NotAllowed):
                void_sample(session, answer["id"], command, actor=cast.bruno, now=midnight)
            in_time = midnight - timedelta(microseconds=1)
            done = void_sample(session, answer["id"], command, actor=cast.bruno, now=in_time)
            assert done.created

    def test_a_neighbours_reading_is_not_found(
        self, tank: Tank, sign_in_api: Callable[[str], Api]
    ) -> None:
        wrong, carla = recorded(tank, "24.0"), sign_in_api("carla")
        assert correct(carla, wrong, "23.0").status_code == 404
        assert void(carla, wrong).status_code == 404
        assert carla.get(f"/samples/{wrong}/history").status_code == 404
        assert listed(tank) == ["24.0"]


def at_once(calls: list[Callable[[], TestResponse]]) -> list[int]:
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda call=call: statuses.append(call().status_code))  # type: ignore[misc]
        for call in calls
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(statuses)


def test_of_many_who_mend_at_once_one_does(tank: Tank) -> None:
    wrong = recorded(tank, "24.0")
    calls: list[Callable[[], TestResponse]] = [
        lambda: correct(tank.api, wrong, "23.0"),
        lambda: void(tank.api, wrong),
    ] * 4
    assert at_once(calls) == [201] + [409] * 7
    assert len(listed(tank, "?history=true")) == 2


def test_the_same_correction_sent_by_many_at_once_is_there_once(tank: Tank) -> None:
    wrong, body = recorded(tank, "24.0"), fix("23.0")
    calls: list[Callable[[], TestResponse]] = [
        lambda: tank.api.post(f"/samples/{wrong}/correct", body)
    ] * 8
    assert at_once(calls) == [200] * 7 + [201]
    assert listed(tank, "?history=true") == ["24.0", "23.0"]


def test_the_database_itself_refuses_a_second_successor(
    tank: Tank, book: Winery, cast: Cast
) -> None:
    wrong = recorded(tank, "24.0")
    assert correct(tank.api, wrong, "23.0").status_code == 201
    copy = (
        "INSERT INTO samples (winery_id, fermentation_id, client_uuid, sample_type, value_typed,"
        " unit, value, measured_at, recorded_by, body_hash, supersedes_id, reason) SELECT"
        " winery_id, fermentation_id, gen_random_uuid(), sample_type, value_typed, unit, value,"
        " measured_at, recorded_by, body_hash, supersedes_id, reason FROM samples"
        " WHERE supersedes_id IS NOT NULL"
    )
    with (
        pytest.raises(Exception, match="samples_superseded_once"),
        book.app.transaction(cast.ana.winery_id) as session,
    ):
        session.execute(text(copy))


def test_the_way_back_keeps_what_counts(
    tank: Tank, book: Winery, sign_in_api: Callable[[str], Api]
) -> None:
    """An older version knows no corrections and no withdrawn claims: it must not see a reading twice."""
    wrong, strange = recorded(tank, "24.0", hours=5), recorded(tank, "20.0", hours=50)
    assert correct(tank.api, wrong, "22.4").status_code == 201
    assert void(tank.api, strange).status_code == 201
    other = Tank(tank.api, start(tank, "SLIP", "T-02"), tank.started_at)
    assert tank.api.post(f"/fermentations/{other.id}/cancel", {}).status_code == 200
    start(tank, "RIGHT", "T-02")
    owner = book.url("owner")
    book.app.dispose()
    tank.api.app.extensions["winery_database"].dispose()
    downgrade(owner, "0001_main_job")
    with psycopg.connect(owner) as connection:
        connection.execute("SELECT set_config('winery.id', (SELECT '1'), true)")
        left = connection.execute("SELECT value_typed FROM samples").fetchall()
        lying = connection.execute("SELECT count(*) FROM vessel_occupancies").fetchone()
        forced = connection.execute(
            "SELECT bool_and(relforcerowsecurity) FROM pg_class"
            " WHERE relname IN ('samples', 'vessel_occupancies')"
        ).fetchone()
    assert (left, lying, forced) == ([("22.4",)], (2,), (True,))
    migrate(owner)
    check_models(owner)
    assert listed(tank) == ["22.4"]


def start(tank: Tank, code: str, vessel: str) -> int:
    body = {
        "code": code,
        "vessel_code": vessel,
        "yeast_strain": "QA23",
        "style": "white",
        "started_at": tank.started_at.isoformat(),
    }
    answer = tank.api.post("/fermentations", body)
    assert answer.status_code == 201, answer.text
    return int(answer.json["id"])
