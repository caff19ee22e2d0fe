"""Our base copy beside pgBackRest's full backup: ./.venv/bin/python -m tests.bench.pgbackrest, as root.

Needs Debian's packages `postgresql` and `pgbackrest`, for the bench alone. Both copy the same cluster of Debian's major, in
turns: compressed with zstd 3, encrypted, by one process, onto the same disk, the data synced at the end. Our process works
in threads; the processor seconds of both count those of the server, too.
"""

import os
import resource
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import pyrage

from backup.bases import TarTap
from backup.envelope import seal
from backup.store import DirectoryStore

ROWS = int(9_500_000 * float(os.environ.get("BENCH_GB", "1")))
TURNS = 3


def run(*command: str | Path) -> None:
    """A program as the user `postgres`, to its good end."""
    line = ["runuser", "-u", "postgres", "--", *command]
    environment = {**os.environ, "PGBACKREST_REPO1_CIPHER_PASS": "bench"}
    done = subprocess.run(line, stdout=subprocess.DEVNULL, cwd="/", env=environment)
    assert done.returncode == 0, command


def read_cpu(data: Path) -> float:
    """Processor seconds of this process, of all it ran to their end, and of the server that works in `data`."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    server = (data / "postmaster.pid").read_text().split()[0]
    fields = Path(f"/proc/{server}/stat").read_text().rpartition(")")[2].split()
    ticks = sum(int(field) for field in fields[11:15])  # its own and its ended children's, proc(5)
    return sum(u.ru_utime + u.ru_stime for u in used) + ticks / os.sysconf("SC_CLK_TCK")


def copy_ours(programs: Path, socket: Path, store: DirectoryStore, recipient: str) -> int:
    """`pg_basebackup` through our envelope into the store; the size of the object."""
    store.remove("base")
    command = [programs / "pg_basebackup", "-D", "-", "-F", "t", "-X", "none", "-c", "fast"]
    command += ["--manifest-checksums=CRC32C", "-h", socket, "-U", "postgres"]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE) as process,
        store.create("base") as draft,
    ):
        assert process.stdout is not None
        tap = TarTap(process.stdout)
        sealed = seal(tap, draft, [recipient])
        assert process.wait() == 0
        assert tap.ended
        draft.publish()
    return sealed.size


def main() -> None:
    """Print the table."""
    programs = max(Path("/usr/lib/postgresql").iterdir(), key=lambda p: int(p.name)) / "bin"
    print(subprocess.check_output([programs / "postgres", "--version"], text=True).strip())
    print(subprocess.check_output(["pgbackrest", "version"], text=True).strip())
    with tempfile.TemporaryDirectory(prefix="bench") as name:
        folder = Path(name)
        shutil.chown(folder, "postgres", "postgres")
        folder.chmod(0o755)
        data, socket, theirs = folder / "data", folder / "socket", folder / "theirs"
        for place in (socket, theirs, folder / "log"):
            place.mkdir()
            shutil.chown(place, "postgres", "postgres")
        run(programs / "initdb", "-A", "trust", "-D", data)
        options = f"-k {socket} -c listen_addresses= -c shared_buffers=128MB"
        run(
            programs / "pg_ctl",
            "-w",
            "-D",
            data,
            "-o",
            options,
            "-l",
            folder / "log" / "l",
            "start",
        )
        try:
            compare(programs, folder, socket)
        finally:
            run(programs / "pg_ctl", "-w", "-m", "immediate", "-D", data, "stop")


def compare(programs: Path, folder: Path, socket: Path) -> None:
    """Fill the cluster and copy it in turns."""
    query = (
        "CREATE TABLE readings AS SELECT g AS id, now() - g * interval '1 s' AS at, "
        "(random() * 30)::numeric(6, 3) AS value, md5(g::text) AS sensor "
        f"FROM generate_series(1, {ROWS}) g"
    )
    for line in (query, "CREATE INDEX ON readings (id)", "CHECKPOINT"):
        run(programs / "psql", "-q", "-h", socket, "-d", "postgres", "-c", line)
    settings = [
        "--stanza=bench",
        f"--pg1-path={folder / 'data'}",
        f"--pg1-socket-path={socket}",
        f"--repo1-path={folder / 'theirs'}",
        f"--log-path={folder / 'log'}",
        f"--lock-path={folder / 'log'}",
    ]
    kind = ["--repo1-cipher-type=aes-256-cbc"]
    run("pgbackrest", *settings, *kind, "stanza-create")
    (folder / "ours").mkdir()
    store, recipient = (
        DirectoryStore(folder / "ours", "b"),
        str(pyrage.x25519.Identity.generate().to_public()),
    )
    full = ["--type=full", "--start-fast", "--process-max=1", "--no-archive-check"]
    full += ["--compress-type=zst", "--compress-level=3", "--repo1-retention-full=1"]
    ratios, of_cpu = [], []
    print(f"load of the machine at the begin: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    for _ in range(TURNS):
        begun, before = time.monotonic(), read_cpu(folder / "data")
        size = copy_ours(programs, socket, store, recipient)
        ours, our_cpu = time.monotonic() - begun, read_cpu(folder / "data") - before
        begun, before = time.monotonic(), read_cpu(folder / "data")
        run("pgbackrest", *settings, *kind, *full, "backup")
        other, their_cpu = time.monotonic() - begun, read_cpu(folder / "data") - before
        ratios.append(ours / other)
        of_cpu.append(our_cpu / their_cpu)
        print(
            f"base copy {ours:6.1f} s ({our_cpu:.1f} s of processors, {size / 1e6:.0f} MB)   "
            f"pgBackRest {other:6.1f} s ({their_cpu:.1f} s)"
        )
    held = subprocess.check_output(["du", "-sm", folder / "theirs"], text=True)
    print(f"pgBackRest's repository {held.split()[0]} MB")
    wall, cpu = statistics.median(ratios), statistics.median(of_cpu)
    print(
        f"ratio, the median                  {wall:6.2f}     (reach 1.0); of processors {cpu:.2f}"
    )
    print(f"load of the machine at the end: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
