"""What was sent and what is half sent, kept through every kill and power cut.

It lies in SQLite beside the data, never in the database that is copied: it must be there when that one is not.
"""

import json
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCHEMA = """
CREATE TABLE IF NOT EXISTS notes (name text PRIMARY KEY, value text NOT NULL);
CREATE TABLE IF NOT EXISTS sent (key text PRIMARY KEY, sha256 text NOT NULL);
CREATE TABLE IF NOT EXISTS uploads (
    key text PRIMARY KEY, sha256 text NOT NULL, size integer NOT NULL, part_size integer NOT NULL, upload text NOT NULL);
CREATE TABLE IF NOT EXISTS parts (
    key text NOT NULL REFERENCES uploads ON DELETE CASCADE, number integer NOT NULL, etag text NOT NULL,
    digest blob NOT NULL, PRIMARY KEY (key, number));
CREATE TABLE IF NOT EXISTS stretches (
    repository text NOT NULL, number integer NOT NULL, first integer NOT NULL, last integer NOT NULL,
    PRIMARY KEY (repository, number));
CREATE TABLE IF NOT EXISTS nonces (id integer PRIMARY KEY, nonce text NOT NULL);
"""
PATIENCE_S = 30.0
NONCES = 16


@dataclass(frozen=True)
class Upload:
    """A multipart upload under way."""

    key: str
    sha256: str
    size: int
    part_size: int
    upload: str


class Journal:
    """The journal in the file `path`; several processes may use it at once. Each statement is kept before it returns."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._rows = sqlite3.connect(path, timeout=PATIENCE_S, isolation_level=None)
        path.chmod(0o600)
        self._run("PRAGMA journal_mode = WAL")
        self._run("PRAGMA synchronous = FULL")
        self._run("PRAGMA foreign_keys = ON")
        for statement in SCHEMA.split(";"):
            self._run(statement)

    def close(self) -> None:
        """Close the file."""
        self._rows.close()

    def note(self, name: str) -> Any:
        """What was noted under a name; None where nothing was."""
        row = self._run("SELECT value FROM notes WHERE name = ?", name).fetchone()
        return None if row is None else json.loads(row[0])

    def set_note(self, name: str, value: Any) -> None:
        """Note a value; None removes the note."""
        if value is None:
            self._run("DELETE FROM notes WHERE name = ?", name)
        else:
            text = json.dumps(value)
            self._run(
                "INSERT INTO notes VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = ?2",
                name,
                text,
            )

    def is_sent(self, key: str) -> bool:
        """Whether an object is in the bucket."""
        return self._run("SELECT 1 FROM sent WHERE key = ?", key).fetchone() is not None

    def add_sent(self, key: str, sha256: str) -> None:
        """Note that an object is in the bucket; its upload is over."""
        self._run("DELETE FROM uploads WHERE key = ?", key)
        self._run("INSERT OR REPLACE INTO sent VALUES (?, ?)", key, sha256)

    def sent_hash(self, key: str) -> str | None:
        """The SHA-256 of what was sent under a key."""
        row = self._run("SELECT sha256 FROM sent WHERE key = ?", key).fetchone()
        return None if row is None else str(row[0])

    def forget_sent(self, prefix: str) -> None:
        """Forget what was sent below a folder: nobody will ask again."""
        self._run("DELETE FROM sent WHERE substr(key, 1, ?) = ?", len(prefix), prefix)

    def upload(self, key: str) -> Upload | None:
        """The upload under way to a key."""
        row = self._run("SELECT * FROM uploads WHERE key = ?", key).fetchone()
        return None if row is None else Upload(*row)

    def begin_upload(self, upload: Upload) -> None:
        """Note an upload that begins; an earlier one to that key is forgotten with its parts."""
        self._run("DELETE FROM uploads WHERE key = ?", upload.key)
        values = (upload.key, upload.sha256, upload.size, upload.part_size, upload.upload)
        self._run("INSERT INTO uploads VALUES (?, ?, ?, ?, ?)", *values)

    def forget_upload(self, key: str) -> None:
        """Forget an upload."""
        self._run("DELETE FROM uploads WHERE key = ?", key)

    def parts(self, key: str) -> dict[int, tuple[str, bytes]]:
        """ETag and SHA-256 of the parts that were sent, by number."""
        rows = self._run("SELECT number, etag, digest FROM parts WHERE key = ?", key).fetchall()
        return {number: (etag, digest) for number, etag, digest in rows}

    def add_part(self, key: str, number: int, etag: str, digest: bytes) -> None:
        """Note a part that the store has."""
        self._run("INSERT OR REPLACE INTO parts VALUES (?, ?, ?, ?)", key, number, etag, digest)

    def keep_parts(self, key: str, numbers: Sequence[int]) -> None:
        """Forget all other parts of an upload."""
        for number in set(self.parts(key)) - set(numbers):
            self._run("DELETE FROM parts WHERE key = ? AND number = ?", key, number)

    def reach(self, repository: str, stretch: int, first: int, last: int) -> None:
        """Note that a stretch lies in the bucket from `first` to `last`."""
        self._run(
            "INSERT INTO stretches VALUES (?, ?, ?, ?) ON CONFLICT (repository, number) DO UPDATE "
            "SET first = min(first, ?3), last = max(last, ?4)",
            repository,
            stretch,
            first,
            last,
        )

    def stretches(self, repository: str) -> dict[int, tuple[int, int]]:
        """From where to where each stretch lies in the bucket, by number."""
        rows = self._run(
            "SELECT number, first, last FROM stretches WHERE repository = ? ORDER BY 1", repository
        ).fetchall()
        return {number: (first, last) for number, first, last in rows}

    def add_nonce(self, nonce: str) -> None:
        """Note a word by which we shall know that a lease is ours, before it is written there."""
        self._run("INSERT INTO nonces (nonce) VALUES (?)", nonce)
        self._run("DELETE FROM nonces WHERE id <= (SELECT max(id) FROM nonces) - ?", NONCES)

    def knows_nonce(self, nonce: str) -> bool:
        """Whether a lease with this word is ours."""
        return self._run("SELECT 1 FROM nonces WHERE nonce = ?", nonce).fetchone() is not None

    def _run(self, statement: str, *values: object) -> sqlite3.Cursor:
        for _ in range(3):
            try:
                return self._rows.execute(statement, values)
            except sqlite3.OperationalError as error:
                if "locked" not in str(error):  # switching to WAL mode does not wait by itself
                    raise
                time.sleep(0.1)
        return self._rows.execute(statement, values)
