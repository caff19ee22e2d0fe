"""A restore asked for at the first page: carried out by a process of its own, through cuts, until it takes over."""

import os
import signal
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyrage
import pytest
from pydantic import SecretStr, ValidationError

from backup.refusals import CouldNotRun, KeyRefused
from backup.requested_restore import (
    RestoreProgress,
    RestoreRequest,
    load_progress,
    request_restore,
    withdraw_restore,
)
from tests.integration.backup.conftest import BACKUP, Cellar
from tests.integration.backup.test_restore import flip, objects_of, read_control
from tests.integration.runtime.conftest import find_port
from tests.integration.runtime.running_appliance import Appliance, wait_for
from tests.read_files import read_files
from winery_appliance.core import postgres
from winery_appliance.core.restored_data import (
    is_requested,
    is_restored,
    restore_dir,
    take_over,
)
from winery_appliance.core.settings import Settings, child_environment


@pytest.fixture
def new(copied: Cellar, tmp_path: Path) -> Settings:
    """A new machine, to which the NAS was named and which knows nothing else."""
    settings = Settings(data=tmp_path / "new", nas=copied.nas)
    settings.data.mkdir()
    return settings


def start(settings: Settings) -> "subprocess.Popen[bytes]":
    """The process that carries a request out, as the supervisor starts it."""
    return subprocess.Popen([BACKUP, "requested"], env=child_environment(settings))


def ask(settings: Settings, cellar: Cellar, **wish: Any) -> None:
    request_restore(settings, RestoreRequest(identity=cellar.kit.read_text(), **wish))


def progress_of(settings: Settings) -> RestoreProgress:
    found = load_progress(settings)
    assert found is not None
    return found


def keys_left(settings: Settings) -> list[str]:
    return [str(path) for path, told in read_files(settings.data) if b"AGE-SECRET-KEY-" in told]


def test_what_was_asked_for_takes_over_and_what_was_there_is_kept(
    copied: Cellar, new: Settings
) -> None:
    (new.data / "postgresql").mkdir()
    (new.data / "postgresql" / "old").touch()
    (new.data / "nas of mine").touch()
    ask(new, copied)
    assert progress_of(new).phase == "waiting"

    assert start(new).wait() == 0

    done = progress_of(new)
    assert (done.phase, done.ended, done.code) == ("done", True, 0), done
    assert done.words.startswith("RESTORED to ")
    assert [path for path in keys_left(new) if "/data/backup/keys/" not in path] == []
    assert (new.data / "postgresql" / "old").exists(), "what runs is not touched yet"
    before = take_over(new)
    assert (before / "postgresql" / "old").exists()
    assert (new.data / "nas of mine").exists()
    assert not is_restored(new)
    assert len(read_control(new.data)) == 20


def test_a_take_over_that_was_cut_off_anywhere_is_finished(copied: Cellar, new: Settings) -> None:
    for name in ("postgresql", "secrets"):
        (new.data / name).mkdir()
        (new.data / name / "old").touch()
    ask(new, copied)
    assert start(new).wait() == 0
    folder, number = restore_dir(new), progress_of(new).id
    names = sorted(path.name for path in (folder / "data").iterdir())
    (folder / f"before-{number}").mkdir()
    (folder / "data" / names[0]).rename(new.data / names[0])  # cut off after the first
    (new.data / "secrets").rename(folder / f"before-{number}" / "secrets")  # and within another

    before = take_over(new)

    assert {path.name for path in before.iterdir()} >= {"postgresql", "secrets"}
    assert not (new.data / "secrets" / "old").exists()
    assert len(read_control(new.data)) == 20


def test_what_cannot_be_opened_is_refused_before_it_is_filed(copied: Cellar, new: Settings) -> None:
    whole = copied.kit.read_text()
    key = whole.splitlines()[-1]
    wrong = "Q" if key[30] != "Q" else "P"
    for text in (key[:30] + wrong + key[31:], key, "Dear winery"):
        with pytest.raises(KeyRefused):
            request_restore(new, RestoreRequest(identity=text))
    for repo in ("/etc", "nas/../..", "s3:"):
        with pytest.raises(ValidationError):
            RestoreRequest(identity=whole, repo=repo)
    assert not is_requested(new)

    ask(new, copied)
    with pytest.raises(CouldNotRun, match="under way"):
        ask(new, copied)


@pytest.mark.parametrize(
    ("trouble", "code", "word"),
    [("kit", 4, "kit 1"), ("flipped", 2, "base.tar"), ("time", 5, "They hold"), ("nas", 1, "NAS")],
)
def test_a_refusal_is_told_and_leaves_nothing(
    copied: Cellar, new: Settings, trouble: str, code: int, word: str
) -> None:
    kit, time = copied.kit.read_text(), None
    if trouble == "kit":
        lines = kit.splitlines()
        kit = "\n".join([*lines[:-1], str(pyrage.x25519.Identity.generate())])
    elif trouble == "time":
        time = datetime(2020, 1, 1, tzinfo=UTC)
    elif trouble == "nas":
        (copied.nas / "winery-backup.json").unlink()
    else:
        flip(next(path for path in objects_of(copied) if path.name == "base.tar.zst.age"))
    request_restore(new, RestoreRequest(identity=kit, time=time))

    assert start(new).wait() == 0

    done = progress_of(new)
    assert (done.phase, done.ended, done.code) == ("failed", True, code), done
    assert word in str(done.failed)
    assert keys_left(new) == []
    assert not (restore_dir(new) / "data").exists()
    assert not is_restored(new)
    ask(new, copied)  # another can be asked for


def hold_up(copied: Cellar) -> Path:
    """Let the base copy be read no further than its begin, until somebody writes into the pipe that stands for it."""
    path = next(path for path in objects_of(copied) if path.name == "base.tar.zst.age")
    kept = path.with_name("kept")
    path.rename(kept)
    os.mkfifo(path)
    return kept


def test_one_that_is_not_wanted_any_more_is_stopped(copied: Cellar, new: Settings) -> None:
    hold_up(copied)  # as a NAS that hangs
    ask(new, copied)
    working = start(new)
    wait_for(lambda: progress_of(new).phase != "waiting", "its begin")

    withdraw_restore(new)

    assert working.wait(60) == 0
    assert str(progress_of(new).failed).startswith("The restore was stopped")
    assert keys_left(new) == []
    assert not (restore_dir(new) / "data").exists()


def test_one_that_was_killed_is_gone_on_with(copied: Cellar, new: Settings) -> None:
    kept = hold_up(copied)
    ask(new, copied)
    working = start(new)
    wait_for(lambda: (restore_dir(new) / "data" / ".restore").exists(), "its begin")
    working.send_signal(signal.SIGKILL)
    working.wait()
    kept.replace(kept.with_name("base.tar.zst.age"))
    assert is_requested(new)

    assert start(new).wait() == 0

    assert progress_of(new).phase == "done"


@pytest.fixture
def appliance(tmp_path: Path, copied: Cellar) -> Iterator[Appliance]:
    """A new machine whose processes are kept by the real supervisor, with stand-ins for those of the winery."""
    made = Appliance(tmp_path / "var", find_port())
    made.environment["WINERY_NAS"] = str(copied.nas)
    yield made
    made.kill_all()
    wait_for(lambda: not made.processes(), "the end of all processes")


def test_the_supervisor_restores_and_starts_anew_on_what_came_back(
    copied: Cellar, appliance: Appliance
) -> None:
    appliance.start()
    assert appliance.count_starts() == 1
    web = appliance.part("web")

    settings = appliance.settings.model_copy(update={"nas": copied.nas})
    ask(settings, copied)

    wait_for(lambda: appliance.part("web") not in (0, web), "another web process")
    wait_for(lambda: appliance.is_answering() and appliance.count_starts() == 1, "all to answer")
    assert "What was restored takes over" in appliance.shown()
    for name in ("database_owner", postgres.SECRET):
        kept = copied.settings.secrets_dir / name
        assert (appliance.data / "secrets" / name).read_bytes() == kept.read_bytes()
    appliance.stop()
    assert len(read_control(appliance.data)) == 20


def test_a_database_of_another_server_is_not_replaced(copied: Cellar, new: Settings) -> None:
    elsewhere = new.model_copy(update={"database_url": SecretStr("postgresql://db/winery")})
    ask(elsewhere, copied)

    assert start(elsewhere).wait() == 0

    assert "does not keep its database itself" in str(progress_of(elsewhere).failed)
