"""PostgreSQL's write-ahead log as it lies in files: names, positions, and a walk from record to record.

By PostgreSQL 18's headers access/xlog_internal.h, xlogrecord.h and xact.h. The walk checks that each page says
where it belongs and each record names the one before it, and tells the last whole record: the point a restore must reach.
"""

import re
import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from backup.refusals import Damaged

SEGMENT = 16 << 20
PAGE = 8192
LONG_HEADER, SHORT_HEADER, RECORD_HEADER = 40, 24, 24
CONTINUED, OVERWRITES_CONTINUED = 0x1, 0x8
RM_XLOG, RM_XACT = 0, 1
XLOG_SWITCH = 0x40
XACT_COMMIT, XACT_COMMIT_PREPARED, XACT_OPMASK = 0x00, 0x30, 0x70
DATA_LONG, DATA_SHORT, ORIGIN, TOPLEVEL = 254, 255, 253, 252
KEPT = 1 << 16  # a record up to this size can be checked by its CRC
EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
SEGMENT_NAME = re.compile(r"[0-9A-F]{24}")
_PAGE_HEADER = struct.Struct("<HHIQI")
_RECORD_HEADER = struct.Struct("<IIQBBxxI")


def format_lsn(lsn: int) -> str:
    """A position as PostgreSQL writes it: `0/3000028`."""
    return f"{lsn >> 32:X}/{lsn & 0xFFFFFFFF:X}"


def parse_lsn(text: str) -> int:
    """A position from PostgreSQL's form; ValueError when it is none."""
    high, _, low = text.partition("/")
    return (int(high, 16) << 32) + int(low, 16)


def segment_name(timeline: int, lsn: int) -> str:
    """The name of the segment file that holds `lsn`."""
    number = lsn // SEGMENT
    return f"{timeline:08X}{number >> 8:08X}{number & 0xFF:08X}"


def segment_start(name: str) -> int:
    """The position a segment file begins at."""
    return ((int(name[8:16], 16) << 8) + int(name[16:24], 16)) * SEGMENT


def segment_timeline(name: str) -> int:
    """The timeline a segment file belongs to."""
    return int(name[:8], 16)


@dataclass
class _Record:
    start: int
    size: int
    seen: int
    kept: bytearray


class WalWalker:
    """Walks through the log from the start of a segment, given its bytes in any portions.

    `end` is where the last whole record ends, `last_record` where it starts (None before the first), `last_commit` the time
    of the last commit seen. `feed` raises Damaged where the log does not hang together.
    """

    def __init__(self, start: int) -> None:
        self.position = start  # of the next byte to be fed
        self.end = start
        self.last_record: int | None = None
        self.last_commit: datetime | None = None
        self._pending = bytearray()
        self._record: _Record | None = None
        self._skip = 0  # of a record that began before the walk did
        self._switched = False

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the log. Raises Damaged."""
        self._pending += data
        used = 0
        view = bytes(self._pending)
        while used < len(view):
            step = self._step(view, used)
            if step == 0:
                break
            used += step
            self.position += step
        del self._pending[:used]

    def missing_zeros(self, most: int) -> int:
        """How many zero bytes, at most `most`, would complete the record at hand, proven by its checksum; 0 when none do.

        A record may end in zeros, which cannot be told from a file's unwritten part otherwise.
        """
        record = self._record
        if record is None or self._pending or record.size > KEPT:
            return 0
        left = record.size - record.seen
        if left > most or self.position // PAGE != (self.position + left - 1) // PAGE:
            return 0
        content = bytes(record.kept) + bytes(left)
        return left if _checksum(content) == _RECORD_HEADER.unpack_from(content)[5] else 0

    def _step(self, view: bytes, at: int) -> int:
        """Use some of `view` from `at`; how many bytes, 0 when more are needed."""
        here, available = self.position, len(view) - at
        if here % SEGMENT == 0:
            self._switched = False
        if self._switched:
            return min(available, SEGMENT - here % SEGMENT)
        if here % PAGE == 0:
            size = LONG_HEADER if here % SEGMENT == 0 else SHORT_HEADER
            if available < size:
                return 0
            self._take_page_header(view, at)
            return size
        room = min(available, PAGE - here % PAGE)
        if self._skip:
            step = min(self._skip, room)
            self._skip -= step
            return step
        if self._record is None:
            return self._begin_record(view, at, room)
        return self._take_record(view, at, room)

    def _take_page_header(self, view: bytes, at: int) -> None:
        _, info, _, address, left = _PAGE_HEADER.unpack_from(view, at)
        if address != self.position:
            raise Damaged(f"the log page at {format_lsn(self.position)} says {format_lsn(address)}")
        record = self._record
        if info & OVERWRITES_CONTINUED:
            self._record = None  # the server crashed in the middle of it and wrote on after it
        elif record is not None:
            if not info & CONTINUED or left != record.size - record.seen:
                raise Damaged(f"the log record at {format_lsn(record.start)} is not continued")
        elif info & CONTINUED:
            if self.last_record is not None and not self._skip:
                raise Damaged(f"an unknown record continues at {format_lsn(self.position)}")
            self._skip = left

    def _begin_record(self, view: bytes, at: int, room: int) -> int:
        if self.position % 8:  # records begin at multiples of 8; pages end at one
            return min(room, 8 - self.position % 8)
        if room < 4:
            return 0
        size = int.from_bytes(view[at : at + 4], "little")
        if size == 0:
            return 0
        if size < RECORD_HEADER:
            raise Damaged(f"there is no log record at {format_lsn(self.position)}")
        self._record = _Record(self.position, size, 0, bytearray())
        return self._take_record(view, at, room)

    def _take_record(self, view: bytes, at: int, room: int) -> int:
        record = self._record
        assert record is not None
        step = min(record.size - record.seen, room)
        if len(record.kept) < KEPT:
            record.kept += view[at : at + min(step, KEPT - len(record.kept))]
        record.seen += step
        if record.seen == record.size:
            self._finish(record, self.position + step)
        return step

    def _finish(self, record: _Record, end: int) -> None:
        _, _, previous, info, manager, _ = _RECORD_HEADER.unpack_from(record.kept)
        if self.last_record is not None and previous != self.last_record:
            raise Damaged(
                f"the log record at {format_lsn(record.start)} follows {format_lsn(previous)}, "
                f"not {format_lsn(self.last_record)}"
            )
        self._record = None
        self.last_record = record.start
        self.end = -(-end // 8) * 8
        if manager == RM_XLOG and info & 0xF0 == XLOG_SWITCH:
            self._switched = True
            self.end = -(-end // SEGMENT) * SEGMENT
        if manager == RM_XACT and info & XACT_OPMASK in (XACT_COMMIT, XACT_COMMIT_PREPARED):
            self.last_commit = _commit_time(record.kept) or self.last_commit


def _commit_time(record: bytearray) -> datetime | None:
    at = RECORD_HEADER
    while at < len(record):
        kind = record[at]
        if kind == ORIGIN:
            at += 3
        elif kind == TOPLEVEL:
            at += 5
        elif kind in (DATA_SHORT, DATA_LONG):
            at += 2 if kind == DATA_SHORT else 5
            microseconds = int.from_bytes(record[at : at + 8], "little", signed=True)
            return EPOCH + timedelta(microseconds=microseconds)
        else:
            return None
    return None


def _make_table() -> list[int]:
    table = []
    for number in range(256):
        for _ in range(8):
            number = (number >> 1) ^ (0x82F63B78 if number & 1 else 0)
        table.append(number)
    return table


_TABLE = _make_table()


def _checksum(record: bytes) -> int:
    """CRC-32C of a record as PostgreSQL computes it: the content, then the header up to the checksum itself."""
    value = 0xFFFFFFFF
    for byte in record[RECORD_HEADER:] + record[: RECORD_HEADER - 4]:
        value = _TABLE[(value ^ byte) & 0xFF] ^ (value >> 8)
    return value ^ 0xFFFFFFFF
