"""The command `winery-sync`: copies that leave the house. Exit codes as `winery-backup`'s."""

import json
import sys
from typing import NoReturn

import click

from backup.command_frame import LateCommands, run_commands
from winery_appliance.core.clock import now
from winery_appliance.core.settings import read_settings

COMMANDS = {  # where each further command is defined: imported when it is asked for, as `run` stays small by it
    "bucket": "sync.bucket_commands:bucket",
    "group": "sync.group_commands:group",
    "history": "sync.history_commands:history",
}
AS_JSON = click.option("--json", "as_json", is_flag=True, help="For programs.")


@click.group(
    cls=LateCommands, late=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(package_name="winery-appliance")
def commands() -> None:
    """Copies of the winery that leave the house."""


@commands.command()
def run() -> None:
    """Bring records and copies into the bucket, until stopped."""
    from sync.running import Running
    from winery_appliance.core.log import set_up_logging

    set_up_logging("sync")
    Running(read_settings()).run()


@commands.command(hidden=True)
@click.argument("what", type=click.Choice(["log", "copies"]))
def carry(what: str) -> None:
    """Carry the log or the copies; started by `run`."""
    from winery_appliance.core.log import set_up_logging

    set_up_logging(f"sync {what}")
    if what == "log":
        from sync.log_lane import carry_log as work
    else:
        from sync.copies_lane import carry_copies as work
    work(read_settings())


@commands.command()
@AS_JSON
def status(as_json: bool) -> None:
    """How the off-site copies are: what waits, how fast it goes, what is whole off-site, and what hinders."""
    from sync.health import assess_offsite

    found = assess_offsite(read_settings(), now())
    if as_json:
        click.echo(found.model_dump_json())
        sys.exit(found.code)
    click.echo(found.level.upper())
    for finding in found.findings:
        click.echo(f"  {finding.level:<6} {finding.words} {finding.remedy}".rstrip())
    if found.doing:
        done, of = found.done_bytes / 1e6, found.of_bytes / 1e6
        click.echo(f"  Under way: {found.doing}, {done:.1f} of {of:.1f} MB")
    if found.waiting:
        click.echo(f"  Waiting: {', '.join(found.waiting)}")
    if found.waiting_bytes:
        click.echo(f"  Records that wait: {found.waiting_bytes / 1e6:.1f} MB")
    if found.rate:
        left = f", about {found.left_s / 60:.0f} minutes left" if found.left_s else ""
        click.echo(f"  The line takes {found.rate * 8 / 1e6:.1f} Mbit/s{left}")
    sys.exit(found.code)


@commands.command("now")
@AS_JSON
def try_now(as_json: bool) -> None:
    """Try at once, whatever pause was waited out."""
    from sync.notes import NUDGE, open_journal

    open_journal(read_settings()).set_note(NUDGE, now().isoformat())
    _tell("It is tried now. How it goes: winery-sync status", as_json=as_json)


@commands.command()
@AS_JSON
def pause(as_json: bool) -> None:
    """Send nothing until `resume`; new records wait on this machine."""
    from sync.notes import PAUSED, open_journal

    open_journal(read_settings()).set_note(PAUSED, now().isoformat())
    words = "Paused. New records wait on this machine. Go on: winery-sync resume"
    _tell(words, as_json=as_json)


@commands.command()
@click.option("--take-over", is_flag=True, help="Write for this site though another machine did.")
@AS_JSON
def resume(take_over: bool, as_json: bool) -> None:
    """Go on after `pause`, or take over from another machine."""
    from sync.lease import TAKE_OVER
    from sync.notes import NEW_STRETCH, NUDGE, PAUSED, TAKEN_OVER, open_journal

    journal = open_journal(read_settings())
    if take_over:
        journal.set_note(TAKE_OVER, True)
        journal.set_note(NEW_STRETCH, TAKEN_OVER)
    journal.set_note(PAUSED, None)
    journal.set_note(NUDGE, now().isoformat())
    _tell("It goes on. How it goes: winery-sync status", as_json=as_json)


def _tell(words: str, *, as_json: bool) -> None:
    """What holds now: in words, or for programs since when it is paused and when it was last told to try at once."""
    from sync.notes import NUDGE, PAUSED, open_journal

    if as_json:
        journal = open_journal(read_settings())
        told = {"paused_at": journal.note(PAUSED), "asked_at": journal.note(NUDGE), "words": words}
        words = json.dumps(told)
    click.echo(words)


def main() -> NoReturn:
    """Run the command line."""
    run_commands(commands, "winery-sync")
