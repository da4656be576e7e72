"""The contributor's surface, the image and the chart name the same things."""

import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.wires import DRAIN_S

ROOT = Path(__file__).resolve().parents[2]
MAKEFILE = (ROOT / "Makefile").read_text()
DOCKERFILE = (ROOT / "Dockerfile").read_text()
TARGETS = [
    *("setup", "demo", "fmt", "lint", "types", "arch", "schemas"),
    *("test", "integration", "fault", "soak", "bench", "helm", "check"),
]


def chart(file: str) -> dict[str, Any]:
    values: dict[str, Any] = yaml.safe_load((ROOT / "helm" / file).read_text())
    return values


def version() -> str:
    with (ROOT / "pyproject.toml").open("rb") as file:
        return str(tomllib.load(file)["project"]["version"])


def would_run(target: str) -> str:
    """What a target would run in an environment that stands."""
    stands = ["--old-file", ".venv/.synced", "--old-file", ".sluice/bin/helm"]
    run = subprocess.run(
        ["make", "--dry-run", *stands, target], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return run.stdout


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_says_what_it_is_and_does_something(target: str) -> None:
    assert re.search(rf"^{target}:.*## \S", MAKEFILE, re.MULTILINE)
    assert would_run(target).strip()


def test_check_runs_every_step() -> None:
    steps = set(re.findall(r'^echo "== (\w+)', would_run("check"), re.MULTILINE))
    assert steps == {"lint", "types", "arch", "schemas", "helm", "test", "integration"}


def test_what_runs_before_a_change_lands_ends_with_the_tests() -> None:
    lines = (ROOT / ".ci/run").read_text().strip().splitlines()
    assert lines[-1].startswith("make test MARK=")
    assert not re.search("integration|fault", lines[-1])  # it leaves neither out
    assert "export SLUICE_TEST_FAULTS=short" in lines
    subprocess.run(["bash", "-n", ROOT / ".ci/run"], check=True)


@pytest.mark.parametrize(
    "pattern",
    [r"uv(?:_VERSION := |==)(\d+\.\d+\.\d+)", r"(--extra gpu [-a-z ]+)"],
    ids=["uv's version", "the packages for CUDA"],
)
def test_make_and_the_image_install_the_same(pattern: str) -> None:
    of_make, of_image = (re.findall(pattern, text, re.IGNORECASE) for text in (MAKEFILE, DOCKERFILE))
    assert of_make
    assert of_image
    assert {found.strip() for found in of_make if "$" not in found} == {found.strip() for found in of_image}


def test_the_package_and_the_chart_have_one_version() -> None:
    assert chart("Chart.yaml")["appVersion"] == version()
    assert chart("Chart.yaml")["version"] == version()


def test_the_image_runs_the_worker_as_the_user_of_the_chart() -> None:
    stages = DOCKERFILE.split("\nFROM ")
    assert stages[-1].startswith("runtime AS cpu\n")
    assert re.findall(r"^USER (\S+)$", DOCKERFILE, re.MULTILINE) == ["10001:10001"]
    assert "runAsUser: 10001\n" in (ROOT / "helm/templates/_pod.tpl").read_text()
    assert 'ENTRYPOINT ["sluice"]\nCMD ["worker"]\n' in DOCKERFILE


def test_nothing_is_reported_to_the_maker_of_a_library() -> None:
    assert re.search(r"^ENV (.* \\\n +)*ORT_DISABLE_TELEMETRY=1 ", DOCKERFILE, re.MULTILINE)
    assert "\nexport ORT_DISABLE_TELEMETRY := 1\n" in MAKEFILE


def test_a_pod_is_given_longer_than_the_worker_drains() -> None:
    assert chart("values.yaml")["worker"]["terminationGracePeriodSeconds"] > 2 * DRAIN_S
