"""Updates while people work, on the stack in containers: nobody notices a good one, and a bad one is taken back.

The command works in a folder of the test instead of `/`; engine, containers, nginx and TLS are real.
"""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from appliance.journal import Journal, Step
from appliance.layout import Layout
from tests.stack.engine import Engine, run, wait_until
from tests.stack.machine import KEPT, ROOT, find_compose_program, make_images, prepare_machine, say
from tests.stack.running_stack import NAME, OWNER, PASSWORD, Stack

PER_SECOND = 20
GOOD, SAME, SICK, STUCK = "2.0.0", "2.1.0", "3.0.0", "4.0.0"
# What is wrong with a release: its web process answers no request; its migration fails.
FAULTS = {
    GOOD: (),
    SAME: ("ENV LATER=1",),
    SICK: ('ENTRYPOINT ["sh", "-c", "[ $0 != web ] || exec sleep 3600; exec winery $0 $@"]',),
    STUCK: (
        'ENTRYPOINT ["sh", "-c", "[ $0 != prepare ] || { echo no; exit 1; }; exec winery $0 $@"]',
    ),
}


class Installed(Stack):
    """The stack as winery-appliance keeps it, below a folder of its own."""

    def __init__(self, engine: Engine, images: dict[str, str], root: Path) -> None:
        super().__init__(engine, images, root)
        self.images = images
        self.layout = Layout(root)
        self.key = root / "release-key.pem"

    def prepare(self) -> None:
        """IT's choices, the maker's key, and the first release in force."""
        shutil.rmtree(self.project, ignore_errors=True)
        self.project.mkdir(parents=True)
        self.secrets = self.layout.secrets
        run("openssl", "genpkey", "-algorithm", "ed25519", "-out", self.key)
        self.layout.release_key.parent.mkdir(parents=True)
        run("openssl", "pkey", "-in", self.key, "-pubout", "-out", self.layout.release_key)
        address = self.engine.address
        self.layout.settings.write_text(
            f"WINERY_NAME={NAME}\nWINERY_ADDRESS={address}\nWINERY_NAMES='{NAME} {address}'\n"
            f"WINERY_SECRETS_DIR={self.secrets}\nWINERY_HANDOVER_DIR={self.layout.settings.parent}/handover\n"
        )
        told = self.command("install", str(self.make_bundle("1.0.0", self.images["WINERY_IMAGE"])))
        assert "Installed" in told

    def make_bundle(self, version: str, image: str) -> Path:
        """The unpacked bundle of a release: what ./scripts/bundle makes, without what only a bare server needs."""
        folder = self.project / "bundles" / version
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "release/tool").mkdir(parents=True)
        for name in ("nginx", "postgres"):
            shutil.copytree(ROOT / name, folder / "release" / name)
        shutil.copy(ROOT / "compose.yaml", folder / "release")
        with tarfile.open(folder / "images.tar.gz", "w:gz"):
            pass  # the engine has them already
        named = self.images | {"WINERY_IMAGE": image, "VERSION": version}
        run(
            *(
                sys.executable,
                ROOT / "scripts/bundle_manifest.py",
                folder,
                *self.engine.docker_command,
            ),
            env=os.environ | named,
        )
        run(
            *("openssl", "pkeyutl", "-sign", "-rawin", "-inkey", self.key),
            *("-in", folder / "manifest.json", "-out", folder / "manifest.json.sig"),
        )
        return folder

    def make_release(self, version: str) -> Path:
        """A bundle of a later release, sound or not."""
        image = f"winery-appliance:{version}"
        place = self.project / "later"
        place.mkdir(exist_ok=True)
        base = f"FROM {self.images['WINERY_IMAGE']}"
        (place / "Dockerfile").write_text(
            "\n".join((base, f"LABEL later={version}", *FAULTS[version], ""))
        )
        self.engine.docker(
            *("build", "--quiet", "--network=none", f"--tag={image}", place),
            env=os.environ | {"DOCKER_BUILDKIT": "1"},
        )
        return self.make_bundle(version, image)

    def _surroundings(self) -> dict[str, str]:
        program = self.project / "docker"
        docker = self.engine.docker_command
        program.write_text(f'#!/bin/sh\nexec {" ".join(docker)} "$@"\n')
        program.chmod(0o755)
        return os.environ | {
            "WINERY_DOCKER": str(program),
            "WINERY_COMPOSE": find_compose_program(),
            "DOCKER_HOST": docker[-1],
        }

    def begin(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start `winery-appliance ARGUMENTS`."""
        return subprocess.Popen(
            [sys.executable, "-m", "appliance", "--root", str(self.project), *arguments],
            cwd=ROOT,
            env=self._surroundings(),
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def command(self, *arguments: str, code: int = 0) -> str:
        """What `winery-appliance ARGUMENTS` prints, when it ends with `code`."""
        process = self.begin(*arguments)
        told, _ = process.communicate(timeout=900)
        assert process.returncode == code, told
        return told

    def compose(self, *arguments: str) -> str:
        """`docker compose ARGUMENTS` of the release in force."""
        from appliance.compose import Compose

        release = self.layout.current()
        assert release is not None
        os.environ.update(self._surroundings())
        return Compose(self.layout, release).run(*arguments)

    def running(self) -> set[str]:
        """The images that the two web processes run."""
        return {self.inspect(service)["Config"]["Image"] for service in ("app1", "app2")}

    def set_up(self) -> None:
        """The owner and the first token, by the page as a browser sends it."""
        import re
        from http.cookies import SimpleCookie

        code = re.findall(r"setup code: (\S+)", self.command("setup-code"))[-1]
        page = self.ask("GET", "/setup")
        token = re.findall(rb'name="csrf_token"[^>]*value="([^"]+)"', page.body)[0].decode()
        cookies = SimpleCookie()
        for header in page.headers.get_all("Set-Cookie") or []:
            cookies.load(header)
        sent = "; ".join(f"{name}={morsel.value}" for name, morsel in cookies.items())
        form = {
            "csrf_token": token, "setup_code": code, "winery_name": "Torrevela", "winery_code": "torre",
            "display_name": "Inés", "email": OWNER, "password": PASSWORD, "password_again": PASSWORD,
        }  # fmt: skip
        answer = self.post_form("/setup", form, sent)
        assert answer == 303, answer
        self.sign_in()

    def post_form(self, path: str, form: dict[str, str], cookie: str) -> int:
        """The status of sending a form."""
        from urllib.parse import urlencode

        line = self._connect(443)
        headers = {
            "Host": NAME, "Cookie": cookie, "Referer": f"https://{NAME}{path}",
            "Content-Type": "application/x-www-form-urlencoded",
        }  # fmt: skip
        line.request("POST", path, urlencode(form), headers)
        answer = line.getresponse()
        answer.read()
        line.close()
        return answer.status


class Load:
    """People at work: readings and pages, evenly, twenty a second; each answer is looked at."""

    def __init__(self, stack: Installed) -> None:
        self.stack = stack
        self.tank = stack.start_fermentation(f"load-{time.monotonic_ns()}")
        self.failed: list[Any] = []
        self.sent = 0
        self.written: list[str] = []
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._work, args=(n,), daemon=True) for n in range(8)
        ]

    def __enter__(self) -> "Load":
        self.begun = time.monotonic()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join(timeout=60)
        self.took_s = time.monotonic() - self.begun

    def _work(self, number: int) -> None:
        pause_s = len(self._threads) / PER_SECOND
        self._stopping.wait(pause_s * number / len(self._threads))
        turn, due = 0, time.monotonic()
        while not self._stopping.is_set():
            due += pause_s  # after a slow answer the next comes sooner: it stays twenty a second
            if (turn + number) % 2:
                body = self.tank.body(number + turn * 0.001)
                status = self.tank.send(body)
                self.written.append(body["client_uuid"])
            else:
                status = self.stack.ask("GET", "/readyz").status
            self.sent += 1
            if status not in {200, 201}:
                self.failed.append((turn, number, status))
            turn += 1
            self._stopping.wait(max(0.0, due - time.monotonic()))

    def kept(self) -> int:
        """How many readings the book holds."""
        answer = self.stack.ask("GET", f"/api/v1/fermentations/{self.tank.id}/samples?limit=500")
        count, pages = len(answer.json["items"]), answer.json
        while pages.get("next_cursor"):
            path = f"/api/v1/fermentations/{self.tank.id}/samples?limit=500&cursor={pages['next_cursor']}"
            pages = self.stack.ask("GET", path).json
            count += len(pages["items"])
        return count


@pytest.fixture(scope="session")
def installed() -> Iterator[Installed]:
    """An installed appliance with an owner."""
    engine = prepare_machine()
    engine.directory = KEPT / "update-engine"
    shutil.rmtree(engine.directory, ignore_errors=True)
    try:
        engine.start()
        made = Installed(engine, make_images(engine, None), KEPT / "installed")
        made.prepare()
        made.set_up()
        yield made
    finally:
        engine.stop()


def test_01_installing_again_changes_nothing(installed: Installed) -> None:
    assert "Nothing was changed." in installed.command(
        "install", str(installed.project / "bundles/1.0.0")
    )


def test_02_an_update_and_the_way_back_fail_no_request(installed: Installed) -> None:
    bundle = installed.make_release(GOOD)
    # As a server of an earlier release has it, which did not know this secret yet.
    (installed.secrets / "sealing_key").unlink()
    with Load(installed) as load:
        wait_until(lambda: load.sent > 40, "requests before", 60)
        told = installed.command("update", str(bundle))
        wait_until(lambda sent=load.sent: load.sent > sent + 40, "requests after", 60)
    say(
        f"{told.splitlines()[-1]} {load.sent} requests, {load.sent / load.took_s:.0f} a second, {len(load.failed)} failed"
    )
    assert load.failed == []
    assert load.kept() == len(load.written)
    assert installed.running() == {f"winery-appliance:{GOOD}"}
    with Load(installed) as load:
        installed.command("rollback")
    assert load.failed == []
    assert load.kept() == len(load.written)
    assert installed.running() == {installed.images["WINERY_IMAGE"]}


@pytest.mark.parametrize("version", [SICK, STUCK])
def test_03_a_release_that_does_not_work_is_taken_back(installed: Installed, version: str) -> None:
    bundle = installed.make_release(version)
    before = installed.layout.current()
    with Load(installed) as load:
        told = installed.command("update", str(bundle), code=1)
    say(told.strip().splitlines()[-1])
    assert "runs again; no record was lost" in told
    assert load.failed == []
    assert load.kept() == len(load.written)
    assert installed.layout.current() == before
    assert installed.running() == {installed.images["WINERY_IMAGE"]}
    assert "was not kept" in installed.command("doctor")


@pytest.mark.parametrize("step", list(Step))
def test_04_cut_off_at_any_step_one_release_runs(installed: Installed, step: Step) -> None:
    """kill -9 of the update and of every container at once, then what systemd runs at boot."""
    bundle = installed.make_release(SAME)
    journal = Journal(installed.layout)
    process = installed.begin("update", str(bundle))
    wait_until(lambda: (entry := journal.read()) is not None and entry.step is step, step, 300)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()  # reads its pipe to the end and closes it
    running = installed.engine.docker("ps", "--quiet").split()
    installed.engine.docker("kill", *running)
    installed.command("start")
    assert journal.read() is None
    current = installed.layout.current()
    assert current is not None
    assert installed.running() == {current.manifest["images"]["WINERY_IMAGE"]["name"]}
    assert installed.ask("GET", "/readyz").status == 200
    installed.sign_in()


def test_05_what_is_sent_to_help_holds_no_canary(installed: Installed) -> None:
    canary = "canary.person@winery.example"
    installed.ask("POST", "/api/v1/tokens", {"email": canary, "password": "canary-password-1"})
    installed.command("support-bundle", "--out", str(installed.project))
    file = next(installed.project.glob("winery-support-*.tar.gz"))
    with tarfile.open(file) as archive:
        texts = {m.name: archive.extractfile(m).read().decode() for m in archive.getmembers()}  # type: ignore[union-attr]
    assert any(name.endswith("logs/app1.txt") for name in texts)
    whole = "\n".join(texts.values())
    for path in installed.secrets.iterdir():
        if "certificate" not in path.name:
            for line in path.read_text().splitlines():
                assert len(line) < 8 or line not in whole, path.name
    for word in (
        canary,
        "canary-password-1",
        OWNER,
        PASSWORD,
        installed.token,
        installed.engine.here,
    ):
        assert word not in whole


def test_06_a_bundle_of_somebody_else_or_a_damaged_one_is_refused(installed: Installed) -> None:
    bundle = installed.make_release(GOOD)
    (bundle / "release/compose.yaml").write_text("services: {}")
    assert "is damaged" in installed.command("update", str(bundle), code=1)
    manifest = json.loads((bundle / "manifest.json").read_text())
    digest = hashlib.sha256((bundle / "release/compose.yaml").read_bytes()).hexdigest()
    manifest["files"]["release/compose.yaml"] = digest
    (bundle / "manifest.json").write_text(json.dumps(manifest))
    assert "is not signed by the maker" in installed.command("update", str(bundle), code=1)
    assert installed.ask("GET", "/readyz").status == 200
