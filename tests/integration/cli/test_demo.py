"""The demo comes and goes; a real winery beside it stays, to the last row."""

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from tests.conftest import Winery
from tests.integration.cli.conftest import Shell
from tests.integration.conftest import Tank
from winery_appliance.auth.service import sign_in
from winery_appliance.core.db import Database
from winery_appliance.core.errors import Conflict
from winery_appliance.demo.removal import remove_demo

OWNER = ("users", "add", "--role=owner", "--name=Flor", "--generate", "--email=flor@finca.winery")


def read_everything(book: Winery) -> dict[str, list[str]]:
    """Every row of every tenant table."""
    with psycopg.connect(book.url("backup")) as connection:
        names = connection.execute(
            "SELECT table_name FROM information_schema.columns"
            " WHERE table_schema = 'public' AND column_name = 'winery_id' ORDER BY 1"
        ).fetchall()
        return {
            name: [
                row
                for (row,) in connection.execute(
                    f"SELECT t::text FROM {name} t ORDER BY 1"  # type: ignore[arg-type]
                )
            ]
            for (name,) in [*names, ("wineries",)]
        }


def test_the_demo_is_loaded_and_removed_beside_a_real_winery(shell: Shell, book: Winery) -> None:
    shell.run("wineries", "add", "FINCA", "Finca Vera")
    shell.run(*OWNER)
    real = read_everything(book)
    loaded = shell.run("demo", "load", "--json").json
    assert loaded["wineries"] == ["DEMO", "OTHER"]
    ana = sign_in(
        book.app, login="ana@demo.winery", password=loaded["password"], address="127.0.0.1"
    )
    with book.app.transaction(ana.winery_id) as session:
        assert session.scalar(text("SELECT count(*) FROM samples")) > 1000
    assert "there already" in shell.run("demo", "load", code=1).err

    asked = shell.run("demo", "remove", typed="n\n", code=1)
    assert "cannot be undone" in asked.err
    assert len(shell.run("wineries", "list", "--json").json["wineries"]) == 3

    removed = shell.run("demo", "remove", "--yes", "--json").json
    assert removed == {"removed": ["DEMO", "OTHER"], "setup_code": None}
    assert read_everything(book) == real
    assert not (book.settings.secrets_dir / "demo_password").exists()
    assert "There is no demo" in shell.run("demo", "remove", "--yes", code=1).err
    assert shell.run("demo", "load", "--json").json["password"] != loaded["password"]


def test_where_nothing_is_left_a_setup_code_opens_the_first_run(shell: Shell, book: Winery) -> None:
    shell.run("demo", "load")
    code = shell.run("demo", "remove", "--yes").out.strip()
    assert len(code.replace("-", "")) == 12
    assert not any(read_everything(book).values())


def test_a_real_winery_is_refused_with_everything_in_it(book: Winery, tank: Tank) -> None:
    assert tank.record("24.0").status_code == 201
    before = read_everything(book)
    winery_id = int(tank.api.get("/winery").json["id"])
    owner = Database(book.url("owner"), pool_size=1)
    try:
        with pytest.raises(Conflict, match="real winery"):
            remove_demo(owner, [winery_id])
    finally:
        owner.dispose()
    with pytest.raises(ProgrammingError, match="permission denied"):
        remove_demo(book.app, [winery_id])
    assert read_everything(book) == before


def test_a_real_winery_of_the_demos_name_is_left_alone(shell: Shell, book: Winery) -> None:
    shell.run("wineries", "add", "DEMO", "Démo SARL")
    before = read_everything(book)
    assert "with the code DEMO already" in shell.run("demo", "load", code=1).err
    assert "There is no demo" in shell.run("demo", "remove", "--yes", code=1).err
    assert read_everything(book) == before
