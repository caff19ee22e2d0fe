"""A command that cannot reach its book says so in a sentence, makes nothing, and ends with a code of its own."""

import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr

from tests.conftest import Cast, Winery
from tests.integration.cli.conftest import Shell, make_shell
from winery_appliance.core.postgres import find_free_port
from winery_appliance.core.settings import Settings

COMMANDS = [("users", "list", "--json"), ("wineries", "list", "--json")]


@pytest.mark.parametrize("command", COMMANDS)
def test_no_data_directory(tmp_path: Path, command: tuple[str, ...]) -> None:
    settings = Settings(data=tmp_path / "nowhere")
    ended = make_shell(settings, tmp_path).run(*command, code=1)
    assert "There is no appliance in" in ended.err
    assert ended.out == ""
    assert list(tmp_path.iterdir()) == [], "nothing was made on the way"
    named = make_shell(Settings(data=tmp_path), tmp_path)
    assert str(tmp_path / "other") in named.run(*command, "--data", "other", code=1).err


@pytest.mark.parametrize("command", COMMANDS)
def test_the_database_is_away(book: Winery, tmp_path: Path, command: tuple[str, ...]) -> None:
    nobody = f"postgresql://postgres@127.0.0.1:{find_free_port()}/book"
    away = book.settings.model_copy(update={"database_url": SecretStr(nobody)})
    ended = make_shell(away, tmp_path).run(*command, code=3)
    assert "The database does not answer" in ended.err
    assert ended.out == ""


def test_a_database_that_is_not_prepared(book: Winery, server: str, tmp_path: Path) -> None:
    empty = server.rpartition("/")[0] + "/book_not_prepared"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute("CREATE DATABASE book_not_prepared")
        try:
            settings = book.settings.model_copy(update={"database_url": SecretStr(empty)})
            ended = make_shell(settings, tmp_path).run("users", "list", code=3)
            assert "not prepared for this release" in ended.err
        finally:
            admin.execute("DROP DATABASE book_not_prepared WITH (FORCE)")


def test_wrong_settings_are_named(shell: Shell) -> None:
    assert "WINERY_PORT" in shell.run("users", "list", code=1, WINERY_PORT="high").err


def test_the_command_line_never_uses_the_administrator(
    shell: Shell, cast: Cast, book: Winery
) -> None:
    assert cast
    assert book.settings.database_url is not None
    host = book.settings.database_url.get_secret_value().rpartition("@")[2]
    locked_out = f"postgresql://postgres:not-the-password@{host}"
    listed = shell.run("users", "list", "--json", WINERY_DATABASE_URL=locked_out).json["users"]
    assert len(listed) == 5


def test_help_loads_no_database_library() -> None:
    code = (
        "import sys; from winery_appliance.entrypoints.cli import main;"
        "main(['--help'], standalone_mode=False);"
        "sys.exit(len({'sqlalchemy', 'flask', 'psycopg'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
