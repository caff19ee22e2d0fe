"""Ids come to the database as the text of an array, and are the same ids there."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from tests.conftest import Winery
from winery_appliance.core.many_rows import list_ids

IDS = st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), max_size=20)


@given(ids=IDS)
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_ids_arrive_as_they_are_and_none_is_no_id(book: Winery, ids: list[int | None]) -> None:
    with book.app.transaction() as session:
        found = session.scalars(select(func.unnest(list_ids(ids)))).all()
    assert list(found) == [each for each in ids if each is not None]
