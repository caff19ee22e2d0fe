"""IT sees which programs have a way in, and ends one."""

from collections.abc import Callable
from uuid import uuid4

from tests.conftest import Cast
from tests.integration.cli.conftest import Shell
from tests.integration.conftest import Api


def test_tokens_are_listed_and_revoked(
    shell: Shell, cast: Cast, sign_in_api: Callable[[str], Api]
) -> None:
    marco, carla = sign_in_api("marco"), sign_in_api("carla")
    listed = shell.run("tokens", "list", "--json").json["tokens"]
    assert [(token["winery"], token["person"]) for token in listed] == [
        ("DEMO", "Marco"),
        ("OTHER", "Carla"),
    ]
    assert set(listed[0]) == {
        "id",
        "winery",
        "name",
        "person",
        "user_id",
        "scopes",
        "created_at",
        "expires_at",
        "revoked_at",
        "last_used_at",
    }
    assert marco.token not in str(listed)
    done = shell.run("tokens", "revoke", listed[0]["id"], "--json").json
    assert done == {"revoked": listed[0]["id"], "winery": "DEMO"}
    assert marco.get("/vessels").status_code == 401
    assert carla.get("/vessels").status_code == 200
    demo = shell.run("tokens", "list", "--winery", "DEMO", "--json").json["tokens"]
    assert [token["revoked_at"] is None for token in demo] == [False]
    assert "revoked already" in shell.run("tokens", "revoke", listed[0]["id"], code=1).err
    assert "no such token" in shell.run("tokens", "revoke", str(uuid4()), code=1).err
    shell.run("tokens", "revoke", "not-an-id", code=2)
    assert listed[1]["id"] in shell.run("tokens", "list").out
