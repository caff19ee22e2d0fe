"""A probe that hangs in a running wine and says nothing opens an alarm by itself, which its next word clears."""

from collections.abc import Callable
from datetime import timedelta

from tests.conftest import Cast, Winery
from tests.integration.browser import Browser
from tests.integration.conftest import Tank
from tests.integration.devices.test_sampling import hang, make_device, read
from winery_appliance.core import clock
from winery_appliance.devices.hanging import list_hanging
from winery_appliance.entrypoints.periodic import judge_silent_tanks, sample_device_readings


def list_silent(tank: Tank) -> list[str]:
    found = tank.api.get(f"/anomalies?fermentation_id={tank.id}").json["items"]
    return [each["explanation"] for each in found if each["type"] == "silent_sensor"]


def test_silence_rings_and_a_word_ends_it(
    tank: Tank, book: Winery, work_off: Callable[[], int], enter: Callable[[str], Browser]
) -> None:
    now = clock.now().replace(microsecond=0)
    probe = make_device(tank.api)
    hang(tank.api, probe, "T-01", tank.started_at + timedelta(days=8))
    tank.record("20.0", hours=24 * 9)
    read(tank.api, probe, *((now - timedelta(hours=4, minutes=15 * n), 24.0) for n in range(40)))
    work_off()
    judge_silent_tanks(book.worker)
    work_off()
    (said,) = list_silent(tank)
    assert "4 h ago" in said
    assert "15 min" in said
    page = enter("ana").client.get(f"/fermentations/{tank.id}").text
    alarm = page[page.index(said) :]
    assert 'href="/probes"' in alarm[: alarm.index("</section>")]

    read(tank.api, probe, (now, 24.1))
    tank.record("19.0", hours=24 * 10 - 0.5)
    work_off()
    assert list_silent(tank) == []


def test_one_that_is_heard_or_taken_out_is_not_missed(
    tank: Tank, book: Winery, work_off: Callable[[], int], cast: Cast
) -> None:
    now = clock.now().replace(microsecond=0)
    heard, taken = make_device(tank.api), make_device(tank.api)
    for probe in (heard, taken):
        hang(tank.api, probe, "T-01", tank.started_at)
    tank.record("20.0", hours=24 * 9)
    read(tank.api, heard, *((now - timedelta(minutes=15 * n), 24.0) for n in range(8)))
    read(tank.api, taken, *((now - timedelta(hours=8, minutes=15 * n), 24.0) for n in range(8)))
    hang(tank.api, taken, None, now - timedelta(minutes=1))
    judge_silent_tanks(book.worker)
    work_off()
    assert list_silent(tank) == []
    with book.worker.transaction(cast.ana.winery_id) as session:
        (found,) = list_hanging(session, [tank.id], now=now)
        assert (found.heard_at, found.usual_s) == (now, 900)
    with book.worker.transaction(cast.carla.winery_id) as session:
        assert list_hanging(session, [tank.id], now=now) == [], "the neighbour sees nothing"
    sample_device_readings(book.worker)
