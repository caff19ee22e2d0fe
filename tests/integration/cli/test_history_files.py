"""Past vintages from the server's shell: asked about, previewed, saved once, exported, and finished after a kill."""

import os
import signal
import subprocess
from pathlib import Path

import psycopg

from tests.conftest import Cast, Winery
from tests.integration.cli.conftest import COMMAND, Shell
from winery_appliance.core.child_process import wait_for

HEAD = "wine,start,end,date,brix,temp c,variety\n"


def write_wines(path: Path, wines: int, days: int = 6) -> Path:
    rows = [
        f"P{n:03},2022-09-10,2022-09-30,2022-09-{11 + day},{24 - 3 * day},{20 + day},Bobal\n"
        for n in range(wines)
        for day in range(days)
    ]
    path.write_text(HEAD + "".join(rows))
    return path


def count(book: Winery, what: str) -> int:
    with psycopg.connect(book.url("backup")) as connection:
        row = connection.execute(f"SELECT count(*) FROM {what}").fetchone()  # type: ignore[arg-type]
    assert row is not None
    return int(row[0])


def test_a_file_is_asked_about_looked_at_saved_once_and_comes_back(
    shell: Shell, cast: Cast, book: Winery, tmp_path: Path
) -> None:
    assert cast
    file = write_wines(tmp_path / "past.csv", 3)
    command = ("history", "import", str(file), "--winery", "DEMO")
    assert "--answer 'styles.bobal=red|" in shell.run(*command, code=1).err
    answer = ("--answer", "styles.bobal=red")
    tried = shell.run(*command, *answer, "--dry-run", "--json").json
    assert tried["import"]["state"] == "ready"
    assert tried["import"]["counts"] == {"rows": 18, "new": 36, "wines_new": 3}
    assert count(book, "fermentations") == 0
    saved = shell.run(*command, *answer, "--json").json["import"]
    assert (saved["state"], count(book, "samples")) == ("saved", 36)
    again = shell.run(*command)
    assert "in the book already" in again.err
    assert count(book, "samples") == 36
    out = tmp_path / "book.csv"
    shell.run("history", "export", "--winery", "DEMO", "--out", str(out))
    carla = shell.run("history", "import", str(out), "--winery", "OTHER", "--json").json["import"]
    assert carla["counts"] == {"rows": 36, "new": 36, "wines_new": 3}
    assert count(book, "samples") == 72


def test_what_cannot_be_read_is_said_in_a_sentence(
    shell: Shell, cast: Cast, tmp_path: Path
) -> None:
    assert cast
    picture = tmp_path / "photo.csv"
    picture.write_bytes(bytes(range(256)) * 40)
    refused = shell.run("history", "import", str(picture), "--winery", "DEMO", code=1)
    assert "This is no table" in refused.err


def test_an_import_that_is_killed_is_finished_by_the_next(
    shell: Shell, cast: Cast, book: Winery, tmp_path: Path
) -> None:
    assert cast
    file = write_wines(tmp_path / "past.csv", 400)
    command = [
        COMMAND,
        "history",
        "import",
        str(file),
        "--winery",
        "DEMO",
        "--answer",
        "styles.=red",
    ]
    running = subprocess.Popen(
        command,
        env={**os.environ, **shell.environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert wait_for(lambda: count(book, "imported_wines") > 0 or running.poll() is not None, 90)
    finally:
        running.send_signal(signal.SIGKILL)
        running.wait()
    wines = count(book, "imported_wines")
    assert 0 < wines < 400, "it was killed on the way"
    assert count(book, "samples") == wines * 12, "whole wines or none"
    shell.run(*map(str, command[1:]))
    assert count(book, "imported_wines") == 400
    assert count(book, "samples") == 400 * 12
    assert count(book, "fermentations") == 400
