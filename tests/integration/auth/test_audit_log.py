"""Who changed what: noted by the database itself, whoever writes, without secrets, and for good."""

import re
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, ProgrammingError

from tests.conftest import PASSWORD, Cast, Winery
from tests.integration.conftest import Api, Tank

# Tables of a winery whose changes are not noted, each with its reason.
UNAUDITED = {
    "audit_log": "the log itself",
    "log_lines": "what the processes logged, for some weeks",
    "notices": "what is sent to people; each names when it went, or why it did not",
    "outbox": "a log of events, purged when they are done",
    "analyses": "computed from samples; can be computed again",
    "anomalies": "computed from samples; what people make of them stands in anomaly_history",
    "recommendations": "computed from samples; each names who decided about it, and when",
    "historical_samples": "computed from samples; can be computed again",
    "past_ferments": "computed from samples; can be computed again",
    "patterns": "computed from samples; can be computed again",
    "replays": "a look at the past that changes nothing; each names who asked for it, and when",
    "lessons": "computed from samples; can be computed again",
    "imported_wines": "what an import is working on; the import and each fermentation are audited",
    "device_hours": "a note of what is to be computed",
    "device_readings": "one a minute, never changed, and each names its device and moment",
}
# Audited, but for its insertions.
APPEND_ONLY = {
    "skipped_readings": "never changed, and each row names its person and moment",
    "samples": "never changed, and each row names its person and moment",
    "anomaly_history": "a log of its own: never changed, and each row names its person and moment",
}
SECRETS = re.compile(r"hash|password|secret|(^|_)pin$")


@pytest.fixture
def ana(sign_in_api: Callable[[str], Api]) -> Api:
    return sign_in_api("ana")


def entries(api: Api, query: str = "") -> list[dict[str, Any]]:
    answer = api.get(f"/audit-log?limit=2000{query}")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json["items"]
    return found


def ask(book: Winery, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(book.url("owner")) as connection:
        return connection.execute(query).fetchall()  # type: ignore[call-overload,no-any-return]


def test_every_table_of_a_winery_is_audited_or_named(book: Winery) -> None:
    tenants = {
        name
        for (name,) in ask(
            book,
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
            " AND relkind IN ('r', 'p') AND NOT relispartition AND relrowsecurity",
        )
    }
    # tgtype: 4 is INSERT, 8 DELETE, 16 UPDATE; 1 is FOR EACH ROW, 2 BEFORE.
    triggers = dict(
        ask(
            book,
            "SELECT relname, tgtype FROM pg_trigger JOIN pg_class c ON c.oid = tgrelid"
            " WHERE tgfoid = 'record_audit'::regproc AND tgenabled = 'O' AND NOT tgisinternal AND tgparentid = 0",
        )
    )
    assert set(triggers) == tenants - set(UNAUDITED)
    assert triggers == {name: 25 if name in APPEND_ONLY else 29 for name in triggers}


def test_no_binary_column_and_no_secret_is_ever_noted(book: Winery) -> None:
    columns = ask(
        book,
        "SELECT c.relname, a.attname::text, atttypid = 'bytea'::regtype, a.attname = ANY (audit_hidden_columns(c.oid))"
        " FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid"
        " WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND attnum > 0 AND NOT attisdropped",
    )
    told = {
        f"{table}.{column}"
        for table, column, binary, hidden in columns
        if (binary or SECRETS.search(column)) and not hidden
    }
    assert told == set()
    assert {f"{t}.{c}" for t, c, _, hidden in columns if hidden} >= {
        "users.hashed_password",
        "users.hashed_pin",
        "user_sessions.token_hash",
        "password_resets.code_hash",
        "shared_devices.token_hash",
        "shared_devices.code_hash",
        "samples.body_hash",
    }


def test_a_change_is_noted_with_who_how_and_what(ana: Api, cast: Cast) -> None:
    path = f"/users/{cast.bruno.user_id}"
    etag = ana.get(path).headers["ETag"]
    headers = {"If-Match": etag, "X-Request-Id": "the-request-01"}
    assert ana.call("PATCH", path, {"role": "winemaker"}, **headers).status_code == 200
    newest = entries(ana, f"&subject=users&subject_id={cast.bruno.user_id}")[0]
    assert re.fullmatch(r"token [0-9a-f-]{36}", newest.pop("via"))
    newest.pop("id")
    newest.pop("at")
    assert newest == {
        "user_id": cast.ana.user_id,
        "request_id": "the-request-01",
        "action": "update",
        "subject": "users",
        "subject_id": str(cast.bruno.user_id),
        "changes": {"role": ["cellar", "winemaker"]},
    }


def test_secrets_leave_no_trace_but_that_they_changed(
    ana: Api, book: Winery, cast: Cast, hashed_password: str
) -> None:
    assert ana.call("PUT", "/account/pin", {"pin": "7305"}).status_code == 204
    code = ana.post(f"/users/{cast.bruno.user_id}/reset-code", None).json["code"]
    body = {"login": "bruno", "code": code, "password": "picked-by-moonlight"}
    assert Api(ana.app, None).post("/password-resets", body).status_code == 204
    noted = entries(ana)
    assert {"hashed_pin": ["hidden", "hidden"]} in [entry["changes"] for entry in noted]
    assert {"hashed_password": ["hidden", "hidden"]} in [entry["changes"] for entry in noted]
    everything = str(noted)
    with book.app.transaction(cast.ana.winery_id) as session:
        stored = session.execute(text("SELECT hashed_password, hashed_pin FROM users")).all()
        sessions = session.scalars(
            text("SELECT encode(token_hash, 'hex') FROM user_sessions")
        ).all()
    secrets = {value for row in stored for value in row if value} | set(sessions)
    for secret in (*secrets, hashed_password, "argon2", "\\x", code, PASSWORD, "7305"):
        assert secret not in everything


def test_nobody_goes_round_it(ana: Api, book: Winery, cast: Cast) -> None:
    before = len(entries(ana))
    with book.app.transaction(cast.ana.winery_id) as session:
        session.execute(
            text("INSERT INTO vessels (winery_id, code) VALUES (:w, 'T-9')"),
            {"w": cast.ana.winery_id},
        )
    with psycopg.connect(book.url("owner"), application_name="a script") as owner:
        owner.execute("SELECT set_config('winery.id', %s, true)", [str(cast.ana.winery_id)])
        owner.execute("UPDATE vessels SET kind = 'barrel'")
        owner.execute("DELETE FROM vessels")
    noted = entries(ana, "&subject=vessels")
    assert len(entries(ana)) == before + 3
    assert [(e["action"], e["via"], e["user_id"]) for e in noted] == [
        ("delete", "a script", None),
        ("update", "a script", None),
        ("insert", "winery", None),
    ]
    assert noted[1]["changes"] == {"kind": ["tank", "barrel"]}
    assert noted[0]["changes"]["code"] == ["T-9", None]


def test_what_is_undone_leaves_no_entry(ana: Api, book: Winery, cast: Cast) -> None:
    before = len(entries(ana))
    both = text(
        "WITH w AS (UPDATE users SET display_name = 'x' RETURNING id) SELECT 1 / (id - id) FROM w"
    )
    with pytest.raises(DBAPIError), book.app.transaction(cast.ana.winery_id) as session:
        session.execute(both)
    assert len(entries(ana)) == before


def test_mere_use_is_not_noted(ana: Api, book: Winery, cast: Cast) -> None:
    before = len(entries(ana))
    with book.app.transaction(cast.ana.winery_id) as session:
        session.execute(text("UPDATE access_tokens SET last_used_at = now()"))
        session.execute(text("UPDATE users SET display_name = display_name"))
    assert len(entries(ana)) == before


def test_the_next_request_of_a_thread_is_not_in_the_name_of_the_last(
    ana: Api, book: Winery, cast: Cast
) -> None:
    assert ana.post("/vessels", {"code": "T-1"}).status_code == 201
    with book.app.transaction(cast.carla.winery_id) as session:
        session.execute(text("UPDATE users SET display_name = 'C.'"))
        noted = session.execute(text("SELECT user_id, via FROM audit_log ORDER BY id DESC")).first()
    assert noted == (None, "winery")


@pytest.mark.parametrize("role", ["app", "worker"])
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_log SET user_id = NULL",
        "DELETE FROM audit_log",
        "TRUNCATE audit_log",
        "INSERT INTO audit_log (winery_id, via, action, subject, subject_id, changes)"
        " VALUES (1, 'x', 'insert', 'users', '1', '{}')",
        "ALTER TABLE users DISABLE TRIGGER audit",
        "SELECT record_audit()",
    ],
)
def test_the_log_is_written_by_its_trigger_alone_and_never_changed(
    book: Winery, cast: Cast, role: str, statement: str
) -> None:
    with (
        pytest.raises(ProgrammingError, match=r"permission denied|must be owner"),
        getattr(book, role).transaction(cast.ana.winery_id) as session,
    ):
        session.execute(text(statement))


def test_the_neighbours_log_is_not_there(
    ana: Api, sign_in_api: Callable[[str], Api], cast: Cast
) -> None:
    carla = sign_in_api("carla")
    assert {e["subject_id"] for e in entries(carla, "&subject=users")} == {str(cast.carla.user_id)}
    assert entries(carla, f"&subject=users&subject_id={cast.ana.user_id}") == []


def test_the_list_is_filtered_and_paged(ana: Api, cast: Cast) -> None:
    for n in range(4):
        assert ana.post("/vessels", {"code": f"T-{n}"}).status_code == 201
    mine = entries(ana, f"&subject=vessels&user_id={cast.ana.user_id}")
    assert [e["changes"]["code"][1] for e in mine] == ["T-3", "T-2", "T-1", "T-0"]
    assert entries(ana, f"&user_id={cast.bruno.user_id}") == []
    middle = mine[1]["at"].replace("+", "%2B")
    assert entries(ana, f"&subject=vessels&since={middle}") == mine[:2]
    assert entries(ana, f"&subject=vessels&until={middle}") == mine[2:]
    seen, cursor = [], ""
    while True:
        page = ana.get(f"/audit-log?limit=3{cursor}").json
        seen += page["items"]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == entries(ana)


def test_a_purge_of_every_winery_at_once_is_noted_too(book: Winery, ana: Api, cast: Cast) -> None:
    with book.app.transaction(cast.ana.winery_id) as session:
        session.execute(text("UPDATE access_tokens SET expires_at = now() - interval '1 day'"))
    with book.worker.transaction() as session:
        session.execute(text("SELECT door_purge_finished(now())"))
    with book.app.transaction(cast.ana.winery_id) as session:
        noted = session.execute(text("SELECT action, subject FROM audit_log ORDER BY id DESC"))
        assert noted.first() == ("delete", "access_tokens")


def test_a_reading_is_its_own_entry(tank: Tank) -> None:
    assert tank.record("24.0").status_code == 201
    assert entries(tank.api, "&subject=samples") == []
