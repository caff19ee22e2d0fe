"""The process that listens at the winery's own MQTT broker, and keeps what probes say there.

It calls the broker; nobody calls it. A message is acknowledged after its readings are committed, so that what was sent with
QoS 1 while this process or the database was away is brought again. Whoever publishes is told apart by the broker; what
comes from it is recorded under one token of the winery's, which may record and nothing else.
"""

import hashlib
import queue
import signal
import ssl
import threading
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import paho.mqtt.client as mqtt
import structlog
from paho.mqtt.enums import CallbackAPIVersion
from sqlalchemy.exc import SQLAlchemyError

from winery_appliance.auth.permissions import Permission
from winery_appliance.auth.service import Actor, find_token
from winery_appliance.core import clock
from winery_appliance.core.db import Database, identify
from winery_appliance.core.jobs import build_queue
from winery_appliance.core.log import send_lines_on, set_up_logging
from winery_appliance.core.outbox import wake_by
from winery_appliance.core.roles import role_url
from winery_appliance.core.secret_files import read_or_make_secret
from winery_appliance.core.settings import Settings, SettingsError
from winery_appliance.devices.messages import Heard, MessageReader, NotUnderstood
from winery_appliance.devices.queries import find_device_id
from winery_appliance.devices.service import record_readings

log = structlog.get_logger("winery.ingest")

PORTS = {"mqtt": 1883, "mqtts": 8883}
KEEPALIVE_S = 30
# What came with QoS 0 is nowhere else: so much is held here while the database is away, then the newest is lost.
MOST_WAITING = 10_000
AGAIN_S, NO_TOKEN_S = 2.0, 30.0
MOST_TOLD = 1000


@dataclass(frozen=True)
class Message:
    """One message, and by what number its sender's broker knows it."""

    number: int
    qos: int
    topic: str
    payload: bytes
    retained: bool
    at: datetime


class Listener:
    """Takes messages from the broker into a queue, and from there into the book, one after the other."""

    def __init__(self, settings: Settings, db: Database, *, key: str) -> None:
        self._settings = settings
        self._db = db
        self._key = key
        assert settings.mqtt_token is not None, "run_ingest has looked"
        self._token = settings.mqtt_token.get_secret_value()
        self._reader = MessageReader()
        self._waiting: queue.Queue[Message] = queue.Queue(MOST_WAITING)
        self._told: set[str] = set()
        self._listening = threading.Event()
        self._client = _build_client(settings, self._token)
        self._client.on_connect = self._subscribe
        self._client.on_subscribe = lambda *_: self._listening.set()
        self._client.on_disconnect = self._note_end
        self._client.on_message = self._take

    def is_connected(self) -> bool:
        """Whether the broker has taken what is to be listened to."""
        return self._listening.is_set()

    def run(self, stopping: threading.Event) -> None:
        """Listen until `stopping` is set. A broker that is away is called again and again."""
        where = urlsplit(self._settings.mqtt_broker or "")
        port = where.port or PORTS[where.scheme]
        self._client.connect_async(str(where.hostname), port, keepalive=KEEPALIVE_S)
        self._client.loop_start()
        try:
            while not stopping.is_set():
                self._beat()
                try:
                    message = self._waiting.get(timeout=1.0)
                except queue.Empty:
                    continue
                self._work_on(message, stopping)
        finally:
            self._client.disconnect()
            self._client.loop_stop()

    def _subscribe(self, client: mqtt.Client, _data: Any, _flags: Any, code: Any, _p: Any) -> None:
        if code.is_failure:
            log.warning("broker refused", reason=str(code))
            return
        topics = [topic.strip() for topic in self._settings.mqtt_topics.split(",")]
        client.subscribe([(topic, 1) for topic in topics if topic])
        log.info("broker connected", topics=topics)

    def _note_end(self, _client: Any, _data: Any, _flags: Any, code: Any, _p: Any) -> None:
        self._listening.clear()
        if code.is_failure:
            log.warning("broker lost", reason=str(code))

    def _take(self, _client: mqtt.Client, _data: Any, came: mqtt.MQTTMessage) -> None:
        message = Message(
            came.mid, came.qos, came.topic, bytes(came.payload), bool(came.retain), clock.now()
        )
        try:
            self._waiting.put_nowait(message)
        except queue.Full:  # one that was to be acknowledged comes again; the others are lost
            self._tell_once("too many messages wait", topic=came.topic)

    def _work_on(self, message: Message, stopping: threading.Event) -> None:
        """Keep what a message says, however long the database is away; then acknowledge it."""
        try:
            heard = self._reader.read(
                message.topic, message.payload, retained=message.retained, now=message.at
            )
        except NotUnderstood as error:
            self._tell_once("message not understood", topic=message.topic, reason=str(error))
            heard = []
        while heard and not stopping.is_set():
            wait_s = self._try_to_keep(heard)
            if wait_s is None:
                break
            self._beat()
            stopping.wait(wait_s)
        if message.qos and not stopping.is_set():
            self._client.ack(message.number, message.qos)

    def _try_to_keep(self, heard: list[Heard]) -> float | None:
        """None when it is done, also when it can never be done; else in how many seconds to try again."""
        try:
            actor = find_token(self._db, self._token, key=self._key)
            if actor is None or not actor.may(Permission.RECORD_SAMPLES):
                log.warning("the token of the broker may not record", setting="WINERY_MQTT_TOKEN")
                return NO_TOKEN_S
            for each in heard:
                self._keep(each, actor)
        except SQLAlchemyError as error:
            log.warning("readings wait", reason=str(error).splitlines()[0])
            return AGAIN_S
        except Exception:
            # A message that nobody can keep must not stand in the way of all that come after it.
            log.exception("readings could not be kept")
        return None

    def _keep(self, heard: Heard, actor: Actor) -> None:
        identify(actor.user_id, f"token {actor.token_id}")
        with self._db.transaction(actor.winery_id) as session:
            device_id = find_device_id(session, heard.code)
            if device_id is None:
                self._tell_once("device not known", code=heard.code)
                return
            outcomes = record_readings(
                session, device_id, heard.items, actor=actor, now=clock.now()
            )
        log.info("readings kept", device_id=device_id, items=len(outcomes))

    def _tell_once(self, event: str, **fields: str) -> None:
        """A probe that is not known speaks four times an hour, for years."""
        told = f"{event} {sorted(fields.items())}"
        if told not in self._told and len(self._told) < MOST_TOLD:
            self._told.add(told)
            log.warning(event, **fields)

    def _beat(self) -> None:
        if self._settings.heartbeat is not None:
            self._settings.heartbeat.touch()


def _build_client(settings: Settings, token: str) -> mqtt.Client:
    """A client under a name that stays, by which the broker knows what it has not brought yet."""
    name = f"winery-{hashlib.sha256(token.encode()).hexdigest()[:12]}"
    client = mqtt.Client(
        CallbackAPIVersion.VERSION2,
        client_id=name,
        clean_session=False,
        protocol=mqtt.MQTTv311,
        manual_ack=True,
    )
    client.reconnect_delay_set(1, 60)
    if settings.mqtt_user is not None:
        password = settings.mqtt_password
        client.username_pw_set(
            settings.mqtt_user, password.get_secret_value() if password is not None else None
        )
    if urlsplit(settings.mqtt_broker or "").scheme == "mqtts":
        authority = None if settings.mqtt_ca is None else str(settings.mqtt_ca)
        client.tls_set_context(ssl.create_default_context(cafile=authority))
    return client


def run_ingest(settings: Settings) -> None:
    """Listen until SIGTERM or SIGINT. Raises SettingsError when no broker or no token is named."""
    if settings.mqtt_broker is None or settings.mqtt_token is None:
        raise SettingsError(
            "There is nobody to listen to. Name the broker in WINERY_MQTT_BROKER, and in"
            " WINERY_MQTT_TOKEN a token that may record."
        )
    set_up_logging("ingest")
    db = Database(role_url(settings, "app"), pool_size=2, application="winery-ingest")
    send_lines_on(db, settings)
    wake_by(db, build_queue(role_url(settings, "app"), db).wake)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    try:
        Listener(settings, db, key=read_or_make_secret(settings, "token_key")).run(stopping)
    finally:
        db.dispose()
