"""How a program's failure reads for who updates a server."""

from pathlib import Path

import pytest

from appliance.compose import Compose
from appliance.layout import Layout, Release
from appliance.programs import run
from appliance.refusals import Failed


def test_a_failure_says_what_ran_how_it_ended_and_its_last_words() -> None:
    with pytest.raises(Failed, match=r"^sh -c .*ended with 3: no room\nleft$"):
        run("sh", "-c", "echo no room; echo left >&2; exit 3")
    with pytest.raises(Failed, match="not installed"):
        run("/nowhere/program")


def test_a_command_of_compose_is_told_without_the_files_that_we_hand_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WINERY_COMPOSE", "false")
    compose = Compose(Layout(tmp_path), Release(tmp_path / "2.0.0"))
    with pytest.raises(Failed, match=r"^docker compose run --rm migrate ended with 1: $"):
        compose.run("run", "--rm", "migrate")
