"""A bucket is made as it should be, and one that is not is found out by trying."""

import json
from pathlib import Path

from click.testing import CliRunner

from sync.bucket_check import check_bucket
from sync.cli import commands
from sync.storage import Bucket
from tests.integration.sync.object_store import ObjectStore


def test_a_bucket_made_as_recommended_passes(object_store: ObjectStore, bucket: str) -> None:
    findings = check_bucket(Bucket(object_store.place(bucket, "home")), "home")
    assert [finding.words for finding in findings if not finding.ok] == []
    assert len(findings) == 10


def test_a_plain_bucket_and_too_mighty_credentials_are_found_out(object_store: ObjectStore) -> None:
    owner = Bucket(object_store.place("plain", "admin"))
    owner.call("create_bucket")
    bad = {finding.name for finding in check_bucket(owner, "home") if not finding.ok}
    assert {"versions", "lock", "delete", "delete-version", "neighbours"} <= bad
    assert not {"conditions", "checksums", "clock"} & bad


def test_the_commands(object_store: ObjectStore, tmp_path: Path) -> None:
    run = CliRunner().invoke
    place = [
        "--endpoint",
        object_store.endpoint,
        "--credentials",
        str(object_store.credentials("admin")),
    ]
    made = run(commands, ["bucket", "make", "s3://cellar-by-hand/folder", *place])
    assert made.exit_code == 0, made.output
    told = run(
        commands, ["bucket", "policy", "s3://cellar-by-hand", "--site", "home", "--read-only"]
    )
    actions = [action for one in json.loads(told.output)["Statement"] for action in one["Action"]]
    assert not [action for action in actions if "Put" in action or "Delete" in action]
    environment = {
        "WINERY_DATA": str(tmp_path),
        "WINERY_OFFSITE": "s3://cellar-by-hand",
        "WINERY_OFFSITE_ENDPOINT": object_store.endpoint,
        "WINERY_OFFSITE_CREDENTIALS": str(object_store.credentials("admin")),
    }
    checked = run(commands, ["bucket", "check", "--json"], env=environment)
    found = {one["name"]: one["ok"] for one in json.loads(checked.output.splitlines()[0])}
    assert found["lock"]
    assert not found["neighbours"], "an administrator's credentials do not belong onto the box"
