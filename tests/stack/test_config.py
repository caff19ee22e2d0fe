"""What the server is told by files, judged by the programs that know such files: playbook, Dockerfile, Compose.

Only by `./scripts/test-system config`, which installs those programs.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.stack.engine import run
from tests.stack.machine import ROOT, find_compose_program, prepare_machine

PROGRAMS = ROOT / "build" / "appliance-lint"
PROFILES = "backup,offsite,instruments,devices,monitoring,setup"
ENDING = {"migrate", "static", "secrets", "certificate"}  # they do one thing and end


@pytest.fixture(scope="session", autouse=True)
def programs() -> Path:
    """Ansible with its linter, and hadolint, by the lock, in a place of their own."""
    lock, made_from = ROOT / "requirements/ansible-lint.lock", PROGRAMS / "made-from"
    if not made_from.is_file() or made_from.read_bytes() != lock.read_bytes():
        run(sys.executable, "-m", "venv", "--clear", PROGRAMS)
        pip = (PROGRAMS / "bin/pip", "--disable-pip-version-check", "install", "--quiet")
        run(*pip, "--require-hashes", "-r", lock)
        made_from.write_bytes(lock.read_bytes())
    return PROGRAMS / "bin"


def test_the_playbook_keeps_ansible_lints_production_profile(programs: Path) -> None:
    surroundings = os.environ | {"PATH": f"{programs}:{os.environ['PATH']}"}
    command = ("--offline", "--strict", "--profile=production", "site.yml")
    run(programs / "ansible-lint", *command, cwd=ROOT / "ansible", env=surroundings)


@pytest.mark.parametrize("file", ["Dockerfile", "tests/stack/stand_ins/postgres/Dockerfile"])
def test_hadolint_finds_nothing_in_a_dockerfile(programs: Path, file: str) -> None:
    run(programs / "hadolint", ROOT / file)


@pytest.fixture(scope="session")
def services() -> dict[str, dict[str, Any]]:
    """All services as Compose understands them."""
    prepare_machine()
    surroundings = os.environ | {"COMPOSE_PROFILES": PROFILES}
    told = run(
        *(find_compose_program(), "--file", ROOT / "compose.yaml", "config", "--format", "json"),
        env=surroundings,
    )
    found: dict[str, dict[str, Any]] = json.loads(told)["services"]
    return found


def test_every_container_is_bounded_and_may_do_little(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert int(service["mem_limit"]) > 0, name
        assert service["pids_limit"] > 0, name
        assert service["logging"]["driver"] == "local", name
        assert not service.get("privileged"), name
        if name not in ENDING:
            assert service["restart"] == "unless-stopped", name
            assert service["healthcheck"]["test"], name


def test_only_nginx_and_grafana_are_published_and_only_the_copies_see_the_nas(
    services: dict[str, dict[str, Any]],
) -> None:
    assert {name for name, service in services.items() if service.get("ports")} == {
        "nginx",
        "grafana",
    }
    binds = {
        name
        for name, service in services.items()
        for volume in service.get("volumes", [])
        if volume["target"] in {"/nas", "/instruments"}
    }
    assert binds == {"backup", "sync", "mover"}


def test_every_image_can_be_another_one() -> None:
    kinds = ("", "POSTGRES_", "NGINX_", "PROMETHEUS_", "ALERTMANAGER_", "GRAFANA_")
    names = [f"WINERY_{kind}IMAGE" for kind in kinds]
    others = {name: f"other/{name.lower()}:1" for name in names}
    told = run(
        *(find_compose_program(), "--file", ROOT / "compose.yaml", "config", "--format", "json"),
        env=os.environ | {"COMPOSE_PROFILES": PROFILES} | others,
    )
    images = {service["image"] for service in json.loads(told)["services"].values()}
    assert images == set(others.values())
