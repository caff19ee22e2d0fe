"""The log is JSON line by line whatever is written to it, and never grows beyond its bounds."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.integration.runtime.running_appliance import needs_root
from winery_appliance.entrypoints.process_log import LONGEST_LINE, LineReader, ProcessLog


def read(path: Path) -> list[dict[str, object]]:
    """The lines of a log file."""
    return [json.loads(line) for line in path.read_bytes().split(b"\n")[:-1]]


@given(st.lists(st.binary(max_size=200) | st.text().map(str.encode), max_size=20))
def test_whatever_is_written_every_line_is_a_json_object(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes]
) -> None:
    path = tmp_path_factory.mktemp("log") / "winery.log"
    log = ProcessLog(path)
    reading, writing = os.pipe()
    os.write(writing, b"\n".join(lines))
    os.close(writing)
    reader, ended = LineReader(reading), False
    while not ended:
        taken, ended = reader.read_lines()
        for line in taken:
            log.take_line("web", line)
    os.close(reading)
    log.close()

    assert all(isinstance(line, dict) for line in read(path))


def test_no_text_is_lost_in_wrapping(tmp_path: Path) -> None:
    log = ProcessLog(tmp_path / "winery.log")
    texts = [
        "Traceback (most recent call last):",
        '  File "x.py"',
        '["a list"]',
        "{broken",
        "°Brix",
    ]
    for text in texts:
        log.take_line("worker", text.encode())
    log.close()

    assert [line["event"] for line in read(tmp_path / "winery.log")] == texts


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("2026-09-01 10:00:00.000 UTC [12] LOG:  ready", "info"),
        ("2026-09-01 10:00:00.000 UTC [12] winery_app@winery ERROR:  no such table", "error"),
        ("2026-09-01 10:00:00.000 UTC [12] FATAL:  no room", "critical"),
        ("2026-09-01 10:00:00.000 UTC [12] HINT:  the word ERROR: in a text", "info"),
        ("\tSELECT 'ERROR:  '", "info"),
    ],
)
def test_postgresqls_own_word_says_how_grave_a_line_is(
    tmp_path: Path, text: str, level: str
) -> None:
    log = ProcessLog(tmp_path / "winery.log")
    log.take_line("postgres", text.encode())
    log.close()

    assert [line["level"] for line in read(tmp_path / "winery.log")] == [level]


def test_the_log_stays_within_its_bounds_and_keeps_the_newest(tmp_path: Path) -> None:
    log = ProcessLog(tmp_path / "winery.log", limit_bytes=2000, files=3)
    for number in range(200):
        log.tell("turn", number=number)
    log.close()

    files = sorted(tmp_path.iterdir())
    assert [path.name for path in files] == ["winery.log", "winery.log.1", "winery.log.2"]
    assert all(path.stat().st_size <= 2000 for path in files)
    numbers = [line["number"] for path in reversed(files) for line in read(path)]
    assert numbers == list(range(200 - len(numbers), 200)), "in order, without a gap"


def test_a_half_line_from_before_a_power_cut_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "winery.log"
    path.write_bytes(b'{"event": "whole"}\n{"event": "ha')
    log = ProcessLog(path)
    log.tell("after")
    log.close()

    assert [line["event"] for line in read(path)] == ["whole", "after"]


@needs_root
def test_a_full_disk_costs_lines_and_nothing_else(tmp_path: Path) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", tmp_path], check=True)
    try:
        log = ProcessLog(tmp_path / "winery.log")
        ballast = tmp_path / "ballast"
        ballast.write_bytes(b"x" * 40_000)
        for number in range(500):
            log.tell("turn", number=number)
        ballast.unlink()
        log.tell("room again")
        log.close()
        lines = read(tmp_path / "winery.log")
    finally:
        subprocess.run(["umount", tmp_path], check=True)

    kept = [line for line in lines if line["event"] == "turn"]
    lost = [line["lines"] for line in lines if line["event"] == "log lines lost"]
    assert lost == [500 - len(kept)] != [0]
    assert lines[-1]["event"] == "room again"


def test_a_line_without_end_is_cut() -> None:
    reading, writing = os.pipe()
    reader = LineReader(reading)
    longest = 0
    for _ in range(20):
        os.write(writing, b"x" * 60_000)
        lines, _ = reader.read_lines()
        longest = max([longest, *map(len, lines)])
    os.close(writing)
    os.close(reading)

    assert LONGEST_LINE < longest < LONGEST_LINE + 65536
