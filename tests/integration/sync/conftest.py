"""A real object store for all tests here; each test makes buckets of its own in it."""

import os
from collections.abc import Iterator

import pytest

from tests.integration.backup.conftest import cellar, copied, copied_once, make_cellar
from tests.integration.sync.object_store import ObjectStore

__all__ = ["cellar", "copied", "copied_once", "make_cellar"]
SLOW = pytest.mark.skipif(
    "WINERY_TEST_OFFSITE" not in os.environ, reason="./scripts/test-system offsite runs this"
)


@pytest.fixture(scope="session")
def object_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    """The running store."""
    made = ObjectStore(tmp_path_factory.mktemp("store"))
    made.start()
    try:
        yield made
    finally:
        made.kill()


@pytest.fixture
def bucket(object_store: ObjectStore) -> str:
    """The name of an empty bucket, made as the product makes it."""
    return object_store.make_bucket()
