"""The command `winery-appliance`. Exit codes: 0 done; 1 refused or failed, the reason stands on standard error;
2 wrong arguments; for `doctor` and `preflight` 1 also means that something was found."""

import argparse
import fcntl
import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from appliance.compose import DOCKER, Compose, docker
from appliance.doctor import examine, is_ready
from appliance.findings import Finding, Level
from appliance.install import apply, install, renew
from appliance.journal import Journal
from appliance.layout import Layout
from appliance.preflight import look
from appliance.refusals import Failed, Refused
from appliance.requests import carry_out_request, close_cut_off
from appliance.restore import Teller, Wish, read_kit, restore, take_up, tell_plan
from appliance.support import write_support_bundle
from appliance.update import roll_back, start, update

UNCHANGED = "Nothing was changed."


def main() -> None:
    """Parse, do, and end with a sentence."""
    arguments = _parser().parse_args()
    layout = Layout(arguments.root)
    try:
        sys.exit(arguments.do(layout, arguments))
    except (Refused, Failed) as error:
        print(str(error), file=sys.stderr)
        sys.exit(1)
    except PermissionError as error:
        print(f"{error.filename}: only root may do this. {UNCHANGED}", file=sys.stderr)
        sys.exit(1)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="winery-appliance", description="Keeps the winery's server running."
    )
    parser.add_argument("--root", type=Path, default=Path("/"), help=argparse.SUPPRESS)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, do, line in (
        ("status", _status, "What runs, and since when."),
        ("doctor", _doctor, "What is wrong, a line each, and what to do."),
        (
            "start",
            _start,
            "Start what is missing; end an update that was cut off. Runs at every boot.",
        ),
        ("apply", _apply, "Let what runs be as the settings say."),
        ("rollback", _rollback, "Return to the release before, on the same data."),
        ("renew", _renew, "Renew the certificate in its last 30 days. Runs every night."),
        ("copies", _copies, "How the copies on the NAS are."),
        (
            "setup-code",
            _setup_code,
            "The code that opens the first page, until the winery is set up.",
        ),
    ):
        commands.add_parser(name, help=line, description=line).set_defaults(do=do)
    for name, take, line in (
        (
            "update",
            _update,
            "Bring this server to a bundle's release; go back by itself when that fails.",
        ),
        ("install", _install, "As the playbook calls it: install or update, idempotent."),
    ):
        command = commands.add_parser(name, help=line, description=line)
        command.add_argument(
            "bundle", type=Path, metavar="BUNDLE", help="The archive, or its unpacked folder."
        )
        command.set_defaults(do=take)
    logs = commands.add_parser("logs", help="What the services wrote.")
    logs.add_argument("services", nargs="*", metavar="SERVICE")
    logs.add_argument("--lines", type=int, default=100)
    logs.set_defaults(do=_logs)
    support = commands.add_parser(
        "support-bundle", help="A file for who helps, without secrets and people."
    )
    support.add_argument("--out", type=Path, default=None)
    support.set_defaults(do=_support)
    _add_restore(commands)
    kit = commands.add_parser("kit", help="Make the recovery kit: once, before anything is copied.")
    kit.add_argument(
        "folder",
        type=Path,
        help="Where it is written, such as a USB stick; remove it after printing.",
    )
    kit.add_argument("--site", default="winery", help="The folder on the NAS.")
    kit.set_defaults(do=_kit)
    prove = commands.add_parser(
        "prove", help="Prove that the printed kit opens the copies; again every 90 days."
    )
    prove.add_argument(
        "kit", nargs="?", default="-", metavar="KIT", help="Its file; else type or scan its key."
    )
    prove.set_defaults(do=_prove)
    preflight = commands.add_parser(
        "preflight", help="Whether a server can take the appliance; changes nothing."
    )
    preflight.add_argument("--architecture", default=platform.machine())
    preflight.add_argument("--ports", type=int, nargs="*", default=[80, 443])
    preflight.add_argument("--nas", type=Path, default=None)
    preflight.set_defaults(do=_preflight)
    return parser


def _add_restore(commands: Any) -> None:
    line = "Let the winery in the copies be the one that runs here."
    command = commands.add_parser("restore", help=line, description=line)
    command.add_argument(
        "kit", metavar="KIT", nargs="?", help="The kit's file, or - to type or scan its key."
    )
    command.add_argument("--requested", action="store_true", help=argparse.SUPPRESS)
    command.add_argument(
        "--repo", default="nas", help="nas, s3, s3://BUCKET/FOLDER, or a folder with copies (nas)."
    )
    command.add_argument("--endpoint", help="The address of a bucket's store, unless it is AWS.")
    command.add_argument("--credentials", type=Path, help="A file with a bucket's keys.")
    command.add_argument("--site", help="Which winery, where the copies are of several.")
    command.add_argument("--time", help="The state of this moment, as 2026-11-23T12:48:56+00:00.")
    command.add_argument("--set", help="Begin from this base copy, or restore this dump.")
    command.add_argument("--dry-run", action="store_true", help="Say what would be done.")
    command.add_argument(
        "--replace", action="store_true", help="Also when this server holds a winery's book."
    )
    command.set_defaults(do=_restore)


def _say(line: str) -> None:
    print(line, flush=True)


@contextmanager
def _alone(layout: Layout) -> Iterator[None]:
    """One command that changes something at a time."""
    layout.state.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (layout.state / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _say("Another command is at work; waiting for it.")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _update(layout: Layout, arguments: argparse.Namespace) -> int:
    with _alone(layout):
        begun = time.monotonic()
        update(layout, arguments.bundle, _say)
        current = layout.current()
        assert current is not None
        _say(f"{current.version} is in force, after {time.monotonic() - begun:.0f} s.")
    return 0


def _install(layout: Layout, arguments: argparse.Namespace) -> int:
    with _alone(layout):
        _say("Installed." if install(layout, arguments.bundle, _say) else UNCHANGED)
    return 0


def _start(layout: Layout, _arguments: argparse.Namespace) -> int:
    with _alone(layout):
        restored = take_up(layout, _say)
        started = start(layout, _say)
        close_cut_off(layout, _say, restored=restored)
        _say("Started." if started or restored else UNCHANGED)
    return 0


def _restore(layout: Layout, arguments: argparse.Namespace) -> int:
    if arguments.requested:  # on the first page; a unit of systemd calls this
        with _alone(layout):
            _say("Restored." if carry_out_request(layout, _say) else UNCHANGED)
        return 0
    if arguments.kit is None:
        raise Refused("Name the kit's file, or - to type its key. Nothing was changed.")
    text = sys.stdin.read() if arguments.kit == "-" else read_kit(Path(arguments.kit))
    more = [
        word
        for name in ("site", "time", "set", "endpoint")
        if (value := getattr(arguments, name)) is not None
        for word in (f"--{name}", value)
    ]
    keys = arguments.credentials
    wish = Wish(text, arguments.repo, more, None if keys is None else read_kit(keys))
    with _alone(layout):
        if arguments.dry_run:
            tell_plan(layout, wish, Teller(_say))
            return 0
        begun = time.monotonic()
        kept = restore(layout, wish, _say, Teller(_say), replace=arguments.replace)
        _say(f"The restored winery answers, after {time.monotonic() - begun:.0f} s.")
        if kept:
            _say(f"What was here before stays until the next restore: {', '.join(map(str, kept))}")
    return 0


def _apply(layout: Layout, _arguments: argparse.Namespace) -> int:
    with _alone(layout):
        _say("Applied." if apply(layout, _say) else UNCHANGED)
    return 0


def _rollback(layout: Layout, _arguments: argparse.Namespace) -> int:
    with _alone(layout):
        _say(f"{roll_back(layout, _say).version} is in force.")
    return 0


def _renew(layout: Layout, _arguments: argparse.Namespace) -> int:
    with _alone(layout):
        _say("Renewed." if renew(layout) else UNCHANGED)
    return 0


def _status(layout: Layout, _arguments: argparse.Namespace) -> int:
    release, previous = layout.current(), layout.previous()
    compose = _compose(layout)
    assert release is not None
    _say(f"Release   {release.version}" + (f" (before: {previous.version})" if previous else ""))
    ready = is_ready(layout)
    _say(f"Pages     {'answering' if ready else 'NOT answering; see `winery-appliance doctor`'}")
    for service, facts in sorted(compose.containers().items()):
        state = facts["State"]
        health = state.get("Health", {}).get("Status", "")
        _say(f"{service:<10}{state['Status']:<9} {health:<10} since {state['StartedAt'][:19]}")
    for outcome in Journal(layout).outcomes()[-3:]:
        _say(
            f"Update    {outcome['begun_at'][:16]} {outcome['before']} -> {outcome['after']}: {outcome['outcome']}"
        )
    return 0 if ready else 1


def _tell(findings: Iterable[Finding]) -> int:
    worst = Level.PASS
    for finding in findings:
        _say(str(finding))
        if finding.level is Level.FAIL or worst is Level.PASS:
            worst = finding.level
    return 1 if worst is Level.FAIL else 0


def _doctor(layout: Layout, _arguments: argparse.Namespace) -> int:
    return _tell(examine(layout))


def _preflight(layout: Layout, arguments: argparse.Namespace) -> int:
    return _tell(
        look(
            architecture=arguments.architecture,
            ports=tuple(arguments.ports),
            nas=arguments.nas,
            installed=(layout.home / "current").is_symlink(),
            root=layout.root,
        )
    )


def _logs(layout: Layout, arguments: argparse.Namespace) -> int:
    print(
        _compose(layout).run("logs", "--no-color", f"--tail={arguments.lines}", *arguments.services)
    )
    return 0


def _support(layout: Layout, arguments: argparse.Namespace) -> int:
    name = time.strftime("winery-support-%Y%m%d-%H%M%S.tar.gz", time.gmtime())
    written = write_support_bundle(layout, (arguments.out or Path()) / name)
    _say(f"{written}: no secrets, no names, no addresses. Look into it before you send it.")
    return 0


def _setup_code(layout: Layout, _arguments: argparse.Namespace) -> int:
    migrate = _compose(layout).containers().get("migrate")
    told = (
        docker("logs", "--since", migrate["State"]["StartedAt"], migrate["Id"]) if migrate else ""
    )
    found = re.findall(r"Setup code: (\S+)", told)
    if found:
        name = layout.read_settings()["WINERY_NAME"]
        _say(f"Open https://{name}/setup and type the setup code: {found[-1]}")
    else:
        _say("The winery is set up; there is no code any more.")
    return 0


def _prove(layout: Layout, arguments: argparse.Namespace) -> int:
    is_file = arguments.kit != "-"
    text = read_kit(Path(arguments.kit)) if is_file else sys.stdin.read()
    command = ("winery-backup", "keys", "prove", "--identity", "-")
    done = subprocess.run(
        [DOCKER, "exec", "--interactive", _find_backup(layout), *command],
        input=text,
        text=True,
        check=False,
    )
    return done.returncode


def _find_backup(layout: Layout) -> str:
    """The container of the copies. Raises Refused when there is none."""
    backup = _compose(layout).containers().get("backup")
    if backup is None:
        raise Refused(
            f"No NAS is named (winery_nas in the inventory), so nothing is copied. {UNCHANGED}"
        )
    return str(backup["Id"])


def _copies(layout: Layout, _arguments: argparse.Namespace) -> int:
    done = subprocess.run(
        [DOCKER, "exec", _find_backup(layout), "winery-backup", "status"],
        text=True,
        capture_output=True,
        check=False,
    )
    _say((done.stdout + done.stderr).strip())
    return done.returncode


def _kit(layout: Layout, arguments: argparse.Namespace) -> int:
    folder: Path = arguments.folder.resolve()
    folder.mkdir(mode=0o700, exist_ok=True)
    os.chown(folder, 10001, 10001)  # as whom the copies' process writes it
    volume = ("--volume", f"{folder}:/kit")
    command = ("keys", "init", "--kit", "/kit/kit.txt", "--site", arguments.site)
    _say(
        _compose(layout)
        .run("run", "--rm", "--no-deps", "--no-TTY", *volume, "backup", *command)
        .strip()
    )
    _say(
        f"Print {folder}/kit.pdf twice, keep both away from here and from the NAS, and remove {folder}."
    )
    return 0


def _compose(layout: Layout) -> Compose:
    release = layout.current()
    if release is None:
        raise Refused("No appliance is installed here. Run ./install from a bundle.")
    return Compose(layout, release)


if __name__ == "__main__":
    os.umask(0o022)
    main()
