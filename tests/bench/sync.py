"""Measures the off-site copies on this machine: ./.venv/bin/python -m tests.bench.sync [history | line | sites | memory]

The object store is a real one on loopback; the line is shaped by the tests' proxy.
"""

import hashlib
import itertools
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pyrage

from backup.access import choose_site
from backup.keys import save_site
from backup.manifest import ObjectFacts, make_signing_key, read_verify_key, sign
from sync.group import Sharing, found_group, read_group, tell_member
from sync.health import assess_offsite
from sync.history import PartFacts, month_folder, write_parquet
from sync.journal import Journal
from sync.lake import Cache, Reader, ask
from sync.location import Location
from sync.patience import Pace
from sync.pool import pull
from sync.pushing import Pusher
from sync.repository import BucketStore
from sync.storage import Bucket
from tests.integration.sync.fault_proxy import FaultProxy
from tests.integration.sync.object_store import HOME, ObjectStore
from tests.integration.sync.test_history import make_site
from winery_appliance.core.clock import now
from winery_appliance.core.settings import Settings

LINE = 625_000.0  # 5 Mbit/s
SAMPLES, DAYS = 1_000_000, 365
SITES, YEARS = 5, (2024, 2025, 2026)
MB = 1_000_000
LAKE = "v1/history/table=samples/"
# A harvest's samples as a book has them: wines in a row, each falling along its curve with the noise of an instrument.
PERIOD = """
COPY (
    SELECT 'HOME', '26-' || (n % 200)::text, 'red', d * {count} + n, ['sugar', 'temperature', 'ph'][1 + n % 3],
        round(1090 - (n % 200) * 0.4 - (d - {first}) * 0.5 + random(), 4), round(24 - random(), 1)::text, 'brix', NULL,
        round(18 + random() * 8, 1), TIMESTAMPTZ '2026-01-01 06:00:00+00' + to_days(d::int) + to_seconds(n * 20),
        TIMESTAMPTZ '2026-01-01 06:00:01.123+00' + to_days(d::int)
            + to_milliseconds((n * 20000 + random() * 900)::bigint), NULL, false
    FROM range({count}) t(n), range({first}, {end}) s(d) ORDER BY 2, 5, 11
) TO '{path}' (FORMAT csv, HEADER false)
"""


def make_rows(source: Path, first: date, end: date) -> None:
    """A file with the samples of the days of 2026 from `first` until before `end`, as the database gives them."""
    begin = date(2026, 1, 1)
    numbers = {"first": (first - begin).days, "end": (end - begin).days, "count": SAMPLES // DAYS}
    with duckdb.connect() as lake:
        lake.execute(PERIOD.format(**numbers, path=source))


def make_part(folder: Path, first: date, end: date) -> tuple[Path, int]:
    """The Parquet file of those days, and how many samples are in it."""
    source = folder / "part.csv"
    make_rows(source, first, end)
    target = folder / f"{first}.parquet"
    return target, write_parquet(source, target)


def measure_history(store: ObjectStore, folder: Path) -> None:
    """Bytes of a million samples, and a year's question over five sites and three years, asked as the command asks."""
    begun = time.process_time()
    limits = [date(2026, month, 1) for month in range(1, 13)] + [date(2027, 1, 1)]
    parts = [make_part(folder, first, end) for first, end in itertools.pairwise(limits)]
    took = time.process_time() - begun
    size = sum(path.stat().st_size for path, _ in parts)
    rows = sum(count for _, count in parts)
    print(
        f"{rows} samples as {len(parts)} months  {size / MB:6.2f} MB, {took:.1f} s of processor   (reach 12 MB)"
    )
    day = make_part(folder, limits[0], limits[0] + timedelta(days=1))[0].stat().st_size
    print(f"... if they lay there as days        {day * DAYS / MB:6.2f} MB")
    bucket = store.make_bucket()
    owner = Bucket(store.place(bucket, "admin"))
    identity, key = pyrage.x25519.Identity.generate(), make_signing_key()
    for site, year, number in itertools.product(range(SITES), YEARS, range(12)):
        publish_month(owner, f"s{site}", date(year, number + 1, 1), *parts[number], identity, key)
    readers = [Reader(f"s{site}", (str(identity),), read_verify_key(key)) for site in range(SITES)]
    question = "SELECT site, fermentation, sample_type, count(*), avg(value) FROM samples WHERE year = 2026 GROUP BY ALL"
    cache = Cache(folder / "cache", 1 << 30)
    for name in ("cold", "warm", "warm", "warm"):
        begun, busy = time.monotonic(), time.process_time()
        lake = BucketStore(Bucket(store.place(bucket, "admin")))
        answer = ask(lake, readers, cache, question)[1]
        lake.close()
        took, busy = time.monotonic() - begun, time.process_time() - busy
        asked = f"a year of {SITES} sites x {len(YEARS)} years, {name}"
        print(
            f"{asked}: {took:6.2f} s, {busy:.2f} s of processor, {len(answer)} rows   (reach 1 s)"
        )


def publish_month(
    owner: Bucket,
    site: str,
    month: date,
    path: Path,
    rows: int,
    identity: pyrage.x25519.Identity,
    key: str,
) -> None:
    """A month's file in the lake, as the appliance of a site writes it."""
    data = path.read_bytes()
    sealed = pyrage.encrypt(data, [identity.to_public()])
    stem = (
        f"{month_folder(site, month)}/part-{month:%Y-%m}-{hashlib.sha256(data).hexdigest()[:8]}-1"
    )
    content = ObjectFacts(
        name=stem.rpartition("/")[2] + ".parquet.age",
        size=len(sealed),
        sha256=hashlib.sha256(sealed).hexdigest(),
        plain_size=len(data),
        plain_sha256=hashlib.sha256(data).hexdigest(),
    )
    facts = PartFacts(
        place=f"{stem}.json",
        table="samples",
        site=site,
        period=f"{month:%Y-%m}",
        version=1,
        schema_version=1,
        rows=rows,
        fingerprint="",
        written_at=now(),
        content=content,
    )
    owner.put(f"{stem}.parquet.age", sealed)
    owner.put(facts.place, sign(facts, key))


def measure_line(store: ObjectStore, folder: Path) -> None:
    """30 MB of sealed log over 5 Mbit/s, and how late a piece of it comes while a base copy is under way."""
    proxy = FaultProxy(store.port)
    proxy.rate = LINE
    bucket = store.make_bucket()
    try:
        line = Bucket(store.place(bucket, "home", endpoint=proxy.endpoint))
        pusher = Pusher(line, Journal(folder / "one"), Pace(0))
        begun = time.monotonic()
        for number in range(30):
            pusher.put(f"{HOME}log-{number}", random.randbytes(MB))
        print(
            f"30 MB of log at 5 Mbit/s            {time.monotonic() - begun:6.1f} s   (reach 180 s)"
        )
        base = folder / "base"
        base.write_bytes(random.randbytes(20 * MB))
        sha256 = hashlib.sha256(base.read_bytes()).hexdigest()
        other = Bucket(store.place(bucket, "home", endpoint=proxy.endpoint))

        def push_base() -> None:
            copies = Pusher(other, Journal(folder / "two"), Pace(0))
            copies.push(f"{HOME}base", lambda: base.open("rb"), 20 * MB, sha256)

        thread = threading.Thread(target=push_base)
        thread.start()
        late = []
        while thread.is_alive():
            begun = time.monotonic()
            pusher.put(f"{HOME}piece-{len(late)}", random.randbytes(30_000))
            late.append(time.monotonic() - begun)
            thread.join(1.0)
        told = f"{max(late):6.1f} s at most of {len(late)}"
        print(f"a piece of 30 kB beside a base copy {told}   (reach 60 s, cadence 30 s)")
    finally:
        proxy.close()


def measure_sites(store: ObjectStore, folder: Path) -> None:
    """Requests and seconds that an appliance needs for what is its own, among few sites and among many, by its own
    credentials: find its copies, list its history, fetch a sister's patterns, say how it is.
    """
    bucket = store.make_bucket()
    owner = Bucket(store.place(bucket, "admin"))
    proxy = FaultProxy(store.port)
    settings = Settings(data=folder, offsite=f"s3://{bucket}", offsite_endpoint=proxy.endpoint)
    save_site(settings, make_site())
    member = f"# {tell_member('other', read_verify_key(make_signing_key()))}\n"
    group = read_group(member + found_group("valley", "home", read_verify_key(make_signing_key())))
    for key in (f"{HOME}repos/one/repo.json", f"{LAKE}site=home/year=2026/month=10/part.json"):
        owner.put(key, b"{}", replace=True)
    there = 0
    for count in (10, int(os.environ.get("BENCH_SITES", "10000"))):
        with ThreadPoolExecutor(8) as pool:
            names = [f"site-{number}" for number in range(there, count)]
            keys = [f"v1/sites/{name}/repos/one/repo.json" for name in names]
            keys += [f"{LAKE}site={name}/year=2026/month=10/part.json" for name in names]
            keys += [f"v1/pool/valley/{name}/patterns-2026-11-20.json" for name in names]
            list(pool.map(lambda key: owner.put(key, b"{}", replace=True), keys))
        there = count
        for what, work in (
            ("its copies", lambda reader: choose_site(reader, settings, None) and reader.names(f"{HOME}repos")),
            ("its history", lambda reader: reader.keys(f"{LAKE}site=home")),
            ("a sister's patterns", lambda reader: pull(settings, "home", group, Sharing(winery="H"), reader)),
            ("how it is", lambda _: assess_offsite(settings, now())),
        ):  # fmt: skip
            reader = BucketStore(Bucket(store.place(bucket, "home", endpoint=proxy.endpoint)))
            proxy.log.clear()
            begun = time.monotonic()
            work(reader)
            took = time.monotonic() - begun
            print(
                f"{what:<20} among {count:6} sites   {len(proxy.log)} requests, {took * 1000:6.0f} ms"
            )
            reader.close()
    proxy.close()


def measure_memory(store: ObjectStore, folder: Path) -> None:
    """Most memory of a process of its own that carries a small and a large object, reads them back, and writes a small
    and a large file of history.
    """
    bucket = store.make_bucket()
    for work, sizes, unit in (
        ("push", (20, 400), "MB"),
        ("read", (20, 400), "MB"),
        ("history", (20_000, 1_000_000), "rows"),
    ):
        for size in sizes:
            if work == "push":
                with (folder / f"object-{size}").open("wb") as file:
                    for _ in range(size):
                        file.write(random.randbytes(MB))
            if work == "history":
                first, days = date(2026, 1, 1), max(size * DAYS // SAMPLES, 1)
                make_rows(folder / f"object-{size}", first, first + timedelta(days=days))
            arguments = [store.endpoint, bucket, str(store.credentials("home")), str(folder)]
            command = [sys.executable, "-m", "tests.bench.sync", f"child-{work}", str(size)]
            done = subprocess.run(
                [*command, *arguments], check=True, capture_output=True, text=True
            )
            print(f"{work:<8} {size:8} {unit:<5} {float(done.stdout):6.0f} MB of memory at most")


def work_as_child(work: str, size: int, place: Location, folder: Path) -> None:
    """One piece of work of `measure_memory`; prints the most memory that this process had, in MB."""
    path, key = folder / f"object-{size}", f"{HOME}object-{size}"
    if work == "child-push":
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        pusher = Pusher(Bucket(place), Journal(folder / "memory"), Pace(0))
        pusher.push(key, lambda: path.open("rb"), path.stat().st_size, sha256)
    elif work == "child-read":
        read = hashlib.sha256()
        with BucketStore(Bucket(place)).open(key) as file:
            while data := file.read(1 << 20):
                read.update(data)
        with path.open("rb") as file:
            assert hashlib.file_digest(file, "sha256").digest() == read.digest()
    else:
        write_parquet(path, folder / "part.parquet")
    told = Path(
        "/proc/self/status"
    ).read_text()  # getrusage counts what this process was forked from
    print(int(told.partition("VmHWM:")[2].split()[0]) / 1024)


def main() -> None:
    """Print the table, or a part of it."""
    if len(sys.argv) > 2:
        work, size, endpoint, bucket, credentials, name = sys.argv[1:]
        place = Location(bucket, "", endpoint, None, Path(credentials))
        work_as_child(work, int(size), place, Path(name))
        return
    part = sys.argv[1] if len(sys.argv) > 1 else "all"
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "store").mkdir()
        store = ObjectStore(folder / "store")
        store.start()
        try:
            if part in ("all", "history"):
                measure_history(store, folder)
            if part in ("all", "line"):
                measure_line(store, folder)
            if part in ("all", "sites"):
                measure_sites(store, folder)
            if part in ("all", "memory"):
                measure_memory(store, folder)
        finally:
            store.kill()


if __name__ == "__main__":
    main()
