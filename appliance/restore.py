"""The way back on this server: copies and the kit become the winery that its containers run.

`winery-backup restore` makes a data directory out of the copies while the server does what it did before. Then database,
secrets and what is known of the copies change places with it at once (see places.py), and everything starts on them. What
does not answer is exchanged back.
"""

import contextlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from appliance.compose import Compose, docker
from appliance.install import AUTHORITY, GROUP, make_handed_over
from appliance.layout import Layout, Release
from appliance.places import Exchange, Place
from appliance.probe import probe, read_front
from appliance.programs import LAST_WORDS, run
from appliance.refusals import Failed, Refused
from appliance.swap import Say

OURS = 10001  # as whom our processes work, and by which group they read secrets
POSTGRES = 999  # as whom the database works in its container
CERTIFICATE = ("tls_certificate", "tls_key", *AUTHORITY)
COUNT = (
    "PGPASSWORD=$(cat /run/secrets/postgres_superuser) "
    "exec psql --host=127.0.0.1 --username=postgres -At --command='SELECT count(*) FROM wineries' winery"
)
UNTOUCHED = "The winery that runs here was not touched."
BUCKET, CREDENTIALS = "s3", "credentials.ini"
Tell = Callable[
    [str, dict[str, Any]], None
]  # a phase of `winery-backup restore --json`, and its facts


@dataclass(frozen=True)
class Wish:
    """What shall come back: by which kit, from where, which moment. `more`: further options of `winery-backup restore`."""

    kit: str  # the kit's text, or its key
    repo: str = "nas"  # nas, s3, s3://BUCKET/FOLDER, or a folder of this server that holds copies
    more: Sequence[str] = field(default=())
    credentials: str | None = (
        None  # of a bucket that is not the one set up here: the file's content
    )


def read_kit(file: Path) -> str:
    """The kit's text. Raises Refused when it cannot be read."""
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"The kit {file} cannot be read ({error}). {UNTOUCHED}") from error


class Teller:
    """Says the phases of a restore to a person, and every few seconds how far it is."""

    EVERY_S = 5.0

    def __init__(self, say: Say) -> None:
        self._say = say
        self._said: tuple[str, float] = ("", 0.0)

    def __call__(self, phase: str, facts: dict[str, Any]) -> None:
        """One line of `winery-backup restore --json`."""
        moment = time.monotonic()
        if phase == self._said[0] and moment - self._said[1] < self.EVERY_S:
            return
        self._said = (phase, moment)
        self._say(f"{phase:<16}{describe(facts)}".rstrip())


def describe(facts: dict[str, Any]) -> str:
    """The facts of a phase in a line."""
    if "of" in facts:
        return f"{facts['bytes'] / 1e6:.1f} of {facts['of'] / 1e6:.1f} MB"
    return ", ".join(f"{name} {value}" for name, value in facts.items() if value is not None)


def restore(layout: Layout, wish: Wish, say: Say, tell: Tell, *, replace: bool) -> list[Path]:
    """Let the winery in the copies be the one that runs here; the folders that hold what was here before, if anything
    was. Raises Refused before anything was touched, Failed after all was exchanged back.
    """
    release = layout.current()
    if release is None:
        raise Refused("No appliance is installed here. Run ./install from a bundle, then restore.")
    compose = Compose(layout, release)
    holds_book = not is_empty(compose)
    if holds_book and not replace:
        raise Refused(
            f"This server holds a winery's book, or its database does not answer. {UNTOUCHED} To put the copies in its "
            "place add --replace; what is here now is kept beside them."
        )
    work = layout.state / "restore"
    made = fetch(layout, compose, wish, work, tell)
    say("laying out database, secrets and keys beside what runs")
    places = lay_out(layout, compose, made)
    exchange = Exchange(layout)
    exchange.begin(places)
    shutil.rmtree(work)
    say("exchanging: pages wait for about a minute, readings wait on the phones")
    _carry_through(layout, release, exchange, say)
    return exchange.close(keep_before=holds_book)


def take_up(layout: Layout, say: Say) -> bool:
    """End an exchange that was cut off; whether one was. Raises Failed after all was exchanged back."""
    exchange, release = Exchange(layout), layout.current()
    if release is None or not exchange.is_open():
        return False
    say("a restore was cut off while database, secrets and keys changed places")
    _carry_through(layout, release, exchange, say)
    exchange.close(keep_before=True)
    return True


def tell_plan(layout: Layout, wish: Wish, tell: Tell) -> None:
    """Tell what a restore would do; nothing is written. Raises Refused."""
    release = layout.current()
    if release is None:
        raise Refused("No appliance is installed here. Run ./install from a bundle, then restore.")
    compose, work = Compose(layout, release), layout.state / "restore"
    work.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.chown(work, OURS, OURS)
    with _kit_at_hand(layout, wish) as kit:
        try:
            _follow(compose, [*_command(layout, wish, work, kit), "--dry-run"], tell)
        except Failed as error:
            raise Refused(f"{error}\n{UNTOUCHED}") from error


def is_empty(compose: Compose) -> bool:
    """Whether the database that runs answers and holds no winery."""
    database = compose.containers().get("db")
    if database is None:
        return False
    try:
        return docker("exec", database["Id"], "bash", "-c", COUNT).strip() == "0"
    except Failed:
        return False


def fetch(layout: Layout, compose: Compose, wish: Wish, work: Path, tell: Tell) -> Path:
    """The data directory that the copies give. What was cut off is gone on with. Raises Refused with what is in the way."""
    work.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.chown(work, OURS, OURS)
    target = work / "winery"
    is_begun = (target / ".restore/journal.json").is_file()
    if target.exists() and not is_begun:
        shutil.rmtree(target)  # made whole, and never exchanged: made anew from the newest copies
    with _kit_at_hand(layout, wish) as kit:
        command = _command(layout, wish, work, kit)
        try:
            if is_begun:
                with contextlib.suppress(Failed):  # it was begun towards another moment: made anew
                    _follow(compose, [*command, "--resume"], tell)
                    return target
                shutil.rmtree(target)
            _follow(compose, command, tell)
        except Failed as error:
            raise Refused(f"{error}\n{UNTOUCHED}") from error
    return target


@contextlib.contextmanager
def _kit_at_hand(layout: Layout, wish: Wish) -> Iterator[Path]:
    """A folder with the kit, for the one process that needs it, as long as it does."""
    with tempfile.TemporaryDirectory(dir=layout.state, prefix="kit-") as place:
        folder = Path(place)
        os.chown(folder, OURS, OURS)
        for name, text in (("kit.txt", wish.kit), (CREDENTIALS, wish.credentials)):
            if text is not None:
                (folder / name).touch(mode=0o600)
                (folder / name).write_text(text, "utf-8")
                os.chown(folder / name, OURS, OURS)
        yield folder


def _command(layout: Layout, wish: Wish, work: Path, kit: Path) -> list[str]:
    settings = layout.read_settings()
    volumes = ["--volume", f"{work}:/restore", "--volume", f"{kit}:/kit:ro"]
    service, repo = "backup", f"/nas/{settings.get('WINERY_NAS_SHARE', '')}"
    if wish.repo.startswith(f"{BUCKET}://"):
        service, repo = "sync", wish.repo
        handed = layout.secrets / "offsite_credentials"
        if not handed.exists():  # the service is handed a file, also where none was set up
            handed.touch(mode=0o440)
            os.chown(handed, 0, GROUP)
    elif wish.repo == BUCKET:
        if "offsite" not in settings.get("COMPOSE_PROFILES", ""):
            raise Refused(
                f"No bucket is named (winery_offsite in the inventory). {UNTOUCHED} Name it with its credentials in the "
                "vault and run ./install, then restore."
            )
        service, repo = "sync", BUCKET
    elif wish.repo != "nas":
        volumes += ["--volume", f"{Path(wish.repo).resolve()}:/copies:ro"]
        repo = "/copies"
    elif "backup" not in settings.get("COMPOSE_PROFILES", ""):
        raise Refused(
            f"No NAS is named (winery_nas in the inventory). {UNTOUCHED} Name it and run ./install, or name the folder "
            "that holds the copies with --repo."
        )
    command = ["run", "--rm", "--no-deps", "--no-TTY", *volumes, "--entrypoint", "winery-backup"]
    command += [service, "restore", "--json", "--repo", repo, "--identity", "/kit/kit.txt"]
    if wish.credentials is not None:
        command += ["--credentials", f"/kit/{CREDENTIALS}"]
    return [*command, "--target", "/restore/winery", *wish.more]


def _follow(compose: Compose, command: Sequence[str], tell: Tell) -> None:
    """Run a command of Compose that prints a JSON object a line, and tell each. Raises Failed with its last words."""
    with tempfile.TemporaryFile("w+") as errors, compose.open(*command, stderr=errors) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                if line.startswith("{"):
                    facts = json.loads(line)
                    tell(str(facts.pop("phase", "")), facts)
        except BaseException:
            process.terminate()  # whoever is told wants it no more; Compose ends the container
            raise
        code = process.wait()
        if code != 0:
            errors.seek(0)
            said = [line for line in errors.read().splitlines() if not _is_composes(line)]
            raise Failed("\n".join(said[-LAST_WORDS:]) or f"the restore ended with {code}")


def _is_composes(line: str) -> bool:
    return line.strip().startswith(("Container ", "Network ", "Volume ", "time="))


def lay_out(layout: Layout, compose: Compose, made: Path) -> list[Place]:
    """Prepare what the data directory `made` holds beside what is in force. Raises Failed."""
    major = (made / "postgresql/PG_VERSION").read_text("ascii").strip()
    database = Place(find_volume(compose, "database") / major)
    shutil.rmtree(database.draft, ignore_errors=True)
    database.draft.mkdir(mode=0o700)
    shutil.move(made / "postgresql", database.draft / "docker")
    _give(database.draft, POSTGRES)
    copies = Place(find_volume(compose, "backup") / "backup")
    shutil.rmtree(copies.draft, ignore_errors=True)
    if (made / "backup").is_dir():
        shutil.copytree(made / "backup", copies.draft)
    else:  # a dump holds no keys: they are made anew by `winery-appliance kit`
        copies.draft.mkdir(mode=0o700)
    _give(copies.draft, OURS)
    secrets = Place(layout.secrets)
    shutil.rmtree(secrets.draft, ignore_errors=True)
    shutil.copytree(layout.secrets, secrets.draft)
    for file in (made / "secrets").iterdir():
        take_secret(file, secrets.draft)
    return [database, copies, secrets]


def take_secret(file: Path, folder: Path) -> None:
    """Hand a restored secret over as the server's own are: for root, and to be read by our processes."""
    if not file.is_file() or not file.stat().st_size:
        return
    target = folder / file.name
    target.unlink(missing_ok=True)
    shutil.copyfile(file, target)
    os.chown(target, 0, GROUP)
    target.chmod(0o444 if file.name.endswith("_certificate") else 0o440)


def find_volume(compose: Compose, name: str) -> Path:
    """Where a volume of the project lies on this server."""
    project = json.loads(compose.run("config", "--format", "json"))["name"]
    return Path(
        docker("volume", "inspect", "--format", "{{.Mountpoint}}", f"{project}_{name}").strip()
    )


def _give(folder: Path, number: int) -> None:
    run("chown", "--recursive", f"{number}:{number}", folder)


def _stop(compose: Compose) -> None:
    """End all but nginx, which tells people that the winery is being restarted."""
    services = sorted(set(compose.services()) - {"nginx", "static"})
    compose.run("rm", "--stop", "--force", *services)


def _carry_through(layout: Layout, release: Release, exchange: Exchange, say: Say) -> None:
    compose = Compose(layout, release)
    try:
        _exchange(layout, compose, exchange, say)
    except Failed as error:
        say(f"failed: {error}")
        exchange.turn_back()
        _exchange(layout, compose, exchange, say)
        exchange.close(keep_before=False)
        raise Failed(
            f"The restored winery did not start ({error}). What ran before runs again, unchanged."
        ) from error


def _exchange(layout: Layout, compose: Compose, exchange: Exchange, say: Say) -> None:
    _stop(compose)
    exchange.carry_out()
    try:
        make_handed_over(layout, compose.release)
    except Failed as error:
        say(f"its certificate is not taken over: {error}")
        say("This server's own stays. Phones that trusted the old one are told once more: /setup.")
        before = Place(layout.secrets).before
        for name in CERTIFICATE:
            if (before / name).is_file():
                shutil.copy2(before / name, layout.secrets / name)
                os.chown(layout.secrets / name, 0, GROUP)
        make_handed_over(layout, compose.release)
    compose.up()
    docker("restart", compose.containers()["nginx"]["Id"])  # it reads the restored certificate
    probe(read_front(layout))
