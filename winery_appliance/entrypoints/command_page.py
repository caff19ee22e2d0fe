"""Every command, as a page made from the commands themselves: `python -m winery_appliance.entrypoints.command_page`.

A test holds the page in `docs` to what this makes.
"""

from collections.abc import Iterator
from inspect import cleandoc
from pathlib import Path

import click

from backup.cli import commands as backup
from sync.cli import commands as sync
from winery_appliance.entrypoints.cli import main as winery

PAGE = Path(__file__).parent.parent / "docs" / "command_line.md"
_BEFORE = """# The command line

Made by `python -m winery_appliance.entrypoints.command_page` from the commands themselves; change those instead.

`winery` runs and looks after an appliance, `winery-backup` makes copies and the way back from them
([how that is done](restore.md)), `winery-sync` brings them out of the house ([how that is done](offsite.md)). They read the
settings (`WINERY_…`) of the appliance that they are meant for, ask nobody to sign in, and take `--help`.

| exit code | `winery` | `winery-backup`, `winery-sync` |
| --- | --- | --- |
| 0 | done | done |
| 1 | refused, nothing was changed; `check` found something | could not run |
| 2 | wrong arguments | damage found |
| 3 | the database is away or not prepared | the copies are stale |
| 4 | | wrong or missing key |
| 5 | | the moment asked for cannot be reached |
| 64 | | wrong arguments |
"""


def build_page() -> str:
    """The page, as it stands in `docs`."""
    told = [
        "\n".join(_tell(command, context))
        for group, name in (
            (winery, "winery"),
            (backup, "winery-backup"),
            (sync, "winery-sync"),
        )
        for command, context in list_commands(group, click.Context(group, info_name=name))
    ]
    return "\n\n".join([_BEFORE.rstrip(), *told]) + "\n"


def list_commands(
    command: click.Command, context: click.Context
) -> Iterator[tuple[click.Command, click.Context]]:
    """This command, or with a group every command below it that is meant for people, with the context that names it."""
    if not isinstance(command, click.Group):
        yield command, context
        return
    for name in command.list_commands(context):
        below = command.get_command(context, name)
        assert below is not None, name
        if not below.hidden:
            yield from list_commands(below, click.Context(below, parent=context, info_name=name))


def _tell(command: click.Command, context: click.Context) -> Iterator[str]:
    pieces = [p for p in command.collect_usage_pieces(context) if p != "[OPTIONS]"]
    yield f"## `{' '.join([context.command_path, *pieces])}`\n"
    paragraphs = cleandoc(command.help or "").split("\n\n")
    yield "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
    records = [
        record
        for option in command.get_params(context)
        if isinstance(option, click.Option) and "--help" not in option.opts
        if (record := option.get_help_record(context)) is not None
    ]
    if records:
        yield ""
    for names, words in records:
        yield f"- `{names}`: {' '.join(words.split())}"


if __name__ == "__main__":
    PAGE.write_text(build_page(), encoding="utf-8")
