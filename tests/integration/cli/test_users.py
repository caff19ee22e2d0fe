"""IT lets people in and out from the server's shell, by the rules that the owner is bound to."""

import os
import pty
import select
import subprocess
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from tests.conftest import PASSWORD, Cast, Winery
from tests.integration.cli.conftest import COMMAND, Shell
from tests.integration.conftest import Api
from winery_appliance.auth.commands import ResetPassword
from winery_appliance.auth.people import reset_password
from winery_appliance.auth.permissions import Role
from winery_appliance.auth.service import FAILURES_PER_LOGIN, Actor, sign_in
from winery_appliance.core.errors import NotSignedIn, TooManyAttempts

NEW_PASSWORD = "picked-by-moonlight"
ANA = "ana@demo.winery"


def enter(book: Winery, login: str, password: str) -> Actor:
    return sign_in(book.app, login=login, password=password, address="10.0.0.1")


def test_the_list_shows_everybody_of_every_winery_or_of_one(shell: Shell, cast: Cast) -> None:
    everybody = shell.run("users", "list", "--json").json["users"]
    assert [(person["winery"], person["username"]) for person in everybody] == [
        ("DEMO", "ana"),
        ("DEMO", "bruno"),
        ("DEMO", "marco"),
        ("DEMO", "vera"),
        ("OTHER", "carla"),
    ]
    assert set(everybody[0]) == {
        "id",
        "winery",
        "login",
        "email",
        "username",
        "display_name",
        "role",
        "is_active",
        "created_at",
    }
    other = shell.run("users", "list", "--winery", "other", "--json").json["users"]
    assert other == everybody[4:]
    told = shell.run("users", "list").out.splitlines()
    assert told[0].split() == ["WINERY", "LOGIN", "ROLE", "ACTIVE", "NAME"]
    assert told[1].split() == ["DEMO", "ana", "owner", "yes", "Ana"]
    assert len(told) == 6


def test_who_is_let_in_can_sign_in(shell: Shell, cast: Cast, book: Winery) -> None:
    arguments = ("users", "add", "--username", "nino", "--name", "Nino", "--role", "cellar")
    asked = shell.run(*arguments, "--generate", code=2)
    assert "--winery" in asked.err
    made = shell.run(*arguments, "--winery", "DEMO", "--generate", "--json").json
    assert made["user"]["role"] == "cellar"
    nino = enter(book, "nino", made["password"])
    assert (nino.winery_id, nino.role) == (cast.ana.winery_id, Role.CELLAR)
    again = shell.run(*arguments, "--winery", "OTHER", "--generate", code=1)
    assert "already signs in with this username" in again.err
    assert again.out == ""


def test_a_password_comes_from_a_file_or_standard_input_and_never_as_an_argument(
    shell: Shell, cast: Cast, book: Winery, tmp_path: Path
) -> None:
    file = tmp_path / "password"
    file.write_text(NEW_PASSWORD + "\n")
    done = shell.run("users", "reset", ANA, "--password-file", str(file))
    assert NEW_PASSWORD not in done.out + done.err
    assert enter(book, "ana", NEW_PASSWORD).user_id == cast.ana.user_id
    shell.run("users", "reset", "ANA", "--password-file", "-", typed="another-password\n")
    assert enter(book, "ana", "another-password").user_id == cast.ana.user_id
    shell.run("users", "reset", "ana", "--password", NEW_PASSWORD, code=2)
    no_terminal = shell.run("users", "reset", "ana", "--set-password", code=2)
    assert "no terminal" in no_terminal.err
    gone = shell.run("users", "reset", "ana", "--password-file", str(tmp_path / "x"), code=1)
    assert "cannot be read" in gone.err
    short = shell.run("users", "reset", "ana", "--password-file", "-", typed="short\n", code=1)
    assert "at least 10" in short.err
    assert enter(book, "ana", "another-password").user_id == cast.ana.user_id


def test_a_password_is_typed_twice_and_not_shown(shell: Shell, cast: Cast, book: Winery) -> None:
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [COMMAND, "users", "reset", "ana", "--set-password"],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=dict(shell.environment),
        start_new_session=True,
    )
    os.close(slave)
    screen = ""
    try:
        for question in ("New password:", "The same again:"):
            screen += _read_until(master, question)
            os.write(master, f"{NEW_PASSWORD}\n".encode())
        screen += _read_until(master, "has a new password")
        assert process.wait(timeout=60) == 0
    finally:
        process.kill()
        os.close(master)
    assert NEW_PASSWORD not in screen
    assert enter(book, "ana", NEW_PASSWORD).user_id == cast.ana.user_id


def _read_until(terminal: int, wanted: str) -> str:
    shown = ""
    while wanted not in shown:
        ready, _, _ = select.select([terminal], [], [], 60)
        assert ready, f"{wanted!r} was not shown: {shown!r}"
        shown += os.read(terminal, 1000).decode()
    return shown


def test_a_locked_out_owner_gets_back_in_with_a_code(
    shell: Shell, cast: Cast, book: Winery, sign_in_api: Callable[[str], Api]
) -> None:
    for _ in range(FAILURES_PER_LOGIN):
        with pytest.raises(NotSignedIn):
            enter(book, ANA, "forgotten-long-ago")
    with pytest.raises(TooManyAttempts):
        enter(book, ANA, PASSWORD)
    program = sign_in_api("ana")
    code = shell.run("users", "reset", ANA).out.strip()
    assert enter(book, ANA, PASSWORD), "until the code is used the old password works"
    command = ResetPassword.model_validate({"login": ANA, "code": code, "password": NEW_PASSWORD})
    reset_password(book.app, command, address="10.0.0.1")
    assert enter(book, ANA, NEW_PASSWORD).role == Role.OWNER
    assert program.get("/users").status_code == 401


def test_a_new_password_ends_every_sign_in(
    shell: Shell, cast: Cast, book: Winery, sign_in_api: Callable[[str], Api]
) -> None:
    program, neighbour = sign_in_api("ana"), sign_in_api("carla")
    made = shell.run("users", "reset", "ana", "--generate", "--json").json
    assert made["code"] is None
    assert program.get("/users").status_code == 401
    assert neighbour.get("/users").status_code == 200
    assert enter(book, "ana", made["password"]).user_id == cast.ana.user_id
    with pytest.raises(NotSignedIn):
        enter(book, "ana", PASSWORD)


def test_who_is_deactivated_stays_out_until_activated(
    shell: Shell, cast: Cast, book: Winery
) -> None:
    assert shell.run("users", "deactivate", "bruno", "--json").json["user"]["is_active"] is False
    with pytest.raises(NotSignedIn):
        enter(book, "bruno", PASSWORD)
    assert "is shut out" in shell.run("users", "reset", "bruno", code=1).err
    everybody = shell.run("users", "list", "--json").json["users"]
    assert [(p["login"], p["is_active"]) for p in everybody][-1] == ("bruno", False)
    assert shell.run("users", "deactivate", "bruno", "--json").json["user"]["is_active"] is False
    assert shell.run("users", "activate", "bruno", "--json").json["user"]["is_active"] is True
    assert enter(book, "bruno", PASSWORD).user_id == cast.bruno.user_id


def test_the_last_owner_stays(shell: Shell, cast: Cast, book: Winery) -> None:
    refused = shell.run("users", "deactivate", "ana", code=1)
    assert "last owner" in refused.err
    assert enter(book, "ana", PASSWORD).role == Role.OWNER


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("users", "reset"), 2, "Missing argument"),
        (("users", "reset", "ana", "--generate", "--set-password"), 2, "Choose one"),
        (("users", "reset", "nobody"), 1, "Nobody signs in as nobody"),
        (("users", "reset", "a\nb'; --"), 1, "Nobody signs in"),
        (("users", "list", "--winery", "X"), 1, "There is no winery X"),
        (("users", "add", "--name", "N", "--role", "king", "--generate"), 2, "king"),
        (
            ("users", "add", "--winery=DEMO", "--name=N", "--role=cellar", "--generate"),
            1,
            "e-mail or a username",
        ),
        (
            (
                "users",
                "add",
                "--winery=DEMO",
                "--email=x",
                "--name=N",
                "--role=cellar",
                "--generate",
            ),
            1,
            "no e-mail address",
        ),
        (("users", "frobnicate"), 2, "No such command"),
        (("frobnicate",), 2, "No such command"),
    ],
)
def test_wrong_arguments_are_refused_and_change_nothing(
    shell: Shell, cast: Cast, book: Winery, arguments: tuple[str, ...], code: int, said: str
) -> None:
    before = _read_users(book)
    ended = shell.run(*arguments, code=code)
    assert said in ended.err
    assert ended.out == ""
    assert _read_users(book) == before


def _read_users(book: Winery) -> list[tuple[object, ...]]:
    with psycopg.connect(book.url("backup")) as connection:
        return connection.execute("SELECT users::text FROM users ORDER BY id").fetchall()
