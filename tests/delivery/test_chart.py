"""The chart renders objects that fit together, and pods that the settings accept."""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from agents.pages import add_pages
from app.settings import Settings, load_settings
from tests.delivery.chart import CHART, Document, environment, of_kind, pods, render, template

VALUES = sorted((CHART / "ci").glob("*-values.yaml"))

# Set by the chart itself, or given by reference to a Secret.
CHART_SETS = {
    *("instance", "data_dir", "web_host", "web_port", "sasl_username", "sasl_password"),
    *("ssl_ca_location", "ssl_certificate_location", "ssl_key_location"),
}

REFUSED = {
    "no brokers": ([], "settings.bootstrap is needed"),
    "a misspelt setting": (["settings.bootstrp=k:1"], "bootstrp"),
    "a setting that the chart sets": (["settings.web_port=9"], "web_port"),
    "a password in the values": (["settings.sasl_password=x"], "sasl_password"),
    "a value that nobody reads": (["workers.replicas=2"], "workers"),
    "a number as text": (["worker.replicas=many"], "replicas"),
    "a resource that is no quantity": (["worker.resources.limits.memory=lots"], "memory"),
    "a broken schedule": (["recluster.schedule=hourly"], "schedule"),
    "SASL without its secret": (
        ["settings.bootstrap=k:1", "settings.security_protocol=SASL_SSL"],
        "sasl.existingSecret is needed",
    ),
}


@pytest.fixture(params=VALUES, ids=[path.stem for path in VALUES])
def documents(request: pytest.FixtureRequest) -> list[Document]:
    return render("--values", str(request.param))


@pytest.fixture
def full() -> list[Document]:
    return render("--values", str(CHART / "ci/full-values.yaml"))


def selects(selector: dict[str, str], labels: dict[str, str]) -> bool:
    return selector.items() <= labels.items()


def test_the_values_offer_exactly_the_settings_that_exist() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    offered = set(schema["properties"]["settings"]["propertyNames"]["enum"])
    assert offered == set(Settings.model_fields) - CHART_SETS, (
        "list each setting in helm/values.schema.json, or in CHART_SETS here if the chart itself sets it"
    )


def test_objects_are_named_once_and_validly(documents: list[Document]) -> None:
    names = [(document["kind"], document["metadata"]["name"]) for document in documents]
    assert len(names) == len(set(names))
    for document in documents:
        assert document["apiVersion"]
        # A CronJob appends 11 characters to its name and may have 63.
        assert re.fullmatch(r"[a-z]([-a-z0-9]{0,50}[a-z0-9])?", document["metadata"]["name"])
        assert document["metadata"]["labels"]["app.kubernetes.io/instance"] == "sluice"


def test_secrets_are_only_referred_to(full: list[Document]) -> None:
    assert not of_kind(full, "Secret")
    settings = of_kind(full, "ConfigMap")[0]["data"]
    assert not [name for name in settings if "PASSWORD" in name or "USERNAME" in name]


def test_selectors_find_the_workers_and_nothing_else(full: list[Document]) -> None:
    (worker,) = of_kind(full, "StatefulSet")
    (job,) = of_kind(full, "CronJob")
    (service,) = of_kind(full, "Service")
    of_worker = worker["spec"]["template"]["metadata"]["labels"]
    of_job = job["spec"]["jobTemplate"]["spec"]["template"]["metadata"]["labels"]
    for selector in (
        worker["spec"]["selector"]["matchLabels"],
        service["spec"]["selector"],
        of_kind(full, "PodDisruptionBudget")[0]["spec"]["selector"]["matchLabels"],
    ):
        assert selects(selector, of_worker)
        assert not selects(selector, of_job)
    both = of_kind(full, "NetworkPolicy")[0]["spec"]["podSelector"]["matchLabels"]
    assert selects(both, of_worker)
    assert selects(both, of_job)
    monitored = of_kind(full, "ServiceMonitor")[0]["spec"]["selector"]["matchLabels"]
    assert selects(monitored, service["metadata"]["labels"])
    assert worker["spec"]["serviceName"] == service["metadata"]["name"]


def test_the_settings_accept_every_pod(documents: list[Document], monkeypatch: pytest.MonkeyPatch) -> None:
    for number, pod in enumerate(pods(documents)):
        for name in [name for name in os.environ if name.startswith("SLUICE_")]:
            monkeypatch.delenv(name)
        for name, value in environment(documents, pod, f"sluice-{number}").items():
            monkeypatch.setenv(name, value)
        settings = load_settings()
        assert settings.bootstrap
        assert settings.encoder_threads > 0


def test_the_worker_is_told_who_and_where_it_is(
    full: list[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = next(pods(full))
    for name, value in environment(full, worker, "sluice-tickets-3").items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    assert settings.instance == "support.sluice-tickets-3"
    assert (settings.web_host, settings.web_port) == ("0.0.0.0", 8080)
    assert settings.max_record_bytes == 2_000_000
    assert settings.escalate_priorities == ("p0", "outage", "紧急")
    assert settings.encoder_provider == "cuda"
    assert settings.ssl_ca_location == Path("/etc/sluice/tls/ca.crt")


def test_probes_ask_for_pages_that_exist(documents: list[Document]) -> None:
    pages = Pages()
    add_pages(pages, CollectorRegistry(), dict)
    (worker,) = of_kind(documents, "StatefulSet")
    (container,) = worker["spec"]["template"]["spec"]["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    asked = {kind: container[kind]["httpGet"] for kind in ("startupProbe", "livenessProbe", "readinessProbe")}
    assert {probe["path"] for probe in asked.values()} <= pages.paths
    assert asked["readinessProbe"]["path"] != asked["livenessProbe"]["path"]
    assert {ports[probe["port"]] for probe in asked.values()} == {8080}
    for monitor in of_kind(documents, "ServiceMonitor"):
        assert {endpoint["path"] for endpoint in monitor["spec"]["endpoints"]} <= pages.paths


class Pages:
    """Notes the paths that are put on an app."""

    def __init__(self) -> None:
        self.paths: set[str] = set()

    def page(self, path: str, **_: Any) -> Any:
        self.paths.add(path)
        return lambda view: view


def test_pods_may_do_little(documents: list[Document]) -> None:
    for pod in pods(documents):
        spec = pod["spec"]
        (container,) = spec["containers"]
        assert spec["enableServiceLinks"] is False
        assert spec["automountServiceAccountToken"] is False
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert set(container["resources"]) == {"requests", "limits"}


def test_what_is_written_lands_on_a_volume(documents: list[Document]) -> None:
    data = of_kind(documents, "ConfigMap")[0]["data"]
    for pod in pods(documents):
        (container,) = pod["spec"]["containers"]
        volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
        mounts = {mount["mountPath"]: mount for mount in container["volumeMounts"]}
        assert {mount["name"] for mount in mounts.values()} == set(volumes)
        for path in (data["SLUICE_DATA_DIR"], "/tmp"):
            assert "emptyDir" in volumes[mounts[path]["name"]]
        for name, value in data.items():
            if name.startswith("SLUICE_SSL_"):
                assert str(Path(value).parent) in mounts


def test_the_gpu_is_asked_for_by_the_worker_alone(full: list[Document]) -> None:
    worker, job = (pod["spec"]["containers"][0] for pod in pods(full))
    assert worker["resources"]["limits"]["nvidia.com/gpu"] == 1
    assert worker["image"].endswith("-cuda")
    assert "nvidia.com/gpu" not in job["resources"]["limits"]


def test_reclustering_is_off_until_asked_for() -> None:
    assert not of_kind(render("--values", str(CHART / "ci/minimal-values.yaml")), "CronJob")


@pytest.mark.parametrize(("sets", "word"), REFUSED.values(), ids=REFUSED.keys())
def test_values_are_refused_by_name(sets: list[str], word: str) -> None:
    run = template(*(part for value in sets for part in ("--set", value)))
    assert run.returncode != 0
    assert word in run.stderr


def test_a_name_too_long_for_an_instance_is_refused() -> None:
    long = [
        "--namespace",
        "n" * 63,
        "--set",
        "settings.bootstrap=k:1",
        "--set",
        f"fullnameOverride={'f' * 40}",
    ]
    run = template(*long)
    assert run.returncode != 0
    assert "set fullnameOverride" in run.stderr
