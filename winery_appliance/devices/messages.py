"""What probes publish at an MQTT broker, as readings. Pure: nothing here knows a broker.

Understood are an iSpindel's own topics (`ispindel/NAME/temperature`, one value a message), and JSON at any topic: the
bodies that `bridges` reads, and readings with moments of their own at a topic that names the device before its last level
(`winery/NAME/readings`, the body of `POST /api/v1/devices/ID/readings`).
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from winery_appliance.core.errors import Invalid
from winery_appliance.core.validation import parse
from winery_appliance.devices.bridges import (
    IspindelReport,
    TempUnit,
    TiltReport,
    read_ispindel,
    read_tilt,
)
from winery_appliance.devices.commands import DeviceReadingItem, RecordReadings

Model = TypeVar("Model", bound=BaseModel)
MOST_BYTES = 256 * 1024
MOST_NAMES = 10_000  # whoever invents names fills no memory


class NotUnderstood(Exception):
    """A message that is nothing of ours; the text says why."""


@dataclass(frozen=True)
class Heard:
    """What one device said."""

    code: str
    items: list[DeviceReadingItem | Invalid]


class MessageReader:
    """Reads messages as they come; of an iSpindel it must remember in which scale it measures."""

    def __init__(self) -> None:
        self._scales: dict[str, TempUnit] = {}
        self._waiting: dict[str, str] = {}

    def read(self, topic: str, payload: bytes, *, retained: bool, now: datetime) -> list[Heard]:
        """What a message says; nothing for what only goes with readings. Raises NotUnderstood.

        What the broker kept (`retained`) is of an unknown age: without a moment of its own it is no reading.
        """
        if len(payload) > MOST_BYTES:
            raise NotUnderstood(f"it is longer than {MOST_BYTES // 1024} kB")
        levels = topic.split("/")
        text = payload.decode("utf-8", "replace").strip()
        if text.startswith("{"):
            return list(_read_json(levels, text, retained=retained, now=now))
        if len(levels) < 3:
            raise NotUnderstood("the topic names no device, and the message is no JSON object")
        return self._read_value(levels[-2], levels[-1], text, retained=retained, now=now)

    def _read_value(
        self, name: str, what: str, text: str, *, retained: bool, now: datetime
    ) -> list[Heard]:
        if what == "temp_units":
            return self._read_scale(name, text, now)
        if what not in {"temperature", "gravity"} or retained:
            return []
        if what == "temperature" and name not in self._scales:
            if len(self._waiting) < MOST_NAMES:
                self._waiting[name] = text  # it says the scale in its next message
            return []
        return self._report(name, {what: text}, now)

    def _read_scale(self, name: str, text: str, now: datetime) -> list[Heard]:
        scale = next((unit for unit in get_args(TempUnit) if unit == text), None)
        if scale is None:
            raise NotUnderstood(f"{text[:20]!r} is no scale; C, F and K are")
        if len(self._scales) < MOST_NAMES or name in self._scales:
            self._scales[name] = scale
        waiting = self._waiting.pop(name, None)
        return [] if waiting is None else self._report(name, {"temperature": waiting}, now)

    def _report(self, name: str, fields: dict[str, Any], now: datetime) -> list[Heard]:
        given = fields | {"name": name, "temp_units": self._scales.get(name, "C")}
        report = _understand(IspindelReport, given)
        return [Heard(report.name, list(read_ispindel(report, now)))]


def _read_json(levels: list[str], text: str, *, retained: bool, now: datetime) -> Iterator[Heard]:
    try:
        given = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NotUnderstood("it begins like JSON and is none") from error
    if "items" in given:
        if len(levels) < 2:
            raise NotUnderstood("the topic names no device")
        items = _understand(RecordReadings, given).items
        yield Heard(levels[-2], [_read_item(item) for item in items])
    elif retained:
        return
    elif "tilts" in given:
        for colour, tilt in _understand(TiltReport, given).tilts.items():
            yield Heard(f"Tilt-{colour}", list(read_tilt(tilt, now)))
    else:
        report = _understand(IspindelReport, given)
        yield Heard(report.name, list(read_ispindel(report, now)))


def _understand(kind: type[Model], given: object) -> Model:
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        fault = error.errors(include_input=False)[0]
        place = ".".join(str(part) for part in fault["loc"])
        raise NotUnderstood(f"{place}: {fault['msg']}") from error


def _read_item(given: Any) -> DeviceReadingItem | Invalid:
    try:
        return parse(DeviceReadingItem, given)
    except Invalid as error:
        return error
