"""The manifests for Kubernetes are valid, and run what compose.yaml runs, as closely shut in."""

import re
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from winery_appliance.core.settings import find_unknown_variables, read_settings

ROOT = Path(__file__).parent.parent.parent
FOLDER = ROOT / "kubernetes" / "base"
EXAMPLE = FOLDER.parent / "example"
RELEASES = ("1.30", "1.37")
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))["services"]
# By the name here: what it is there. Nothing else of ours runs on a cluster: the database, its copies, the front door and
# what listens in the winery's own network are not the cluster's.
PARTS = {"web": "app1", "worker": "worker", "scheduler": "scheduler", "migrate": "migrate"}
ELSEWHERE = {"db", "app2", "backup", "sync", "ingest", "mover", "static", "nginx"}
ELSEWHERE |= {"secrets", "certificate", "prometheus", "alertmanager", "grafana", "node-exporter"}
# What a process is told on one machine only: of the copies and the certificate, which are not there, and of the network.
ONE_MACHINE = {"WINERY_METRICS_FROM", "WINERY_CERTIFICATE", "WINERY_COPIES", "WINERY_OFFSITE"}
ONE_MACHINE |= {"WINERY_ERROR_DSN"}
NODES_ONLY = {"WINERY_READ_DATABASE_URL"}
FRONT_DOOR = {"tls_certificate", "ca_certificate"}


def _read(path: Path) -> list[dict[str, Any]]:
    return [found for found in yaml.safe_load_all(path.read_text("utf-8")) if found]


def _list_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.yaml") if path.name != "kustomization.yaml")


MANIFESTS = [
    (path, found)
    for folder in (FOLDER, EXAMPLE)
    for path in _list_files(folder)
    for found in _read(path)
]


def _find_pod(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The part's pod, and the container in it."""
    found = [
        manifest
        for _, manifest in MANIFESTS
        if manifest["kind"] in {"Deployment", "Job"}
        and manifest["metadata"]["name"] == f"winery-{name}"
    ]
    pod = found[0]["spec"]["template"]["spec"]
    assert len(pod["containers"]) == 1
    return pod, pod["containers"][0]


def _read_environment(container: dict[str, Any]) -> dict[str, str]:
    settings = _read(FOLDER / "settings.yaml")[0]["data"]

    def read(variable: dict[str, Any]) -> str:
        if "value" in variable:
            return str(variable["value"])
        return str(settings[variable["valueFrom"]["configMapKeyRef"]["key"]])

    return {variable["name"]: read(variable) for variable in container["env"]}


def _list_secrets(pod: dict[str, Any]) -> set[str]:
    volume = next(volume for volume in pod["volumes"] if volume["name"] == "secrets")
    assert volume["secret"]["defaultMode"] == 0o440
    assert all(item["key"] == item["path"] for item in volume["secret"]["items"])
    return {item["key"] for item in volume["secret"]["items"]}


def _read_seconds(text: str) -> int:
    return int(text.removesuffix("s"))


@pytest.mark.parametrize(
    ("path", "manifest"),
    MANIFESTS,
    ids=[f"{path.name}-{found['kind']}" for path, found in MANIFESTS],
)
def test_a_manifest_is_what_the_cluster_takes(path: Path, manifest: dict[str, Any]) -> None:
    assert path.exists()
    for release in RELEASES:
        kubernetes_validate.validate(manifest, release, strict=True)


def test_a_manifest_with_a_wrong_word_would_be_found() -> None:
    manifest = _read(FOLDER / "scheduler.yaml")[0]
    manifest["spec"]["template"]["spec"]["containers"][0]["livenesProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(manifest, RELEASES[0], strict=True)


@pytest.mark.parametrize("folder", [FOLDER, EXAMPLE], ids=["base", "example"])
def test_every_manifest_of_a_folder_is_applied(folder: Path) -> None:
    named = _read(folder / "kustomization.yaml")[0]
    assert {"apiVersion", "kind", "resources"} <= set(named)
    files = {name for name in named["resources"] if name.endswith(".yaml")}
    assert files == {path.name for path in _list_files(folder)}
    known = {"apiVersion", "kind", "namespace", "resources", "images", "patches"}
    assert set(named) <= known


def test_every_service_of_ours_runs_here_or_is_known_not_to() -> None:
    assert set(COMPOSE) <= set(PARTS.values()) | ELSEWHERE


@pytest.mark.parametrize("name", PARTS)
def test_a_part_is_started_with_the_same_words(name: str) -> None:
    service, (_, container) = COMPOSE[PARTS[name]], _find_pod(name)
    assert container["args"] == service["command"]
    assert "command" not in container  # the image's own program
    assert container["image"] in service["image"]


@pytest.mark.parametrize("name", PARTS)
def test_a_part_is_told_the_same_things(name: str) -> None:
    service, (_, container) = COMPOSE[PARTS[name]], _find_pod(name)
    here, there = _read_environment(container), service["environment"]
    assert set(here) - NODES_ONLY == set(there) - ONE_MACHINE
    for variable in set(here) & set(there) - {"WINERY_TRUSTED_PROXY"}:
        assert here[variable] == there[variable], variable
    assert find_unknown_variables(here) == []
    read_settings(here)


@pytest.mark.parametrize("name", PARTS)
def test_a_part_holds_the_secrets_it_reads_and_no_other(name: str) -> None:
    service, (pod, container) = COMPOSE[PARTS[name]], _find_pod(name)
    assert _list_secrets(pod) == set(service["secrets"]) - FRONT_DOOR
    mount = next(mount for mount in container["volumeMounts"] if mount["name"] == "secrets")
    assert mount["mountPath"] == service["environment"]["WINERY_SECRETS"]
    assert mount["readOnly"]


@pytest.mark.parametrize("name", PARTS)
def test_a_part_is_shut_in_as_closely(name: str) -> None:
    service, (pod, container) = COMPOSE[PARTS[name]], _find_pod(name)
    number = re.search(r"^USER (\d+):(\d+)$", (ROOT / "Dockerfile").read_text("utf-8"), re.M)
    assert number
    shut, inside = container["securityContext"], pod["securityContext"]
    assert (str(inside["runAsUser"]), str(inside["runAsGroup"])) == number.groups()
    assert inside["runAsNonRoot"]
    assert inside["seccompProfile"] == {"type": "RuntimeDefault"}
    assert shut["readOnlyRootFilesystem"] is service["read_only"] is True
    assert shut["capabilities"]["drop"] == service["cap_drop"] == ["ALL"]
    assert shut["allowPrivilegeEscalation"] is False
    assert "no-new-privileges:true" in service["security_opt"]
    assert pod["automountServiceAccountToken"] is False
    # Else the cluster would set WINERY_WEB_PORT and the like for every Service.
    assert pod["enableServiceLinks"] is False
    limit = container["resources"]["limits"]["memory"]
    assert limit == service["mem_limit"].replace("m", "Mi")
    tmp = next(volume for volume in pod["volumes"] if volume["name"] == "tmp")["emptyDir"]
    assert f"size={tmp['sizeLimit'].replace('Mi', 'm')}" in service["tmpfs"][0]


@pytest.mark.parametrize("name", ["web", "worker"])
def test_web_and_worker_share_the_files_of_imports(name: str) -> None:
    service, (pod, container) = COMPOSE[PARTS[name]], _find_pod(name)
    mount = next(mount for mount in container["volumeMounts"] if mount["name"] == "imports")
    assert f"imports:{mount['mountPath']}" in service["volumes"]
    volume = next(volume for volume in pod["volumes"] if volume["name"] == "imports")
    claim = _read(FOLDER / "imports.yaml")[0]
    assert volume["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]


@pytest.mark.parametrize("name", ["web", "worker", "scheduler"])
def test_a_part_is_given_as_long_to_end(name: str) -> None:
    service, (pod, _) = COMPOSE[PARTS[name]], _find_pod(name)
    assert pod["terminationGracePeriodSeconds"] >= _read_seconds(service["stop_grace_period"])


@pytest.mark.parametrize("name", ["worker", "scheduler"])
def test_life_is_told_by_the_same_file(name: str) -> None:
    service, (_, container) = COMPOSE[PARTS[name]], _find_pod(name)
    asked = container["livenessProbe"]["exec"]["command"]
    assert asked == ["sh", "-c", service["healthcheck"]["test"][1].replace("$$", "$")]
    assert _read_environment(container)["WINERY_HEARTBEAT"] in asked[-1]


def test_the_queue_is_ended_by_the_signal_that_lets_it_finish() -> None:
    _, container = _find_pod("worker")
    assert COMPOSE["worker"]["stop_signal"] == "SIGINT"
    assert "kill -INT 1" in container["lifecycle"]["preStop"]["exec"]["command"][-1]


def test_a_request_finds_its_way_to_the_web_process() -> None:
    _, container = _find_pod("web")
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    exposed = re.search(r"^EXPOSE (\d+)$", (ROOT / "Dockerfile").read_text("utf-8"), re.M)
    assert exposed
    assert ports == {"http": int(exposed[1])}
    by_kind = {(m["kind"], m["metadata"]["name"]): m["spec"] for _, m in MANIFESTS if "spec" in m}
    service = by_kind["Service", "winery-web"]
    assert service["ports"][0]["targetPort"] in ports
    deployment = by_kind["Deployment", "winery-web"]
    labels = deployment["template"]["metadata"]["labels"]
    assert service["selector"] == deployment["selector"]["matchLabels"] == labels
    assert deployment["replicas"] == 2
    backend = by_kind["Ingress", "winery"]["rules"][0]["http"]["paths"][0]["backend"]["service"]
    assert backend == {"name": "winery-web", "port": {"name": service["ports"][0]["name"]}}
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert container[probe]["httpGet"]["port"] in ports
    assert "/healthz" in COMPOSE["app1"]["healthcheck"]["test"][-1]
    assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz?of=web"


def test_there_is_one_scheduler_and_no_second_while_it_is_replaced() -> None:
    found = _read(FOLDER / "scheduler.yaml")[0]["spec"]
    assert (found["replicas"], found["strategy"]) == (1, {"type": "Recreate"})
