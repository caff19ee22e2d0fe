"""The appliance's log file: one JSON object a line, from every process, bounded in size."""

import contextlib
import json
import os
import re
from pathlib import Path

from winery_appliance.core.clock import now

LIMIT_BYTES = 10 * 1024 * 1024
FILES = 5
LONGEST_LINE = 256 * 1024
# PostgreSQL's manual, "Error Reporting and Logging", table of message severity levels.
POSTGRES_LEVELS = {
    "WARNING": "warning",
    "ERROR": "error",
    "FATAL": "critical",
    "PANIC": "critical",
}
SEVERITY = re.compile(r"^\S+ \S+ \S+ \[\d+\] (?:\S+@\S* )?([A-Z]+): ")


class ProcessLog:
    """`winery.log` and its older parts `winery.log.1` ... A full disk costs lines, never the
    appliance.
    """

    def __init__(self, path: Path, *, limit_bytes: int = LIMIT_BYTES, files: int = FILES) -> None:
        self._path = path
        self._limit_bytes = limit_bytes
        self._files = files
        self._lost = 0
        self._descriptor = -1
        self._size = 0
        self._open()

    def take_line(self, process: str, line: bytes) -> str:
        """Keep a line that `process` wrote: as it is when it is a JSON object, else wrapped into
        one.

        Returns the text of a line that had to be wrapped if it tells of trouble, else "".
        """
        text = line.decode(errors="replace").rstrip("\r\n")
        if not text.strip():
            return ""
        if _is_json_object(text):
            self._append(text)
            return ""
        level = _judge(process, text)
        self._append(_wrap(process, level, text))
        return text if level != "info" else ""

    def tell(self, event: str, level: str = "info", **fields: object) -> None:
        """Keep a line of the supervisor's own."""
        self._append(_wrap("supervisor", level, event, **fields))

    def close(self) -> None:
        """Close the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _append(self, text: str) -> None:
        data = text.encode(errors="replace") + b"\n"
        try:
            if self._size and self._size + len(data) > self._limit_bytes:
                self._rotate()
            if self._descriptor < 0:
                self._open()
            if self._lost:
                lost = _wrap("supervisor", "warning", "log lines lost", lines=self._lost)
                self._write(lost.encode() + b"\n")
                self._lost = 0
            self._write(data)
        except OSError:
            self._lost += 1

    def _write(self, data: bytes) -> None:
        written = os.write(self._descriptor, data)
        if written < len(data):  # the disk is full: rather no line than half a line
            os.ftruncate(self._descriptor, self._size)
            raise OSError("short write")
        self._size += written

    def _open(self) -> None:
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        self._size = _cut_half_line(self._descriptor)

    def _rotate(self) -> None:
        self.close()
        for number in range(self._files - 1, 0, -1):
            older = self._path.with_name(f"{self._path.name}.{number}")
            newer = older.with_suffix(f".{number - 1}") if number > 1 else self._path
            with contextlib.suppress(FileNotFoundError):
                newer.replace(older)


class LineReader:
    """Cuts what comes out of a pipe into lines; a line without end is cut at LONGEST_LINE bytes."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._rest = b""
        os.set_blocking(descriptor, False)

    def read_lines(self) -> tuple[list[bytes], bool]:
        """The lines that have come, and whether the pipe has ended."""
        try:
            chunk = os.read(self.descriptor, 65536)
        except BlockingIOError:
            return [], False
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        if self._rest and (not chunk or len(self._rest) > LONGEST_LINE):
            lines.append(self._rest)
            self._rest = b""
        return lines, not chunk


def _cut_half_line(descriptor: int) -> int:
    """Remove what a power cut left of a last line; the size of the file then."""
    size = os.fstat(descriptor).st_size
    start = max(0, size - LONGEST_LINE)
    tail = os.pread(descriptor, size - start, start)
    if tail and not tail.endswith(b"\n"):
        size = start + tail.rfind(b"\n") + 1
        os.ftruncate(descriptor, size)
    return size


def _is_json_object(text: str) -> bool:
    if not text.startswith("{"):
        return False
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


def _wrap(process: str, level: str, event: str, **fields: object) -> str:
    line = {"timestamp": now().isoformat(), "level": level, "process": process, "event": event}
    return json.dumps(line | fields, ensure_ascii=False, default=str)


def _judge(process: str, text: str) -> str:
    """How grave a plain line is: by PostgreSQL's word; from our own processes, which log JSON, it
    is a surprise.
    """
    if process != "postgres":
        return "warning"
    found = SEVERITY.match(text)
    return POSTGRES_LEVELS.get(found[1], "info") if found else "info"
