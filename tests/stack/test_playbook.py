"""One afternoon of an IT person: bundle, six values, ./install; then a second run, an update, a reboot. On a whole server.

Only by `./scripts/test-system playbook`, since it takes a quarter of an hour and root.
"""

import json
import os
import re
import shutil
import sys
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests.browser.conftest import QUIET
from tests.stack.engine import Engine, run, wait_until
from tests.stack.machine import KEPT, ROOT, find_compose_program, make_images, prepare_machine, say
from tests.stack.running_stack import NAME, OWNER, PASSWORD
from tests.stack.server import UNPACKED, Server, make_bundle, make_server_image

INVENTORY = """
winery:
  hosts:
    server:
      ansible_connection: local
  vars:
    winery_name: {name}
    winery_address: {address}
    winery_ssh_from: {ssh_from}
    winery_timezone: Europe/Madrid
    winery_time_servers: ""
    winery_nas: ""
"""
PROMISED_S = 600
BACK_S = 60
LABEL = "COPIES"


@pytest.fixture(scope="session")
def site() -> Iterator[tuple[Engine, Path]]:
    """An engine, and a folder of bundles of two releases."""
    engine = prepare_machine()
    engine.directory = KEPT / "playbook-engine"
    try:
        engine.start()
        images = make_images(engine, None)
        make_server_image(engine)
        bundles = KEPT / "bundles"
        compose = find_compose_program()
        make_bundle(engine, compose, images, "1.0.0", bundles)
        later = "winery-appliance:later"
        make_later_image(engine, images["WINERY_IMAGE"], later)
        make_bundle(engine, compose, images | {"WINERY_IMAGE": later}, "1.1.0", bundles)
        yield engine, bundles
    finally:
        engine.stop()


def make_later_image(engine: Engine, image: str, later: str, *lines: str) -> None:
    """The same release once more, as another image; `lines` of a Dockerfile change it."""
    folder = KEPT / "later"
    folder.mkdir(exist_ok=True)
    (folder / "Dockerfile").write_text("\n".join((f"FROM {image}", "LABEL later=1", *lines, "")))
    surroundings = os.environ | {"DOCKER_BUILDKIT": "1"}
    engine.docker("build", "--quiet", "--network=none", f"--tag={later}", folder, env=surroundings)


@pytest.fixture(scope="session")
def disk() -> Iterator[str]:
    """A disk for copies that the user with number 10001 may write, formatted and labelled as IT does it."""
    file = KEPT / "disk.img"
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("wb") as opened:
        opened.truncate(600 << 20)
    run("mkfs.ext4", "-q", "-F", "-L", LABEL, "-E", "root_owner=10001:10001", file)
    device = run("losetup", "--find", "--show", file).strip()
    yield device
    run("losetup", "--detach", device)
    file.unlink()


@pytest.fixture(scope="session")
def server(site: tuple[Engine, Path], disk: str) -> Server:
    """A bare server, switched on, with the unpacked bundle and a filled in inventory; nothing is installed."""
    engine, bundles = site
    made = Server(engine, bundles, disk)
    made.begun = time.monotonic()
    made.shell(
        f"mkdir {UNPACKED} && tar -C {UNPACKED} --strip-components=1 -xf /media/usb/winery-appliance-1.0.0.tar"
    )
    ssh_from = made.address.rpartition(".")[0] + ".0/24"
    made.write(
        f"{UNPACKED}/inventory.yml",
        INVENTORY.format(name=NAME, address=made.address, ssh_from=ssh_from),
    )
    return made


def install(server: Server, *options: str) -> str:
    """What ./install prints."""
    return server.shell(f"cd {UNPACKED} && ./install {' '.join(options)}", timeout_s=1200)


def count_changes(told: str) -> int:
    """Of the last line of a playbook."""
    return int(re.findall(r"changed=(\d+)", told)[-1])


@contextmanager
def open_page(server: Server) -> Iterator[Page]:
    """A browser of somebody on the LAN."""
    network = f"/proc/{server.engine.process_number}/ns/net"
    wrapper = KEPT / "chromium-on-the-lan"
    browser_path = (ROOT / "build" / "chromium-path").read_text().strip()
    wrapper.write_text(f'#!/bin/sh\nexec nsenter --net={network} {browser_path} "$@"\n')
    wrapper.chmod(0o755)
    rule = f"--host-resolver-rules=MAP {NAME} {server.address}"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=wrapper, args=[*QUIET, rule])
        yield browser.new_context(ignore_https_errors=True).new_page()
        browser.close()


def test_01_from_bare_debian_to_a_signed_in_owner(server: Server) -> None:
    assert server.try_("sh", "-c", "command -v python3 docker") == "", "the server is bare"
    told = install(server)
    installed_s = time.monotonic() - server.begun
    code = re.findall(r"setup code: (\S+?)'?$", told, re.M)[-1]
    with open_page(server) as page:
        page.goto(f"https://{NAME}/setup")
        for field, value in {
            "setup_code": code,
            "winery_name": "Torrevela",
            "winery_code": "torre",
            "display_name": "Inés",
            "email": OWNER,
            "password": PASSWORD,
            "password_again": PASSWORD,
        }.items():
            page.locator(f"#{field}").fill(value)
        page.locator("main button[type=submit]").click()
        expect(page.get_by_text("No ferment is running")).to_be_visible()
    took_s = time.monotonic() - server.begun
    say(
        f"bare Debian to signed-in owner: {took_s:.0f} s, of which the installation {installed_s:.0f} s"
    )
    sign_in(server)  # by TLS that is verified against the authority
    assert took_s < PROMISED_S


def sign_in(server: Server) -> str:
    answer = server.ask("POST", "/api/v1/tokens", {"email": OWNER, "password": PASSWORD})
    assert answer.status in {200, 201}, answer
    return str(answer.json["access_token"])


def test_02_a_second_run_changes_nothing(server: Server) -> None:
    told = install(server, "--check", "--diff")
    assert count_changes(told) == 0, told
    told = install(server)
    assert count_changes(told) == 0, told
    assert sign_in(server)


def test_02_the_system_updates_itself_and_docker_waits(server: Server) -> None:
    held = server.run("apt-mark", "showhold").split()
    assert {"docker.io", "containerd", "runc"} <= set(held)
    told = server.run("apt-config", "dump")
    assert 'APT::Periodic::Unattended-Upgrade "1"' in told
    assert 'Unattended-Upgrade::Package-Blacklist:: "docker"' in told
    timers = server.run("systemctl", "list-timers", "--all", "--no-legend")
    assert "apt-daily-upgrade.timer" in timers
    assert "winery-renew.timer" in timers


def test_03_from_the_lan_two_ports_and_ssh_answer(server: Server) -> None:
    assert server.open_ports(range(1, 10000)) == [22, 80, 443]
    server.shell(
        "docker run -d --name open -p 5432:5432 -p 9999:9999 --entrypoint sleep winery-appliance:under-test 600"
    )
    try:
        assert server.open_ports(range(5430, 10000)) == [], (
            "Docker's own rules do not get round ours"
        )
    finally:
        server.run("docker", "rm", "--force", "open")


def test_04_a_bundle_that_was_touched_is_refused(server: Server) -> None:
    server.shell(
        "rm -rf /root/other && mkdir /root/other && tar -C /root/other --strip-components=1"
        " -xf /media/usb/winery-appliance-1.1.0.tar && echo '# more' >>/root/other/release/compose.yaml"
    )
    told = server.try_("winery-appliance", "update", "/root/other")
    assert "damaged" in told
    server.shell("""sed -i 's/"version": "[^"]*"/"version": "9"/' /root/other/manifest.json""")
    told = server.try_("winery-appliance", "update", "/root/other")
    assert "not signed by the maker" in told
    assert server.run("readlink", "/opt/winery/current").strip() == "releases/1.0.0"


def test_05_update_and_back(server: Server) -> None:
    told = server.run("winery-appliance", "update", "/media/usb/winery-appliance-1.1.0.tar")
    say(told.splitlines()[-1])
    assert server.run("readlink", "/opt/winery/current").strip() == "releases/1.1.0"
    assert sign_in(server)
    assert "1.0.0 is in force" in server.run("winery-appliance", "rollback")
    assert sign_in(server)


def test_06_after_a_power_cut_it_comes_back_by_itself(server: Server) -> None:
    server.cut_power()
    begun = time.monotonic()
    server.power_on()
    wait_until(lambda: server.ask("GET", "/readyz").status == 200, "a working page", 180)
    took_s = time.monotonic() - begun
    say(f"power on to a working page: {took_s:.0f} s")
    assert took_s < BACK_S
    assert sign_in(server)
    assert server.open_ports(range(1, 10000)) == [22, 80, 443]
    wait_until(
        lambda: server.try_("systemctl", "is-active", "winery-appliance").strip() == "active",
        "the unit of the appliance",
        120,
    )


def test_07_without_the_hand_over_443_and_ssh_are_left(server: Server) -> None:
    told = install(server, "--extra-vars", "winery_handover=false")
    assert count_changes(told) > 0
    assert server.open_ports(range(1, 10000)) == [22, 443]
    assert sign_in(server)


def test_08_what_is_sent_to_help_holds_no_secret(server: Server) -> None:
    server.run("winery-appliance", "support-bundle", "--out", "/root")
    server.shell("mkdir -p /root/looked && tar -C /root/looked -xzf /root/winery-support-*.tar.gz")
    secrets = server.shell(
        "cd /etc/winery/secrets && cat database_* session_key token_key postgres_superuser tls_key ca_key"
    )
    text = server.shell("find /root/looked -type f -exec cat {} +")
    assert "PASS" in text
    for line in secrets.split("\n"):
        assert len(line) < 8 or line not in text
    assert OWNER not in text
    assert server.address not in text


def test_09_the_bundle_holds_what_a_restore_needs(site: tuple[Engine, Path]) -> None:
    with tarfile.open(site[1] / "winery-appliance-1.0.0.tar") as archive:
        names = archive.getnames()
    parts = [name.partition("/")[2] for name in names]
    for wanted in (
        "restore/winery_appliance-",
        "packages/age_",
        "packages/zstd_",
        "packages/nfs-common_",
        "packages/cifs-utils_",
    ):
        assert any(part.startswith(wanted) for part in parts), wanted


def test_10_files_of_instruments_are_fetched_from_a_folder_of_the_server(server: Server) -> None:
    told = server.shell(
        f"cd {UNPACKED} && ! ./install --extra-vars winery_instruments=/srv/lab 2>&1"
    )
    assert "Nothing was touched." in told
    server.shell("mkdir /srv/lab && echo 'a,b' >/srv/lab/unknown.csv")
    install(server, "--extra-vars", "winery_instruments=/srv/lab")
    look = "docker exec winery-worker-1 find /var/lib/winery/watched -name unknown.csv"
    wait_until(lambda: server.try_("sh", "-c", look).strip(), "the instrument's file", 180)
    assert server.run("cat", "/srv/lab/unknown.csv") == "a,b\n"


def test_11_monitoring_is_refused_by_a_bundle_that_has_none(server: Server) -> None:
    told = server.shell(f"cd {UNPACKED} && ! ./install --extra-vars winery_monitoring=true 2>&1")
    assert "was made with MONITORING=1" in told
    assert "Nothing was touched." in told


ON_THE_DISK = f"winery_nas=disk://{LABEL}"


def copies_state(server: Server) -> dict[str, Any]:
    text = server.try_(
        "docker", "exec", "winery-backup-1", "cat", "/var/lib/winery/backup/status.json"
    )
    return dict(json.loads(text)) if text.startswith("{") else {}


def are_well(server: Server) -> bool:
    state = copies_state(server)
    return (
        bool(state.get("end")) and not state.get("trouble") and state["end"] >= state["server_end"]
    )


def add_wine(server: Server, code: str) -> None:
    body = {
        "code": code,
        "vessel_code": f"T-{code}",
        "style": "red",
        "yeast_strain": "EC-1118",
        "started_at": "2026-09-01T08:00:00Z",
    }
    answer = server.ask("POST", "/api/v1/fermentations", body, sign_in(server))
    assert answer.status == 201, answer


def wines(server: Server) -> set[str]:
    answer = server.ask("GET", "/api/v1/fermentations", token=sign_in(server))
    return {item["code"] for item in answer.json["items"]}


def test_12_copies_reach_a_disk_that_comes_when_it_is_asked_for(server: Server) -> None:
    server.plug_in(LABEL)
    told = install(server, "--extra-vars", ON_THE_DISK)
    assert "The NAS takes and gives back what is written." in told
    told = install(server, "--extra-vars", ON_THE_DISK)
    assert count_changes(told) == 0, told
    server.run("winery-appliance", "kit", "/root/kit", "--site", "torre")
    assert server.shell("cat /root/kit/kit.txt | winery-appliance prove") != ""
    add_wine(server, "before")
    wait_until(
        lambda: server.try_(
            "sh", "-c", "ls /srv/nas/share/v1/sites/torre/repos/*/base/*/manifest.json"
        ),
        "a base copy",
        180,
    )
    wait_until(lambda: are_well(server), "the copies", 60)


def test_13_with_the_nas_gone_people_work_on_and_a_boot_waits_for_nothing(server: Server) -> None:
    server.pull_out(LABEL)
    wait_until(lambda: copies_state(server).get("trouble"), "that it is noticed", 90)
    add_wine(server, "meanwhile")
    assert "WARN  NAS" in server.try_("winery-appliance", "doctor")
    server.cut_power()
    begun = time.monotonic()
    server.power_on()
    wait_until(lambda: server.ask("GET", "/readyz").status == 200, "a working page", 180)
    took_s = time.monotonic() - begun
    say(f"power on without the NAS to a working page: {took_s:.0f} s")
    assert took_s < BACK_S
    assert server.shell("echo x >/srv/nas/share/x; ls -A /srv/nas/share; true") == ""
    server.plug_in(LABEL)
    wait_until(lambda: are_well(server), "the copies of what came meanwhile", 180)


def test_14_after_a_jump_of_the_clock_the_certificate_is_good_by_itself(server: Server) -> None:
    """As if the clock had run a year ahead one night: what was made then begins later than now."""
    program = run("sh", "-c", "ls /usr/lib/*/faketime/libfaketime.so.1").strip()
    server.write_bytes("/root/faketime.so", Path(program).read_bytes())
    server.shell(
        "docker run --rm --user 0:10001 --network none --volume /etc/winery/secrets:/secrets"
        " --volume /root/faketime.so:/faketime.so:ro --env LD_PRELOAD=/faketime.so --env FAKETIME=+500d"
        f" winery-appliance:under-test certificate /secrets --name {NAME} --name {server.address}"
    )
    server.run("docker", "restart", "winery-nginx-1")
    assert server.ask("GET", "/readyz").status == 0, "a certificate of next year is none today"
    assert "OnClockChange=yes" in server.run("systemctl", "show", "winery-renew.timer")
    server.run("systemctl", "start", "winery-renew.service")
    wait_until(lambda: server.ask("GET", "/readyz").status == 200, "a good certificate", 60)


def test_15_what_somebody_broke_comes_back_by_the_kit(server: Server) -> None:
    wait_until(lambda: are_well(server), "the copies", 60)
    moment = server.run("date", "--iso-8601=ns").strip().replace(",", ".")
    before = wines(server)
    add_wine(server, "mistake")
    wait_until(lambda: are_well(server), "the copies", 60)
    told = server.try_("winery-appliance", "restore", "/root/kit/kit.txt", "--time", moment)
    assert "holds a winery's book" in told
    assert "mistake" in wines(server)
    server.shell(
        "sed 's/AGE-SECRET-KEY-1../AGE-SECRET-KEY-1QQ/' /root/kit/kit.txt >/root/other-kit.txt"
    )
    told = server.try_("winery-appliance", "restore", "/root/other-kit.txt", "--replace")
    assert "was not touched" in told
    assert "mistake" in wines(server)

    # The power goes while database, secrets and keys change places; the next boot ends it.
    command = "winery-appliance restore /root/kit/kit.txt --replace --time"
    server.shell(f"systemd-run --quiet --unit=restoring {command} {moment}")
    begun = "test -e /var/lib/winery-appliance/exchange.json && echo yes"
    wait_until(lambda: server.try_("sh", "-c", begun).strip() == "yes", "the exchange", 180)
    server.shell("systemctl kill --signal=KILL restoring; docker kill $(docker ps --quiet)")
    assert "Started." in server.run("winery-appliance", "start")
    assert wines(server) == before
    assert "secrets.before-restore" in server.run("ls", "/etc/winery"), "what was here is kept"


def test_16_a_new_server_takes_the_winery_back_from_its_first_page(server: Server) -> None:
    """The server burnt; a new one, the NAS and the kit are there."""
    wait_until(
        lambda: are_well(server) and has_newest_base(server),
        "the copies of the restored winery",
        180,
    )
    before = wines(server)
    authority = server.run("cat", "/etc/winery/secrets/ca_certificate")
    server.shell(
        "docker rm --force $(docker ps --all --quiet) >/dev/null; docker volume rm $(docker volume ls --quiet) >/dev/null;"
        " rm -rf /etc/winery/secrets /opt/winery/current /opt/winery/previous /var/lib/winery-appliance"
    )
    install(server, "--extra-vars", ON_THE_DISK)
    code = re.findall(r"setup code: (\S+)", server.run("winery-appliance", "setup-code"))[-1]
    folder = "/var/lib/docker/volumes/winery_imports/_data/restore"
    begun = time.monotonic()
    with open_page(server) as page:
        page.goto(f"https://{NAME}/setup")
        page.get_by_role("link", name="copies").click()
        page.get_by_label("Setup code").fill(code)
        page.locator("#identity").fill(server.run("cat", "/root/kit/kit.txt"))
        page.get_by_role("button", name="Restore", exact=True).click()
        expect(page.get_by_role("heading", name="The winery comes back")).to_be_visible()
        # Nobody touches it: the page goes on to the restored winery by itself.
        expect(page.get_by_label("Name or e-mail")).to_be_visible(timeout=300_000)
        say(f"from the kit typed on the first page to the winery: {time.monotonic() - begun:.0f} s")
        page.get_by_label("Name or e-mail").fill(OWNER)
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_text("T-before").first).to_be_visible()
    wait_until(
        lambda: '"ended": true' in server.try_("cat", f"{folder}/progress.json"), "the end", 60
    )
    left = f"grep -rl AGE-SECRET-KEY-1 {folder} /var/lib/winery-appliance; true"
    assert server.shell(left) == "", "the key lies nowhere"
    wait_until(lambda: server.ask("GET", "/readyz").status == 200, "the winery", 60)
    assert '"failed": null' in server.try_("cat", f"{folder}/progress.json")
    assert wines(server) == before
    assert server.run("cat", "/etc/winery/secrets/ca_certificate") == authority, (
        "phones trust it still"
    )


def has_newest_base(server: Server) -> bool:
    repository = copies_state(server).get("repository")
    return bool(
        server.try_(
            "sh",
            "-c",
            f"ls /srv/nas/share/v1/sites/torre/repos/{repository}/base/*/manifest.json 2>/dev/null",
        )
    )


def test_17_from_a_laptop_by_ssh_it_is_the_same(server: Server, site: tuple[Engine, Path]) -> None:
    laptop = KEPT / "laptop"
    shutil.rmtree(laptop, ignore_errors=True)
    laptop.mkdir()
    run("tar", "-C", laptop, "--strip-components=1", "-xf", site[1] / "winery-appliance-1.0.0.tar")
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", laptop / "key")
    server.run("install", "-d", "-m", "700", "/root/.ssh")
    server.write("/root/.ssh/authorized_keys", (laptop / "key.pub").read_text())
    text = INVENTORY.format(
        name=NAME, address=server.address, ssh_from=server.address.rpartition(".")[0] + ".0/24"
    )
    remote = f"ansible_host: {server.address}\n      ansible_user: root"
    text = text.replace("ansible_connection: local", remote).replace(
        'winery_nas: ""', f"winery_nas: disk://{LABEL}"
    )
    (laptop / "inventory.yml").write_text(text)
    run(sys.executable, "-m", "venv", "--clear", laptop / "venv")
    pip = (
        laptop / "venv/bin/pip",
        "--disable-pip-version-check",
        "install",
        "--quiet",
        "--no-index",
    )
    run(
        *pip,
        "--find-links",
        laptop / "wheels",
        "--require-hashes",
        "-r",
        laptop / "wheels/ansible.lock",
    )
    command = (
        *("nsenter", f"--net=/proc/{server.engine.process_number}/ns/net"),
        *(laptop / "venv/bin/ansible-playbook", "--private-key", laptop / "key"),
        *("--inventory", laptop / "inventory.yml", laptop / "ansible/site.yml"),
    )
    surroundings = os.environ | {
        "ANSIBLE_CONFIG": str(laptop / "ansible/ansible.cfg"),
        "ANSIBLE_HOST_KEY_CHECKING": "false",
    }
    told = run(*command, env=surroundings, timeout_s=1200)
    assert "unreachable=0    failed=0" in told
    told = run(*command, env=surroundings, timeout_s=1200)
    assert count_changes(told) == 0, told
    assert wines(server)
