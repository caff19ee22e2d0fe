"""Nothing but the bucket, the kit and read-only credentials: a machine with Python and curl comes back."""

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from backup.kit import Bucket as Printed
from backup.kit import load_kit, render_kit
from backup.wheelhouse import check_tools, publish_tools, read_tools
from sync.repository import BucketStore
from sync.storage import Bucket
from tests.integration.backup.conftest import Cellar
from tests.integration.backup.test_bare_machine import find_python
from tests.integration.backup.test_restore import read_control
from tests.integration.sync.conftest import SLOW
from tests.integration.sync.object_store import ObjectStore
from tests.integration.sync.test_reading_a_bucket import upload


def knows_signatures() -> bool:
    """Whether the machine's curl signs requests itself."""
    if shutil.which("curl") is None:
        return False
    told = subprocess.run(["curl", "--help", "all"], capture_output=True, text=True, check=False)
    return "--aws-sigv4" in told.stdout


@pytest.fixture
def recipe(
    object_store: ObjectStore, bucket: str, copied: Cellar, tmp_path: Path
) -> Callable[[str], "subprocess.CompletedProcess[str]"]:
    """Run what the kit prints, up to the line with a word, on a machine with nothing but Python and curl."""
    if not knows_signatures():
        pytest.skip("curl 7.75 or newer is not installed")
    publish_tools(copied.settings, copied.site)
    (copied.nas / "winery-backup.json").unlink()
    shutil.rmtree(copied.nas / ".drafts", ignore_errors=True)
    upload(Bucket(object_store.place(bucket, "home")), copied.nas)
    identity = load_kit(str(copied.kit)).identity
    kit = tmp_path / "kit.txt"
    printed = Printed(f"s3://{bucket}", object_store.endpoint)
    kit.write_text(render_kit(copied.site, identity, "/mnt/nas", printed))
    lines = re.findall(r"^#:  (.*)$", kit.read_text(), re.MULTILINE)[1:]
    keys = object_store.credentials("paper").read_text()
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python3").symlink_to(find_python())
    environment = {
        "PATH": f"{tmp_path / 'bin'}:{os.defpath}",
        "VENV": str(tmp_path / "venv"),
        "NEW": str(tmp_path / "new"),
        "PIP_NO_INDEX": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": re.findall("access_key_id = (.*)", keys)[0],
        "AWS_SECRET_ACCESS_KEY": re.findall("secret_access_key = (.*)", keys)[0],
    }

    def run(last: str) -> "subprocess.CompletedProcess[str]":
        end = next(number for number, line in enumerate(lines, 1) if last in line)
        script = "\n".join(lines[:end])
        script = script.replace("/opt/restore", "$VENV").replace("DIR", '"$NEW"')
        return subprocess.run(
            ["sh", "-euc", script], cwd=tmp_path, env=environment, capture_output=True, text=True
        )

    return run


@SLOW
def test_bucket_and_kit_are_enough(
    recipe: Callable[[str], "subprocess.CompletedProcess[str]"], tmp_path: Path
) -> None:
    """The recipe of the kit, as it is printed there."""
    done = recipe("winery-backup restore")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "RESTORED to " in done.stdout
    assert len(read_control(tmp_path / "new")) == 20


def test_the_programs_come_out_of_the_bucket_by_the_recipe(
    recipe: Callable[[str], "subprocess.CompletedProcess[str]"],
    object_store: ObjectStore,
    bucket: str,
    copied: Cellar,
    tmp_path: Path,
) -> None:
    """Its first lines, until the programs are there and checked; that they restore: `./scripts/test-system offsite`."""
    done = recipe("sha256sum -c")
    assert done.returncode == 0, done.stdout + done.stderr
    fetched = {path.name for path in (tmp_path / "tools").glob("*.whl")}
    names = read_tools_of(copied)
    assert fetched == {name for name in names if name.endswith(".whl")}
    assert any(name.startswith("boto3-") for name in fetched)
    assert names[-1] == "manifest.json", "what names the others goes last"

    # Somebody who can write there puts in a program of his, and sums that fit it.
    owner = Bucket(object_store.place(bucket, "home"))
    folder = f"{copied.site.prefix}/tools"
    name, theirs = names[0], b"theirs"
    sums = (copied.nas / folder / "SHA256SUMS").read_text()
    known = re.findall(f"^(.*)  {re.escape(name)}$", sums, re.MULTILINE)[0]
    owner.put(f"{folder}/{name}", theirs, replace=True)
    forged = sums.replace(known, hashlib.sha256(theirs).hexdigest()).encode()
    owner.put(f"{folder}/SHA256SUMS", forged, replace=True)
    shutil.rmtree(tmp_path / "tools")
    done = recipe("sha256sum -c")
    assert done.returncode != 0
    assert list((tmp_path / "tools").glob("*.whl")) == [], "nothing of it was even fetched"
    store = BucketStore(Bucket(object_store.place(bucket, "paper")))
    faults = check_tools(store, copied.site.site, copied.site.verify_key)
    assert [fault.partition(":")[0].rpartition("/")[2] for fault in faults] == [
        name,
        "SHA256SUMS",
        "SHA256SUMS.sig",
    ]


def read_tools_of(cellar: Cellar) -> list[str]:
    """The names of the programs beside a cellar's copies."""
    from backup.store import DirectoryStore

    return read_tools(DirectoryStore(cellar.nas), cellar.site.site, cellar.site.verify_key)
