"""What is done to a wine: put into the book once, mended by a new row, never by a neighbour."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, ProgrammingError

from tests.conftest import Cast, Winery
from tests.integration.cellar_work.conftest import Entries
from tests.integration.conftest import Api, Tank
from winery_appliance.core import clock

TABLES = {"additions": "additions", "cap-work": "cap_work"}


def test_an_entry_is_saved_once_however_often_it_is_sent(entries: Entries) -> None:
    body = entries.body()
    first = entries.send(body)
    assert first.status_code == 201, first.text
    again = entries.send(body)
    assert (again.status_code, again.json) == (200, first.json)
    assert entries.send({**body, "confirm": True}).json == first.json, "an answer is no content"
    other = entries.send({**body, entries.differs: entries.values[1]})
    assert (other.status_code, other.json["code"]) == (409, "uuid_reused")
    assert entries.listed() == [entries.values[0]]


def test_the_same_entry_twice_at_once_is_saved_once(entries: Entries) -> None:
    body = entries.body()
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda: statuses.append(entries.send(body).status_code))
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] * 5 + [201]
    assert len(entries.listed()) == 1


def test_a_correction_takes_the_place_of_an_entry_and_both_can_be_seen(entries: Entries) -> None:
    before, after = entries.values
    old = entries.recorded()
    mended = entries.correct(old["id"], hours=2, **{entries.differs: after})
    assert mended.status_code == 201, mended.text
    assert (mended.json["supersedes_id"], mended.json["reason"]) == (old["id"], "Typed too early.")
    assert entries.listed() == [after]
    assert entries.listed("?history=true") == [before, after]
    chain = entries.tank.api.get(f"/{entries.noun}/{mended.json['id']}/history").json["items"]
    assert [item[entries.differs] for item in chain] == [before, after]
    refused = entries.correct(old["id"])
    assert (refused.status_code, refused.json["code"]) == (409, "superseded")


def test_a_voided_entry_counts_no_more_and_says_why(entries: Entries) -> None:
    entry = entries.recorded()
    body = {"client_uuid": str(uuid4()), "reason": "Another tank."}
    voided = entries.void(entry["id"], **body)
    assert (voided.status_code, voided.json["voids"]) == (201, True)
    assert voided.json[entries.when] == entry[entries.when]
    assert entries.void(entry["id"], **body).status_code == 200
    assert entries.listed() == []
    assert entries.listed("?history=true") == [entries.values[0]] * 2
    for refused in (entries.void(entry["id"]), entries.correct(voided.json["id"])):
        assert (refused.status_code, refused.json["code"]) == (409, "superseded")


def test_of_two_who_mend_an_entry_at_once_one_wins(entries: Entries) -> None:
    entry = entries.recorded()
    statuses: list[int] = []
    acts = [
        lambda: entries.correct(entry["id"], **{entries.differs: entries.values[1]}),
        lambda: entries.void(entry["id"]),
    ] * 2
    threads = [
        threading.Thread(target=lambda act=act: statuses.append(act().status_code)) for act in acts
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [201, 409, 409, 409]


def test_a_cellar_hand_mends_his_own_of_today(
    entries: Entries, sign_in_api: Callable[[str], Api], book: Winery, cast: Cast
) -> None:
    bruno = sign_in_api("bruno")
    strange = entries.recorded()
    refused = entries.correct(strange["id"], api=bruno)
    assert (refused.status_code, refused.json["code"]) == (403, "not_yours_today")
    own = entries.record(api=bruno).json
    assert entries.correct(own["id"], api=bruno).status_code == 201
    old = entries.record(api=bruno).json
    backdate(book, TABLES[entries.noun], old["id"])
    refused = entries.void(old["id"], api=bruno)
    assert (refused.status_code, refused.json["code"]) == (403, "not_yours_today")
    assert entries.void(old["id"]).status_code == 201, "the owner may"


def backdate(book: Winery, table: str, row_id: int) -> None:
    """Let a row have been written two days ago, as nobody but the table's owner can."""
    with psycopg.connect(book.url("owner")) as connection:
        connection.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
        connection.execute(
            f"UPDATE {table} SET received_at = received_at - interval '2 days' WHERE id = %s",
            (row_id,),
        )
        connection.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")


@pytest.mark.parametrize(("hours", "code"), [(24 * 11, "in_future"), (-24 * 15, "before_start")])
def test_what_cannot_have_been_then_is_refused(entries: Entries, hours: float, code: str) -> None:
    refused = entries.record(hours=hours, confirm=True)
    assert (refused.status_code, refused.json["code"]) == (422, code)
    assert [fault["path"] for fault in refused.json["fields"]] == [entries.when]
    assert entries.listed() == []


def test_fruit_is_worked_on_before_it_ferments(entries: Entries) -> None:
    assert entries.record(hours=-72).status_code == 201


def test_work_after_the_end_is_asked_about(entries: Entries) -> None:
    tank = entries.tank
    assert (
        tank.api.post(
            f"/fermentations/{tank.id}/complete",
            {"at": (tank.started_at + timedelta(hours=48)).isoformat()},
        ).status_code
        == 200
    )
    asked = entries.record(hours=72)
    assert (asked.status_code, asked.json["code"]) == (422, "needs_confirmation")
    assert [fault["code"] for fault in asked.json["fields"]] == ["after_end"]
    kept = entries.record(hours=72, confirm=True)
    assert (kept.status_code, kept.json["confirmed"]) == (201, True)


def test_a_cancelled_fermentation_takes_no_entries(entries: Entries) -> None:
    tank = entries.tank
    entry = entries.recorded()
    assert tank.api.post(f"/fermentations/{tank.id}/cancel", {}).status_code == 200
    for refused in (entries.record(), entries.correct(entry["id"]), entries.void(entry["id"])):
        assert (refused.status_code, refused.json["code"]) == (409, "fermentation_cancelled")


def test_pages_hold_each_entry_once_in_the_order_of_the_work(entries: Entries) -> None:
    ids = [entries.recorded(hours=hours, kind="other")["id"] for hours in (5, 1, 3, 1, 4)]
    seen: list[int] = []
    cursor = ""
    while True:
        path = f"/fermentations/{entries.tank.id}/{entries.noun}?limit=2{cursor}"
        page = entries.tank.api.get(path).json
        seen += [item["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == [ids[1], ids[3], ids[2], ids[4], ids[0]]


def test_a_kind_can_be_asked_for(entries: Entries) -> None:
    entries.recorded(kind="other")
    entries.recorded()
    assert len(entries.listed("?kind=other")) == 1
    assert len(entries.listed()) == 2


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "magic"},
        {"note": "\x00"},
        {"note": "x" * 2001},
        {"client_uuid": "1"},
        {"surprise": 1},
    ],
)
def test_malformed_entries_are_refused_with_the_field(
    entries: Entries, change: dict[str, Any]
) -> None:
    refused = entries.record(**change)
    assert refused.status_code == 422
    assert [fault["path"] for fault in refused.json["fields"]] == list(change)


def test_a_neighbour_neither_sees_nor_mends_nor_adds(
    entries: Entries, sign_in_api: Callable[[str], Api]
) -> None:
    entry = entries.recorded()
    carla = sign_in_api("carla")
    path = f"/fermentations/{entries.tank.id}/{entries.noun}"
    answers = [
        carla.get(path),
        entries.record(api=carla),
        entries.correct(entry["id"], api=carla),
        entries.void(entry["id"], api=carla),
        carla.get(f"/{entries.noun}/{entry['id']}/history"),
    ]
    assert [answer.status_code for answer in answers] == [404] * 5
    assert entries.listed() == [entries.values[0]]


def test_a_uuid_of_a_neighbour_is_free_here(
    entries: Entries, sign_in_api: Callable[[str], Api]
) -> None:
    """Each winery has UUIDs of its own: one that is taken next door neither clashes nor tells that it is taken."""
    carla = sign_in_api("carla")
    begun = carla.post(
        "/fermentations",
        {
            "code": "X",
            "vessel_code": "X",
            "yeast_strain": "X",
            "style": "red",
            "started_at": (clock.now() - timedelta(days=9)).isoformat(),
        },
    ).json
    body = entries.body(hours=30)
    assert entries.send(body).status_code == 201
    path = f"/fermentations/{begun['id']}/{entries.noun}"
    assert carla.post(path, body).status_code == 201


@pytest.mark.parametrize("role", ["app", "worker"])
@pytest.mark.parametrize("act", ["UPDATE {} SET note = 'x'", "DELETE FROM {}"])
def test_entries_can_neither_be_changed_nor_removed(
    book: Winery, entries: Entries, cast: Cast, role: str, act: str
) -> None:
    entries.recorded()
    with (
        pytest.raises(ProgrammingError, match="permission denied"),
        getattr(book, role).transaction(cast.ana.winery_id) as session,
    ):
        session.execute(text(act.format(TABLES[entries.noun])))


def copy_entry(table: str, changes: dict[str, str]) -> str:
    """SQL that writes the first entry again, with other values in some columns."""
    columns = {
        "additions": "fermentation_id, kind, note, confirmed, body_hash, dose_typed, unit, counts,"
        " per_litre, done_at, recorded_by, winery_id",
        "cap_work": "fermentation_id, kind, note, confirmed, body_hash, started_at, recorded_by,"
        " winery_id",
    }[table].split(", ")
    values = [changes.get(column, column) for column in columns]
    return (
        f"INSERT INTO {table} (client_uuid, {', '.join(columns)})"
        f" SELECT gen_random_uuid(), {', '.join(values)} FROM {table} LIMIT 1"
    )


def test_a_row_cannot_be_written_into_or_linked_to_another_winery(
    book: Winery, entries: Entries, cast: Cast
) -> None:
    entries.recorded()
    table = TABLES[entries.noun]
    foreign = {"winery_id": str(cast.carla.winery_id), "recorded_by": str(cast.carla.user_id)}
    with (
        pytest.raises(ProgrammingError, match="row-level security"),
        book.app.transaction(cast.ana.winery_id) as session,
    ):
        session.execute(text(copy_entry(table, foreign)))
    stranger = {"recorded_by": str(cast.carla.user_id)}
    with (
        pytest.raises(DBAPIError, match="foreign key"),
        book.app.transaction(cast.ana.winery_id) as session,
    ):
        session.execute(text(copy_entry(table, stranger)))
    with book.app.transaction(cast.ana.winery_id) as session:
        session.execute(text(copy_entry(table, {})))  # with nothing changed it is a sound row


def test_every_event_of_an_entry_has_its_place_among_the_reactions(
    entries: Entries, work_off: Callable[[], int], book: Winery, cast: Cast, tank: Tank
) -> None:
    first, second = entries.recorded(), entries.recorded()
    assert entries.correct(first["id"]).status_code == 201
    assert entries.void(second["id"]).status_code == 201
    work_off()
    with book.worker.transaction(cast.ana.winery_id) as session:
        left = session.execute(text("SELECT event FROM outbox WHERE done_at IS NULL")).all()
    assert left == []


def test_a_reading_that_waits_together_with_an_entry_is_analysed(
    entries: Entries, work_off: Callable[[], int], book: Winery, cast: Cast, tank: Tank
) -> None:
    assert tank.record("24.0").status_code == 201
    entries.recorded()
    work_off()
    with book.worker.transaction(cast.ana.winery_id) as session:
        left = session.execute(text("SELECT event, last_error FROM outbox WHERE done_at IS NULL"))
        assert left.all() == []
    assert tank.api.get(f"/fermentations/{tank.id}/analysis").json["status"] == "done"
