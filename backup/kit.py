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
from backup.manifest import render_pem
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


@dataclass(frozen=True)
class Bucket:
    """Where copies lie outside the house, for the kit: s3://BUCKET/FOLDER, the store's address, the region."""

    address: str
    endpoint: str | None = None
    region: str | None = None

    @property
    def url(self) -> str:
        """The address of the folder by HTTP."""
        bucket, _, folder = self.address.removeprefix("s3://").partition("/")
        base = self.endpoint or f"https://s3.{self.region or 'us-east-1'}.amazonaws.com"
        return "/".join(part for part in (base.rstrip("/"), bucket, folder.strip("/")) if part)


def write_kit(
    path: Path, site: Site, identity: str, repository: str, bucket: Bucket | None = None
) -> Path:
    """Write the kit's file and, beside it, its printable pages, HTML and PDF; the path of the PDF.

    None may exist. Raises CouldNotRun.
    """
    pdf = path.with_suffix(".pdf")
    text = render_kit(site, identity, repository, bucket)
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


def render_kit(site: Site, identity: str, repository: str, bucket: Bucket | None = None) -> str:
    """The text of `kit.txt`."""
    kit = site.kit
    outside = _render_bucket(site, bucket) if bucket is not None else ""
    return f"""# Recovery kit of a winery appliance. Whoever holds it and the copies can read everything.
# kit: {kit.number}
# made: {kit.made_at:%Y-%m-%d %H:%M} UTC
# site: {site.site}
# repository: {repository}
# verify key: {site.verify_key}
# public key: {kit.recipient}
#
# To come back on any Linux machine with Python, from the repository alone (the NAS mounted at /mnt/nas):
# The first lines prove that the programs are this appliance's (OpenSSL 3): go on after "Verified Successfully" and "OK".
#   python3 -m venv /opt/restore && cd /mnt/nas/v1/sites/{site.site}/tools
#   {_render_check(site, "/opt/restore/kit.pem")} && sha256sum -c SHA256SUMS
#   /opt/restore/bin/pip install --no-index --find-links . 'winery-appliance[postgres]'
#   /opt/restore/bin/winery-backup restore --repo /mnt/nas --target DIR --identity kit.txt
#
{outside}# Without any of our software (programs: age, zstd, tar, PostgreSQL 18), in .../repos/ID of the newest ID:
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


def _render_check(site: Site, pem: str) -> str:
    """The commands that hold SHA256SUMS against the verify key, by way of a file `pem`: nothing of ours has run yet."""
    marks = [f"'-----{end} PUBLIC KEY-----'" for end in ("BEGIN", "END")]
    key = f"printf '%s\\n' {marks[0]} {render_pem(site.verify_key)} {marks[1]} > {pem}"
    return f"{key} && openssl pkeyutl -verify -rawin -pubin -inkey {pem} -in SHA256SUMS -sigfile SHA256SUMS.sig"


def _render_bucket(site: Site, bucket: Bucket) -> str:
    """The same from a bucket, by curl 7.75 or newer, which signs requests itself."""
    endpoint = f" --endpoint {bucket.endpoint}" if bucket.endpoint else ""
    region = bucket.region or "us-east-1"
    return f"""# The same from the bucket {bucket.address}, with read-only credentials (the sealed page):
#:  export AWS_ACCESS_KEY_ID=... AWS_SECRET_ACCESS_KEY=... AWS_DEFAULT_REGION={region}
#:  get() {{ curl -fsS --aws-sigv4 aws:amz:{region}:s3 -u "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" -O "$U/$1"; }}
#:  U={bucket.url}/v1/sites/{site.site}/tools
#:  mkdir -p tools && cd tools && get SHA256SUMS && get SHA256SUMS.sig
#:  {_render_check(site, "kit.pem")} && for f in $(cut -c 67- SHA256SUMS); do get "$f"; done
#:  sha256sum -c SHA256SUMS && cd ..
#:  python3 -m venv /opt/restore
#:  /opt/restore/bin/pip install --no-index --find-links tools 'winery-appliance[postgres,s3]'
#:  /opt/restore/bin/winery-backup restore --repo {bucket.address}{endpoint} --target DIR --identity kit.txt
#
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
