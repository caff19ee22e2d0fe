"""What probes publish at a real broker gets into the book, once it is there, and whatever was away meanwhile."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from tests.conftest import Winery, close
from tests.integration.conftest import Api
from tests.integration.devices.broker import MOSQUITTO, PASSWORD, USER, Broker
from tests.integration.runtime.running_appliance import wait_for
from winery_appliance.core import clock
from winery_appliance.core.db import Database
from winery_appliance.core.postgres import find_free_port
from winery_appliance.core.roles import role_url
from winery_appliance.core.secret_files import read_or_make_secret
from winery_appliance.core.settings import SettingsError, read_settings
from winery_appliance.entrypoints.ingest import Listener, run_ingest

pytestmark = pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed here")


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    made = Broker(tmp_path)
    try:
        made.start()
        yield made
    finally:
        made.kill()


@pytest.fixture
def marco(sign_in_api: Callable[[str], Api]) -> Api:
    api = sign_in_api("marco")
    assert api.post("/devices", {"code": "iSpindel01", "kind": "ispindel"}).status_code == 201
    return api


@pytest.fixture
def token(marco: Api) -> str:
    expires = (clock.now() + timedelta(days=30)).isoformat()
    body = {"name": "broker", "scopes": ["record_samples"], "expires_at": expires}
    return str(marco.post("/personal-tokens", body).json["access_token"])


Listening = Callable[..., AbstractContextManager[None]]


@pytest.fixture
def listening(book: Winery, broker: Broker, token: str) -> Listening:
    """The process's work in a thread of this test; `url` is another database."""

    @contextmanager
    def listen(*, url: str | None = None, connected: bool = True) -> Iterator[None]:
        settings = book.settings.model_copy(
            update={
                "mqtt_broker": f"mqtt://127.0.0.1:{broker.port}",
                "mqtt_user": USER,
                "mqtt_password": SecretStr(PASSWORD),
                "mqtt_token": SecretStr(token),
            }
        )
        db = Database(url or role_url(settings, "app"), pool_size=1)
        key = read_or_make_secret(settings, "token_key")
        stopping = threading.Event()
        listener = Listener(settings, db, key=key)
        thread = threading.Thread(target=listener.run, args=(stopping,))
        thread.start()
        try:
            wait_for(lambda: not connected or listener.is_connected(), "the listener")
            yield
        finally:
            stopping.set()
            thread.join(30)
            close(db)
            assert not thread.is_alive()

    return listen


def readings(marco: Api) -> list[tuple[str, float]]:
    (device,) = marco.get("/devices").json["items"]
    found = marco.get(f"/devices/{device['id']}/readings").json["items"]
    return [(each["quantity"], each["value"]) for each in found]


def spindle(celsius: float) -> str:
    return json.dumps({"name": "iSpindel01", "temperature": celsius, "temp_units": "C"})


def test_what_is_said_is_kept_and_nonsense_stops_nothing(
    broker: Broker, listening: Listening, marco: Api
) -> None:
    with listening():
        broker.publish("ispindel/iSpindel01/temperature", "70.7", qos=0)
        broker.publish("ispindel/iSpindel01/temp_units", "F", qos=0)
        broker.publish("ispindel/stranger/gravity", "1.05")
        broker.publish("tiltbridge/x", "{nonsense")
        broker.publish("ispindel/iSpindel01/gravity", "1.0711")
        wait_for(lambda: len(readings(marco)) == 2, "both readings")
    kept = dict(readings(marco))
    assert kept["temperature"] == pytest.approx(21.5, abs=0.01)
    assert 1065 < kept["sugar"] < 1075


def test_what_was_said_while_nobody_listened_is_brought_later(
    broker: Broker, listening: Listening, marco: Api
) -> None:
    with listening():
        pass  # from now on the broker keeps what comes
    broker.publish("tiltbridge/any", spindle(19.0))
    broker.end()
    broker.start()
    with listening():
        wait_for(lambda: readings(marco) == [("temperature", 19.0)], "what was kept for us")


def test_nothing_is_acknowledged_before_it_is_in_the_book(
    broker: Broker, listening: Listening, marco: Api
) -> None:
    away = f"postgresql://nobody:x@127.0.0.1:{find_free_port()}/nowhere"
    with listening(url=away):
        broker.publish("tiltbridge/any", spindle(18.0))
    assert readings(marco) == []
    with listening():
        wait_for(lambda: readings(marco) == [("temperature", 18.0)], "it came again")


def test_a_broker_that_died_is_called_again(
    broker: Broker, listening: Listening, marco: Api
) -> None:
    with listening():
        broker.kill()
        broker.start()
        broker.publish("tiltbridge/any", spindle(17.0))
        wait_for(lambda: readings(marco) == [("temperature", 17.0)], "it", timeout_s=30)


def test_a_token_that_was_revoked_records_nothing(
    broker: Broker, listening: Listening, marco: Api
) -> None:
    (made,) = [t for t in marco.get("/tokens").json["items"] if t["name"] == "broker"]
    assert marco.call("DELETE", f"/tokens/{made['id']}").status_code == 204
    with capture_logs() as told, listening():
        broker.publish("tiltbridge/any", spindle(16.0))
        wait_for(lambda: any("may not record" in line["event"] for line in told), "the reason")
    assert readings(marco) == []


def test_without_a_broker_or_a_token_it_says_what_is_missing() -> None:
    with pytest.raises(SettingsError, match="WINERY_MQTT_TOKEN"):
        run_ingest(read_settings({"WINERY_MQTT_BROKER": "mqtt://broker"}))
    for wrong in ("broker", "http://broker", "mqtt://user:secret@broker"):
        with pytest.raises(SettingsError, match="WINERY_MQTT_BROKER"):
            read_settings({"WINERY_MQTT_BROKER": wrong})
