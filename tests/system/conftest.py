"""One real appliance with the demo for all tests here; each test works on tanks of its own."""

from collections.abc import Iterator

import pytest

from tests.system.appliance import RealAppliance
from winery_appliance.core.postgres import find_free_port


@pytest.fixture(scope="session")
def appliance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealAppliance]:
    """Started once; it must also leave no process behind."""
    made = RealAppliance(tmp_path_factory.mktemp("appliance") / "var", find_free_port())
    try:
        made.start()
        yield made
        assert made.stop() == 0
        assert made.processes() == set()
    finally:
        made.kill_all()
