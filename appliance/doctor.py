"""How the installed appliance is: what `status` shows and what `doctor` finds, each finding with what to do."""

import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from appliance.acme import read_trouble
from appliance.compose import Compose
from appliance.findings import Finding, Level, judge
from appliance.journal import Journal
from appliance.layout import Layout
from appliance.preflight import is_mounted
from appliance.probe import ask, probe, read_front
from appliance.programs import succeeds
from appliance.refusals import Failed, Refused

DISK_FREE = (
    0.10  # of the disk; below it PostgreSQL's log and the copies before updates have little room
)
CERTIFICATE_DAYS = ((7, Level.FAIL), (14, Level.WARN), (30, Level.WARN))
ONCE = ("migrate", "static")  # they end by themselves


def examine(layout: Layout) -> Iterator[Finding]:
    """Every finding."""
    release = layout.current()
    if release is None:
        yield Finding("release", Level.FAIL, "none is installed.", "Run ./install from a bundle.")
        return
    yield Finding("release", Level.PASS, f"{release.version}.")
    yield from _look_at_update(layout)
    yield from _look_at_services(layout, Compose(layout, release))
    yield _look_at_front(layout)
    yield _look_at_certificate(layout)
    trouble = read_trouble(layout)
    if trouble is not None:
        yield Finding(
            "certificate",
            Level.WARN,
            f"the last try to have it made or renewed by ACME failed: {trouble}.",
            "It is tried again each night. Look at the line to the internet and at winery_acme_* in the vault.",
        )
    yield _look_at_disk(layout)
    yield _look_at_clock()
    yield from _look_at_nas(layout)


def _look_at_update(layout: Layout) -> Iterator[Finding]:
    journal = Journal(layout)
    entry = journal.read()
    if entry is not None:
        yield Finding(
            "update",
            Level.FAIL,
            f"one to {entry.after} was cut off, or is under way.",
            "If nobody is updating: `winery-appliance start` ends it.",
        )
    outcomes = journal.outcomes()
    if outcomes and outcomes[-1]["outcome"] != "done":
        last = outcomes[-1]
        yield Finding(
            "update",
            Level.WARN,
            f"the last one, to {last['after']}, was not kept: {last['outcome']}.",
            "Send the support bundle to the maker; what runs is sound.",
        )


def _look_at_services(layout: Layout, compose: Compose) -> Iterator[Finding]:
    try:
        wanted, containers = compose.services(), compose.containers()
    except Failed as error:
        yield Finding(
            "docker",
            Level.FAIL,
            f"it does not answer ({error}).",
            "`systemctl status docker` says why.",
        )
        return
    for service in wanted:
        if service in ONCE:
            continue
        facts = containers.get(service)
        state: dict[str, Any] = facts["State"] if facts else {"Status": "missing"}
        health = state.get("Health", {}).get("Status", state["Status"])
        yield judge(
            service,
            health in {"healthy", "running", "starting"},
            f"{health}.",
            f"`winery-appliance logs {service}` says why; `winery-appliance start` starts what is missing.",
        )


def _look_at_front(layout: Layout) -> Finding:
    try:
        probe(read_front(layout), patience_s=5.0)
    except (Failed, Refused, KeyError) as error:
        return Finding(
            "pages", Level.FAIL, f"{error}.", "The services above say which part is missing."
        )
    return Finding("pages", Level.PASS, "answered through nginx, by a certificate that holds.")


def days_left(certificate: Path) -> int | None:
    """Days until a certificate ends; None when there is none that can be read."""
    done = subprocess.run(
        ["openssl", "x509", "-noout", "-enddate", "-in", str(certificate)],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    if done.returncode != 0:
        return None
    ends = ssl.cert_time_to_seconds(done.stdout.strip().removeprefix("notAfter="))
    return int((ends - time.time()) // 86400)


def judge_certificate(days: int | None) -> Finding:
    """What the days that are left mean: a word at 30 and 14, red at 7."""
    if days is None:
        return Finding("certificate", Level.FAIL, "it cannot be read.", "Run the playbook again.")
    sentence = f"it holds for {days} more days." if days >= 0 else "it has ended."
    advice = "Run `winery-appliance renew`; a certificate of your own: put the new one into the vault and run the playbook."
    for limit, level in CERTIFICATE_DAYS:
        if days <= limit:
            return Finding("certificate", level, sentence, advice)
    return Finding("certificate", Level.PASS, sentence)


def _look_at_certificate(layout: Layout) -> Finding:
    return judge_certificate(days_left(layout.secrets / "tls_certificate"))


def _look_at_disk(layout: Layout) -> Finding:
    usage = shutil.disk_usage(layout.home)
    return judge(
        "disk",
        usage.free >= usage.total * DISK_FREE,
        f"{usage.free / 1e9:.0f} of {usage.total / 1e9:.0f} GB are free.",
        "`docker image prune` removes old images, `journalctl --vacuum-size=200M` old logs.",
    )


def _look_at_clock() -> Finding:
    try:
        told = subprocess.run(
            ["timedatectl", "show", "--property=NTPSynchronized", "--value"],
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        ).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        told = ""
    return judge(
        "clock",
        told == "yes",
        "synchronised." if told == "yes" else "not synchronised by a time server.",
        "Name one of the house with `winery_time_servers` and run the playbook; until then look that `date` is right.",
        only_warn=True,
    )


def _look_at_nas(layout: Layout) -> Iterator[Finding]:
    settings = layout.read_settings()
    folder = settings.get("WINERY_NAS_DIR")
    if "backup" not in settings.get("COMPOSE_PROFILES", "") or not folder:
        yield Finding(
            "copies",
            Level.WARN,
            "no NAS is named, so nothing is copied off this server.",
            "Name one with `winery_nas` in the inventory and run the playbook.",
        )
        return
    share = Path(folder, settings.get("WINERY_NAS_SHARE", ""))
    # Asking for what is in it mounts it; a NAS that is away gives an error within half a minute.
    is_here = succeeds("ls", share, timeout_s=45) and is_mounted(share)
    yield judge(
        "NAS",
        is_here,
        f"{share} is {'mounted' if is_here else 'away'}.",
        "Records wait on this server meanwhile. `systemctl status srv-nas-share.mount` says why.",
        only_warn=True,
    )


def is_ready(layout: Layout) -> bool:
    """Whether a client gets 200 from /readyz through nginx."""
    try:
        return ask(read_front(layout), "/readyz") == 200
    except Exception:  # noqa: BLE001 - whatever is in the way, it is not ready
        return False
