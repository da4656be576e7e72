"""A candidate beside the generation in force, on a real broker: told exactly once under kill -9, promoted without a
gap, dropped."""

import csv
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from agents.topics import TopicNames
from app.settings import Settings, kafka_options
from app.shadow.candidates import publish_candidate
from models.routing.encode import Encoder
from schemas.codec import decode, encode
from schemas.contract import time_of
from schemas.feedback import Feedback, FeedbackKind
from schemas.shadow import ShadowDifference, ShadowTally
from tests import kafka
from tests.eventually import eventually
from tests.fakes.history import FRESH, HISTORY, NOW_MS
from tests.integration.conftest import StartWorker, fitted
from tests.integration.ledger import await_answers, decisions_of
from tests.integration.test_worker import send, ticket

pytestmark = pytest.mark.integration

_ROOT = Path(__file__).resolve().parents[2]
RENAMED = {"mobile": "apps"}
CRASHES = [text for team, text in FRESH if team == "mobile"]


@dataclass(frozen=True)
class Sluice:
    """The command on one test's topics."""

    settings: Settings

    def run(self, *words: object) -> "subprocess.CompletedProcess[str]":
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SLUICE_")}
        environment |= {
            "SLUICE_BOOTSTRAP": str(self.settings.bootstrap),
            "SLUICE_TOPIC_PREFIX": self.settings.topic_prefix,
            "SLUICE_DATA_DIR": str(self.settings.data_dir),
        }
        command = [sys.executable, "-m", "app", *map(str, words)]
        return subprocess.run(
            command, cwd=_ROOT, env=environment, capture_output=True, text=True, timeout=180, check=False
        )

    def said(self, *words: object) -> dict[str, Any]:
        """What a run that must succeed says with --json."""
        done = self.run(*words, "--json")
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found


@pytest.fixture
def sluice(settings: Settings) -> Sluice:
    return Sluice(settings)


def told(broker: str, topics: TopicNames) -> tuple[list[ShadowDifference], list[ShadowTally]]:
    records = kafka.read_all(broker, topics.shadow)
    return (
        [decode(ShadowDifference, record.value()) for record in records if record.key() is not None],
        [decode(ShadowTally, record.value()) for record in records if record.key() is None],
    )


def test_what_differs_is_told_exactly_once_however_often_a_worker_is_killed(
    broker: str,
    topics: TopicNames,
    settings: Settings,
    encoder: Encoder,
    learned: str,
    start_worker: StartWorker,
) -> None:
    first = fitted(settings, encoder, NOW_MS + 1, RENAMED)[1]
    candidate = publish_candidate(first.generation, settings, kafka_options(settings, broker))
    count, texts = 900, [text for _, text in FRESH]
    worker = start_worker(instance="one", batch_records=16).await_ready()
    send(broker, topics.tickets, *(ticket(number, texts[number % len(texts)]) for number in range(count)))
    for share in (1, count // 3, 2 * count // 3):
        await_answers(broker, topics, share)
        worker.kill()
        worker = start_worker(instance="one", batch_records=16)
    decisions = decisions_of(await_answers(broker, topics, count, seconds=180))
    differences, tallies = told(broker, topics)
    assert len(decisions) == count
    assert sum(tally.decisions for tally in tallies) == count
    assert sum(tally.differing for tally in tallies) == len(differences)
    moved = {one.decision_id for one in decisions.values() if one.owner == "mobile"}
    assert {d.decision_id for d in differences if d.live.owner == "mobile"} == moved
    assert len({d.decision_id for d in differences}) == len(differences)
    assert moved
    assert {(d.generation_id, d.shadow_generation_id) for d in differences} == {(learned, candidate)}
    assert {(tally.generation_id, tally.shadow_generation_id) for tally in tallies} == {(learned, candidate)}
    assert {one.generation_id for one in decisions.values()} == {learned}


def test_from_a_candidate_to_the_generation_in_force(
    broker: str,
    topics: TopicNames,
    settings: Settings,
    sluice: Sluice,
    learned: str,
    start_worker: StartWorker,
    tmp_path: Path,
) -> None:
    """Published, compared, judged by what people did, kept over a restart, promoted while tickets flow."""
    states = len(kafka.read_all(broker, topics.state))
    worker = start_worker(instance="one").await_ready()
    file = tmp_path / "history.csv"
    with file.open("w", encoding="utf-8", newline="") as out:
        rows = csv.writer(out)
        rows.writerow(("id", "description", "team"))
        rows.writerows((f"past-{n}", text, RENAMED.get(team, team)) for n, (team, text) in enumerate(HISTORY))
    made = sluice.said("bootstrap", file, "--owner", "team", "--shadow")
    candidate = made["generation"]
    assert made["role"] == "shadow"
    assert len(kafka.read_all(broker, topics.state)) == states
    sent = 0

    def send_more(count: int) -> None:
        nonlocal sent
        texts = [CRASHES[number % len(CRASHES)] for number in range(sent, sent + count)]
        send(broker, topics.tickets, *(ticket(sent + n, text) for n, text in enumerate(texts)))
        sent += count

    assert eventually(lambda: "shadow_beside" in worker.log.read_text())
    worker.kill()
    worker = start_worker(instance="one").await_ready()
    send_more(30)
    decisions = decisions_of(await_answers(broker, topics, sent))
    assert {one.generation_id for one in decisions.values()} == {learned}

    act = Feedback(
        feedback_id="f-1",
        kind=FeedbackKind.REASSIGNED,
        ticket_id="new-0",
        owner="apps",
        at=time_of(NOW_MS + 5_000),
    )
    kafka.produce(broker, topics.feedback, [(b"new-0", encode(act))])
    assert eventually(lambda: len(kafka.read_all(broker, topics.insights)) == 1)
    (figures,) = sluice.said("shadow", "report")["comparisons"]
    assert (figures["generation"], figures["candidate"]) == (learned, candidate)
    assert (figures["decisions"], figures["elsewhere"], figures["forgotten"]) == (30, 30, 0)
    assert figures["by_owner"] == [{"in_force": "mobile", "candidate": "apps", "decisions": 30}]
    handled = figures["handled"]
    assert (handled["tickets"], handled["only_candidate_right"], handled["only_in_force_right"]) == (1, 1, 0)

    send_more(50)
    assert sluice.said("shadow", "promote", candidate) == {"promoted": candidate}

    def has_swapped() -> bool:
        send_more(5)
        return 'sluice_generations_read_total{result="in_force"} 2.0' in worker.page("/metrics")[1]

    assert eventually(has_swapped), worker.page("/metrics")[1]
    send_more(50)
    decisions = decisions_of(await_answers(broker, topics, sent))
    assert len(decisions) == sent
    by_generation = [decisions[f"new-{number}"].generation_id for number in range(sent)]
    assert set(by_generation) == {learned, candidate}
    assert set(by_generation[-50:]) == {candidate}
    compared = sum(tally.decisions for tally in told(broker, topics)[1])
    assert compared == by_generation.count(learned)  # and with nothing since
    assert decisions[f"new-{sent - 1}"].owner == "apps"
    assert worker.stop() == 0


def test_a_candidate_is_dropped_and_what_is_none_is_said_in_one_line(
    broker: str,
    topics: TopicNames,
    settings: Settings,
    encoder: Encoder,
    sluice: Sluice,
    learned: str,
    start_worker: StartWorker,
) -> None:
    worker = start_worker().await_ready()
    kafka_settings = kafka_options(settings, broker)
    one, other = (fitted(settings, encoder, NOW_MS + n, RENAMED)[1].generation for n in (1, 2))
    publish_candidate(one, settings, kafka_settings)
    last = publish_candidate(other, settings, kafka_settings)
    unknown = sluice.run("shadow", "promote", "g-nobody")
    assert (unknown.returncode, unknown.stderr) == (2, f"sluice: no candidate g-nobody; there is: {last}\n")
    in_force = sluice.run("shadow", "promote", learned)
    assert (in_force.returncode, in_force.stderr) == (
        2,
        f"sluice: {learned} is no candidate: it is in force already, or was\n",
    )
    assert sluice.said("shadow", "drop") == {"dropped": [last]}
    assert sluice.said("shadow", "drop") == {"dropped": []}
    assert eventually(lambda: worker.log.read_text().count("shadow_ended") == 2)
    send(broker, topics.tickets, ticket(1, CRASHES[0]))
    await_answers(broker, topics, 1)
    assert told(broker, topics) == ([], [])
    assert sluice.said("shadow", "report") == {"comparisons": []}


def test_a_threshold_on_trial_is_compared_and_changes_nothing(
    broker: str, topics: TopicNames, learned: str, start_worker: StartWorker
) -> None:
    start_worker(route_at=0, shadow_route_at=1).await_ready()
    send(broker, topics.tickets, *(ticket(n, text) for n, (_, text) in enumerate(FRESH)))
    decisions = decisions_of(await_answers(broker, topics, len(FRESH)))
    differences, tallies = told(broker, topics)
    unsure = {
        one.decision_id
        for one in decisions.values()
        if one.outcome == "route" and one.cluster is not None and one.cluster.confidence < 1
    }
    assert unsure
    assert {d.decision_id for d in differences} == unsure
    assert {(d.live.outcome, d.shadow.outcome, d.shadow_route_at) for d in differences} == {
        ("route", "propose", 1.0)
    }
    assert sum(tally.decisions for tally in tallies) == len(FRESH)
