"""Where a wine goes: racked, pressed into barrels, gathered again, and the last movement taken back."""

import threading
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from werkzeug.test import TestResponse

from tests.conftest import Cast, Winery
from tests.integration.conftest import Api, Tank
from winery_appliance.core import clock

BARRELS = [f"F-{n:02d}" for n in range(1, 13)]


@pytest.fixture
def cellar(tank: Tank) -> Tank:
    """A red of 3000 L in T-01, an empty tank T-02 and twelve empty barrels."""
    begun = tank.started_at
    assert tank.api.post(f"/fermentations/{tank.id}/cancel", {}).status_code == 200
    for code in BARRELS:
        vessel = {"code": code, "kind": "barrel", "capacity_l": 225}
        assert tank.api.post("/vessels", vessel).status_code == 201
    assert tank.api.post("/vessels", {"code": "T-02", "capacity_l": 5000}).status_code == 201
    body = {
        "code": "RED",
        "vessel_code": "T-01",
        "yeast_strain": "D254",
        "style": "red",
        "started_at": begun.isoformat(),
        "start_volume_l": 3000,
    }
    made = tank.api.post("/fermentations", body)
    assert made.status_code == 201, made.text
    assert made.json["start_volume_l"] == 3000
    return Tank(tank.api, made.json["id"], begun)


def move(wine: Tank, *to: Any, hours: float = 100, **more: Any) -> TestResponse:
    """Move a wine; a destination is a vessel's code, or that and litres."""
    given = [
        {"vessel_code": t}
        if isinstance(t, str)
        else dict(zip(("vessel_code", "volume_l"), t, strict=True))
        for t in to
    ]
    body = {
        "client_uuid": str(uuid4()),
        "moved_at": (wine.started_at + timedelta(hours=hours)).isoformat(),
        "to": given,
        **more,
    }
    return wine.api.post(f"/fermentations/{wine.id}/move", body)


def where(wine: Tank) -> list[str]:
    codes: list[str] = wine.api.get(f"/fermentations/{wine.id}").json["vessel_codes"]
    return codes


def void(wine: Tank, transfer_id: int) -> TestResponse:
    return wine.api.post(f"/transfers/{transfer_id}/void", {"reason": "wrong tank"})


def test_a_racked_wine_leaves_one_tank_and_lies_in_the_other(cellar: Tank) -> None:
    moved = move(cellar, "t-02", note="racked off the lees")
    assert moved.status_code == 201, moved.text
    assert moved.json["kind"] == "move"
    assert moved.json["flows"] == [
        {
            "from_fermentation_id": cellar.id,
            "from_fermentation_code": "RED",
            "from_vessel_code": "T-01",
            "to_fermentation_id": cellar.id,
            "to_fermentation_code": "RED",
            "to_vessel_code": "T-02",
            "volume_l": 3000,
            "empties": True,
        }
    ]
    assert where(cellar) == ["T-02"]
    assert cellar.api.get(f"/transfers/{moved.json['id']}").json == moved.json
    next_one = {
        "code": "NEXT",
        "vessel_code": "T-01",
        "yeast_strain": "QA23",
        "style": "white",
        "started_at": (cellar.started_at + timedelta(hours=99)).isoformat(),
    }
    assert cellar.api.post("/fermentations", next_one).json["code"] == "vessel_occupied"
    next_one["started_at"] = (cellar.started_at + timedelta(hours=100)).isoformat()
    assert cellar.api.post("/fermentations", next_one).status_code == 201


def test_a_pressed_wine_lies_in_twelve_barrels_and_is_gathered_again(cellar: Tank) -> None:
    pressed = move(cellar, *[(code, 225) for code in BARRELS])
    assert pressed.status_code == 201, pressed.text
    assert where(cellar) == BARRELS
    assert cellar.api.get(f"/fermentations/{cellar.id}").json["vessel_code"] == "F-01"
    gathered = move(cellar, "T-02", hours=120)
    assert gathered.status_code == 201, gathered.text
    assert sum(flow["volume_l"] for flow in gathered.json["flows"]) == 12 * 225
    assert where(cellar) == ["T-02"]


def test_every_barrel_is_freed_at_the_end_and_taken_back_by_a_reopening(cellar: Tank) -> None:
    move(cellar, *[(code, 225) for code in BARRELS])
    ended_at = (cellar.started_at + timedelta(hours=200)).isoformat()
    done = cellar.api.post(f"/fermentations/{cellar.id}/complete", {"at": ended_at})
    assert done.json["vessel_codes"] == BARRELS
    body = {"code": "B", "vessel_code": "F-07", "yeast_strain": "QA23", "style": "white"}
    begun = {"started_at": (cellar.started_at + timedelta(hours=201)).isoformat()}
    other = cellar.api.post("/fermentations", body | begun)
    assert other.status_code == 201
    refused = cellar.api.post(f"/fermentations/{cellar.id}/reopen", {})
    assert (refused.status_code, refused.json["code"]) == (409, "vessel_occupied")
    assert cellar.api.post(f"/fermentations/{other.json['id']}/cancel", {}).status_code == 200
    assert cellar.api.post(f"/fermentations/{cellar.id}/reopen", {}).json["vessel_codes"] == BARRELS


def test_what_is_measured_on_the_way_is_spread_over_the_barrels(cellar: Tank) -> None:
    move(cellar, *[(code, 225) for code in BARRELS[:7]])
    gathered = move(cellar, ("T-02", "1550.001"), hours=120)
    volumes = [Decimal(str(flow["volume_l"])) for flow in gathered.json["flows"]]
    assert sum(volumes) == Decimal("1550.001")
    assert max(volumes) - min(volumes) <= Decimal("0.007")


def test_a_rest_stays_where_it_was(cellar: Tank) -> None:
    moved = move(cellar, ("F-01", 225), leaves_rest=True)
    assert moved.status_code == 201, moved.text
    assert where(cellar) == ["F-01", "T-01"]
    topped = move(cellar, ("F-01", 5), hours=101, from_vessel_code="T-01", leaves_rest=True)
    assert topped.status_code == 201, topped.text
    assert where(cellar) == ["F-01", "T-01"]
    rest = move(cellar, "T-02", hours=102, from_vessel_code="T-01")
    assert rest.json["flows"][0]["volume_l"] == 2770
    assert where(cellar) == ["F-01", "T-02"]


def test_unknown_litres_stay_unknown_and_keep_nobody_from_moving(tank: Tank) -> None:
    assert tank.api.post("/vessels", {"code": "T-02"}).status_code == 201
    moved = move(tank, "T-02")
    assert (moved.status_code, moved.json["flows"][0]["volume_l"]) == (201, None)
    measured = move(tank, ("T-01", 900), hours=101)
    assert measured.json["flows"][0]["volume_l"] == 900
    assert move(tank, ("T-02", 901), hours=102).json["code"] == "more_than_there_was"


@pytest.mark.parametrize(
    ("to", "more", "path", "code"),
    [
        (["T-09"], {}, "to.0.vessel_code", "unknown_vessel"),
        (["T-02", "t-02"], {}, "to.1.vessel_code", "vessel_twice"),
        (["T-01"], {}, "to", "same_vessel"),
        (["T-02"], {"from_vessel_code": "F-01"}, "from_vessel_code", "not_in_vessel"),
        (["T-02"], {"leaves_rest": True}, "to.0.volume_l", "volume_needed"),
        ([("T-02", "3000.001")], {}, "to.0.volume_l", "more_than_there_was"),
        ([("F-01", 2000), ("T-02", 1001)], {}, "to", "more_than_there_was"),
        ([("F-01", "236.251")], {}, "to.0.volume_l", "over_capacity"),
        ([("T-02", 0)], {}, "to.0.volume_l", "greater_than"),
        ([("T-02", "1.0001")], {}, "to.0.volume_l", "decimal_max_places"),
        ([], {}, "to", "too_short"),
        (["T-02"], {"hours": 0}, "moved_at", "before_start"),
        (["T-02"], {"hours": 480}, "moved_at", "in_future"),
        (["T-02"], {"moved_at": "2026-09-01T08:00:00"}, "moved_at", "timezone_aware"),
        (["T-02"], {"note": "\x00"}, "note", "value_error"),
        (["T-02"], {"kind": "split"}, "kind", "extra_forbidden"),
    ],
)
def test_what_cannot_be_is_refused_with_its_field_and_nothing_is_saved(
    cellar: Tank, to: list[Any], more: dict[str, Any], path: str, code: str
) -> None:
    refused = move(cellar, *to, **more)
    assert refused.status_code == 422, refused.text
    assert (refused.json["fields"][0]["path"], refused.json["fields"][0]["code"]) == (path, code)
    assert cellar.api.get("/transfers").json["items"] == []
    assert where(cellar) == ["T-01"]


def test_a_wine_in_many_vessels_says_which_one_it_leaves(cellar: Tank) -> None:
    move(cellar, *[(code, 225) for code in BARRELS[:2]])
    refused = move(cellar, "T-01", "T-02", hours=101)
    assert (refused.status_code, refused.json["code"]) == (422, "which_vessel")


def test_a_vessel_that_holds_another_wine_is_refused_also_for_later(cellar: Tank) -> None:
    later = {
        "code": "WHITE",
        "vessel_code": "T-02",
        "yeast_strain": "QA23",
        "style": "white",
        "started_at": (cellar.started_at + timedelta(hours=150)).isoformat(),
    }
    assert cellar.api.post("/fermentations", later).status_code == 201
    refused = move(cellar, "T-02")
    assert (refused.status_code, refused.json["code"]) == (409, "vessel_occupied")
    assert "T-02" in refused.json["detail"]
    assert where(cellar) == ["T-01"]


def test_the_same_body_again_changes_nothing_and_another_body_is_refused(
    cellar: Tank, book: Winery, cast: Cast
) -> None:
    same = {"client_uuid": str(uuid4())}
    first = move(cellar, "T-02", **same)
    again = move(cellar, "T-02", **same)
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json == first.json
    other = move(cellar, "F-01", **same)
    assert (other.status_code, other.json["code"]) == (409, "uuid_reused")
    with book.app.transaction(cast.ana.winery_id) as session:
        moved = "SELECT count(*) FROM outbox WHERE event = 'FermentationMoved'"
        assert session.scalar(text(moved)) == 1


def test_movements_of_a_wine_follow_each_other(cellar: Tank) -> None:
    assert move(cellar, "T-02", hours=100).status_code == 201
    for hours in (99, 100):
        refused = move(cellar, "T-01", hours=hours)
        assert (refused.status_code, refused.json["code"]) == (422, "before_last_transfer")
    assert move(cellar, "T-01", hours=101).status_code == 201


@pytest.mark.parametrize("verb", ["complete", "cancel"])
def test_a_wine_that_is_over_is_not_moved(cellar: Tank, verb: str) -> None:
    assert cellar.api.post(f"/fermentations/{cellar.id}/{verb}", {}).status_code == 200
    assert move(cellar, "T-02").json["code"] == "wrong_status"


def test_an_end_lies_behind_the_last_movement(cellar: Tank) -> None:
    moved = move(cellar, "T-02").json
    refused = cellar.api.post(f"/fermentations/{cellar.id}/complete", {"at": moved["moved_at"]})
    assert refused.json["code"] == "before_last_entry"


class TestVoiding:
    """Only the last movement can be taken back, and the wine then lies where it lay."""

    def test_the_wine_lies_where_it_lay(self, cellar: Tank) -> None:
        before = cellar.api.get(f"/fermentations/{cellar.id}").json
        first = move(cellar, *[(code, 225) for code in BARRELS]).json
        second = move(cellar, "T-02", hours=120).json
        refused = void(cellar, first["id"])
        assert (refused.status_code, refused.json["code"]) == (409, "moved_since")
        voided = void(cellar, second["id"])
        assert (voided.status_code, voided.json["void_reason"]) == (200, "wrong tank")
        assert void(cellar, second["id"]).json == voided.json
        assert where(cellar) == BARRELS
        assert void(cellar, first["id"]).status_code == 200
        assert cellar.api.get(f"/fermentations/{cellar.id}").json == before
        assert [t["id"] for t in cellar.api.get("/transfers").json["items"]] == [
            second["id"],
            first["id"],
        ], "history stays to be seen"
        assert move(cellar, "T-02", hours=50).status_code == 201

    def test_it_is_refused_when_the_old_vessel_is_taken(self, cellar: Tank) -> None:
        moved = move(cellar, "T-02").json
        body = {"code": "N", "vessel_code": "T-01", "yeast_strain": "QA23", "style": "white"}
        begun = {"started_at": (cellar.started_at + timedelta(hours=110)).isoformat()}
        assert cellar.api.post("/fermentations", body | begun).status_code == 201
        refused = void(cellar, moved["id"])
        assert (refused.status_code, refused.json["code"]) == (409, "vessel_occupied")
        assert where(cellar) == ["T-02"]

    def test_it_needs_a_reason_and_the_winemaker(
        self, cellar: Tank, sign_in_api: Callable[[str], Api]
    ) -> None:
        bruno = Tank(sign_in_api("bruno"), cellar.id, cellar.started_at)
        moved = move(bruno, "T-02")
        assert moved.status_code == 201, "a cellar hand records"
        assert void(bruno, moved.json["id"]).status_code == 403
        path = f"/transfers/{moved.json['id']}/void"
        assert cellar.api.post(path, {"reason": " "}).status_code == 422

    def test_an_ended_wine_is_reopened_first(self, cellar: Tank) -> None:
        moved = move(cellar, "T-02").json
        cellar.api.post(f"/fermentations/{cellar.id}/complete", {})
        assert void(cellar, moved["id"]).json["code"] == "wrong_status"


def test_transfers_are_listed_by_wine_vessel_and_day(cellar: Tank) -> None:
    ids = [
        move(cellar, code, hours=100 + n).json["id"]
        for n, code in enumerate(["T-02", "T-01", "T-02"])
    ]

    def listed(query: str) -> list[int]:
        return [t["id"] for t in cellar.api.get(f"/transfers?{query}").json["items"]]

    since = (cellar.started_at + timedelta(hours=101)).isoformat().replace("+", "%2B")
    assert listed("") == ids[::-1]
    assert listed(f"since={since}") == [ids[2], ids[1]]
    assert listed(f"until={since}&since={since}") == [ids[1]]
    assert listed(f"fermentation_id={cellar.id}&vessel_code=t-01") == ids[::-1]
    assert listed("vessel_code=F-01") == []
    assert listed("fermentation_id=999999") == []
    page = cellar.api.get("/transfers?limit=2").json
    assert [t["id"] for t in page["items"]] == [ids[2], ids[1]]
    assert listed(f"cursor={page['next_cursor']}") == [ids[0]]
    for wrong in ("cursor=x", "since=today", "fermentation_id=x"):
        assert cellar.api.get(f"/transfers?{wrong}").status_code == 422


class TestNextDoor:
    """A neighbour sees and moves nothing."""

    def test_by_the_api(self, cellar: Tank, sign_in_api: Callable[[str], Api]) -> None:
        moved = move(cellar, "T-02").json
        carla = sign_in_api("carla")
        assert carla.get("/transfers").json["items"] == []
        assert carla.get(f"/transfers?fermentation_id={cellar.id}").json["items"] == []
        assert carla.get(f"/transfers/{moved['id']}").status_code == 404
        assert void(Tank(carla, cellar.id, cellar.started_at), moved["id"]).status_code == 404
        theirs = move(Tank(carla, cellar.id, cellar.started_at), "T-02", hours=110)
        assert theirs.status_code == 404

    @pytest.mark.parametrize(
        "statement",
        [
            "INSERT INTO transfers (winery_id, client_uuid, kind, moved_at, recorded_by, body_hash)"
            " SELECT winery_id, gen_random_uuid(), 'move', now(), :carla_user, '' FROM seen",
            "UPDATE transfers SET void_reason = 'x'",
        ],
    )
    def test_rows_are_not_written_or_changed(
        self, cellar: Tank, book: Winery, cast: Cast, statement: str
    ) -> None:
        move(cellar, "T-02")
        values = {"winery": cast.ana.winery_id, "carla_user": cast.carla.user_id}
        statement = f"WITH seen AS (SELECT CAST(:winery AS bigint) AS winery_id, CAST(:carla_user AS bigint)) {statement}"
        if "UPDATE" in statement:
            with book.app.transaction(cast.carla.winery_id) as session:
                assert session.execute(text(statement), values).rowcount == 0  # type: ignore[attr-defined]
            return
        with (
            pytest.raises(DBAPIError, match="row-level security"),
            book.app.transaction(cast.carla.winery_id) as session,
        ):
            session.execute(text(statement), values)

    def test_a_flow_is_not_linked_to_a_neighbours_wine(
        self, cellar: Tank, book: Winery, cast: Cast
    ) -> None:
        moved = move(cellar, "T-02").json
        with (
            pytest.raises(DBAPIError, match="foreign key"),
            book.app.transaction(cast.carla.winery_id) as session,
        ):
            session.execute(
                text(
                    "INSERT INTO transfer_flows (winery_id, transfer_id, from_fermentation_id, from_vessel_id,"
                    " to_fermentation_id, to_vessel_id, volume_l, empties) VALUES (:carla, :t, :f, 1, :f, 2, 1, true)"
                ),
                {"carla": cast.carla.winery_id, "t": moved["id"], "f": cellar.id},
            )


class TestWithoutTheService:
    """What the database keeps, whoever writes."""

    def write(
        self,
        book: Winery,
        cast: Cast,
        wine: Tank,
        *steps: tuple[float, str, str, float | None, bool],
    ) -> None:
        with book.app.transaction(cast.ana.winery_id) as session:
            for hours, source, target, litres, empties in steps:
                session.execute(
                    text(
                        "WITH made AS (INSERT INTO transfers (winery_id, client_uuid, kind, moved_at, recorded_by,"
                        " body_hash) VALUES (:w, gen_random_uuid(), 'move', :at, :u, '') RETURNING id)"
                        " INSERT INTO transfer_flows (winery_id, transfer_id, from_fermentation_id, from_vessel_id,"
                        " to_fermentation_id, to_vessel_id, volume_l, empties) SELECT :w, made.id, :f, a.id, :f, b.id,"
                        " :l, :e FROM made, vessels a, vessels b WHERE a.code = :a AND b.code = :b"
                    ),
                    {
                        "w": cast.ana.winery_id,
                        "u": cast.ana.user_id,
                        "f": wine.id,
                        "at": wine.started_at + timedelta(hours=hours),
                        "a": source,
                        "b": target,
                        "l": litres,
                        "e": empties,
                    },
                )

    @pytest.mark.parametrize(
        ("steps", "constraint"),
        [
            ([(1, "T-01", "T-02", 3001, True)], "transfers_no_more_than_there_was"),
            (
                [(1, "T-01", "T-02", 2000, False), (2, "T-01", "F-01", 1001, False)],
                "transfers_no_more_than_there_was",
            ),
            (
                [(1, "T-01", "T-02", 3000, True), (2, "T-01", "F-01", 1, False)],
                "transfers_no_more_than_there_was",
            ),
            ([(1, "F-05", "T-02", 1, False)], "transfers_no_more_than_there_was"),
            (
                [(1, "T-01", "T-02", 1, False), (1, "T-01", "F-01", 1, False)],
                "transfers_one_at_a_time",
            ),
            ([(0, "T-01", "T-02", 1, False)], "transfers_after_start"),
            ([(-1, "T-01", "T-02", 1, False)], "transfers_after_start"),
            ([(1, "T-01", "T-01", 1, False)], "transfer_flows_lead_elsewhere"),
            ([(1, "T-01", "T-02", -1, False)], "transfer_flows_volume"),
            ([(400, "T-01", "T-02", 1, False)], "transfers_not_of_the_future"),
        ],
    )
    def test_it_refuses_what_cannot_be(
        self, cellar: Tank, book: Winery, cast: Cast, steps: Any, constraint: str
    ) -> None:
        with pytest.raises(DBAPIError, match=constraint):
            self.write(book, cast, cellar, *steps)

    def test_it_lets_pass_what_nobody_measured(
        self, cellar: Tank, book: Winery, cast: Cast
    ) -> None:
        self.write(
            book, cast, cellar, (1, "T-01", "T-02", None, True), (2, "T-02", "F-01", 9999, True)
        )

    def test_a_start_is_not_made_smaller_than_what_went_out(
        self, cellar: Tank, book: Winery, cast: Cast
    ) -> None:
        self.write(book, cast, cellar, (1, "T-01", "T-02", 2500, True))
        with (
            pytest.raises(DBAPIError, match="transfers_no_more_than_there_was"),
            book.app.transaction(cast.ana.winery_id) as session,
        ):
            session.execute(
                text("UPDATE fermentations SET start_volume_l = 2499 WHERE id = :id"),
                {"id": cellar.id},
            )

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE transfers SET moved_at = now()",
            "UPDATE transfer_flows SET volume_l = 1",
            "DELETE FROM transfers",
            "DELETE FROM transfer_flows",
        ],
    )
    def test_a_transfer_stays_as_it_was_recorded(
        self, cellar: Tank, book: Winery, cast: Cast, statement: str
    ) -> None:
        with (
            pytest.raises(DBAPIError, match="permission denied"),
            book.app.transaction(cast.ana.winery_id) as session,
        ):
            session.execute(text(statement))


def test_of_two_who_move_a_wine_at_once_the_second_sees_the_first(cellar: Tank) -> None:
    answers: list[TestResponse] = []
    ready = threading.Barrier(2)

    def send(code: str) -> None:
        ready.wait()
        answers.append(move(cellar, code, hours=100))

    threads = [threading.Thread(target=send, args=(code,)) for code in ("T-02", "F-01")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.status_code for answer in answers) == [201, 422]
    assert len(cellar.api.get("/transfers").json["items"]) == 1


def test_one_body_sent_by_two_at_once_is_one_transfer(cellar: Tank) -> None:
    same = {"client_uuid": str(uuid4())}
    answers: list[TestResponse] = []
    ready = threading.Barrier(2)

    def send() -> None:
        ready.wait()
        answers.append(move(cellar, "T-02", **same))

    threads = [threading.Thread(target=send) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.status_code for answer in answers) == [200, 201]
    assert answers[0].json == answers[1].json


def test_the_time_is_now_when_nothing_is_said(cellar: Tank) -> None:
    before = clock.now()
    body = {"client_uuid": str(uuid4()), "to": [{"vessel_code": "T-02"}]}
    moved = cellar.api.post(f"/fermentations/{cellar.id}/move", body)
    assert before.isoformat() <= moved.json["moved_at"] <= clock.now().isoformat()
