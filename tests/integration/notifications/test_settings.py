"""Who may set up what is told, and what of it can be seen."""

import threading
from collections.abc import Callable, Iterator
from http.server import HTTPServer

import pytest
from flask import Flask
from sqlalchemy import text

from tests.conftest import Cast, Winery
from tests.integration.browser import Browser
from tests.integration.conftest import Api
from tests.unit.notifications.test_web_call import Receiver
from winery_appliance.core import sealing

SMTP = {"smtp_host": "mail.demo.winery", "sender": "cellar@demo.winery"}


@pytest.fixture
def ana(sign_in_api: Callable[[str], Api]) -> Api:
    return sign_in_api("ana")


def change(api: Api, **values: object) -> tuple[int, str]:
    answer = api.call("PATCH", "/notification-settings", values, **{"If-Match": "*"})
    return answer.status_code, answer.text


def test_a_password_is_kept_sealed_and_told_to_nobody(ana: Api, book: Winery, cast: Cast) -> None:
    canary = "canary-6f1d"
    status, answer = change(ana, **SMTP, smtp_username="cellar", smtp_password=canary)
    assert status == 200
    assert canary not in answer
    assert ana.get("/notification-settings").json["has_password"] is True
    with book.app.transaction(cast.ana.winery_id) as session:
        sealed = session.scalar(text("SELECT smtp_password_sealed FROM notification_settings"))
        kept = session.execute(text("SELECT changes::text FROM audit_log")).scalars().all()
        whole = session.execute(text("SELECT n::text FROM notification_settings n")).scalars()
        assert not any(canary in row for row in [*kept, *whole])
    assert sealing.unseal(book.settings, sealed) == canary


def test_a_password_does_not_follow_to_another_server(ana: Api) -> None:
    change(ana, **SMTP, smtp_username="cellar", smtp_password="secret")
    assert change(ana, smtp_host="elsewhere.example")[0] == 200
    assert ana.get("/notification-settings").json["has_password"] is False


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({"smtp_host": "mail.x"}, "sender"),
        ({**SMTP, "smtp_password": "x", "smtp_security": "none"}, "smtp_security"),
        ({"smtp_host": "a b"}, "smtp_host"),
        ({"smtp_port": 0}, "smtp_port"),
        ({"base_url": "javascript:alert(1)"}, "base_url"),
        ({"summary_at": "6 o'clock"}, "summary_at"),
        ({"escalate_minutes": 1}, "escalate_minutes"),
    ],
)
def test_what_cannot_be_is_refused_and_named(
    ana: Api, values: dict[str, object], fault: str
) -> None:
    answer = ana.call("PATCH", "/notification-settings", values, **{"If-Match": "*"})
    assert answer.status_code == 422
    assert [field["path"] for field in answer.json["fields"]] == [fault]


def test_two_owners_do_not_overwrite_each_other(ana: Api) -> None:
    seen = ana.get("/notification-settings").headers["ETag"]
    assert change(ana, digest_minutes=5)[0] == 200
    late = ana.call("PATCH", "/notification-settings", {"digest_minutes": 9}, **{"If-Match": seen})
    assert late.status_code == 412


@pytest.mark.parametrize("name", ["marco", "bruno", "vera"])
def test_only_the_owner_sets_up_but_everybody_chooses_for_themselves(
    sign_in_api: Callable[[str], Api], name: str
) -> None:
    api = sign_in_api(name)
    assert change(api, digest_minutes=5)[0] == 403
    assert api.get("/webhooks").status_code == 403
    assert api.get("/notifications").status_code == 403
    assert api.get("/account/notification-rule").json["is_default"] is True
    chosen = {"severity": "critical", "quiet_from": "22:00", "quiet_until": "05:30"}
    kept = api.call("PUT", "/account/notification-rule", chosen).json
    assert (kept["quiet_until"], kept["is_default"]) == ("05:30", False)
    assert api.call("PUT", "/account/notification-rule", {"severity": "none"}).status_code == 200
    assert api.call("DELETE", "/account/notification-rule").json["is_default"] is True
    half = {"severity": "none", "quiet_from": "22:00"}
    assert api.call("PUT", "/account/notification-rule", half).status_code == 422


@pytest.fixture
def receiver() -> Iterator[tuple[type[Receiver], int]]:
    kind = type("OneReceiver", (Receiver,), {"seen": []})
    server = HTTPServer(("127.0.0.1", 0), kind)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield kind, server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_webhook_inside_is_called_only_once_its_address_is_named(
    ana: Api, deliver: Callable[[], int], receiver: tuple[type[Receiver], int]
) -> None:
    kind, port = receiver
    made = ana.post("/webhooks", {"name": "House", "url": f"http://127.0.0.1:{port}/hook"})
    assert made.status_code == 201
    assert made.json["signing_secret"].startswith("whsec_")
    path = made.headers["Location"].removeprefix("/api/v1")
    assert ana.post(f"{path}/test", {}).status_code == 202
    assert deliver() == 0
    hook = ana.get(path)
    assert "not a public address" in hook.json["failing"]
    assert kind.seen == []
    named = {"inside_address": "127.0.0.1"}
    etag = hook.headers["ETag"]
    assert ana.call("PATCH", path, named, **{"If-Match": etag}).status_code == 200
    assert ana.post(f"{path}/test", {}).status_code == 202
    assert deliver() == 1
    assert kind.seen[0][1]["Winery-Signature"].startswith("t=")
    assert ana.call("DELETE", path).status_code == 204
    assert ana.get(path).status_code == 404


def test_a_strangers_webhook_is_not_there(ana: Api, sign_in_api: Callable[[str], Api]) -> None:
    made = ana.post("/webhooks", {"name": "W", "url": "https://example.org/"})
    path = made.headers["Location"].removeprefix("/api/v1")
    carla = sign_in_api("carla")
    assert carla.get(path).status_code == 404
    assert carla.call("DELETE", path).status_code == 404
    assert carla.post(f"{path}/test", {}).status_code == 404


def test_the_pages_work_without_script(app: Flask, cast: Cast) -> None:
    browser = Browser(app)
    browser.sign_in("ana")
    page = "/winery/notifications"
    assert "Nobody is told anything yet" in browser.client.get(page).text
    version = browser.client.get(page).text.split('name="version" value="')[1].split('"')[0]
    sent = {
        "csrf_token": browser.token(page),
        "version": version,
        "smtp_host": "mail.demo.winery",
        "smtp_port": "587",
        "smtp_security": "starttls",
        "sender": "cellar@demo.winery",
        "digest_minutes": "20",
        "escalate_minutes": "",
        "summary_at": "05:45",
    }
    assert browser.client.post(page, data=sent).status_code == 303
    shown = browser.client.get(page).text
    assert 'value="mail.demo.winery"' in shown
    assert 'value="05:45"' in shown
    wrong = browser.client.post(page, data=sent | {"smtp_port": "x", "version": version})
    assert wrong.status_code == 422
    token = {"csrf_token": browser.token(page)}
    rule = {"role": "cellar", "severity": "critical", "daily_summary": "1"}
    assert browser.client.post(f"{page}/rules", data=token | rule).status_code == 303
    hook = {"name": "<b>x</b>", "url": "https://example.org/h", "severity": "warning"}
    made = browser.client.post("/winery/webhooks", data=token | hook)
    assert "whsec_" in made.text
    assert "whsec_" not in browser.client.get(page).text
    assert "&lt;b&gt;x&lt;/b&gt;" in made.text
    assert browser.client.post(f"{page}/test", data=token).status_code == 303
    own = browser.client.get("/account/notifications")
    assert own.status_code == 200
    assert browser.client.get("/summary").status_code == 200
    assert browser.client.get("/account").text.count("/account/notifications") == 1
    bruno = Browser(app)
    bruno.sign_in("bruno")
    assert bruno.client.get(page).status_code == 403
    own_token = {"csrf_token": bruno.token("/account/notifications")}
    told = own_token | {"severity": "warning", "quiet_from": "20:00", "quiet_until": "07:00"}
    assert bruno.client.post("/account/notifications", data=told).status_code == 303
    assert (
        bruno.client.post(
            "/account/notifications", data=own_token | {"severity": "bad"}
        ).status_code
        == 422
    )
