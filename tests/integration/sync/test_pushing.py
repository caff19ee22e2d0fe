"""Records and copies reach the bucket by themselves, and bucket and kit alone give them back."""

import json
import subprocess
import sysconfig
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from backup.proofs import OFFSITE, is_offsite_drill_due, load_trend
from sync.reports import COPIES, LOG, CopiesReport, LogReport, load_report
from sync.storage import Bucket
from sync.troubles import StoreTrouble
from tests.integration.backup.conftest import Cellar
from tests.integration.backup.test_restore import read_control
from tests.integration.runtime.running_appliance import wait_for
from tests.integration.sync.conftest import SLOW
from tests.integration.sync.object_store import ObjectStore
from tests.integration.sync.test_reading_a_bucket import restore_from
from winery_appliance.core.clock import now
from winery_appliance.core.settings import child_environment

SYNC = str(Path(sysconfig.get_path("scripts"), "winery-sync"))


class Offsite:
    """A cellar whose copies also go into a bucket."""

    def __init__(self, cellar: Cellar, bucket: str) -> None:
        self.cellar, self.bucket = cellar, bucket
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self.cellar.settings.data / "sync.log").open("ab") as log:
            self.process = subprocess.Popen(
                [SYNC, "run"],
                env=child_environment(self.cellar.settings),
                stderr=log,
                start_new_session=True,
            )

    def kill(self) -> None:
        """SIGKILL; the kernel ends its children with it."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """The command `winery-sync`."""
        return subprocess.run(
            [SYNC, *arguments],
            env=child_environment(self.cellar.settings),
            capture_output=True,
            text=True,
        )

    def log(self) -> LogReport:
        return load_report(self.cellar.settings, LOG, LogReport) or LogReport(at=now())

    def copies(self) -> CopiesReport:
        return load_report(self.cellar.settings, COPIES, CopiesReport) or CopiesReport(at=now())

    def await_sent(self) -> None:
        """Return when all that is committed now is in the bucket."""
        goal = self.cellar.flush_lsn()
        self._await(lambda: (self.log().end or 0) >= goal - 8, "the log off-site")

    def await_base(self) -> None:
        """Return when there is a base copy in the bucket."""
        self._await(lambda: self.copies().base, "a base copy off-site")

    def _await(self, done: Callable[[], Any], what: str) -> None:
        try:
            wait_for(done, what, 90)
        except AssertionError as error:
            text = (self.cellar.settings.data / "sync.log").read_text()
            raise AssertionError(f"{self.log()}\n{self.copies()}\n{text[-4000:]}") from error


@pytest.fixture
def make_offsite(
    object_store: ObjectStore, make_cellar: Callable[..., Cellar]
) -> Iterator[Callable[..., Offsite]]:
    """Make cellars that are copied off-site."""
    made: list[Offsite] = []

    def make(**more: Any) -> Offsite:
        bucket = object_store.make_bucket()
        chosen = {
            "offsite": f"s3://{bucket}",
            "offsite_endpoint": object_store.endpoint,
            "offsite_credentials": object_store.credentials("home"),
            "offsite_every_s": 0.5,
            "offsite_history": "off",
            "offsite_drill_days": 0,
            **more,
        }
        made.append(Offsite(make_cellar(**chosen), bucket))
        return made[-1]

    yield make
    for one in made:
        one.kill()


def read_all(store: ObjectStore, bucket: str) -> dict[str, bytes]:
    """Every version of every object in the bucket."""
    owner = Bucket(store.place(bucket, "admin"))
    return {
        f"{one.key} {one.version}": owner.read(one.key, version=one.version)[0]
        for one in owner.versions("")
    }


def test_nothing_in_the_bucket_can_be_read_but_the_programs(
    make_offsite: Callable[..., Offsite], object_store: ObjectStore, tmp_path: Path
) -> None:
    """No secret, no name, no number that was recorded: neither in an object nor in a key."""
    offsite = make_offsite(backup_dump_hours=24)
    cellar = offsite.cellar
    secret = "Chateau Plaintext, tank 7, 24.1 Brix"
    with cellar.connect() as connection:
        connection.execute("INSERT INTO control VALUES (999, %s)", (secret,))
    (cellar.settings.data / "letter.txt").write_text(secret)
    cellar.start_stream()
    offsite.start()
    offsite.await_base()
    offsite._await(lambda: offsite.copies().dump, "a dump off-site")
    offsite.await_sent()
    told = json.loads(offsite.run("status", "--json").stdout)
    assert [f["words"] for f in told["findings"] if f["level"] == "red"] == []
    assert told["base"]
    offsite.kill()

    objects = read_all(object_store, offsite.bucket)

    secrets = [path.read_bytes().strip() for path in cellar.settings.secrets_dir.iterdir()]
    words = [secret.encode(), b"Plaintext", b"Brix", b"control", b"PGDMP", b"letter.txt", *secrets]
    leaks = [(key, word) for key, data in objects.items() for word in words if word in data]
    assert leaks == []
    dump = offsite.copies().dump
    assert dump
    options = ["--set", dump]  # it is compared with what its sealed files tell
    done = restore_from(object_store, offsite.bucket, cellar.kit, tmp_path / "dump", *options)
    assert done.returncode == 0, done.stderr
    kinds = {key.partition(" ")[0].rpartition("/")[2].partition(".")[2] for key in objects}
    assert kinds >= {"json", "zst.age", "tar.zst.age", "dump.zst.age"}
    sealed = [data for key, data in objects.items() if ".age " in key]
    assert all(data.startswith(b"age-encryption.org/v1") for data in sealed)
    # The appliance's own credentials, on everything that is really there.
    thief = Bucket(object_store.place(offsite.bucket, "home"))
    before = list(thief.versions("v1/sites/home/"))
    soon = {"Mode": "COMPLIANCE", "RetainUntilDate": now() + timedelta(hours=1)}
    for one in before:
        version = {"Key": one.key, "VersionId": one.version}
        for attempt, arguments in (
            ("delete_object", {"Key": one.key}),
            ("delete_object", version),
            ("put_object_retention", version | {"Retention": soon}),
        ):
            with pytest.raises(StoreTrouble):
                thief.call(attempt, **arguments)
    assert list(thief.versions("v1/sites/home/")) == before
    assert len(before) >= 10


def test_box_and_nas_burnt(
    make_offsite: Callable[..., Offsite], object_store: ObjectStore, tmp_path: Path
) -> None:
    offsite = make_offsite()
    cellar = offsite.cellar
    cellar.start_stream()
    cellar.write(0, 10)
    offsite.start()
    offsite.await_base()
    offsite.kill()
    cellar.write(10, 10)
    offsite.start()
    offsite.await_sent()
    cellar.kill_stream()
    cellar.nas.rename(cellar.nas.with_name("burnt"))
    cellar.write(20, 5)  # a dead NAS does not stop it
    offsite.await_sent()
    offsite.kill()
    cellar.kill_server()

    done = restore_from(object_store, offsite.bucket, cellar.kit, tmp_path / "new")

    assert done.returncode == 0, done.stderr
    assert [number for number, _ in read_control(tmp_path / "new")] == list(range(25))
    assert json.loads(Path(cellar.settings.data, "sync", "run.json").read_text())["trouble"] == []


@SLOW
def test_the_bucket_is_proven_by_itself(make_offsite: Callable[..., Offsite]) -> None:
    """A trial restore from the bucket has a trend of its own: it tells nothing about the NAS."""
    offsite = make_offsite(offsite_drill_days=30)
    cellar = offsite.cellar
    cellar.start_stream()
    cellar.write(0, 10)
    offsite.start()
    offsite.await_base()
    offsite._await(lambda: load_trend(cellar.settings, OFFSITE), "a trial restore")
    (proof,) = load_trend(cellar.settings, OFFSITE)
    assert proof.ok, proof.words
    assert load_trend(cellar.settings) == []
    assert not is_offsite_drill_due(cellar.settings)
    told = json.loads(offsite.run("status", "--json").stdout)
    assert [one["level"] for one in told["findings"] if one["name"] == "proof"] == ["green"]
    assert told["proven_at"]
