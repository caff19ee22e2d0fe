"""A cluster of ours is made whole or not at all, closed to the world, and found again after any end."""

import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.integration.runtime.running_appliance import needs_root, wait_for
from tests.read_files import read_files
from winery_appliance.core import postgres, postgres_programs
from winery_appliance.core.postgres import (
    Server,
    admin_url,
    choose_port,
    cluster_dir,
    ensure_cluster,
    start_server,
)
from winery_appliance.core.postgres_processes import stop_leftovers
from winery_appliance.core.postgres_programs import PostgresRefused, run_program
from winery_appliance.core.settings import Settings


@pytest.fixture
def running(settings: Settings) -> Iterator[Server]:
    """A server on a fresh cluster of ours, in a folder that only its owner may enter."""
    ensure_cluster(settings)
    yield from serve(settings)


def serve(settings: Settings) -> Iterator[Server]:
    """A server on the cluster that is there; none is left afterwards."""
    server = launch(settings)
    try:
        yield server
    finally:
        server.stop()
        stop_leftovers(cluster_dir(settings))


def launch(settings: Settings) -> Server:
    """Start a server and wait for it."""
    server = start_server(
        settings, cluster_dir(settings), choose_port(settings), stderr=subprocess.DEVNULL
    )
    server.wait_until_ready()
    return server


def ask(settings: Settings, question: str) -> list[str]:
    """The first row of an answer, as text."""
    with psycopg.connect(admin_url(settings), connect_timeout=5) as connection:
        row = connection.execute(question.encode()).fetchone()
        assert row is not None
        return [str(value) for value in row]


def test_a_cluster_has_checksums_and_sorts_alike_everywhere(
    settings: Settings, running: Server
) -> None:
    assert ask(settings, "SHOW data_checksums") == ["on"]
    assert ask(
        settings,
        "SELECT datlocprovider, datlocale, datcollate, pg_encoding_to_char(encoding)"
        " FROM pg_database WHERE datname = 'template1'",
    ) == ["b", "C.UTF-8", "C", "UTF8"]
    assert ask(settings, "SHOW timezone") == ["UTC"]


def test_every_connection_needs_the_password(settings: Settings, running: Server) -> None:
    methods = ask(settings, "SELECT string_agg(DISTINCT auth_method, ',') FROM pg_hba_file_rules")
    assert methods == ["scram-sha-256"]
    for wrong in ("guess", ""):
        address = f"postgresql://postgres:{wrong}@127.0.0.1:{running.port}/postgres"
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(address, connect_timeout=5)


def test_it_listens_on_loopback_only_and_has_no_socket_file(
    settings: Settings, running: Server
) -> None:
    names = ("listen_addresses", "unix_socket_directories")
    assert [ask(settings, f"SHOW {name}") for name in names] == [["127.0.0.1"], [""]]
    assert not list(Path("/tmp").glob(f".s.PGSQL.{running.port}*"))


def test_nobody_but_the_server_may_read_it_and_no_other_folder_is_opened(
    settings: Settings, closed_folder: Path, running: Server
) -> None:
    assert stat.S_IMODE(closed_folder.stat().st_mode) == 0o700
    assert closed_folder.stat().st_uid == os.geteuid()
    facts = cluster_dir(settings).stat()
    assert stat.S_IMODE(facts.st_mode) == 0o700
    assert Path(f"/proc/{running.process.pid}").stat().st_uid == facts.st_uid != 0


def test_the_password_is_nowhere_in_the_cluster(settings: Settings, running: Server) -> None:
    password = (settings.secrets_dir / postgres.SECRET).read_bytes().strip()
    for path, told in read_files(cluster_dir(settings)):
        assert password not in told, path


def test_making_a_cluster_clears_away_a_half_made_one(settings: Settings) -> None:
    draft = settings.data / "postgresql.new-0badc0de"
    (draft / "base").mkdir(parents=True)

    assert ensure_cluster(settings)

    assert not draft.exists()
    assert not ensure_cluster(settings), "the second time there is one"


@needs_root
def test_a_full_disk_leaves_nothing_half_made(settings: Settings) -> None:
    settings.data.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=20m", "tmpfs", settings.data], check=True)
    try:
        with pytest.raises(PostgresRefused, match=r"filled up .* Nothing was left behind"):
            ensure_cluster(settings)
        assert [path.name for path in settings.data.iterdir()] == ["secrets"]
    finally:
        subprocess.run(["umount", settings.data], check=True)


@pytest.mark.parametrize(
    ("version", "word"), [("17\n", "made by PostgreSQL 17"), (None, "no whole database")]
)
def test_a_cluster_that_is_not_ours_to_run_is_left_alone(
    settings: Settings, version: str | None, word: str
) -> None:
    directory = cluster_dir(settings)
    directory.mkdir(parents=True)
    (directory / "precious").write_text("wine")
    if version:
        (directory / "PG_VERSION").write_text(version)

    with pytest.raises(PostgresRefused, match=word):
        ensure_cluster(settings)

    assert (directory / "precious").read_text() == "wine"


def test_a_server_nobody_watches_is_found_and_stopped(settings: Settings, running: Server) -> None:
    assert stop_leftovers(cluster_dir(settings))

    assert running.process.wait(5) == 0, "it shut down in good order"
    assert not stop_leftovers(cluster_dir(settings))


def test_a_cluster_can_be_started_after_its_server_was_killed_at_work(settings: Settings) -> None:
    ensure_cluster(settings)
    server = launch(settings)
    with psycopg.connect(admin_url(settings), autocommit=True) as connection:
        connection.execute("CREATE TABLE cellar AS SELECT generate_series(1, 10000) AS barrel")
        server.process.kill()  # this connection's process is left
        stop_leftovers(cluster_dir(settings))
        server.process.wait()

    for _ in serve(settings):
        assert ask(settings, "SELECT count(*) FROM cellar") == ["10000"]


def test_a_lock_file_that_names_somebody_elses_process_does_not_stop_the_start(
    settings: Settings,
) -> None:
    ensure_cluster(settings)
    # After a power cut the number in it may belong to any process of the same user.
    with subprocess.Popen(
        ["sleep", "60"],
        user=cluster_dir(settings).stat().st_uid,
    ) as innocent:
        (cluster_dir(settings) / "postmaster.pid").write_text(f"{innocent.pid}\n/proc/self/cwd\n")
        try:
            stop_leftovers(cluster_dir(settings))
            for _ in serve(settings):
                assert innocent.poll() is None, "it is not disturbed"
        finally:
            innocent.kill()


def test_a_lost_secret_is_made_anew(settings: Settings) -> None:
    ensure_cluster(settings)
    (settings.secrets_dir / postgres.SECRET).unlink()

    ensure_cluster(settings)

    for _ in serve(settings):
        assert ask(settings, "SELECT current_user") == ["postgres"]


def test_the_port_is_remembered_until_somebody_else_takes_it(settings: Settings) -> None:
    port = choose_port(settings)
    assert choose_port(settings) == port
    with socket.create_server(("127.0.0.1", port)):
        other = choose_port(settings)
    assert other != port
    assert choose_port(settings) == other


def test_the_address_before_the_first_start_says_what_to_do(settings: Settings) -> None:
    with pytest.raises(PostgresRefused, match="Start the appliance first"):
        admin_url(settings)


def test_a_server_that_ends_while_starting_is_told_at_once(settings: Settings) -> None:
    ensure_cluster(settings)
    server = start_server(
        settings,
        cluster_dir(settings),
        choose_port(settings),
        options={"shared_buffers": "rubbish"},
        stderr=subprocess.DEVNULL,
    )
    with pytest.raises(PostgresRefused, match="ended while starting"):
        server.wait_until_ready(30)


def test_programs_that_talk_to_the_server_run_as_oneself(
    settings: Settings, running: Server, closed_folder: Path
) -> None:
    target = closed_folder / "book.dump"
    done = run_program(settings, "pg_dump", ["-Fc", "-f", target, "-d", admin_url(settings)])

    assert done.returncode == 0, done.stderr
    assert target.stat().st_uid == os.geteuid()


@pytest.mark.parametrize(
    ("answer", "word"),
    [("postgres (PostgreSQL) 17.6", "holds PostgreSQL 17.6"), (None, "no working PostgreSQL")],
)
def test_other_programs_are_refused(tmp_path: Path, answer: str | None, word: str) -> None:
    if answer:
        program = tmp_path / "postgres"
        program.write_text(f"#!/bin/sh\necho '{answer}'\n")
        program.chmod(0o755)

    with pytest.raises(PostgresRefused, match=word):
        ensure_cluster(Settings(data=tmp_path / "var", pg_bin=tmp_path))

    assert not cluster_dir(Settings(data=tmp_path / "var")).exists()


@needs_root
def test_programs_in_a_closed_folder_are_shared_once(
    settings: Settings, closed_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = postgres_programs._wheel_folder()
    for name in (wheel.name, wheel.name + ".libs"):
        shutil.copytree(wheel.parent / name, closed_folder / name, symlinks=True)
    with tempfile.TemporaryDirectory() as open_folder:
        Path(open_folder).chmod(0o755)
        monkeypatch.setattr(postgres_programs, "SHARED_PROGRAMS", Path(open_folder) / "shared")
        monkeypatch.setattr(postgres_programs, "_wheel_folder", lambda: closed_folder / wheel.name)
        postgres_programs._find_programs.cache_clear()
        try:
            ensure_cluster(settings)
            shared = list((Path(open_folder) / "shared").iterdir())
            assert [path.name[:14] for path in shared] == ["postgresql-18."], "no draft is left"
            before = shared[0].stat()
            postgres_programs._find_programs.cache_clear()
            for server in serve(settings):
                program = Path(f"/proc/{server.process.pid}/exe").readlink()
                assert program.is_relative_to(shared[0])
            assert shared[0].stat() == before, "the copy is used again"
        finally:
            postgres_programs._find_programs.cache_clear()
    assert stat.S_IMODE(closed_folder.stat().st_mode) == 0o700


@needs_root
def test_root_without_a_user_for_the_server_is_told_what_to_do(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find_nobody(_name: str) -> None:
        raise KeyError

    monkeypatch.setattr(pwd, "getpwnam", find_nobody)
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)

    with pytest.raises(PostgresRefused, match=r"may not run as root, .* useradd is missing"):
        ensure_cluster(settings)

    assert [path.name for path in settings.data.iterdir()] == ["secrets"]


@needs_root
def test_a_cluster_that_belongs_to_root_is_refused(settings: Settings) -> None:
    directory = cluster_dir(settings)
    directory.mkdir(parents=True)
    with pytest.raises(PostgresRefused, match="belongs to root"):
        start_server(settings, directory, choose_port(settings))


def test_a_server_ends_with_the_thread_that_asked_for_it(settings: Settings) -> None:
    ensure_cluster(settings)
    code = (
        "import signal, sys; from pathlib import Path; from winery_appliance.core import postgres;"
        "from winery_appliance.core.child_process import end_with_parent;"
        "from winery_appliance.core.settings import Settings;"
        "s = Settings(data=Path(sys.argv[1]));"
        "server = postgres.start_server(s, postgres.cluster_dir(s), postgres.choose_port(s),"
        " preexec_fn=end_with_parent(signal.SIGINT));"
        "server.wait_until_ready(); print(server.process.pid, flush=True); sys.stdin.read()"
    )
    root = Path(__file__).parents[3]
    with subprocess.Popen(
        [sys.executable, "-c", code, settings.data],
        cwd=root,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as starter:
        assert starter.stdout is not None
        server = int(starter.stdout.readline())
        os.kill(starter.pid, signal.SIGKILL)
    wait_for(lambda: not is_alive(server), "the server to follow")


def is_alive(pid: int) -> bool:
    """Whether a process runs: a dead one that nobody has collected does not."""
    try:
        return ") Z" not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
