"""The alerts of the chart: of metrics that exist, with runbooks that exist, firing when they should (promtool, where
it is installed: Debian's package `prometheus` has it)."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from agents.metrics import declare
from models.routing.drift import DriftPolicy
from schemas.dead_letter import DeadReason
from tests.delivery.chart import CHART, NAMESPACE, ROOT, Document, of_kind, render

FULL = ("--values", str(CHART / "ci/full-values.yaml"))
OWN = f'namespace="{NAMESPACE}", job="sluice-tickets"'


@pytest.fixture(scope="module")
def rule() -> Document:
    (found,) = of_kind(render(*FULL), "PrometheusRule")
    return found


@pytest.fixture(scope="module")
def alerts(rule: Document) -> dict[str, Document]:
    (group,) = rule["spec"]["groups"]
    return {alert["alert"]: alert for alert in group["rules"]}


def promtool(*words: object) -> None:
    """Run it, or skip the test where there is none."""
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("no promtool here; Debian's package prometheus has it")
    done = subprocess.run([found, *map(str, words)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_alerts_are_off_until_asked_for() -> None:
    minimal = render("--values", str(CHART / "ci/minimal-values.yaml"))
    assert not of_kind(minimal, "PrometheusRule")


def test_the_rule_is_found_as_the_monitor_is(rule: Document) -> None:
    (monitor,) = of_kind(render(*FULL), "ServiceMonitor")
    (service,) = of_kind(render(*FULL), "Service")
    assert rule["metadata"]["labels"] == monitor["metadata"]["labels"]
    assert service["metadata"]["name"] == "sluice-tickets"  # which the operator makes the label `job` of


def test_every_alert_says_what_is_wrong_and_what_to_do(alerts: dict[str, Document]) -> None:
    assert set(alerts) == {
        "SluiceTicketsWait",
        "SluiceDeadLetters",
        "SluiceRestarts",
        "SluiceStateUnreadable",
        "SluiceDrift",
        "SluiceNobodyLooks",
        "SluiceAlertsUndelivered",
    }
    for alert in alerts.values():
        assert alert["labels"]["severity"] in {"warning", "critical"}
        assert re.fullmatch(r"[1-9][0-9]*m", alert.get("for", "1m"))
        assert alert["annotations"]["summary"].endswith(".")
        assert (ROOT / alert["annotations"]["runbook"]).exists()


def test_every_alert_is_of_metrics_that_are_measured(alerts: dict[str, Document]) -> None:
    registry = CollectorRegistry()
    declare(registry)
    measured = {f"{m.name}_total" if m.type == "counter" else m.name for m in registry.collect()}
    for name, alert in alerts.items():
        named = set(re.findall(r"\b((?:sluice|kube)_[a-z_]+)\{", alert["expr"]))
        assert named, name
        assert named <= measured | {"kube_pod_container_status_restarts_total"}
        assert alert["expr"].count("(") == alert["expr"].count(")")
        assert f'namespace="{NAMESPACE}"' in alert["expr"]


def test_the_alert_begins_where_the_worker_says_that_there_is_drift(alerts: dict[str, Document]) -> None:
    assert alerts["SluiceDrift"]["expr"].endswith(f">= {DriftPolicy().alarm_at}")


def test_a_reason_that_nothing_died_of_yet_is_a_series() -> None:
    """An alert sees an increase only in what was there before."""
    registry = CollectorRegistry()
    declare(registry)
    for reason in DeadReason:
        assert registry.get_sample_value("sluice_dead_letters_total", {"reason": reason.value}) == 0


def test_prometheus_takes_the_rules(rule: Document, tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(json.dumps(rule["spec"]))
    promtool("check", "rules", rules)


def series(name: str, labels: str, values: str) -> dict[str, str]:
    return {"series": f"{name}{{{labels}}}", "values": values}


# What is there for an hour, a value a minute; at which minute the alert is asked for; whether it fires.
CASES = {
    "tickets wait": ("SluiceTicketsWait", series("sluice_oldest_ticket_seconds", OWN, "0+30x60"), 30, True),
    "tickets wait but a moment": (
        "SluiceTicketsWait",
        series("sluice_oldest_ticket_seconds", OWN, "0x9 400x2 0x48"),
        12,
        False,
    ),
    "another release's tickets wait": (
        "SluiceTicketsWait",
        series("sluice_oldest_ticket_seconds", 'namespace="other", job="sluice-tickets"', "900x60"),
        30,
        False,
    ),
    "many dead letters": (
        "SluiceDeadLetters",
        series("sluice_dead_letters_total", f'{OWN}, reason="not_json"', "0x9 0+5x50"),
        20,
        True,
    ),
    "a few dead letters": (
        "SluiceDeadLetters",
        series("sluice_dead_letters_total", f'{OWN}, reason="not_json"', "0x9 5x50"),
        20,
        False,
    ),
    "it starts over and over": (
        "SluiceRestarts",
        series(
            "kube_pod_container_status_restarts_total",
            f'namespace="{NAMESPACE}", pod="sluice-tickets-3", container="worker"',
            "0+1x60",
        ),
        40,
        True,
    ),
    "it was started again": (
        "SluiceRestarts",
        series(
            "kube_pod_container_status_restarts_total",
            f'namespace="{NAMESPACE}", pod="sluice-tickets-3", container="worker"',
            "0x9 1x50",
        ),
        40,
        False,
    ),
    "a record of ours cannot be read": (
        "SluiceStateUnreadable",
        series("sluice_state_unreadable_total", f'{OWN}, reader="table"', "1x60"),
        5,
        True,
    ),
    "drift": ("SluiceDrift", series("sluice_drift_psi", f'{OWN}, of="nearest"', "0.3x60"), 20, True),
    "drift that is over": (
        "SluiceDrift",
        series("sluice_drift_psi", f'{OWN}, of="nearest"', "0.3x10 0.2x50"),
        20,
        False,
    ),
    "nobody looks": (
        "SluiceNobodyLooks",
        series("sluice_surge_evaluated_seconds", OWN, "0+300x4 1200x56"),
        45,
        True,
    ),
    "nobody looks, and whoever did starts over and over": (
        "SluiceNobodyLooks",
        series("sluice_surge_evaluated_seconds", OWN, "0+300x4 0x56"),
        45,
        True,
    ),
    "nothing was ever counted": (
        "SluiceNobodyLooks",
        series("sluice_surge_evaluated_seconds", OWN, "0x60"),
        40,
        False,
    ),
    "somebody looks": (
        "SluiceNobodyLooks",
        series("sluice_surge_evaluated_seconds", OWN, " ".join(f"{300 * n}x4" for n in range(12))),
        40,
        False,
    ),
    "a surge is not taken": (
        "SluiceAlertsUndelivered",
        series("sluice_alertmanager_oldest_seconds", OWN, "0x9 0+60x50"),
        20,
        True,
    ),
    "a surge was taken at the second try": (
        "SluiceAlertsUndelivered",
        series("sluice_alertmanager_oldest_seconds", OWN, "0x9 60 120 0x50"),
        20,
        False,
    ),
    "too few tickets to tell": (
        "SluiceDrift",
        series("sluice_drift_psi", f'{OWN}, of="nearest"', "_x60"),
        20,
        False,
    ),
}


@pytest.mark.parametrize(("alert", "given", "minute", "fires"), CASES.values(), ids=CASES.keys())
def test_an_alert_fires_when_it_should(
    rule: Document,
    alerts: dict[str, Document],
    tmp_path: Path,
    alert: str,
    given: dict[str, str],
    minute: int,
    fires: bool,
) -> None:
    (tmp_path / "rules.yaml").write_text(json.dumps(rule["spec"]))
    labels = dict(re.findall(r'(\w+)="([^"]*)"', given["series"]))
    kept = {name: labels[name] for name in ("of", "pod", "reader") if name in labels}
    annotations = {
        name: re.sub(r"\{\{ \$labels\.(\w+) \}\}", lambda found: labels.get(found[1], ""), text)
        for name, text in alerts[alert]["annotations"].items()
    }
    expected: list[dict[str, Any]] = [
        {"exp_labels": {**alerts[alert]["labels"], **kept}, "exp_annotations": annotations}
    ]
    test = {
        "rule_files": ["rules.yaml"],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [given],
                "alert_rule_test": [
                    {
                        "eval_time": f"{minute}m",
                        "alertname": alert,
                        "exp_alerts": expected if fires else [],
                    }
                ],
            }
        ],
    }
    (tmp_path / "test.yaml").write_text(json.dumps(test))
    promtool("test", "rules", tmp_path / "test.yaml")
