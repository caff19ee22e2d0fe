"""What probes read becomes samples: one an hour, in the wine that lay there, whatever came when and in which order."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tests.conftest import Cast, Winery
from tests.integration.conftest import Api, Tank
from winery_appliance.core import clock
from winery_appliance.devices.sampling import sample_due_hours
from winery_appliance.entrypoints.periodic import sample_device_readings

Current = dict[tuple[int, str, datetime], str]


@pytest.fixture
def other(tank: Tank) -> Tank:
    """Another red that began with the first, in T-02."""
    answer = tank.api.post(
        "/fermentations",
        {
            "code": "26-TEM-02",
            "vessel_code": "T-02",
            "yeast_strain": "EC-1118",
            "style": "red",
            "started_at": tank.started_at.isoformat(),
        },
    )
    return Tank(tank.api, answer.json["id"], tank.started_at)


@pytest.fixture
def sample(book: Winery) -> Callable[[], None]:
    """What the worker does every few minutes, as the worker's role."""
    return lambda: sample_device_readings(book.worker)


def make_device(api: Api) -> int:
    made = api.post("/devices", {"code": f"P-{uuid4()}", "kind": "probe"})
    assert made.status_code == 201, made.text
    return int(made.json["id"])


def hang(api: Api, device: int, vessel: str | None, since: datetime) -> None:
    body = {"vessel_code": vessel, "since": since.isoformat()}
    answer = api.post(f"/devices/{device}/assignments", body)
    assert answer.status_code in (200, 201), answer.text


def read(api: Api, device: int, *readings: tuple[datetime, float], **changes: Any) -> list[str]:
    items = [
        {
            "quantity": "temperature",
            "value": value,
            "unit": "celsius",
            "read_at": at.isoformat(),
            **changes,
        }
        for at, value in readings
    ]
    answer = api.post(f"/devices/{device}/readings", {"items": items})
    assert answer.status_code == 200, answer.text
    return [item["status"] for item in answer.json["items"]]


def hour_of(tank: Tank, hours: int) -> datetime:
    """The beginning of an hour, so many after the wine began."""
    began = tank.started_at.replace(minute=0, second=0, microsecond=0)
    return began + timedelta(hours=hours + 1)


def list_rows(tank: Tank, *, history: bool = False) -> list[dict[str, Any]]:
    shown = "true" if history else "false"
    answer = tank.api.get(f"/fermentations/{tank.id}/samples?history={shown}&limit=2000")
    assert answer.status_code == 200, answer.text
    return [row for row in answer.json["items"] if row["device_id"] is not None]


def find_current(device: int, *tanks: Tank) -> Current:
    """The samples of a device that count; two of one hour, quantity and wine are an error."""
    found: Current = {}
    for tank in tanks:
        for row in list_rows(tank):
            if row["device_id"] != device:
                continue
            at = datetime.fromisoformat(row["measured_at"]).astimezone(UTC)
            key = (tank.id, row["sample_type"], at.replace(minute=0, second=0, microsecond=0))
            assert key not in found, "two samples of an hour"
            found[key] = row["value"]
    return found


def test_an_hour_becomes_one_sample_of_the_wine_with_its_median(
    tank: Tank, sample: Callable[[], None], work_off: Callable[[], int]
) -> None:
    device, at = make_device(tank.api), hour_of(tank, 5)
    hang(tank.api, device, "T-01", at)
    read(tank.api, device, *((at + timedelta(minutes=m), 24 + m / 10) for m in (0, 20, 40, 59)))
    sample()
    sample()
    [row] = list_rows(tank)
    assert (row["value"], row["unit"], row["recorded_by"]) == ("27.00", "celsius", None)
    assert (row["device_id"], row["confirmed"]) == (device, False)
    work_off()
    analysis = tank.api.get(f"/fermentations/{tank.id}/analysis").json
    assert (analysis["status"], analysis["covers_samples"]) == ("done", 1)


def test_an_hour_that_is_not_over_waits(book: Winery, tank: Tank, cast: Cast) -> None:
    device, at = make_device(tank.api), hour_of(tank, 5)
    hang(tank.api, device, "T-01", at)
    read(tank.api, device, (at, 24.0))
    with book.worker.transaction(cast.ana.winery_id) as session:
        assert sample_due_hours(session, cast.ana.winery_id, now=at + timedelta(minutes=61)) == 0
        assert sample_due_hours(session, cast.ana.winery_id, now=at + timedelta(minutes=66)) == 1


def test_late_readings_supersede_when_the_median_changes_and_only_then(
    tank: Tank, sample: Callable[[], None]
) -> None:
    device, at = make_device(tank.api), hour_of(tank, 5)
    hang(tank.api, device, "T-01", at)
    read(tank.api, device, (at, 24.0))
    sample()
    read(tank.api, device, (at + timedelta(minutes=1), 24.0))
    sample()
    assert len(list_rows(tank, history=True)) == 1
    read(tank.api, device, (at + timedelta(minutes=2), 26.0), (at + timedelta(minutes=3), 26.0))
    sample()
    first, second = list_rows(tank, history=True)
    assert (first["value"], second["value"]) == ("24.00", "25.00")
    assert second["supersedes_id"] == first["id"]
    assert "late" in second["reason"]


def test_moved_in_hindsight_the_samples_go_to_the_right_wine_and_can_come_back(
    tank: Tank, other: Tank, sample: Callable[[], None]
) -> None:
    device, at = make_device(tank.api), hour_of(tank, 5)
    hang(tank.api, device, "T-01", at)
    read(tank.api, device, *((at + timedelta(hours=h), 24.0 + h) for h in range(4)))
    sample()
    assert len(find_current(device, tank)) == 4
    hang(tank.api, device, "T-02", at + timedelta(hours=2))
    sample()
    assert sorted(find_current(device, tank).values()) == ["24.00", "25.00"]
    assert sorted(find_current(device, other).values()) == ["26.00", "27.00"]


def test_a_cancelled_wine_gives_its_hours_back(
    tank: Tank, sample: Callable[[], None], work_off: Callable[[], int]
) -> None:
    device, at = make_device(tank.api), hour_of(tank, 5)
    hang(tank.api, device, "T-01", at)
    read(tank.api, device, *((at + timedelta(hours=h), 24.0) for h in range(4)))
    sample()
    cancelled = tank.api.post(f"/fermentations/{tank.id}/cancel", {})
    assert cancelled.status_code == 200, cancelled.text
    work_off()
    sample()
    assert find_current(device, tank) == {}
    assert len(list_rows(tank, history=True)) == 8, "voided, and still to be seen"


def test_what_a_person_said_about_an_hour_stands(tank: Tank, sample: Callable[[], None]) -> None:
    device, at = make_device(tank.api), hour_of(tank, 5)
    hang(tank.api, device, "T-01", at)
    read(tank.api, device, (at, 24.0))
    sample()
    [row] = list_rows(tank)
    void = {"client_uuid": str(uuid4()), "reason": "lay on the table"}
    assert tank.api.post(f"/samples/{row['id']}/void", void).status_code == 201
    read(tank.api, device, (at + timedelta(minutes=5), 30.0))
    sample()
    assert list_rows(tank) == []


def test_refused_readings_are_counted_on_the_device(tank: Tank) -> None:
    device, at = make_device(tank.api), hour_of(tank, 5)
    before = tank.api.get(f"/devices/{device}")
    assert (before.json["refused_count"], before.json["last_refusal"]) == (0, None)
    statuses = read(tank.api, device, (at, 24.0), (at + timedelta(minutes=1), 400.0))
    assert statuses == ["created", "refused"]
    after = tank.api.get(f"/devices/{device}")
    assert after.json["refused_count"] == 1
    assert "400" in after.json["last_refusal"]
    assert after.headers["ETag"] == before.headers["ETag"], "a refusal spoils nobody's change"


def test_a_sample_is_a_persons_or_a_devices(book: Winery, tank: Tank, cast: Cast) -> None:
    tank.record("24.0")
    for device, person in ((None, None), (make_device(tank.api), cast.ana.user_id)):
        with (
            pytest.raises(DBAPIError, match="samples_of_a_person_or_a_device"),
            book.app.transaction(cast.ana.winery_id) as session,
        ):
            session.execute(
                text(
                    "INSERT INTO samples (winery_id, fermentation_id, client_uuid, sample_type, value_typed, unit, value,"
                    " measured_at, recorded_by, device_id, body_hash) VALUES (:winery, :tank, gen_random_uuid(), 'sugar',"
                    " '1', 'brix', 1, now(), :person, :device, '')"
                ),
                {
                    "winery": cast.ana.winery_id,
                    "tank": tank.id,
                    "person": person,
                    "device": device,
                },
            )


MINUTES = st.integers(0, 5 * 60 - 1)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("read"), st.dictionaries(MINUTES, st.integers(15, 35), min_size=1)),
        st.tuples(st.just("hang"), st.sampled_from(["T-01", "T-02", None])),
        st.just(("sample", None)),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS, moves=st.lists(MINUTES, min_size=8, max_size=8, unique=True))
def test_whatever_came_when_the_samples_are_the_medians_of_what_is_known(
    tank: Tank, other: Tank, sample: Callable[[], None], steps: list[Any], moves: list[int]
) -> None:
    """Readings in any order, moves in hindsight, the worker in between: it ends as if all had been known at once."""
    api, start, device = tank.api, hour_of(tank, 5), make_device(tank.api)
    places: list[tuple[int, int | None]] = []
    known: dict[int, int] = {}
    wines = {"T-01": tank.id, "T-02": other.id, None: None}
    left = sorted(moves)
    for kind, what in steps:
        if kind == "read":
            read(api, device, *((start + timedelta(minutes=m), float(v)) for m, v in what.items()))
            for minute, value in what.items():
                known.setdefault(minute, value)
        elif kind == "hang":
            if what is None and not places:
                continue
            minute = left.pop(0)
            hang(api, device, what, start + timedelta(minutes=minute))
            places.append((minute, wines[what]))
        else:
            sample()
    sample()
    wanted: dict[tuple[int, str, datetime], list[int]] = {}
    for minute, value in known.items():
        wine = next((wine for since, wine in reversed(places) if since <= minute), None)
        if wine is not None:
            key = (wine, "temperature", start + timedelta(hours=minute // 60))
            wanted.setdefault(key, []).append(value)
    assert find_current(device, tank, other) == {
        key: f"{median(values):.2f}" for key, values in wanted.items()
    }


def test_the_database_takes_no_second_first_sample_of_an_hour(
    book: Winery, tank: Tank, cast: Cast, sample: Callable[[], None]
) -> None:
    """Two workers that make the same hour at once: the second finds the row of the first."""
    device, at = make_device(tank.api), hour_of(tank, 5)
    hang(tank.api, device, "T-01", at)
    read(tank.api, device, (at, 24.0))
    winery = cast.ana.winery_id
    now = clock.now()
    with book.worker.transaction(winery) as one, book.worker.transaction(winery) as two:
        assert sample_due_hours(one, winery, now=now) == 1
        assert sample_due_hours(two, winery, now=now) == 0, "the hour is in the first one's hands"
    sample()
    assert len(list_rows(tank, history=True)) == 1
