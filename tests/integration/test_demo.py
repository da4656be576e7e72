"""`sluice demo` on a user's own file, as a process on a real Kafka: what it says, and that it leaves nothing."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from agents.topics import TopicNames
from schemas.codec import decode
from schemas.decision import Decision
from tests import kafka
from tests.fakes.history import HISTORY

pytestmark = pytest.mark.integration

_ROOT = Path(__file__).resolve().parents[2]
_PATIENCE_S = 180
_PLACES = ("", " - at home", " - 在公司", " - since Monday")
ROWS = len(HISTORY) * len(_PLACES)


def write(path: Path) -> None:
    """120 labelled tickets, and one without a label."""
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("title", "body", "team"))
        for team, text in HISTORY:
            rows.writerows((text, place, team) for place in _PLACES)
        rows.writerow(("nobody knows whose", "", ""))


def prefixes(broker: str) -> set[str]:
    """What stands before the tickets topics of this cluster."""
    topics = kafka.admin(broker).list_topics(timeout=30).topics
    return {name.removesuffix("tickets") for name in topics if name.endswith("tickets")}


def test_a_file_is_learned_from_replayed_and_scored(broker: str, tmp_path: Path, topics: TopicNames) -> None:
    file, out = tmp_path / "tickets.csv", tmp_path / "report"
    write(file)
    before = prefixes(broker)
    options = ("--tickets", file, "--text", "title+body", "--label", "team", "--out", out, "--json")
    done = subprocess.run(
        [sys.executable, "-m", "app", "demo", *map(str, options)],
        cwd=_ROOT,
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith("SLUICE_")},
            "SLUICE_BOOTSTRAP": broker,
            "SLUICE_DATA_DIR": str(tmp_path / "data"),
        },
        capture_output=True,
        timeout=_PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    report = json.loads(done.stdout)
    assert json.loads((out / "report.json").read_text(encoding="utf-8")) == report
    assert (report["tickets_in"], report["decisions"], report["tickets_decided"]) == (ROWS // 2,) * 3
    assert (report["dead_letters"], report["bad_rows"], report["generation"]["history"]) == (0, 1, ROWS // 2)
    assert report["accuracy"] >= 0.9
    assert (report["secrets_planted"], report["secrets_leaked"]) == (0, 0)
    assert 0 < report["latency_ms"]["p50"] <= report["latency_ms"]["p99"]
    decisions = [decode(Decision, line) for line in (out / "decisions.jsonl").read_bytes().splitlines()]
    assert len({decision.ticket_id for decision in decisions}) == len(decisions) == ROWS // 2
    assert {decision.generation_id for decision in decisions} == {report["generation"]["id"]}
    assert "1 rows left out, the first at line 122: team: no label" in done.stderr.decode()
    assert prefixes(broker) == before
