"""The page of commands tells what the commands themselves tell, and every one of them says what it is for."""

import re
import subprocess
import sysconfig
from pathlib import Path

import click
import pytest

from backup.cli import commands as backup
from sync.cli import commands as sync
from winery_appliance.entrypoints.cli import main as winery
from winery_appliance.entrypoints.command_page import PAGE, build_page, list_commands

GROUPS = {"winery": winery, "winery-backup": backup, "winery-sync": sync}


def test_the_page_is_the_one_that_the_commands_make() -> None:
    assert PAGE.read_text(encoding="utf-8") == build_page(), (
        "run python -m winery_appliance.entrypoints.command_page"
    )


@pytest.mark.parametrize("name", GROUPS)
def test_every_command_says_what_it_is_for_and_what_its_options_do(name: str) -> None:
    group = GROUPS[name]
    found = list(list_commands(group, click.Context(group, info_name=name)))
    assert len(found) >= 4
    page = PAGE.read_text(encoding="utf-8")
    silent = []
    for command, context in found:
        assert f"## `{context.command_path}" in page
        if not command.help:
            silent.append(context.command_path)
        silent += [
            f"{context.command_path} {option.opts[0]}"
            for option in command.params
            if isinstance(option, click.Option) and not option.help
        ]
    assert silent == []


@pytest.mark.parametrize("name", GROUPS)
def test_the_installed_command_knows_just_these_words(name: str) -> None:
    installed = Path(sysconfig.get_path("scripts"), name)
    asked = subprocess.run([installed, "--help"], capture_output=True, text=True, check=True)
    words = re.findall(r"^  (\w[\w-]*) ", asked.stdout.partition("Commands:")[2], re.MULTILINE)
    told = re.findall(rf"^## `{name} ([\w-]+)", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert set(words) == set(told)
