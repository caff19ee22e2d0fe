"""From one release's containers to another's, while people work: one web process is drained and replaced, then the next."""

import time
from collections.abc import Callable
from typing import Any

from appliance.compose import UP_S, Compose, docker
from appliance.refusals import Failed

WEB = ("app1", "app2")
DRAIN_S = 90.0  # a year as CSV may be under way; nginx itself gives an answer 60 s
Say = Callable[[str], None]


def swap(compose: Compose, say: Say) -> None:
    """Let `compose`'s release run, without a request failing. Raises Failed; then any mixture of both may run."""
    containers = compose.containers()
    if "nginx" in containers and containers["nginx"]["State"]["Running"]:
        compose.run("up", "--no-deps", "--no-build", "static")  # new pages find their new style
        for service in WEB:
            if is_as_wanted(compose, containers.get(service), service):
                continue
            say(f"{service}: draining")
            _direct(compose, drained=service)
            say(f"{service}: replacing")
            # With what it depends on: left out of account, Compose would take the container for another one later on.
            compose.run("up", "--detach", "--no-build", service, timeout_s=UP_S)
            await_health(compose, service)
        _direct(compose, drained=None)
    else:
        compose.lay_out()
    say("everything else: replacing")
    compose.up()


def is_as_wanted(compose: Compose, facts: dict[str, Any] | None, service: str) -> bool:
    """Whether a running container is of the image and settings that the release asks for."""
    if facts is None or not facts["State"].get("Running"):
        return False
    wanted = compose.run("config", "--hash", service).split()[-1]
    image = docker("image", "inspect", "--format", "{{.Id}}", compose.images()["WINERY_IMAGE"])
    return bool(
        facts["Config"]["Labels"]["com.docker.compose.config-hash"] == wanted
        and facts["Image"] == image.strip()
    )


def _direct(compose: Compose, drained: str | None) -> None:
    """Have nginx send new requests past `drained`, and wait until it has no old ones left."""
    compose.lay_out(drained)
    nginx = compose.containers()["nginx"]["Id"]
    docker("exec", nginx, "nginx", "-t", "-c", "/etc/winery/nginx/nginx.conf")
    before = _workers(nginx)
    docker("kill", "--signal=HUP", nginx)
    end = time.monotonic() + DRAIN_S
    while before & _workers(nginx):
        if time.monotonic() > end:
            return  # what is still being answered now, nobody waits for any more
        time.sleep(0.2)


def _workers(container: str) -> set[str]:
    """The numbers of nginx's workers, by which its old ones are known from its new ones."""
    rows = docker("top", container, "-eo", "pid,args").splitlines()[1:]
    return {row.split()[0] for row in rows if "nginx: worker process" in row}


def await_health(compose: Compose, service: str) -> None:
    """Return when a service is healthy. Raises Failed when it does not get so far."""
    end = time.monotonic() + UP_S
    while True:
        facts = compose.containers().get(service)
        state = facts["State"] if facts else {}
        health = state.get("Health", {}).get("Status")
        if health == "healthy":
            return
        if health == "unhealthy" or state.get("Status") == "exited" or _restarts(facts) > 2:
            raise Failed(f"{service} of the new release does not come up")
        if time.monotonic() > end:
            raise Failed(f"{service} was not healthy within {UP_S} s")
        time.sleep(0.5)


def _restarts(facts: dict[str, Any] | None) -> int:
    return int(facts["RestartCount"]) if facts else 0
