"""The recovery kit: the paper that opens the copies when nothing else is left.

`kit.txt` is a valid age identity file: everything but the key stands in comments. The pages beside it, HTML and PDF, are
the same to be printed, with the key as a QR code.
"""

import html
import os
from dataclasses import dataclass
from pathlib import Path

import segno

from backup.envelope import read_identity
from backup.keys import Site
from backup.kit_pdf import render_pdf
from backup.refusals import CouldNotRun, KeyRefused

KEY_PREFIX = "AGE-SECRET-KEY-1"


@dataclass(frozen=True)
class Kit:
    """What a kit file or a typed key tells."""

    identity: str
    site: str | None = None
    verify_key: str | None = None
    number: str | None = None

    @property
    def recipient(self) -> str:
        """The public half of its key."""
        return str(read_identity(self.identity).to_public())


def read_kit(text: str) -> Kit:
    """A kit file, or just its key as typed (blanks and case do not matter); KeyRefused when mistyped."""
    facts: dict[str, str] = {}
    typed = ""
    for line in text.splitlines():
        if line.startswith("#"):
            name, _, value = line.lstrip("# ").partition(":")
            facts.setdefault(name.strip().lower(), value.strip())
        else:
            typed += "".join(line.split()).upper()
    if not typed.startswith(KEY_PREFIX):
        raise KeyRefused(f"No key was found: it begins with {KEY_PREFIX}.")
    read_identity(typed)
    return Kit(typed, facts.get("site"), facts.get("verify key"), facts.get("kit"))


def load_kit(path: str, typed: str = "") -> Kit:
    """The kit in a file, or in `typed` where `path` is `-`. Raises KeyRefused."""
    if path == "-":
        return read_kit(typed)
    try:
        return read_kit(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise KeyRefused(f"The kit {path} cannot be read ({error}).") from error


def write_kit(path: Path, site: Site, identity: str, repository: str) -> Path:
    """Write the kit's file and, beside it, its printable pages, HTML and PDF; the path of the PDF.

    None may exist. Raises CouldNotRun.
    """
    pdf = path.with_suffix(".pdf")
    text = render_kit(site, identity, repository)
    try:
        _write_new(path, text.encode())
        for page in (path.with_suffix(".html"), pdf):
            _write_new(page, render_printable(page, site, identity, text))
    except OSError as error:
        raise CouldNotRun(
            f"The kit could not be written to {error.filename or path}: {error.strerror}. No key counts yet."
        ) from error
    return pdf


def _write_new(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def render_kit(site: Site, identity: str, repository: str) -> str:
    """The text of `kit.txt`."""
    kit = site.kit
    return f"""# Recovery kit of a winery appliance. Whoever holds it and the copies can read everything.
# kit: {kit.number}
# made: {kit.made_at:%Y-%m-%d %H:%M} UTC
# site: {site.site}
# repository: {repository}
# verify key: {site.verify_key}
# public key: {kit.recipient}
#
# To come back on any Linux machine with Python, from the repository alone (the NAS mounted at /mnt/nas):
#   cd /mnt/nas/v1/sites/{site.site}/tools && sha256sum -c SHA256SUMS
#   python3 -m venv /opt/restore
#   /opt/restore/bin/pip install --no-index --find-links . 'winery-appliance[postgres]'
#   /opt/restore/bin/winery-backup restore --repo /mnt/nas --target DIR --identity kit.txt
#
# Without any of our software (programs: age, zstd, tar, PostgreSQL 18), in .../repos/ID of the newest ID:
#   age -d -i kit.txt base/NEWEST/base.tar.zst.age | zstd -d | tar x -C DIR
#   for each wal/*/SEGMENT.zst.age:
#     age -d -i kit.txt wal/*/SEGMENT.zst.age | zstd -d > DIR/pg_wal/SEGMENT
#   for the newest SEGMENT, its pieces in the order of their names:
#     for f in wal/*/SEGMENT/*.zst.age; do age -d -i kit.txt $f | zstd -d; done > DIR/pg_wal/SEGMENT
#     truncate -s 16M DIR/pg_wal/SEGMENT
#   echo "restore_command = 'false'" >> DIR/postgresql.auto.conf; touch DIR/recovery.signal
#   postgres -D DIR
#   A base whose manifest.json names a "parent" needs pg_combinebackup with that one first.
#
# A dump, for a later PostgreSQL too: a new, empty server (initdb, start), then with PGHOST, PGUSER ... set for it:
#   age -d -i kit.txt snap/TIER/ID/files.tar.zst.age | zstd -d | tar x -C DIR
#   age -d -i kit.txt snap/TIER/ID/db.dump.zst.age | zstd -d > DIR/db.dump
#   psql -d postgres -f DIR/backup/roles.sql
#   pg_restore -C -d postgres DIR/db.dump
{identity}
"""


def render_printable(page: Path, site: Site, identity: str, text: str) -> bytes:
    """What to print, as PDF where the name of `page` says so, else HTML: the key as code and in groups, the kit's text."""
    if page.suffix.lower() == ".pdf":
        return render_pdf(_title(site), _words(site), identity, _comments(text))
    return render_page(site, identity, text).encode()


def _title(site: Site) -> str:
    return f"Recovery kit {site.kit.number}"


def _words(site: Site) -> list[str]:
    return [
        f"Winery: {site.site}. Made on {site.kit.made_at:%Y-%m-%d}.",
        "Keep it away from the appliance and from the copies, in two places, like the deeds of the cellar.",
    ]


def _comments(text: str) -> str:
    return "\n".join(text.splitlines()[:-1])


def render_page(site: Site, identity: str, text: str) -> str:
    """The page to be printed: the key as QR code and in groups, then the text of the kit."""
    code = segno.make(identity, error="m").svg_inline(scale=5)
    groups = " ".join(identity[place : place + 8] for place in range(0, len(identity), 8))
    words = html.escape(" ".join(_words(site)))
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>{_title(site)}, {html.escape(site.site)}</title>
<style>
body {{ font: 11pt/1.4 serif; max-width: 19cm; margin: 1cm auto }}
pre {{ white-space: pre-wrap; font: 8pt/1.4 monospace }}
.key {{ font: bold 12pt/1.6 monospace; overflow-wrap: anywhere }}
@page {{ size: A4; margin: 1.5cm }}
</style>
<h1>{_title(site)}</h1>
<p>{words}</p>
<p>{code}</p>
<p class="key">{groups}</p>
<pre>{html.escape(_comments(text))}</pre>
</html>
"""
