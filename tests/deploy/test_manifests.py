"""Dockerfile, compose and Kubernetes: against their schemas, each other and the site."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.deploy.conftest import DEPLOY
from tests.deploy.test_systemd import unit
from tests.servers import BASE_DIR

BIN = Path(sys.executable).parent
KUBERNETES = sorted(DEPLOY.glob("kubernetes/*.yaml"))
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose/compose.yaml").read_text())
# Of PostgreSQL's image, libraries and the shell; POD_IP is made and used in one manifest.
OTHERS = {
    *("POSTGRES_USER", "POSTGRES_PASSWORD", "POD_IP", "PATH", "HOME", "MPLCONFIGDIR"),
    *("PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE"),
}


def objects() -> dict[str, Any]:
    found = (yaml.safe_load(path.read_text()) for path in KUBERNETES)
    return {each["kind"]: each for each in found}


def pod() -> Any:
    return objects()["Deployment"]["spec"]["template"]["spec"]


def run(*command: str) -> tuple[int, str]:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


def test_compose_is_what_its_specification_says() -> None:
    schema = ["--builtin-schema", "vendor.compose-spec"]
    status, output = run(f"{BIN}/check-jsonschema", *schema, str(DEPLOY / "compose/compose.yaml"))
    assert status == 0, output


@pytest.mark.parametrize("path", KUBERNETES, ids=lambda path: path.name)
def test_manifests_are_what_kubernetes_says(path: Path) -> None:
    manifest = yaml.safe_load(path.read_text())
    if manifest["kind"] == "Kustomization":
        return
    kubernetes_validate.validate(manifest, kubernetes_validate.latest_version(), strict=True)


def test_kustomize_knows_all_manifests_but_the_secret_and_the_job() -> None:
    apart = {"kustomization.yaml", "secret.example.yaml", "migrate.yaml"}
    resources = objects()["Kustomization"]["resources"]
    assert set(resources) == {path.name for path in KUBERNETES} - apart


def test_the_dockerfile_has_no_bad_habits() -> None:
    status, output = run(f"{BIN}/hadolint", str(DEPLOY / "Dockerfile"))
    assert status == 0, output


def test_the_image_gets_what_the_site_needs_and_nothing_else() -> None:
    rules = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    taken = {rule[1:] for rule in rules if rule.startswith("!")}
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=BASE_DIR, capture_output=True, text=True, check=True
    ).stdout.split()
    top = {name.partition("/")[0] for name in tracked if not name.startswith(".")}
    without = {"tests", "benchmarks", "deploy", "Makefile", "README.md", "pyproject.toml"}
    assert top - taken == (without | {"examples", "requirements-dev.txt"}) & top
    # In a working copy, though not in version control.
    assert not {"db.sqlite3", ".env", "data", "staticfiles", ".venv"} & taken
    assert "USER 10001" in (DEPLOY / "Dockerfile").read_text()


# One table of names ------------------------------------------------------------------------


def names() -> Iterator[tuple[str, str]]:
    """Every variable of an environment in deploy/, and where it is."""
    for path in sorted(path for path in DEPLOY.rglob("*") if path.is_file()):
        text, place = path.read_text(), str(path.relative_to(DEPLOY))
        found = []
        if path.suffix == ".example":
            found = re.findall(r"^#?([A-Z][A-Z0-9_]+)=", text, re.M)
        elif path.suffix == ".service":
            lines = re.findall(r"^Environment=(.*)", text, re.M)
            found = [word.partition("=")[0] for line in lines for word in line.split()]
        elif path.name == "Dockerfile":
            found = re.findall(r"\b([A-Z][A-Z0-9_]+)=", text)
        elif path.suffix == ".sh":
            found = re.findall(r"\$\{([A-Z][A-Z0-9_]+):\?", text)
        yield from ((name, place) for name in found)
        # In words: what a comment advises has to exist as well.
        prefixes = "DJANGO|GRADIO_UI|GRADIOSESSION|SESSION|ACCOUNTS"
        yield from ((name, place) for name in re.findall(rf"\b(?:{prefixes})_[A-Z_]+\b", text))
    yield from ((name, "compose") for name in COMPOSE["x-site"]["environment"])
    for service in COMPOSE["services"].values():
        yield from ((name, "compose") for name in service.get("environment", {}))
    found_objects = objects()
    yield from ((name, "ConfigMap") for name in found_objects["ConfigMap"]["data"])
    yield from ((name, "Secret") for name in found_objects["Secret"]["stringData"])
    yield from ((each["name"], "Deployment") for each in pod()["containers"][0]["env"])


def test_every_variable_is_one_that_the_site_reads(settings_read: set[str]) -> None:
    found = set(names())
    assert len(found) > 40
    assert [each for each in sorted(found) if each[0] not in settings_read | OTHERS] == []


# Stopping ----------------------------------------------------------------------------------


def seconds(text: str) -> float:
    return float(text.removesuffix("s"))


def test_nobody_kills_a_process_that_lets_its_events_finish() -> None:
    code = "from django.conf import settings; print(settings.GRADIO_UI_DRAIN_LIMIT)"
    env = {"DJANGO_SETTINGS_MODULE": "gradiosession.settings", "DJANGO_DEBUG": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=BASE_DIR,
        env=env | {"REDIS_URL": "redis://localhost", "DJANGO_ENV_FILE": "/dev/null"},
        capture_output=True,
        text=True,
        check=True,
    )
    needed = float(done.stdout) + 10
    assert seconds(unit("gradiosession@.service")["Service"]["TimeoutStopSec"]) >= needed
    assert seconds(COMPOSE["services"]["app"]["stop_grace_period"]) >= needed
    command = pod()["containers"][0]["lifecycle"]["preStop"]["exec"]["command"]
    pause = float(command[-1])
    assert pod()["terminationGracePeriodSeconds"] >= needed + pause


# Reach -------------------------------------------------------------------------------------


def test_only_nginx_is_published_and_the_stores_are_apart() -> None:
    services = COMPOSE["services"]
    assert [name for name, service in services.items() if "ports" in service] == ["nginx"]
    assert COMPOSE["networks"]["back"]["internal"]
    assert services["redis"]["networks"] == services["postgres"]["networks"] == ["back"]
    assert services["nginx"]["networks"] == ["front"]


def test_the_private_port_has_no_service_and_is_closed_to_others() -> None:
    found = objects()
    ports = {port["name"]: port["containerPort"] for port in pod()["containers"][0]["ports"]}
    address = next(e for e in pod()["containers"][0]["env"] if e["name"].endswith("ADDRESS"))
    assert address["value"] == f"tcp://$(POD_IP):{ports['cluster']}"
    assert [port["targetPort"] for port in found["Service"]["spec"]["ports"]] == ["http"]
    for rule in found["NetworkPolicy"]["spec"]["ingress"]:
        assert "from" in rule or rule["ports"] == [{"port": "http"}]


def test_probes_ask_for_pages_that_exist() -> None:
    from gradiosession.health import _PAGES

    container = pod()["containers"][0]
    asked = {kind: container[f"{kind}Probe"]["httpGet"]["path"] for kind in ("liveness", "startup")}
    assert set(asked.values()) == {"/health/live"}
    assert container["readinessProbe"]["httpGet"]["path"] == "/health/ready"
    assert set(_PAGES) == {"/health/live", "/health/ready"}


def test_labels_find_the_pods() -> None:
    found = objects()
    labels = found["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert found["Deployment"]["spec"]["selector"]["matchLabels"] == labels
    assert found["Service"]["spec"]["selector"] == labels
    assert found["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == labels
    assert found["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"] == labels
    target = found["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]
    assert (target["kind"], target["name"]) == ("Deployment", "gradiosession")
