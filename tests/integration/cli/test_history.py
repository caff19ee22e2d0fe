"""`winery history`: past vintages from the server's shell."""

from tests.conftest import Cast
from tests.integration.cli.conftest import Shell
from tests.integration.conftest import Tank


def test_history_is_made_anew_of_one_winery(shell: Shell, tank: Tank, cast: Cast) -> None:
    assert tank.record("24.0").status_code == 201
    assert tank.api.post(f"/fermentations/{tank.id}/complete", {}).status_code == 200
    asked = shell.run("history", "rebuild", code=2)
    assert "--winery" in asked.err
    done = shell.run("history", "rebuild", "--winery", "demo", "--json").json
    assert done == {"winery": "DEMO", "fermentations": 1, "samples": 1, "patterns": 0}
    assert len(tank.api.get("/historical_samples").json["items"]) == 1
    other = shell.run("history", "rebuild", "--winery", "OTHER")
    assert "0 readings of 0 completed" in other.err
