"""Renders the chart with helm and finds one's way in what comes out."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "helm"
NAMESPACE = "support"
Document = dict[str, Any]


def find_helm() -> str:
    """The helm that `make helm` built, or the one on the PATH; the test is skipped without either."""
    built = ROOT / ".sluice/bin/helm"
    found = str(built) if built.exists() else shutil.which("helm")
    if found is None:
        pytest.skip("no helm here; `make helm` builds it")
    return found


def template(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `helm template` for the release `sluice`."""
    # A helm built from source takes its cluster for an ancient one unless told.
    command = [
        find_helm(),
        "template",
        "sluice",
        str(CHART),
        "--namespace",
        NAMESPACE,
        "--kube-version",
        "1.30.0",
    ]
    return subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)


def render(*arguments: str) -> list[Document]:
    """The documents that `helm template` prints."""
    run = template(*arguments)
    assert run.returncode == 0, run.stderr
    return [document for document in yaml.safe_load_all(run.stdout) if document]


def of_kind(documents: list[Document], kind: str) -> list[Document]:
    """The documents of one kind."""
    return [document for document in documents if document["kind"] == kind]


def pods(documents: list[Document]) -> Iterator[Document]:
    """The pod templates: labels in `metadata`, the rest in `spec`."""
    for document in of_kind(documents, "StatefulSet"):
        yield document["spec"]["template"]
    for document in of_kind(documents, "CronJob"):
        yield document["spec"]["jobTemplate"]["spec"]["template"]


def environment(documents: list[Document], pod: Document, name: str) -> dict[str, str]:
    """What the pod's container finds in its environment; secrets, fields and resources by plausible values."""
    (container,) = pod["spec"]["containers"]
    maps = {document["metadata"]["name"]: document["data"] for document in of_kind(documents, "ConfigMap")}
    values: dict[str, str] = {}
    for source in container["envFrom"]:
        values |= maps[source["configMapRef"]["name"]]
    fields = {"metadata.name": name, "metadata.namespace": NAMESPACE}
    for variable in container["env"]:
        if "value" in variable:
            text = str(variable["value"])
            for known, value in values.items():
                text = text.replace(f"$({known})", value)
        elif "fieldRef" in variable["valueFrom"]:
            text = fields[variable["valueFrom"]["fieldRef"]["fieldPath"]]
        elif "resourceFieldRef" in variable["valueFrom"]:
            resource = variable["valueFrom"]["resourceFieldRef"]["resource"].removeprefix("limits.")
            text = container["resources"]["limits"][resource]
        else:
            secret = variable["valueFrom"]["secretKeyRef"]
            text = (
                f"http://from:{secret['name']}@host" if secret["key"] == "url" else f"from {secret['name']}"
            )
        values[variable["name"]] = text
    return values
