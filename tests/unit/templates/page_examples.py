"""One example of every page in every state that it can be met in."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

from markupsafe import Markup

from backup import health
from backup.health import Finding
from sync.health import OffsiteHealth, assess_offsite
from tests.unit.templates.fruit_examples import FRUIT_PAGES
from tests.unit.templates.history_examples import HISTORY_PAGES
from tests.unit.templates.page_harness import NOW
from tests.unit.templates.probe_examples import PROBE_PAGES
from tests.unit.templates.rule_examples import RULE_PAGES
from winery_appliance.analysis_engine.alarm_pages import TABS
from winery_appliance.auth.permissions import Role
from winery_appliance.cellar_work.work_forms import WorkForm, empty_forms
from winery_appliance.core.settings import Settings
from winery_appliance.entrypoints.api_docs import arrange
from winery_appliance.entrypoints.subsystems import Subsystem
from winery_appliance.fermentation.lot_sources import LotSourceView
from winery_appliance.fermentation.managing import fill_in, list_choices
from winery_appliance.fermentation.queries import FermentationView
from winery_appliance.fermentation.states import PHASES, Phase
from winery_appliance.notifications.queries import (
    RuleView,
    SettingsView,
    Waiting,
    view_default,
)
from winery_appliance.rounds.labels import make_label
from winery_appliance.search.queries import Hit
from winery_appliance.winery.queries import VesselView

Page = tuple[str, dict[str, Any]]
START = NOW - timedelta(days=8, hours=3)


def thing(**values: Any) -> Any:
    """Values with names, as a view gives them."""
    return SimpleNamespace(**values)


def row(at: datetime, label: str, value: str, unit: str, **other: Any) -> Any:
    """A line of a table of readings."""
    given = {
        "qualifier": None,
        "canonical_text": None,
        "earlier": (),
        "reason": None,
        "voided": False,
        "device_id": None,
        "by": "Bruno",
        "confirmed": False,
        "late": False,
    }
    return thing(
        sample_id=int(at.timestamp()) % 100000,
        measured_at=at,
        type_label=label,
        value_typed=value,
        unit_symbol=unit,
        **(given | other),
    )


def falling(days: float) -> float:
    """A sugar curve that stops: °Bx after so many days."""
    return 5.45 + 19.4 / (1 + math.exp((days - 2.7) * 1.5))


HOURS = [0, 9, 21, 33, 45, 57, 69, 81, 93, 105, 117, 129, 141, 153, 165, 177, 189]
MOMENTS = [START + timedelta(hours=hour) for hour in HOURS]
SUGAR = [round(falling(hour / 24), 1) for hour in HOURS]
WARMTH = [
    24.0,
    24.4,
    25.6,
    25.1,
    25.9,
    26.0,
    25.7,
    24.5,
    24.6,
    22.4,
    17.5,
    17.0,
    16.9,
    17.0,
    16.9,
    17.1,
    16.9,
]

ROWS = [
    line
    for index in range(len(HOURS) - 1, -1, -1)
    for line in (
        row(
            MOMENTS[index],
            "Sugar",
            f"{SUGAR[index]:.1f}",
            "°Bx",
            late=index == 12,
            confirmed=index == 9,
            earlier=("9.5\u00a0°Bx",) if index == 7 else (),
            reason="two digits swapped" if index in {5, 7} else None,
            voided=index == 5,
        ),
        row(
            MOMENTS[index],
            "Temperature",
            f"{WARMTH[index]:.1f}",
            "°C",
            **({"by": "Tilt-Red", "device_id": 3} if index == 3 else {"by": "Lucía Fernández"}),
        ),
    )
]


def chart(alarm: bool = True) -> dict[str, Any]:
    """The values of the curve."""

    def points(values: list[float], doubted: int) -> list[list[Any]]:
        return [
            [at.timestamp(), value, i, i == doubted]
            for i, (at, value) in enumerate(zip(MOMENTS, values, strict=True))
        ]

    window = {
        "from": MOMENTS[-5].timestamp(),
        "to": MOMENTS[-1].timestamp(),
        "label": "0.2 °Bx in 48 h",
    }
    return {
        "sugar_unit": "°Bx",
        "sugar": points(SUGAR, 9),
        "temperature": points(WARMTH, -1),
        "alarm": window if alarm else None,
        "dry_line": -1.0,
        "wanted_temperature": [22, 28],
        "temperature_unit": "°C",
        "fan": [
            [
                (NOW + timedelta(hours=12 * i)).timestamp(),
                5.5 - 1.1 * i,
                5.5 - 0.5 * i,
                5.5 - 0.1 * i,
            ]
            for i in range(7)
        ],
        "band": {
            "ferments": 14,
            "points": [
                [
                    (START + timedelta(days=day)).timestamp(),
                    *(max(-2, falling(day) - off) for off in (3, 2, 1, 0, -1)),
                ]
                for day in range(13)
            ],
        },
        "marks": [
            {"at": MOMENTS[2].timestamp(), "lane": "added", "label": "DAP 20 g/hL"},
            {"at": MOMENTS[9].timestamp(), "lane": "notes", "label": "Note"},
            {"at": MOMENTS[4].timestamp(), "lane": "moves", "label": "Moved 900 L"},
            *({"at": at.timestamp(), "lane": "caps", "label": "Pump-over"} for at in MOMENTS[3:12]),
        ],
        "style": "red",
        "timezone": "Europe/Madrid",
    }


EMPTY_CHART = chart(False) | {"sugar": [], "temperature": [], "fan": [], "marks": [], "band": None}


def alarm(**other: Any) -> Any:
    """An alarm as its queries give it."""
    given = {
        "id": 31,
        "fermentation_id": 17,
        "check": "stuck",
        "severity": "critical",
        "status": "open",
        "title": "Stuck",
        "explanation": "Sugar fell 0.2 °Bx in 48 h, with about 74 g/L still to ferment.",
        "since": NOW - timedelta(hours=17),
        "opened_at": NOW - timedelta(hours=15),
        "evidence": [1, 2, 3],
        "threshold": {"text": "under 0.3 °Bx in 48 h with over 4 g/L left, after the start"},
        "clears_when": "0.5 °Bx down in 24 h, or two readings at or under −1.0 °Bx",
        "deviation_score": 0.4,
        "confirmed_at": None,
        "confirmations": 0,
        "cleared_at": None,
        "cleared_because": None,
        "acknowledged_at": None,
        "acknowledged_by": None,
        "acknowledged_by_name": None,
        "assigned_to": None,
        "assigned_to_name": None,
        "snoozed_until": None,
        "reopened_at": None,
    }
    return thing(**(given | other))


def card(given: Any, evidence: Any = ()) -> Any:
    """An alarm on the page of its wine."""
    return thing(alarm=given, evidence=list(evidence))


COLD_ALARM = alarm(
    id=32,
    check="cold",
    severity="warning",
    status="acknowledged",
    acknowledged_by=2,
    acknowledged_by_name="Bruno",
    acknowledged_at=NOW - timedelta(hours=2),
    title="Colder than wanted",
    explanation="16.9 °C, wanted are 22 to 28 °C.",
    confirmations=3,
)
NOTED_ALARM = alarm(
    id=33,
    check="late_entry",
    severity="info",
    status="snoozed",
    snoozed_until=NOW + timedelta(hours=20),
    assigned_to=1,
    assigned_to_name="Ana",
    title="Late readings",
    explanation="Two readings arrived a day late. The curve was drawn anew; no alarm changed.",
)
CLEARED_ALARM = alarm(
    id=34,
    status="cleared",
    cleared_at=NOW - timedelta(hours=1),
    cleared_because="A reading it rested on was corrected or taken out.",
)
STUCK = card(alarm(), [r for r in ROWS if r.type_label == "Sugar"][:5])
COLD = card(
    COLD_ALARM,
    [row(NOW - timedelta(hours=2), "Temperature", "62.4", "°F", canonical_text="16.9 °C")],
)
NOTED = card(NOTED_ALARM)
COLLEAGUES = {1: "Ana", 2: "Bruno"}


def inbox(show: str, groups: dict[str, list[Any]], **other: Any) -> Page:
    """The inbox of alarms."""
    given = {
        "show": show,
        "heading": "1 to act on, 1 to look at",
        "subheading": "In the last 24 h: 7 opened, 3 cleared by themselves.",
        "groups": [
            thing(
                key=key,
                title="A gravity",
                rows=[thing(alarm=one, vessel_code="T-17", wine_code="G26-17") for one in those],
            )
            for key, those in groups.items()
        ],
        "people": COLLEAGUES,
        "is_cut": False,
    }
    return "analysis_engine/anomalies.html", {"inbox": thing(**(given | other)), "tabs": TABS}


def history_event(what: str, **other: Any) -> Any:
    """A thing that became of an alarm."""
    given = {
        "at": NOW - timedelta(hours=2),
        "user_name": None,
        "note": "",
        "assigned_to_name": None,
        "snoozed_until": None,
    }
    return thing(what=what, **(given | other))


ADVICE = [
    thing(
        id=1,
        action="Warm it slowly, then wake the yeast.",
        instructions=[
            "Close the cooling valve. Warm to 20 °C, at most 3 °C a day.",
            "Stir the lees once at 19 °C.",
            "Give yeast hulls at 19 °C, up to 40 g/hL.",
        ],
        reasoning="It cooled from 25 to 17 °C between Sunday and Monday and stopped within a day.",
        confidence=0.74,
        status="offered",
        own=True,
    ),
    thing(
        id=2,
        action="Measure again before any addition.",
        instructions=[],
        reasoning="",
        confidence=0.41,
        status="applied",
        own=False,
        decided_by_name="Marco",
        decided_at=NOW - timedelta(hours=3),
        decision_note="20 °C",
        outcome="no_change",
    ),
]


def ferment(**other: Any) -> Any:
    """The figures on top of the page of a ferment."""
    given = {
        "id": 17,
        "code": "G26-17",
        "vessel_codes": ("T-17",),
        "style": "red",
        "vintage": 2026,
        "af": thing(status="done", started_at=START, ended_at=NOW - timedelta(days=1)),
        "mlf": thing(status="running", started_at=NOW - timedelta(days=2), ended_at=None),
        "yeast_strain": "QA23",
        "started_at": START,
        "day": 9,
        "status": "active",
        "headline": "T-17 has almost stopped",
        "sugar": 5.5,
        "sugar_unit_symbol": "°Bx",
        "sugar_at": NOW - timedelta(hours=2),
        "sugar_by": "Bruno",
        "change_24h": -0.1,
        "temperature": 16.9,
        "temperature_unit_symbol": "°C",
        "sugar_left_g_l": 74.2,
        "alcohol_pct": 10.7,
    }
    return thing(**(given | other))


def ahead(**other: Any) -> Any:
    """What is expected."""
    given = {
        "dry_since": None,
        "days_from": 3.4,
        "days": 4.2,
        "days_to": 6.1,
        "next_at": NOW + timedelta(hours=22),
        "sugar_low": 6.2,
        "sugar": 6.9,
        "sugar_high": 7.4,
        "unit_symbol": "°Bx",
    }
    return thing(**(given | other))


def analysis(**other: Any) -> Any:
    """The live part of the page."""
    given = {
        "status": "done",
        "analyzed_at": NOW - timedelta(hours=2),
        "covers_samples": 34,
        "sample_count": 34,
        "anomalies": [STUCK],
        "recommendations": ADVICE,
        "poll_seconds": 15.0,
        "chart": chart(),
        "people": COLLEAGUES,
        "forecast": ahead(),
        "over": [],
    }
    return thing(**(given | other))


def entry(**other: Any) -> Any:
    """The entry form."""
    given = {
        "values": {"sugar_unit": "brix", "temperature_unit": "celsius"},
        "errors": {},
        "questions": [],
        "sugar_uuid": "11111111-1111-4111-8111-111111111111",
        "temperature_uuid": "22222222-2222-4222-8222-222222222222",
        "previous": {
            "sugar": [
                ("5.6 °Bx", NOW - timedelta(hours=15)),
                ("5.5 °Bx", NOW - timedelta(hours=2)),
            ],
            "temperature": [
                ("17.0 °C", NOW - timedelta(hours=15)),
                ("16.9 °C", NOW - timedelta(hours=2)),
            ],
        },
        "timezone_name": "Europe/Madrid",
    }
    return thing(**(given | other))


TYPED = {
    "sugar": "18,4",
    "sugar_unit": "brix",
    "temperature": "16.8",
    "temperature_unit": "celsius",
}
QUESTION = "18,4 °Bx? Sugar would have risen by 12.9 °Bx. It does not rise by itself."

WORK = [
    thing(
        kind="note",
        at=NOW - timedelta(hours=3),
        title="Note",
        amount=None,
        detail="",
        note="Smells of cherries, the cap is dry on the left.",
        by="Bruno",
        confirmed=False,
        photo_of=3,
    ),
    thing(
        kind="addition",
        at=NOW - timedelta(hours=9),
        title="DAP",
        amount="99 g/hL",
        detail="Springarom, lot L-4711, into 5000 L",
        note="",
        by="Ana",
        confirmed=True,
        photo_of=None,
    ),
    thing(
        kind="cap_work",
        at=NOW - timedelta(hours=11),
        title="Punch-down",
        amount="15 min",
        detail="",
        note="",
        by="Bruno",
        confirmed=False,
        photo_of=None,
    ),
]

FERMENT_PAGE: dict[str, Any] = {
    "ferment": ferment(),
    "analysis": analysis(),
    "row_count": 34,
    "rows": ROWS,
    "entry": entry(),
    "may_record": True,
    "may_manage": True,
    "work": WORK,
    "work_forms": empty_forms("Europe/Madrid"),
}


def tank(number: int, key: str, **other: Any) -> Any:
    """A tank on the board."""
    letter, styles = "TC"[number % 7 == 3], ["red", "red", "white", "red", "rose", "orange"]
    spark = [(i / 11, 1 - (i / 11) ** (0.7 + number % 4 / 3)) for i in range(12)]
    given: dict[str, Any] = {
        "fermentation_id": number,
        "key": key,
        "vessel_codes": tuple(f"{letter}-{n:02d}" for n in range(number, number + number % 4 + 1)),
        "vintage": 2026 if number % 3 else None,
        "af": thing(status="running" if number % 5 else "not_started"),
        "mlf": thing(status=["not_started", "running", "skipped"][number % 3]),
        "code": f"G26-{number:02d}",
        "style": styles[number % 6],
        "yeast_strain": ["QA23", "EC-1118", "wild"][number % 3],
        "sugar": 24.1 - number * 0.37,
        "sugar_unit_symbol": "°Bx",
        "change_24h": -0.4 - number % 5,
        "expected_24h": -0.9 - number % 4 if number % 6 else None,
        "change_share": number % 5 / 8,
        "expected_share": number % 4 / 8,
        "alarm_id": number if key in {"act", "watch", "ask"} else None,
        "taken_by": "Bruno" if number % 2 and key == "watch" else None,
        "temperature": 15.3 + number % 12,
        "temperature_unit_symbol": "°C",
        "last_read_at": NOW - timedelta(hours=2 + number % 3),
        "day": 2 + number % 9,
        "reason_title": None,
        "reason": None,
        "passed_by": None,
        "spark": spark,
    }
    if key == "unread":
        given |= {
            "last_read_at": NOW - timedelta(hours=31),
            "reason_title": "Not read",
            "reason": "Read it on the next round.",
        }
    return thing(**(given | other))


ACT = [
    tank(
        17,
        "act",
        sugar=5.5,
        change_24h=-0.1,
        temperature=16.9,
        reason_title="Stuck",
        reason="Sugar fell 0.2 °Bx in 48 h, with about 74 g/L still to ferment.",
    ),
    tank(
        23,
        "act",
        sugar=8.8,
        change_24h=-7.5,
        temperature=32.4,
        reason_title="Hot",
        reason="Rising 0.6 °C/h: 35 °C in about 4 h.",
    ),
    tank(
        4,
        "act",
        sugar=3.1,
        change_24h=-2.8,
        reason_title="VA rising",
        reason="0.78 g/L, up 0.16 in 48 h.",
    ),
]
WATCH = [
    tank(
        9,
        "watch",
        style="white",
        change_24h=-1.3,
        reason_title="Sluggish",
        reason="Slower than 9 in 10 past ferments.",
    ),
    tank(
        12,
        "watch",
        sugar=-0.5,
        reason_title="Press",
        reason="Dry tomorrow, between 11:00 and 20:00.",
    ),
    tank(
        28,
        "watch",
        sugar=23.9,
        change_24h=0.2,
        reason_title="Slow start",
        reason="0.6 °Bx in 70 h since inoculation.",
    ),
]
UNREAD = [
    tank(
        40,
        "unread",
        reason=None,
        passed_by=thing(reason="Foam over the hatch", at=NOW - timedelta(hours=2), by="Bruno"),
    ),
    tank(41, "unread", sugar=None, change_24h=None, temperature=None, last_read_at=None, spark=[]),
]
CALM = [tank(number, "calm") for number in range(1, 36) if number not in {4, 9, 12, 17, 23, 28}]


def board(*, calm: list[Any] = CALM, act: list[Any] = ACT) -> Any:
    """The board."""
    asked = [tank(5, "ask", reason_title="Question", reason="Rose 1.4 °Bx.")] if act else []
    tanks = {
        "act": act,
        "watch": WATCH if act else [],
        "ask": asked,
        "unread": UNREAD if act else [],
        "calm": calm,
    }
    places = [
        thing(code=f"T-{each.fermentation_id:02d}", key=each.key, tank=each)
        for group in tanks.values()
        for each in group
    ]
    places += [
        thing(code="T-98", key="resting", tank=None),
        thing(code="T-99", key="free", tank=None),
    ]
    return thing(
        as_of=NOW,
        groups=[thing(key=key, tanks=group) for key, group in tanks.items()],
        rows=[thing(name="T-01 – T-99", vessels=places)],
        counts={key: len(group) for key, group in tanks.items()},
        total=sum(len(group) for group in tanks.values()),
        free_vessels=1,
    )


TOKEN = thing(
    id="a",
    name="Lab computer",
    user_id=3,
    display_name="Ana",
    scopes=["read_book", "record_samples"],
    expires_at=NOW + timedelta(days=90),
    revoked_at=None,
    last_used_at=NOW - timedelta(hours=3),
)
ADVICE_ROWS = [
    thing(code="stuck_encourage", action="Wake the yeast.", own=None, built_in=thing()),
    thing(code="our-way", action="Warm it.", own=thing(id=4, in_use=False), built_in=None),
]
CHAIN = [
    thing(
        id=number,
        value=value,
        unit="brix",
        qualifier=None,
        measured_at=NOW - timedelta(hours=5),
        recorded_by=by,
        reason=reason,
        voids=False,
    )
    for number, value, by, reason in ((1, "24.1", 3, None), (2, "22,1", 5, "Misread."))
]
SECOND_FACTOR: dict[str, Any] = {
    "asked": False,
    "new": None,
    "picture": None,
    "codes": None,
    "error": None,
}
LIST = [
    thing(
        id=number,
        code=f"G{26 - number // 20}-{number:02d}",
        vessel_codes=(f"T-{number % 30:02d}", "B-01", "B-02", "B-03")[: 1 + 3 * (number % 7 == 0)],
        vintage=2026 if number % 9 else None,
        af=thing(status="done"),
        mlf=thing(status="running"),
        style=["red", "white", "rose", "orange"][number % 4],
        yeast_strain="EC-1118",
        status=["active", "active", "completed", "completed", "cancelled"][number // 8 % 5],
        started_at=NOW - timedelta(days=number * 2),
        ended_at=None if number < 16 else NOW - timedelta(days=number),
    )
    for number in range(1, 36)
]
SESSIONS = [
    thing(
        id=1,
        created_at=NOW - timedelta(days=2),
        last_seen_at=NOW - timedelta(minutes=3),
        current=True,
        user_agent="Mozilla/5.0 (Linux; Android 15; SM-X306B) AppleWebKit/537.36 Chrome/141.0 Safari/537.36",
    ),
    thing(
        id=2,
        created_at=NOW - timedelta(days=20),
        last_seen_at=NOW - timedelta(hours=16),
        current=False,
        user_agent="",
    ),
]
SETUP = {
    "setup_code": "7KQ4-M2XD",
    "winery_name": "Torrevela",
    "winery_code": "",
    "display_name": "Ana Ibáñez",
    "email": "ana@",
    "password": "must-never-come-back",
    "password_again": "must-never-come-back",
    "language": "es",
    "sugar_unit": "baume",
    "temperature_unit": "celsius",
    "tanks": "T-01 5000\nT-01 3000",
}
VESSELS = [
    {"code": "T-05", "free": True},
    {"code": "T-06", "free": True},
    {"code": "T-17", "free": False},
]


def start(values: dict[str, str], errors: dict[str, str], ask: bool = False) -> dict[str, Any]:
    """The page that starts a ferment."""
    return {"form": {"values": values, "errors": errors, "ask_new_vessel": ask}, "vessels": VESSELS}


def problem(status: int, title: str, detail: str, what_next: str) -> Page:
    """A page about something that went wrong."""
    context = {
        "status": status,
        "title": title,
        "detail": detail,
        "what_next": what_next,
        "request_id": "9f3c21d0b7",
    }
    return "problem.html", context | {"_outside": True}


def door(**form: Any) -> dict[str, Any]:
    """The sign-in."""
    given = {"login": "", "error": None}
    return {"form": given | form, "winery_name": "Torrevela", "_outside": True}


API: dict[str, Any] = arrange(
    {
        "info": {"title": "Winery appliance", "version": "0.1.0", "description": "For programs."},
        "paths": {
            "/api/v1/vessels/{vessel_id}": {
                "patch": {
                    "tags": ["vessels"],
                    "summary": "Change a vessel.",
                    "description": "What is not sent stays as it is.",
                    "x-permission": "configure_cellar",
                    "parameters": [
                        {
                            "name": "vessel_id",
                            "in": "path",
                            "required": True,
                            "schema": {"type": "integer", "minimum": 1},
                        },
                        {
                            "name": "If-Match",
                            "in": "header",
                            "required": False,
                            "description": "The ETag of what is changed.",
                            "schema": {"type": "string"},
                        },
                    ],
                    "requestBody": {
                        "content": {
                            "application/json": {"schema": {"$ref": "#/components/schemas/Vessel"}}
                        }
                    },
                    "responses": {"204": {"description": "No Content"}},
                }
            },
            "/api/v1/tokens": {
                "post": {
                    "tags": ["tokens"],
                    "summary": "A token.",
                    "responses": {
                        "201": {
                            "description": "A token, and the seconds it lasts.",
                            "content": {
                                "application/json": {
                                    "schema": {"$ref": "#/components/schemas/Vessel"}
                                }
                            },
                        }
                    },
                }
            },
        },
        "components": {
            "schemas": {
                "Kind": {"enum": ["tank", "barrel"], "type": "string"},
                "Vessel": {
                    "description": "A vessel by its code.",
                    "required": ["code"],
                    "properties": {
                        "code": {"type": "string", "maxLength": 40},
                        "kind": {"$ref": "#/components/schemas/Kind"},
                        "capacity_l": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
                    },
                },
            }
        },
    }
)

DEVICES = [
    thing(id=1, name="Cellar tablet 1", enrolled_at=START, last_seen_at=NOW, revoked_at=None),
    thing(id=2, name="Press house", enrolled_at=None, last_seen_at=None, revoked_at=None),
    thing(id=3, name="Lost tablet", enrolled_at=START, last_seen_at=START, revoked_at=NOW),
]
PEOPLE = [
    thing(user_id=n, display_name=name)
    for n, name in enumerate(["Ana Ibáñez", "Bruno", "Marco", "Vera", "Maximiliano Echeverría"], 1)
]


STAFF = [
    thing(
        id=n,
        display_name=name,
        username=username,
        email=email,
        role=role,
        has_pin=has_pin,
        created_at=START,
        deleted_at=NOW if n == 4 else None,
    )
    for n, (name, username, email, role, has_pin) in enumerate(
        [
            ("Ana Ibáñez", "ana", "ana@torrevela.example", "owner", False),
            ("Bruno", "bruno", None, "cellar", True),
            (
                "Maximiliano Echeverría y Goicoechea",
                None,
                "max@torrevela.example",
                "winemaker",
                False,
            ),
            ("Vera", "vera", None, "viewer", False),
        ],
        1,
    )
]


def shared(**given: Any) -> dict[str, Any]:
    """The sign-in page of a shared device."""
    page = {"device": DEVICES[0], "people": PEOPLE, "chosen": None, "wanted": "/", "error": None}
    return page | {"winery_name": "Torrevela", "_outside": True} | given


def door_form(**form: Any) -> dict[str, Any]:
    """A page before the door with a form."""
    empty: dict[str, Any] = {"values": {}, "errors": {}, "error": None}
    return {"form": empty | form, "winery_name": "Torrevela", "_outside": True}


SETTINGS = {
    "version": "v",
    "name": "Torrevela",
    "location": "Camino del Río 3, Ollauri",
    "country": "ES",
    "latitude": "42.54",
    "longitude": "-2.84",
    "time_zone": "Europe/Madrid",
    "sugar_unit": "baume",
    "temperature_unit": "celsius",
    "legal_region": "eu",
    "walking_order": "position",
    "audit_months": "",
}


def managing(
    typed: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
    *,
    error: str | None = None,
    **other: Any,
) -> Page:
    """The page on which a wine is managed."""
    wine = FermentationView(
        id=17,
        code="G26-17",
        vessel_codes=("T-17",),
        style="red",
        yeast_strain="QA23",
        status="active",
        started_at=START,
        ended_at=None,
        data_source="live",
        created_at=START,
        start_volume_l=Decimal(4500),
        lot_sources=(
            LotSourceView(1, "26-L1", "Graciano", "2026", Decimal("99.9"), Decimal(6100)),
        ),
        vintage=2026,
        af=Phase("running", START),
    )
    wine = replace(wine, **other)
    form = {
        "values": fill_in(wine, ZoneInfo("Europe/Madrid")) | dict(typed or {}),
        "errors": dict(errors or {}),
        "error": error,
        "act": (typed or {}).get("act", ""),
    }
    given = {
        "wine": wine,
        "form": form,
        "choices": {name: list_choices(wine, name) for name in PHASES},
        "lot_rows": len(wine.lot_sources) + 3,
        "lots": ["26-L1", "26-L2"],
        "vessels": ["T-17", "T-18"],
    }
    return "fermentation/manage.html", given


FOUND = {
    Hit("vessel", 1, "T-1", None, "exact"): 17,
    Hit("fermentation", 17, "G26-T-1", None, "part"): 17,
    Hit("vessel", 2, "T-12", None, "prefix"): None,
    Hit("vineyard", 3, "ALT-1", "Alto de la Cruz", "part"): None,
}

CELLAR = [
    VesselView(1, "T-1", "tank", "stainless_steel", "cooling", 5000, 1, None),
    VesselView(2, "B-1", "barrel", None, None, None, None, None),
]

COMPARISON = thing(
    wines=[
        thing(
            id=number,
            name=f"T-{number}",
            code=f"G26-{number}",
            style=style,
            day_values={day: falling(day * pace) for day in range(9)},
        )
        for number, style, pace in ((17, "red", 1.0), (18, "red", 1.3), (21, "white", 0.7))
    ],
    others=LIST,
    days=9,
    sugar_symbol="°Bx",
    chart={
        "unit": "°Bx",
        "dry_line": -1.0,
        "wines": [
            {
                "name": f"T-{number}",
                "style": style,
                "points": [[day, falling(day * pace)] for day in range(9)],
            }
            for number, style, pace in ((17, "red", 1.0), (18, "red", 1.3), (21, "white", 0.7))
        ],
    },
)
HANDOVER = {
    "_outside": True,
    "name": "winery.home.arpa",
    "fingerprint": "3F2A 91C0 77DE 0B54 3F2A 91C0 77DE 0B54 3F2A 91C0 77DE 0B54 3F2A 91C0 77DE 0B54",
    "code": "",
}
HAND_OVER = thing(
    as_of=NOW,
    unread=[
        thing(
            vessel_codes=("T-01", "T-02"),
            code="26-TEM-01",
            read_at=NOW - timedelta(hours=30),
            skipped=None,
        ),
        thing(vessel_codes=("T-03",), code="26-TEM-02", read_at=None, skipped=None),
        thing(
            vessel_codes=("T-04",),
            code="26-TEM-03",
            read_at=None,
            skipped=thing(reason="Foam over the hatch", by="Bruno", skipped_at=NOW),
        ),
    ],
    alarms=[
        thing(
            vessel_codes=("T-05",),
            alarm=thing(
                severity="critical",
                title="Stuck",
                explanation="Sugar fell 0.2 °Bx in 48 h.",
                assigned_to_name="Marco",
                snoozed_until=NOW,
            ),
        )
    ],
    tasks=[
        thing(
            title="Pump over T-05",
            vessel_code="T-05",
            assigned_to_name="Bruno",
            due_at=NOW,
            instructions="With air.",
        )
    ],
    free=["T-09", "T-10"],
    to_come=[
        thing(vessel_codes=("T-06",), code="A", is_dry=True, first=NOW, middle=NOW, last=NOW),
        thing(vessel_codes=("T-07",), code="B", is_dry=False, first=NOW, middle=NOW, last=NOW),
        thing(vessel_codes=("T-08",), code="C", is_dry=False, first=NOW, middle=NOW, last=None),
        thing(vessel_codes=("T-11",), code="D", is_dry=False, first=NOW, middle=None, last=None),
        thing(vessel_codes=("T-12",), code="E", is_dry=False, first=None, middle=None, last=None),
    ],
)
QUIET_HAND_OVER = thing(as_of=NOW, unread=[], alarms=[], tasks=[], free=[], to_come=[])
ROUND_ON_PAPER = thing(
    as_of=NOW,
    sugar_symbol="°Bx",
    tanks=[
        thing(
            vessel_codes=("T-01",),
            code="26-TEM-01",
            sugar=[thing(value=12.5, measured_at=NOW)],
            expected=thing(low=9.8, high=11.2),
        ),
        thing(vessel_codes=("T-02",), code="26-TEM-02", sugar=[], expected=None),
    ],
)
PAGES: dict[str, Page] = {
    **FRUIT_PAGES,
    **HISTORY_PAGES,
    **PROBE_PAGES,
    **RULE_PAGES,
    "alarms": inbox("open", {"act": [alarm()], "watch": [COLD_ALARM]}, is_cut=True),
    "alarms-snoozed": inbox("snoozed", {"calm": [NOTED_ALARM]}),
    "alarms-cleared": inbox("cleared", {"good": [CLEARED_ALARM]}),
    "alarms-none": inbox("mine", {}, heading="Nothing is yours"),
    "alarm": (
        "analysis_engine/anomaly.html",
        {
            "page": thing(
                row=thing(alarm=COLD_ALARM, vessel_code="T-17", wine_code="G26-17"),
                people=COLLEAGUES,
                history=[
                    history_event("opened", note="16.9 °C, wanted are 22 to 28 °C."),
                    history_event("assigned", user_name="Ana", assigned_to_name="Bruno"),
                    history_event("snoozed", user_name="Ana", snoozed_until=NOW),
                    history_event("confirmed"),
                    history_event("acknowledged", user_name="Bruno", note="The valve is open."),
                ],
            )
        },
    ),
    "api-docs": ("api_docs.html", API | {"_outside": True}),
    "sign-in": ("auth/sign_in.html", door()),
    "sign-in-refused": (
        "auth/sign_in.html",
        door(
            login="ana",
            error="Name and password do not belong together. Try again.",
            next="/fermentations/17",
        ),
    ),
    "sign-in-unnamed": ("auth/sign_in.html", door() | {"winery_name": None}),
    "first-run": (
        "winery/first_run.html",
        {
            "form": {"values": {}, "errors": {}, "error": None},
            "zones": ["Europe/Madrid", "UTC"],
            "_outside": True,
        },
    ),
    "restore": (
        "restore.html",
        {
            "_outside": True,
            "form": {"values": {"repo": "nas"}, "errors": {}, "error": None},
            "ended": thing(failed="The NAS is away. Nothing was changed."),
        },
    ),
    "restore-progress": (
        "restore_progress.html",
        {
            "_outside": True,
            "is_theirs": True,
            "progress": thing(phase="read", bytes=41_000_000, of=120_000_000, left_s=80.0),
        },
    ),
    "first-run-refused": (
        "winery/first_run.html",
        {
            "_outside": True,
            "zones": ["Europe/Madrid", "UTC"],
            "form": {
                "values": SETUP,
                "error": "Nothing was saved.",
                "errors": {
                    "winery_code": "Type a short code.",
                    "tanks": "Line 2: T-01 stands in line 1 already.",
                    "email": "This is no e-mail address.",
                    "body": "The two passwords are not the same.",
                },
            },
        },
    ),
    "readings": (
        "analysis_engine/readings.html",
        {"data": thing(ferment=ferment(), rows=ROWS, total=1034, page=2, pages=3)},
    ),
    "readings-none": (
        "analysis_engine/readings.html",
        {"data": thing(ferment=ferment(), rows=[], total=0, page=1, pages=1)},
    ),
    "compare": ("analysis_engine/compare.html", {"view": COMPARISON}),
    "compare-none": (
        "analysis_engine/compare.html",
        {"view": thing(wines=[], others=LIST, days=0, sugar_symbol="°Bx", chart={})},
    ),
    "board": (
        "fermentation/board.html",
        {
            "view": "list",
            "board": board(),
            "may_start": True,
            "_flashed": [("message", "G26-41 began in T-41.")],
        },
    ),
    "board-map": (
        "fermentation/board.html",
        {"view": "map", "board": board(), "may_start": True},
    ),
    "wall": ("fermentation/wall.html", {"board": board()}),
    "wall-calm": ("fermentation/wall.html", {"board": board(act=[])}),
    "board-calm": (
        "fermentation/board.html",
        {"view": "list", "board": board(act=[], calm=CALM[:3]), "may_start": False},
    ),
    "board-one": (
        "fermentation/board.html",
        {"view": "list", "board": board(act=[], calm=CALM[:1]), "may_start": True},
    ),
    "board-many": (
        "fermentation/board.html",
        {
            "view": "list",
            "board": board(calm=[tank(n, "calm") for n in range(100, 400)]),
            "may_start": True,
        },
    ),
    "board-empty": (
        "fermentation/board.html",
        {
            "view": "list",
            "board": board(act=[], calm=[]),
            "may_start": True,
        },
    ),
    "board-empty-viewer": (
        "fermentation/board.html",
        {"view": "list", "board": board(act=[], calm=[]), "may_start": False},
    ),
    "ferments": (
        "fermentation/index.html",
        {"rows": LIST, "deleted": False, "next_cursor": "abc", "may_start": True},
    ),
    "ferments-deleted": (
        "fermentation/index.html",
        {"rows": LIST[:3], "deleted": True, "next_cursor": None, "may_start": True},
    ),
    "ferments-empty": (
        "fermentation/index.html",
        {"row_count": 34, "rows": [], "deleted": False, "next_cursor": None, "may_start": False},
    ),
    "manage": managing(),
    "manage-planned": managing(status="planned", lot_sources=()),
    "manage-refused": managing(
        {"act": "mlf", "mlf_started_at": "2026-09-31T08:00"},
        {"mlf_started_at": "Use the date and time picker."},
    ),
    "manage-stale": managing({"act": "lots"}, error="Somebody changed this since you read it."),
    "manage-over": managing(status="completed", start_volume_l=Decimal(0)),
    "manage-cancelled": managing(status="cancelled"),
    "vessels": ("winery/vessels.html", {"vessels": CELLAR, "deleted": False}),
    "vessels-left": ("winery/vessels.html", {"vessels": CELLAR[:1], "deleted": True}),
    "vessels-none": ("winery/vessels.html", {"vessels": [], "deleted": False}),
    "vessel": (
        "winery/vessel.html",
        {
            "vessel": CELLAR[0],
            "form": {"values": {"code": "T-1", "kind": "egg"}, "errors": {}, "error": None},
        },
    ),
    "vessel-new-refused": (
        "winery/vessel.html",
        {
            "vessel": None,
            "form": {
                "values": {"kind": "tank"},
                "errors": {"code": "Already in use."},
                "error": None,
            },
        },
    ),
    "settings": (
        "winery/settings.html",
        {
            "form": {"values": SETTINGS, "errors": {}, "error": None},
            "zones": ["Europe/Madrid", "UTC"],
        },
    ),
    "settings-refused": (
        "winery/settings.html",
        {
            "form": {
                "values": SETTINGS | {"time_zone": "Madrid", "latitude": "95"},
                "errors": {
                    "time_zone": "Choose a time zone by its name, such as Europe/Madrid.",
                    "latitude": "This should be less than or equal to 90.",
                },
                "error": None,
            },
            "zones": ["Europe/Madrid", "UTC"],
        },
    ),
    "labels": (
        "rounds/labels.html",
        {
            "labels": [
                make_label("https://winery.home.arpa/round", f"T-{n:02d}") for n in range(1, 15)
            ],
            "address": "https://winery.home.arpa/round",
            "leads_nowhere": False,
        },
    ),
    "labels-for-nobody": (
        "rounds/labels.html",
        {"labels": [], "address": "http://127.0.0.1/round", "leads_nowhere": True},
    ),
    "found": ("search/found.html", {"wanted": "T-1", "places": FOUND, "most": 3, "sentence": None}),
    "found-nothing": (
        "search/found.html",
        {"wanted": "T-99", "places": {}, "most": 20, "sentence": None},
    ),
    "new": ("fermentation/new.html", start({}, {})),
    "new-refused": (
        "fermentation/new.html",
        start(
            {"code": "G26-41", "vessel_code": "T-17", "yeast_strain": "QA23", "style": "white"},
            {
                "vessel_code": "T-17 holds G26-17 until it is finished or moved.",
                "style": "Choose the wine.",
            },
        ),
    ),
    "new-ask": (
        "fermentation/new.html",
        start(
            {"code": "G26-41", "vessel_code": "T-71", "style": "red", "yeast_strain": "QA23"},
            {"vessel_code": "Not in the book yet. Add it, or check the code."},
            ask=True,
        ),
    ),
    "ferment": ("fermentation/fermentation.html", FERMENT_PAGE),
    "ferment-many-alarms": (
        "fermentation/fermentation.html",
        FERMENT_PAGE
        | {
            "analysis": analysis(
                anomalies=[STUCK, COLD, NOTED], forecast=ahead(days=None, days_to=None)
            )
        },
    ),
    "ferment-working": (
        "fermentation/fermentation.html",
        FERMENT_PAGE
        | {
            "analysis": analysis(
                status="done", covers_samples=33, poll_seconds=0.4, forecast=ahead(days_to=None)
            )
        },
    ),
    "ferment-on-course": (
        "fermentation/fermentation.html",
        FERMENT_PAGE
        | {
            "ferment": ferment(headline="T-17 is on course", style="white", change_24h=0.2),
            "analysis": analysis(
                anomalies=[], recommendations=[], chart=chart(False) | {"style": "white"}
            ),
            "may_record": False,
            "may_manage": False,
        },
    ),
    "ferment-failed": (
        "fermentation/fermentation.html",
        FERMENT_PAGE | {"analysis": analysis(status="failed")},
    ),
    "ferment-new": (
        "fermentation/fermentation.html",
        FERMENT_PAGE
        | {
            "ferment": ferment(
                headline="T-17 has just begun",
                sugar=None,
                sugar_at=None,
                sugar_by=None,
                change_24h=None,
                temperature=None,
                sugar_left_g_l=None,
                alcohol_pct=None,
                day=1,
                yeast_strain="",
            ),
            "analysis": analysis(
                status="pending",
                analyzed_at=None,
                covers_samples=0,
                sample_count=0,
                anomalies=[],
                recommendations=[],
                chart=EMPTY_CHART,
            ),
            "row_count": 34,
            "rows": [],
            "entry": entry(previous={"sugar": [], "temperature": []}),
        },
    ),
    "ferment-first": (
        "fermentation/fermentation.html",
        FERMENT_PAGE
        | {
            "ferment": ferment(
                headline="T-17 has just begun",
                sugar=1.0850,
                sugar_unit_symbol="SG",
                change_24h=None,
            ),
            "analysis": analysis(
                status="pending",
                analyzed_at=None,
                covers_samples=0,
                sample_count=1,
                anomalies=[],
                recommendations=[],
                poll_seconds=0.4,
                forecast=None,
                chart=EMPTY_CHART
                | {
                    "sugar": [[START.timestamp(), 1.085, 1, False]],
                    "sugar_unit": "SG",
                    "dry_line": 0.996,
                },
            ),
            "row_count": 34,
            "rows": [
                row(START, "Sugar", "1,085", "SG", qualifier="<", canonical_text="1085.0 kg/m³")
            ],
        },
    ),
    "entry-question": (
        "fermentation/entry.html",
        {"ferment": ferment(), "entry": entry(values=TYPED, questions=[QUESTION])},
    ),
    "work-question": (
        "cellar_work/work.html",
        {
            "ferment": ferment(),
            "form": WorkForm(
                "addition",
                values={"addition_kind": "dap", "addition_dose": "99", "addition_unit": "g_hl"},
                questions=[
                    "99 g/hL of DAP? It comes to 0.99 g/L. Usual is up to 0.96 g/L (US limit; EU 1 g/L)."
                ],
            ),
        },
    ),
    "work-refused": (
        "cellar_work/work.html",
        {
            "ferment": ferment(),
            "form": WorkForm("cap_work", errors={"cap_work_duration_min": "Type whole minutes."}),
        },
    ),
    "note-refused": (
        "cellar_work/work.html",
        {
            "ferment": ferment(),
            "form": WorkForm(
                "note",
                values={"note_content": "The cap is dry."},
                errors={"note_photo": "This picture is damaged."},
            ),
        },
    ),
    "entry-refused": (
        "fermentation/entry.html",
        {
            "ferment": ferment(),
            "entry": entry(
                values=TYPED | {"sugar": "204", "measured_at": "2026-09-25T06:58"},
                errors={
                    "sugar": "204 °Bx is impossible for sugar. Possible is −5 to 50.",
                    "measured_at": "This time has not come yet. Check the date and the clock of this device.",
                },
            ),
        },
    ),
    "account": (
        "auth/account.html",
        {
            "units": ("oechsle", None),
            "sessions": SESSIONS,
            "devices": DEVICES,
            "form": {"values": {}, "errors": {}},
        },
    ),
    "account-refused": (
        "auth/account.html",
        {
            "units": ("oechsle", None),
            "sessions": SESSIONS,
            "devices": DEVICES,
            "form": {
                "values": {"name": "Cellar tablet 1"},
                "errors": {"name": "Already in use.", "pin": "Type at least 4 characters."},
            },
        },
    ),
    "account-by-pin": (
        "auth/account.html",
        {
            "units": ("oechsle", None),
            "sessions": SESSIONS[:1],
            "devices": None,
            "form": {"values": {}, "errors": {}},
            "current_user": thing(
                is_authenticated=True,
                display_name="Bruno",
                role="cellar",
                by_pin=True,
                may=lambda _: False,
            ),
        },
    ),
    "tokens": (
        "auth/tokens.html",
        {
            "tokens": [
                TOKEN,
                thing(**(vars(TOKEN) | {"id": "b", "name": "Old", "revoked_at": NOW})),
            ],
            "made": thing(
                view=TOKEN,
                secret="j_RP5c7qTnqcPR86KyxNXg.Zm9yZ2VkIGJ5IG5vYm9keSBhdCBhbGwgLSBhIHNhbXA",
            ),
            "form": {
                "values": {"name": "", "days": "90"},
                "scopes": ["read_book"],
                "errors": {},
                "error": None,
            },
            "days": (30, 90, 366),
            "scopes": ["read_book", "record_samples"],
        },
    ),
    "advice-templates": (
        "analysis_engine/advice_templates.html",
        {
            "page": thing(
                own=1,
                groups=[thing(anomaly_type="stuck", title="Stuck", rows=ADVICE_ROWS)],
                deleted=[thing(id=9, code="old-way", action="Wait.")],
            )
        },
    ),
    "advice-template": (
        "analysis_engine/advice_template.html",
        {
            "template": thing(id=4, code="our-way", anomaly_type="stuck"),
            "form": {
                "values": {
                    "action": "Warm it.",
                    "figure_0": "brix",
                    "version": "v",
                    "in_use": "yes",
                },
                "errors": {"instructions": "This is needed.", "conditions": "Type a number."},
                "error": None,
            },
            "troubles": {"stuck": "Stuck"},
            "figures": ("brix", "style"),
            "rows": range(3),
        },
    ),
    "correction": (
        "fermentation/correction.html",
        {
            "ferment": thing(id=17, code="G26-17", vessel_codes=("T-17",)),
            "chain": CHAIN,
            "sample": CHAIN[-1],
            "names": {3: "Ana"},
            "form": {
                "values": {"unit": "brix", "client_uuid": "u", "value": "39"},
                "errors": {},
                "questions": ["39 °Bx? That is unusual."],
                "error": None,
            },
            "units": [("brix", "°Bx"), ("sg", "SG")],
            "symbols": {"brix": "°Bx"},
            "zone": "Europe/Madrid",
            "may_mend": True,
        },
    ),
    "second-factor-before": (
        "auth/second_factor.html",
        SECOND_FACTOR | {"factor": thing(confirmed=False, required=True, recovery_codes_left=0)},
    ),
    "second-factor-new": (
        "auth/second_factor.html",
        SECOND_FACTOR
        | {
            "factor": thing(confirmed=False, required=False, recovery_codes_left=0),
            "new": thing(secret="JBSWY3DPEHPK3PXP", uri="otpauth://totp/Winery:ana"),
            "picture": Markup('<svg width="9" height="9"><path d="M0 0h7"/></svg>'),
            "error": "This code does not work.",
        },
    ),
    "second-factor": (
        "auth/second_factor.html",
        SECOND_FACTOR
        | {
            "factor": thing(confirmed=True, required=False, recovery_codes_left=10),
            "codes": ["ABCD-EFGH-JKLM"],
        },
    ),
    "second-factor-code": (
        "auth/second_factor_code.html",
        {"error": "This code does not work.", "_outside": True},
    ),
    "log": (
        "log.html",
        {
            "found": {
                "items": [
                    thing(
                        level=level,
                        event="reaction failed",
                        at=NOW,
                        process="worker",
                        job_id="outbox-7",
                        request_id="4c149e6dc7c3451b97b7a8e0e8595ef8",
                        details={"subject": "fermentation:3", "exception": "Traceback"},
                    )
                    for level in ("info", "warning", "error")
                ],
                "next_cursor": "more",
            },
            "wanted_lines": {"text": "failed", "level": "warning"},
            "error": None,
        },
    ),
    "log-refused": (
        "log.html",
        {
            "found": {"items": [], "next_cursor": None},
            "wanted_lines": {"level": "loud"},
            "error": "level: This should be 'info', 'warning' or 'error'.",
        },
    ),
    "notifications": (
        "notifications/settings.html",
        {
            "form": {
                "values": vars(SettingsView(smtp_host="mail.torrevela.example"))
                | {"sender": "cellar@torrevela.example", "summary_at": "06:00"},
                "errors": {"smtp_port": "Type a number."},
                "error": None,
            },
            "has_password": True,
            "version": "v",
            "rules": [view_default(role) for role in Role],
            "hooks": [
                thing(
                    id=1,
                    name="House",
                    url="http://192.168.1.20/hook",
                    inside_address="192.168.1.20/32",
                    failing="192.168.1.20 answered 500.",
                )
            ],
            "notices": [
                thing(
                    created_at=NOW,
                    to="Marco",
                    kind=kind,
                    anomaly_id=anomaly_id,
                    sent_at=sent_at,
                    dropped_at=dropped_at,
                    dropped_because="It was over before it was told.",
                    last_error=last_error,
                    attempts=3,
                    send_after=NOW,
                )
                for kind, anomaly_id, sent_at, dropped_at, last_error in (
                    ("opened", 4, NOW, None, None),
                    ("worsened", 4, None, NOW, None),
                    ("test", None, None, None, "mail.torrevela.example:587: timed out"),
                    ("summary", None, None, None, None),
                )
            ],
            "waiting": Waiting(2, NOW, "mail.torrevela.example:587: timed out"),
            "key": ("House", "whsec_kept-by-nobody"),
        },
    ),
    "notifications-before": (
        "notifications/settings.html",
        {
            "form": {"values": vars(SettingsView()), "errors": {}, "error": None},
            "has_password": False,
            "version": "v",
            "rules": [view_default(role) for role in Role],
            "hooks": [],
            "notices": [],
            "waiting": Waiting(0, None, None),
            "key": None,
        },
    ),
    "own-notifications": (
        "notifications/own_rule.html",
        {"rule": view_default(Role.WINEMAKER, 3), "error": None},
    ),
    "own-notifications-refused": (
        "notifications/own_rule.html",
        {
            "rule": RuleView(None, 3, "none", None, None, False, True, True, False),
            "error": "Quiet hours need both a beginning and an end.",
        },
    ),
    "summary": (
        "notifications/summary.html",
        {
            "summary": thing(
                heading="1 tank needs somebody now",
                made_at=NOW,
                opened=2,
                cleared=1,
                alarms=[
                    (
                        "T-17",
                        thing(
                            id=4,
                            severity="critical",
                            title="Hot",
                            acknowledged_by_name="Bruno",
                        ),
                    )
                ],
                tasks=[
                    thing(
                        vessel_code="T-17",
                        title="Pump over",
                        due_at=NOW,
                        assigned_to_name="Bruno",
                    )
                ],
                board=board(),
            )
        },
    ),
    "handover": ("handover.html", HANDOVER),
    "handover-poster": ("handover_poster.html", HANDOVER),
    "status": (
        "status.html",
        {
            "phones": True,
            "level": "red",
            "parts": [
                Subsystem("events", "Analysis", "red", "2 changes failed.", "Look.", "events"),
                Subsystem("notices", "Notifications", "amber", "Nobody is told of alarms."),
                Subsystem("disk", "Disk", "green", "40.1 of 80 GB are free."),
            ],
            "offsite": OffsiteHealth(
                level="red",
                code=3,
                findings=[
                    Finding(name="log", level="green", words="All records were off-site 12 s ago."),
                    Finding(name="base", level="red", words="No base copy is off-site yet."),
                ],
                bucket="s3://winery-copies",
                last_commit=NOW,
                sent_at=NOW,
                waiting_bytes=3 << 20,
                doing="base copy 20261129T091514Z-82cc",
                done_bytes=40 << 20,
                of_bytes=160 << 20,
                rate=600_000.0,
                left_s=215.0,
            ),
            "copies": thing(
                level="red",
                findings=[
                    thing(level="red", words="The NAS at /mnt/nas is full.", remedy=""),
                    thing(
                        level="amber",
                        words="Kit 1 was not proven in the last 90 days.",
                        remedy="winery-backup keys prove --identity -",
                    ),
                    thing(level="green", words="The newest base copy is 3 hours old.", remedy=""),
                ],
                last_commit=NOW,
                spool_bytes=7 << 20,
                base_at=NOW,
                dump_at=NOW,
                kit=1,
                shipped_at=None,
                kit_proven_at=None,
                gap="the server's slot was gone",
                trend=[
                    thing(at=START, ok=True, rto_s=12.25, rpo_s=3.0),
                    thing(at=NOW, ok=False, rto_s=2.0, rpo_s=None),
                ],
            ),
        },
    ),
    "status-before-keys": (
        "status.html",
        {
            "phones": False,
            "level": "green",
            "parts": [Subsystem("disk", "Disk", "green", "40.1 of 80 GB are free.")],
            "copies": health.assess(Settings(data=Path("/nowhere")), NOW),
            "offsite": assess_offsite(Settings(data=Path("/nowhere")), NOW),
        },
    ),
    "people": (
        "auth/people.html",
        {
            "people": STAFF[:3],
            "removed": STAFF[3:],
            "form": {"values": {"role": "cellar"}, "errors": {}, "error": None},
        },
    ),
    "people-refused": (
        "auth/people.html",
        {
            "people": STAFF[:1],
            "removed": [],
            "form": {
                "values": {"display_name": "Nino", "username": "ana", "role": "viewer"},
                "errors": {"username": "Already in use.", "body": "Give an e-mail or a username."},
                "error": None,
            },
        },
    ),
    "person": (
        "auth/person.html",
        {
            "person": STAFF[1],
            "form": {"values": vars(STAFF[1]) | {"version": "v"}, "errors": {}, "error": None},
            "_flashed": [("message", "ABCD-EFGH-JKLM is the one-time code of Bruno.")],
        },
    ),
    "person-refused": (
        "auth/person.html",
        {
            "person": STAFF[2],
            "form": {
                "values": vars(STAFF[2]) | {"version": "v"},
                "errors": {"pin": "This PIN is among the first that people try."},
                "error": None,
            },
        },
    ),
    "shared-device": ("auth/shared_device.html", shared()),
    "shared-device-chosen": ("auth/shared_device.html", shared(chosen=PEOPLE[0])),
    "shared-device-wrong": (
        "auth/shared_device.html",
        shared(chosen=PEOPLE[1], error="This is not the PIN. Try again.", wanted="/fermentations"),
    ),
    "shared-device-empty": ("auth/shared_device.html", shared(people=[])),
    "enroll": ("auth/enroll.html", door_form()),
    "enroll-refused": (
        "auth/enroll.html",
        door_form(values={"code": "ABCD"}, errors={"code": "Not a code, used, or too old."}),
    ),
    "new-password": ("auth/new_secret.html", door_form() | {"what": "password"}),
    "new-pin": ("auth/new_secret.html", door_form() | {"what": "PIN"}),
    "new-pin-refused": (
        "auth/new_secret.html",
        door_form(values={"login": "bruno", "code": "ABCD"}, error="Too many wrong tries.")
        | {"what": "PIN"},
    ),
    "account-alone": (
        "auth/account.html",
        {
            "units": ("oechsle", None),
            "sessions": SESSIONS[:1],
            "devices": [],
            "form": {"values": {}, "errors": {}},
            "_flashed": [("warning", "A session ended."), ("error", "No.")],
        },
    ),
    "round": ("rounds/round.html", {"_outside": True, "address": "/round"}),
    "round as a grid": (
        "rounds/sheet.html",
        {"_outside": True, "address": "/round/grid", "sheet": "round"},
    ),
    "the day's work": ("rounds/day.html", {"_outside": True, "address": "/day"}),
    "hand-over": ("rounds/hand_over.html", {"over": HAND_OVER}),
    "quiet hand-over": ("rounds/hand_over.html", {"over": QUIET_HAND_OVER}),
    "round on paper": ("rounds/paper.html", {"view": ROUND_ON_PAPER}),
    "lab panel": ("rounds/sheet.html", {"_outside": True, "address": "/lab", "sheet": "lab"}),
    "problem-404": problem(
        404,
        "Not Found",
        "There is no such fermentation in this winery.",
        "Check the address, or start from the board.",
    ),
    "problem-503": problem(
        503,
        "Service Unavailable",
        "The database does not answer just now. Nothing was saved.",
        "Try again in a few seconds; it usually mends itself.",
    ),
}
PARTIALS: dict[str, Page] = {
    "panel": (
        "fermentation/_analysis.html",
        {"ferment": ferment(), "analysis": analysis(), "row_count": 34, "rows": ROWS, "live": True},
    ),
}
