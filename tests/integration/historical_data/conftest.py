"""What the tests of imports share."""

from pathlib import Path

import pytest

from tests.conftest import Cast, Winery
from tests.integration.historical_data.importer import Importer


@pytest.fixture
def importer(book: Winery, cast: Cast, tmp_path: Path) -> Importer:
    """The owner's hand and the worker's, with an empty folder for files."""
    return Importer(book, cast, tmp_path)
