"""What we rely on in an object store, asked of the one that the tests run on: where it is not so, they prove nothing."""

import hashlib
from datetime import timedelta
from pathlib import Path
from typing import Any

import botocore.auth
import pytest

from sync.storage import Bucket, encode
from sync.troubles import AccessRefused, ClockWrong, StoreTrouble, Taken, UploadGone
from tests.integration.sync.object_store import HOME, ObjectStore
from winery_appliance.core.clock import now

KEY = f"{HOME}one"
NO_RULES: dict[str, Any] = {"Rules": []}


@pytest.fixture
def home(object_store: ObjectStore, bucket: str) -> Bucket:
    """The bucket as the appliance of the site `home` sees it."""
    return Bucket(object_store.place(bucket, "home"))


@pytest.fixture
def admin(object_store: ObjectStore, bucket: str) -> Bucket:
    """The bucket as its owner sees it."""
    return Bucket(object_store.place(bucket, "admin"))


def test_a_key_is_written_once(home: Bucket) -> None:
    etag = home.put(KEY, b"first")
    with pytest.raises(Taken):
        home.put(KEY, b"second")
    with pytest.raises(Taken):
        home.put(KEY, b"second", instead_of='"0123"')
    found = home.head(KEY)
    assert found is not None
    assert (found.size, found.sha256) == (5, hashlib.sha256(b"first").hexdigest())
    home.put(KEY, b"second", instead_of=etag)
    assert home.read(KEY)[0] == b"second"


def test_what_was_damaged_on_the_way_is_refused(home: Bucket) -> None:
    wrong = encode(hashlib.sha256(b"another").digest())
    with pytest.raises(StoreTrouble, match="BadDigest"):
        home.call("put_object", Key=KEY, Body=b"content", ChecksumSHA256=wrong)
    upload = home.begin_parts(KEY, "")
    with pytest.raises(StoreTrouble, match="BadDigest"):
        home.send_part(KEY, upload, 1, b"content", hashlib.sha256(b"another").digest())
    assert home.head(KEY) is None


def test_an_upload_in_parts_is_one_object(home: Bucket) -> None:
    one, two = b"1" * (5 << 20), b"22"
    digests = [hashlib.sha256(part).digest() for part in (one, two)]
    upload = home.begin_parts(KEY, "whole")
    first = home.send_part(KEY, upload, 1, one, digests[0])
    assert home.parts(KEY, upload) == {1: (first, len(one))}
    assert home.head(KEY) is None
    second = home.send_part(KEY, upload, 2, two, digests[1])
    home.finish_parts(KEY, upload, [(1, first, digests[0]), (2, second, digests[1])])
    found = home.head(KEY)
    assert found is not None
    assert (found.size, found.sha256) == (len(one) + 2, "whole")
    with pytest.raises((UploadGone, Taken)):
        home.finish_parts(KEY, upload, [(1, first, digests[0])])
    body, _ = home.open(KEY, start=len(one) - 1)
    assert body.read() == b"1" + two


def test_a_finished_upload_does_not_overwrite(home: Bucket) -> None:
    digest = hashlib.sha256(b"late").digest()
    upload = home.begin_parts(KEY, "")
    etag = home.send_part(KEY, upload, 1, b"late", digest)
    home.put(KEY, b"early")
    with pytest.raises(Taken):
        home.finish_parts(KEY, upload, [(1, etag, digest)])
    assert home.read(KEY)[0] == b"early"


@pytest.mark.parametrize("who", ["home", "admin"])
def test_nobody_deletes_or_shortens(object_store: ObjectStore, bucket: str, who: str) -> None:
    """The appliance's credentials, and even the owner's, for a month."""
    Bucket(object_store.place(bucket, "home")).put(KEY, b"kept")
    attacker = Bucket(object_store.place(bucket, who))
    found = attacker.head(KEY)
    assert found is not None
    assert found.version is not None
    soon = {"Mode": "COMPLIANCE", "RetainUntilDate": now() + timedelta(days=1)}
    weaker = {"Mode": "GOVERNANCE", "RetainUntilDate": now() + timedelta(days=400)}
    attempts: list[tuple[str, dict[str, Any]]] = [
        ("delete_object", {"Key": KEY}),
        ("delete_object", {"Key": KEY, "VersionId": found.version}),
        (
            "delete_object",
            {"Key": KEY, "VersionId": found.version, "BypassGovernanceRetention": True},
        ),
        ("put_object_retention", {"Key": KEY, "VersionId": found.version, "Retention": soon}),
        ("put_object_retention", {"Key": KEY, "VersionId": found.version, "Retention": weaker}),
        ("put_bucket_versioning", {"VersioningConfiguration": {"Status": "Suspended"}}),
    ]
    if who == "home":
        attempts += [
            ("delete_bucket_policy", {}),
            ("put_object_lock_configuration", {"ObjectLockConfiguration": {}}),
        ]
        attempts += [
            ("delete_bucket", {}),
            ("put_bucket_lifecycle_configuration", {"LifecycleConfiguration": {"Rules": []}}),
        ]
    for operation, arguments in attempts:
        with pytest.raises(StoreTrouble):
            attacker.call(operation, **arguments)
    assert Bucket(object_store.place(bucket, "home")).read(KEY)[0] == b"kept"
    answer = attacker.call(
        "delete_objects", Delete={"Objects": [{"Key": KEY, "VersionId": found.version}]}
    )
    assert not answer.get("Deleted")
    assert answer["Errors"]


def test_an_overwritten_object_stays_as_a_version(home: Bucket) -> None:
    home.put(KEY, b"before")
    home.put(KEY, b"after", replace=True)
    kept = [version for version in home.versions(HOME) if version.key == KEY]
    assert sorted(home.read(KEY, version=one.version)[0] for one in kept) == [b"after", b"before"]


def test_keys_have_their_limits(object_store: ObjectStore, bucket: str, home: Bucket) -> None:
    home.put(KEY, b"ours")
    paper = Bucket(object_store.place(bucket, "paper"))
    other = Bucket(object_store.place(bucket, "other"))
    assert paper.read(KEY)[0] == b"ours"
    assert paper.names("v1/sites/home") == ["one"]
    for attempt in (
        lambda: paper.put(f"{HOME}two", b""),
        lambda: other.read(KEY),
        lambda: other.put(f"{HOME}two", b""),
        lambda: other.names("v1/sites/home"),
    ):
        with pytest.raises(AccessRefused):
            attempt()


def test_a_wrong_secret_and_a_wrong_clock_are_told_apart(
    object_store: ObjectStore, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = object_store.credentials("home").read_text().replace("secret-of-home", "guessed")
    (tmp_path / "wrong.ini").write_text(text)
    place = object_store.place(bucket, "home")
    guesser = Bucket(type(place)(place.bucket, "", place.endpoint, None, tmp_path / "wrong.ini"))
    with pytest.raises(AccessRefused):
        guesser.put(KEY, b"")
    late = Bucket(place)
    real = botocore.auth.get_current_datetime
    monkeypatch.setattr(
        botocore.auth, "get_current_datetime", lambda *a, **k: real(*a, **k) - timedelta(days=2)
    )
    with pytest.raises(ClockWrong):
        late.put(KEY, b"")
