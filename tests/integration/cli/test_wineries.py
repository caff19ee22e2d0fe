"""A second winery on the same box: made by IT, with an owner of its own."""

import pytest
from sqlalchemy import text

from tests.conftest import Cast, Winery
from tests.integration.cli.conftest import Shell
from winery_appliance.auth.service import sign_in


def test_a_new_winery_gets_its_owner_and_sees_only_itself(
    shell: Shell, cast: Cast, book: Winery
) -> None:
    made = shell.run("wineries", "add", "finca", "Finca Vera", "--json").json["winery"]
    assert (made["code"], made["name"]) == ("FINCA", "Finca Vera")
    owner = ("users", "add", "--winery", "FINCA", "--role", "owner", "--name", "Flor")
    password = shell.run(*owner, "--email", "flor@finca.winery", "--generate").out.strip()
    flor = sign_in(book.app, login="flor@finca.winery", password=password, address="10.0.0.1")
    assert flor.winery_id == made["id"]
    listed = shell.run("wineries", "list", "--json").json["wineries"]
    assert [winery["code"] for winery in listed] == ["DEMO", "FINCA", "OTHER"]
    assert shell.run("wineries", "show", "finca", "--json").json["winery"] == made
    assert "Finca Vera" in shell.run("wineries", "show", "FINCA").out


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("DEMO", "Another"), 1, "with the code DEMO already"),
        (("a b", "Another"), 1, "A short code"),
        (("NEW", " "), 1, "needed"),
        (("NEW",), 2, "Missing argument"),
    ],
)
def test_what_cannot_be_a_winery_is_refused(
    shell: Shell, cast: Cast, arguments: tuple[str, ...], code: int, said: str
) -> None:
    assert cast
    assert said in shell.run("wineries", "add", *arguments, code=code).err
    listed = shell.run("wineries", "list", "--json").json["wineries"]
    assert [winery["code"] for winery in listed] == ["DEMO", "OTHER"]


def test_settings_are_changed_by_the_owners_rules(shell: Shell, cast: Cast, book: Winery) -> None:
    before = shell.run("wineries", "show", "DEMO", "--json").json["winery"]
    arguments = ("--time-zone", "Europe/Madrid", "--latitude", "42.5", "--longitude", "-2.8")
    changed = shell.run("wineries", "change", "demo", *arguments, "--json").json["winery"]
    wanted = {"time_zone": "Europe/Madrid", "latitude": 42.5, "longitude": -2.8}
    assert changed == {**before, **wanted}
    for wrong, code, said in (
        (("--time-zone", "Mars/Olympus"), 1, "time zone"),
        (("--latitude", "north"), 2, "not a valid float"),
        (("--name", ""), 1, "name"),
        ((), 2, "what is to be different"),
    ):
        assert said in shell.run("wineries", "change", "DEMO", *wrong, code=code).err
    assert shell.run("wineries", "show", "DEMO", "--json").json["winery"] == changed
    with book.worker.transaction(cast.ana.winery_id) as session:
        events = session.scalars(text("SELECT event FROM outbox")).all()
    assert events == ["WineryChanged"]
