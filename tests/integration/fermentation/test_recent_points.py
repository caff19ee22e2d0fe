"""The points of curves are kept with a connection, and are what the book says all the same."""

import random
from contextlib import suppress

import pytest
from sqlalchemy.orm import Session

from tests.conftest import Cast, Winery
from tests.integration.conftest import Tank
from tests.integration.fermentation.test_corrections import correct, recorded, void
from winery_appliance.core import clock
from winery_appliance.core.units import SampleType
from winery_appliance.fermentation.commands import RecordSample
from winery_appliance.fermentation.queries import read_samples
from winery_appliance.fermentation.recent_points import Point, read_recent_points
from winery_appliance.fermentation.service import record_sample

EACH = 4


@pytest.mark.parametrize("seed", range(4))
def test_kept_points_are_those_of_the_book_after_whatever_befell_it(
    tank: Tank, book: Winery, cast: Cast, seed: int
) -> None:
    dice = random.Random(seed)
    standing: list[int] = []
    for step in range(24):
        what = dice.choice(["record", "record", "correct", "void"]) if standing else "record"
        if what == "record":
            hours = dice.choice([6.0, 30.0, 30.0, 54.0, 70.0 + step])  # some at the same moment
            standing.append(recorded(tank, f"{24 - step * 0.3:.1f}", hours=hours, confirm=True))
        else:
            gone = standing.pop(dice.randrange(len(standing)))
            if what == "correct":
                answer = correct(tank.api, gone, f"{18 - step * 0.1:.1f}", confirm=True)
                standing.append(int(answer.json["id"]))
            else:
                answer = void(tank.api, gone)
            assert answer.status_code == 201, answer.text
        # Each connection of the pool keeps points of its own, from an earlier step or none.
        with book.app.transaction(cast.ana.winery_id) as session:
            shown = read_recent_points(session, [tank.id, 999_999], SampleType.sugar, each=EACH)
            samples = read_samples(session, tank.id)
        told = sorted(Point(s.measured_at, s.id, s.canonical) for s in samples)[-EACH:]
        assert shown == ({tank.id: tuple(told)} if told else {})


def test_points_of_what_was_rolled_back_are_not_kept(tank: Tank, book: Winery, cast: Cast) -> None:
    def read(session: Session) -> list[float]:
        shown = read_recent_points(session, [tank.id], SampleType.sugar, each=EACH)
        return [point.value for point in shown[tank.id]]

    recorded(tank, "24.0", hours=6)
    with book.app.transaction(cast.ana.winery_id) as session:
        before = read(session)
    command = RecordSample.model_validate(tank.body("23.0", hours=30))
    with suppress(ZeroDivisionError), book.app.transaction(cast.ana.winery_id) as session:
        record_sample(session, tank.id, command, actor=cast.ana, now=clock.now())
        assert len(read(session)) == 2
        raise ZeroDivisionError
    with book.app.transaction(cast.ana.winery_id) as session:
        assert read(session) == before
