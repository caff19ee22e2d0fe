"""Processes as containers run them: each with its own secrets only, in a place where nothing can be written."""

import contextlib
import http.client
import os
import shutil
import signal
import stat
import subprocess
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from tests.conftest import Winery
from tests.integration.runtime.running_appliance import wait_for
from winery_appliance.core.postgres import find_free_port
from winery_appliance.core.roles import role_url
from winery_appliance.core.secret_files import SecretMissing, make_handed_secrets
from winery_appliance.core.settings import read_settings
from winery_appliance.entrypoints.preparation import HANDED_SECRETS, prepare
from winery_appliance.entrypoints.web import create_app

WINERY = str(Path(sysconfig.get_path("scripts"), "winery"))
WEB = ("database_app", "session_key", "token_key")
WORKER = ("database_worker",)


@pytest.fixture
def hand_over(book: Winery, server: str, tmp_path: Path) -> Callable[..., dict[str, str]]:
    """The environment of a process that is handed the secrets of these names: an address without a password, a folder."""
    assert book.settings.database_url is not None
    parts = urlsplit(book.settings.database_url.get_secret_value())
    address = parts._replace(netloc=f"{parts.hostname}:{parts.port}").geturl()

    def make(*names: str) -> dict[str, str]:
        folder = tmp_path / "secrets"
        folder.mkdir()
        make_handed_secrets(folder, [n for n in names if n in {"session_key", "token_key"}])
        for name in names:
            if name == "postgres_superuser":
                (folder / name).write_text(f"{urlsplit(server).password}\n")
            elif name.startswith("database_"):
                shutil.copy(book.settings.secrets_dir / name, folder / name)
        # Never made: a container's root file system is read-only.
        nowhere = {"WINERY_DATA": "/proc/nowhere"}
        return {"WINERY_DATABASE_URL": address, "WINERY_SECRETS": str(folder), **nowhere}

    return make


@contextlib.contextmanager
def running(command: str, environment: dict[str, str], stop: signal.Signals) -> Iterator[None]:
    """`winery COMMAND` while this lasts; it must end well when asked to."""
    surroundings = {k: v for k, v in os.environ.items() if not k.startswith("WINERY_")}
    process = subprocess.Popen([WINERY, command], env=surroundings | environment)
    try:
        yield
        process.send_signal(stop)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()


def ask(port: int, path: str, **headers: str) -> tuple[int, bytes, http.client.HTTPMessage]:
    """A status, a body and headers; status 0 where nobody answers."""
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        line.request(
            "GET", path, headers={name.replace("_", "-"): v for name, v in headers.items()}
        )
        answer = line.getresponse()
        return answer.status, answer.read(), answer.headers
    except OSError:
        return 0, b"", http.client.HTTPMessage()
    finally:
        line.close()


def test_web_and_worker_live_on_their_own_secrets_only(
    hand_over: Callable[..., dict[str, str]], book: Winery, tmp_path: Path
) -> None:
    port = find_free_port()
    environment = hand_over(*WEB, *WORKER) | {"WINERY_PORT": str(port)}
    heart = tmp_path / "heart"
    with (
        running("web", environment, signal.SIGTERM),
        running("worker", environment | {"WINERY_HEARTBEAT": str(heart)}, signal.SIGINT),
    ):
        wait_for(lambda: ask(port, "/readyz")[0] == 200, "a ready web with a worker")
        wait_for(heart.exists, "the worker's heartbeat")
        with book.app.engine.connect() as connection:
            roles = connection.exec_driver_sql(
                "SELECT DISTINCT usename FROM pg_stat_activity WHERE datname = current_database()"
            ).scalars()
            assert set(roles) <= {"winery_app", "winery_worker"}


def test_the_scheduler_shows_that_it_lives(
    hand_over: Callable[..., dict[str, str]], tmp_path: Path
) -> None:
    heart = tmp_path / "heart"
    environment = hand_over(*WORKER) | {"WINERY_HEARTBEAT": str(heart)}
    with running("scheduler", environment, signal.SIGTERM):
        wait_for(heart.exists, "the scheduler's heartbeat")


@pytest.mark.parametrize(
    ("command", "lacks"),
    [("web", "database_app"), ("web", "session_key"), ("worker", "database_worker")],
)
def test_a_missing_secret_is_named_and_never_made(
    hand_over: Callable[..., dict[str, str]], command: str, lacks: str
) -> None:
    environment = hand_over(*(name for name in (*WEB, *WORKER) if name != lacks))
    done = subprocess.run(
        [WINERY, command], env=os.environ | environment, capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 1
    assert f"The secret {lacks} is not in" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (Path(environment["WINERY_SECRETS"]) / lacks).exists()


def test_who_makes_roles_is_handed_the_administrators_password(
    hand_over: Callable[..., dict[str, str]], server: str
) -> None:
    environment = hand_over(*HANDED_SECRETS)
    settings = read_settings(environment)
    assert prepare(settings, demo=False)[0].startswith("Setup code: ")
    (Path(environment["WINERY_SECRETS"]) / "postgres_superuser").unlink()
    with pytest.raises(SecretMissing, match="postgres_superuser"):
        prepare(settings, demo=False)
    app = create_app(settings)  # what the web needs is still there
    app.extensions["winery_database"].dispose()


def test_an_application_container_has_no_way_to_the_administrator(
    hand_over: Callable[..., dict[str, str]],
) -> None:
    settings = read_settings(hand_over(*WEB))
    with pytest.raises(SecretMissing, match="postgres_superuser"):
        prepare(settings, demo=False)
    with pytest.raises(SecretMissing, match="database_owner"):
        role_url(settings, "owner")


@pytest.mark.parametrize(
    ("trusted", "seen"),
    [("127.0.0.1", "192.0.2.7"), ("192.0.2.1", "127.0.0.1"), ("", "127.0.0.1")],
)
def test_only_a_front_server_may_say_who_asks_and_how(
    hand_over: Callable[..., dict[str, str]], server: str, book: Winery, trusted: str, seen: str
) -> None:
    port = find_free_port()
    environment = hand_over(*WEB) | {"WINERY_PORT": str(port)}
    environment["WINERY_TRUSTED_PROXY"] = trusted
    with running("web", environment, signal.SIGTERM):
        wait_for(lambda: ask(port, "/healthz")[0] == 200, "the web")
        line = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        line.request(
            "POST",
            "/api/v1/tokens",
            '{"email": "nobody@winery.example", "password": "wrong-password"}',
            # The front server overwrites the header, so what a client wrote there never comes this far; if it did,
            # the last entry is still the front server's.
            {
                "Content-Type": "application/json",
                "X-Forwarded-For": "10.9.9.9, 192.0.2.7",
                "X-Forwarded-Proto": "https",
            },
        )
        assert line.getresponse().status == 401
        line.close()
    with psycopg.connect(server.rpartition("/")[0] + "/" + _name(book)) as admin:
        rows = admin.execute("SELECT DISTINCT address FROM sign_in_failures").fetchall()
    assert rows == [(seen,)]


def _name(book: Winery) -> str:
    assert book.settings.database_url is not None
    return book.settings.database_url.get_secret_value().rpartition("/")[2]


def test_secrets_are_made_once_and_are_nobodys_to_change(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    first = subprocess.run([WINERY, "secrets", folder], capture_output=True, text=True, check=True)
    assert all(name in first.stdout for name in HANDED_SECRETS)
    values = {path.name: path.read_text() for path in folder.iterdir()}
    assert set(values) == set(HANDED_SECRETS)
    assert len(set(values.values())) == len(HANDED_SECRETS)
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o440}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    (folder / "token_key").unlink()
    again = subprocess.run([WINERY, "secrets", folder], capture_output=True, text=True, check=True)
    assert again.stdout.strip() == "Made: token_key."
    now = {path.name: path.read_text() for path in folder.iterdir()}
    assert {name for name in values if now[name] != values[name]} == {"token_key"}
