"""The log reaches the NAS without a gap, whatever dies in between."""

import json

from tests.integration.backup.conftest import Cellar


def test_records_reach_the_nas_and_a_base_copy_is_made_by_itself(cellar: Cellar) -> None:
    cellar.start_stream()
    cellar.write(0, 20)
    cellar.await_shipped()

    manifests = list(cellar.repository.glob("base/*/manifest.json"))
    assert len(manifests) == 1
    facts = json.loads(manifests[0].read_text().splitlines()[0])
    assert facts["stretch"] == 1
    assert (manifests[0].parent / "files.tar.zst.age").stat().st_size == facts["files"]["size"]
    assert cellar.status().trouble == []
