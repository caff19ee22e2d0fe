"""The way back from a bucket: kit, read-only credentials, and a line that breaks."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from backup.access import choose_site
from backup.keys import save_site
from sync.repository import BucketStore
from sync.storage import Bucket
from sync.troubles import Unreachable
from tests.integration.backup.conftest import BACKUP, Cellar
from tests.integration.runtime.running_appliance import wait_for
from tests.integration.sync.object_store import ObjectStore
from tests.integration.sync.test_history import make_site
from winery_appliance.core.clock import now
from winery_appliance.core.settings import Settings


def upload(bucket: Bucket, folder: Path) -> None:
    """All files below a folder, as they are; again where the store is not ready to take one, as the product would."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            key, data = path.relative_to(folder).as_posix(), path.read_bytes()
            wait_for(lambda: took(bucket, key, data), f"the store to take {key}")  # noqa: B023


def took(bucket: Bucket, key: str, data: bytes) -> bool:
    """Whether the store took an object now; it answers 500 while it makes room for a new bucket."""
    try:
        bucket.put(key, data, replace=True)
    except Unreachable:
        return False
    return True


def restore_from(
    store: ObjectStore, bucket: str, kit: Path, target: Path, *options: str, who: str = "paper"
) -> "subprocess.CompletedProcess[str]":
    """As on another machine: nothing but the bucket and the kit."""
    command = [BACKUP, "restore", "--repo", f"s3://{bucket}", "--endpoint", store.endpoint]
    command += ["--credentials", str(store.credentials(who)), "--target", str(target)]
    environment = {n: v for n, v in os.environ.items() if not n.startswith(("WINERY_", "AWS_"))}
    return subprocess.run(
        [*command, "--identity", str(kit), *options],
        capture_output=True,
        text=True,
        env=environment,
    )


@pytest.fixture
def laid_up(object_store: ObjectStore, bucket: str, copied: Cellar) -> Callable[[], Bucket]:
    """The copies of `copied` in the bucket, under the site's prefix."""

    def lay_up() -> Bucket:
        owner = Bucket(object_store.place(bucket, "home"))
        shutil.rmtree(copied.nas / ".drafts", ignore_errors=True)
        (copied.nas / "winery-backup.json").unlink()
        upload(owner, copied.nas)
        return owner

    return lay_up


def test_what_was_written_over_later_is_not_seen_as_of_before(
    object_store: ObjectStore,
    bucket: str,
    copied: Cellar,
    laid_up: Callable[[], Bucket],
    tmp_path: Path,
) -> None:
    owner = laid_up()
    # The restore itself: test_pushing.py, test_box_and_nas_burnt.
    done = restore_from(object_store, bucket, copied.kit, tmp_path / "new", "--dry-run")
    assert done.returncode == 0, done.stderr

    # Ransomware with the appliance's own credentials: what was there before it is still there.
    before = now()
    wait_for(
        lambda: now() - before > timedelta(seconds=2), "the store's clock, which counts seconds"
    )
    manifest = next(f for f in copied.nas.rglob("base/*/manifest.json"))
    owner.put(manifest.relative_to(copied.nas).as_posix(), b"pay me", replace=True)
    refused = restore_from(object_store, bucket, copied.kit, tmp_path / "late", "--dry-run")
    assert refused.returncode == 5, refused.stderr
    then = ["--as-of", before.isoformat(), "--dry-run", "--json"]
    done = restore_from(object_store, bucket, copied.kit, tmp_path / "late", *then)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["phase"] == "plan"
    early = ["--as-of", (before - timedelta(days=1)).isoformat()]
    assert restore_from(object_store, bucket, copied.kit, tmp_path / "late", *early).returncode == 1


def test_credentials_that_are_refused_are_named(
    object_store: ObjectStore, bucket: str, copied: Cellar, tmp_path: Path
) -> None:
    done = restore_from(object_store, bucket, copied.kit, tmp_path / "new", who="other")
    assert done.returncode == 1
    assert "refuses these credentials" in done.stderr
    assert not (tmp_path / "new").exists()


def test_an_appliance_finds_its_copies_with_what_it_may_see(
    object_store: ObjectStore, bucket: str, tmp_path: Path
) -> None:
    """Its credentials list no site but its own, and nobody names the site in a trial restore."""
    settings = Settings(data=tmp_path)
    save_site(settings, make_site())
    Bucket(object_store.place(bucket, "home")).put("v1/sites/home/repos/one/repo.json", b"{}")
    store = BucketStore(Bucket(object_store.place(bucket, "home")))
    assert choose_site(store, settings, None) == "home"


def test_a_restore_that_was_cut_off_reads_on_where_it_was(
    object_store: ObjectStore, bucket: str, tmp_path: Path
) -> None:
    owner = Bucket(object_store.place(bucket, "home"))
    content = os.urandom(3 << 20)
    owner.put("v1/sites/home/large", content)
    store = BucketStore(Bucket(object_store.place(bucket, "paper")))
    keep = tmp_path / "read"
    with store.open("v1/sites/home/large", keep=keep) as file:
        first = file.read(2 << 20)
    size = keep.stat().st_size
    assert size >= len(first)
    keep.write_bytes(keep.read_bytes()[:-1000])  # what a power cut did not keep
    with store.open("v1/sites/home/large", keep=keep) as file:
        assert file.read() == content
    with store.open("v1/sites/home/large", keep=keep) as file:
        assert file.read() == content
    with pytest.raises(FileNotFoundError):
        store.open("v1/sites/home/none")
