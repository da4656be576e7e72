"""`sluice bootstrap` as a process: a generation whole or none at all, taken by workers that run."""

import csv
import gzip
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from agents.generations import Assembler, generation_records
from agents.topics import TopicNames
from app.demo.history import generate
from app.settings import Settings
from models.generation import Generation, Owner
from models.routing.encode import Encoder
from schemas.codec import decode, encode
from schemas.contract import epoch_ms_of
from schemas.state import TicketState, TicketStatus
from schemas.surge import Count
from tests import kafka
from tests.eventually import eventually
from tests.fakes.generations import generation, unit_rows
from tests.fakes.history import FRESH, HISTORY, NOW_MS
from tests.integration.conftest import StartWorker, learn
from tests.integration.ledger import await_answers, decisions_of
from tests.integration.test_worker import send, ticket

pytestmark = pytest.mark.integration

_ROOT = Path(__file__).resolve().parents[2]
_PATIENCE_S = 120
MAX_RECORD_BYTES = 900_000

_TEAMS = """
[[team]]
name = "mobile"
sla_minutes = 120

[[team]]
name = "locks"
sla_minutes = 60
"""


@dataclass(frozen=True)
class Bootstrapper:
    """Runs the command on one test's topics."""

    folder: Path
    bootstrap: str
    names: TopicNames

    def start(self, *words: object) -> "subprocess.Popen[str]":
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SLUICE_")}
        return subprocess.Popen(
            [sys.executable, "-m", "app", "bootstrap", *map(str, words)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=_ROOT,
            env={
                **environment,
                "SLUICE_BOOTSTRAP": self.bootstrap,
                "SLUICE_TOPIC_PREFIX": self.names.prefix,
                "SLUICE_DATA_DIR": str(self.folder / "data"),
            },
        )

    def run(self, *words: object) -> tuple[int, str, str]:
        process = self.start(*words)
        output, complaint = process.communicate(timeout=_PATIENCE_S)
        return process.returncode, output, complaint

    def report(self, *words: object) -> dict[str, Any]:
        """What a run that must succeed says with --json."""
        code, output, complaint = self.run(*words, "--json")
        assert code == 0, complaint
        found: dict[str, Any] = json.loads(output)
        return found

    def generations(self) -> list[tuple[str, Generation]]:
        """Every generation that a reader of committed records can put together, in order; none may be half there."""
        assembler, seen, found = Assembler(), set[str](), []
        for record in kafka.read_all(self.bootstrap, self.names.generations):
            assert len(record.key()) + len(record.value()) < MAX_RECORD_BYTES
            seen.add(record.key().decode().partition("/")[0])
            whole = assembler.feed(record.key(), record.value())
            if whole is not None:
                found.append(whole)
        assert seen == {name for name, _ in found}
        return found

    def counts(self) -> list[tuple[int, Count]]:
        """The counts with the times, epoch milliseconds, at which they count as written."""
        records = kafka.read_all(self.bootstrap, self.names.counts)
        return [(record.timestamp()[1], decode(Count, record.value())) for record in records]

    def states(self) -> dict[str, TicketState]:
        """The last state of each ticket."""
        records = kafka.read_all(self.bootstrap, self.names.state)
        return {record.key().decode(): decode(TicketState, record.value()) for record in records}


@pytest.fixture
def bootstrapper(tmp_path: Path, broker: str, topics: TopicNames) -> Bootstrapper:
    return Bootstrapper(tmp_path, broker, topics)


def write_csv(folder: Path) -> Path:
    """The small history with its team and a problem; one row is bad, one has no text that can be understood."""
    path = folder / "history.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("id", "body", "team", "topic", "status", "resolution"))
        for number, (team, text) in enumerate(HISTORY):
            rows.writerow((f"p-{number}", text, team, f"{team} trouble", "resolved", f"solved by {team}"))
        rows.writerow(("p-bad", "", "mobile", "", "open", ""))
        rows.writerow(("p-empty", "???", "mobile", "", "open", ""))
    return path


def write_sample(folder: Path, count: int) -> Path:
    """A part of the demo's history, as JSON Lines."""
    path = folder / "history.jsonl.gz"
    with gzip.open(path, "wb") as file:
        file.writelines(encode(item.event) + b"\n" for item in generate(7, NOW_MS).past[:count])
    return path


def last(found: Sequence[tuple[str, Generation]]) -> Generation:
    return found[-1][1]


def test_a_labelled_file_becomes_a_generation_with_its_owners_and_problems(
    bootstrapper: Bootstrapper,
) -> None:
    teams = bootstrapper.folder / "teams.toml"
    teams.write_text(_TEAMS)
    file = write_csv(bootstrapper.folder)
    options = ("--owner", "team", "--problem", "topic", "--teams", teams, "--map", "description=body")
    report = bootstrapper.report(file, *options)
    ((name, generation),) = bootstrapper.generations()
    assert (report["generation"], report["tickets"], report["clusters"]) == (name, len(HISTORY), 3)
    assert (report["bad_rows"], report["refused"]) == (1, {"empty_text": 1})
    assert generation.owners == (Owner("mobile", 120), Owner("locks", 60), Owner("payments", 480))
    assert report["owners_without_sla"] == ["payments"]
    assert {(c.name, c.owner, c.size) for c in generation.clusters} == {
        (f"{team} trouble", team, 10) for team in ("mobile", "payments", "locks")
    }
    states = bootstrapper.states()
    assert states.keys() == {f"p-{number}" for number in range(len(HISTORY))}
    for number, (team, text) in enumerate(HISTORY):
        state = states[f"p-{number}"]
        assert (state.status, state.owner, state.assigned_team) == (TicketStatus.SOLVED, team, team)
        assert (state.text.rstrip("."), state.resolution) == (text.rstrip("."), f"solved by {team}")
        assert (state.generation_id, state.encoder) == (name, generation.encoder)


def test_an_unlabelled_file_becomes_clusters_that_wait_for_their_owners(bootstrapper: Bootstrapper) -> None:
    file = bootstrapper.folder / "history.jsonl"
    file.write_text("".join(json.dumps({"text": text}) + "\n" for _, text in HISTORY), encoding="utf-8")
    code, output, _ = bootstrapper.run(file)
    ((name, generation),) = bootstrapper.generations()
    assert code == 0
    assert f"generation {name}: {len(generation.clusters)} clusters of 0 owners" in output
    assert generation.owners == ()
    assert {cluster.owner for cluster in generation.clusters} == {None}
    assert len(bootstrapper.states()) == len(HISTORY)


def test_the_last_weeks_of_a_history_are_counted_once_each_ticket_at_its_time(
    bootstrapper: Bootstrapper,
) -> None:
    file = bootstrapper.folder / "history.csv"
    now_ms = time.time_ns() // 1_000_000
    with file.open("w", encoding="utf-8", newline="") as opened:
        rows = csv.writer(opened)
        rows.writerow(("id", "description", "team", "customer", "created_at"))
        for number, (team, text) in enumerate(HISTORY):
            days = (1 + number % 20) if number % 3 else (60, None)[number % 2]
            created_at = "" if days is None else now_ms - days * 86_400_000
            rows.writerow((f"p-{number}", text, team, f"c-{number}", created_at))
    bootstrapper.report(file, "--owner", "team")
    wanted = [f"p-{number}" for number in range(len(HISTORY)) if number % 3]
    first = bootstrapper.counts()
    assert sorted(count.ticket_id for _, count in first) == sorted(wanted)
    assert [written_ms for written_ms, _ in first] == sorted(written_ms for written_ms, _ in first)
    states = bootstrapper.states()
    for written_ms, count in first:
        assert written_ms == epoch_ms_of(count.occurred_at)
        assert count.occurred_at == states[count.ticket_id].created_at
        assert count.cluster_id == states[count.ticket_id].cluster_id
        assert count.customer_id == count.ticket_id.replace("p-", "c-")
    undated = {f"p-{number}" for number in range(len(HISTORY)) if number % 3 == 0 and number % 2}
    assert {name for name, state in states.items() if not state.counted} == undated
    bootstrapper.report(file, "--owner", "team")
    assert bootstrapper.counts() == first


def test_a_large_generation_is_cut_into_records_and_a_second_run_replaces_the_first(
    bootstrapper: Bootstrapper,
) -> None:
    file = write_sample(bootstrapper.folder, 900)
    first = bootstrapper.report(file)
    records = kafka.read_all(bootstrapper.bootstrap, bootstrapper.names.generations)
    assert len(records) > 2  # more than one part, and the manifest
    second = bootstrapper.report(file)
    (one, before), (two, after) = bootstrapper.generations()
    assert (one, two) == (first["generation"], second["generation"])
    assert one != two
    assert [cluster.id for cluster in before.clusters] == [cluster.id for cluster in after.clusters]
    states = bootstrapper.states()
    assert len(states) == 900
    assert {state.generation_id for state in states.values()} == {two}


def test_killed_while_it_publishes_it_leaves_no_half_generation_and_can_be_run_again(
    bootstrapper: Bootstrapper,
) -> None:
    file = write_sample(bootstrapper.folder, 300)
    process = bootstrapper.start(file)
    try:
        assert process.stderr is not None
        assert any("publishing" in line for line in process.stderr)
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert len(bootstrapper.generations()) <= 1
    name = bootstrapper.report(file)["generation"]
    assert bootstrapper.generations()[-1][0] == name
    assert {state.generation_id for state in bootstrapper.states().values()} == {name}


_HALF = """
import sys, time
from confluent_kafka import Producer
from agents.generations import generation_records
from tests.integration.test_bootstrap import some_generation

bootstrap, prefix = sys.argv[1:]
topic, transaction = f"{prefix}tickets.generations", f"{prefix}sluice.bootstrap"
producer = Producer({"bootstrap.servers": bootstrap, "transactional.id": transaction, "message.max.bytes": 2 << 20})
producer.init_transactions(30)
producer.begin_transaction()
for key, value in generation_records(some_generation())[1][:-1]:
    producer.produce(topic, key=key, value=value)
producer.flush(30)
print("half", flush=True)
time.sleep(600)
"""


def some_generation() -> Generation:
    """Of several parts."""
    rows = unit_rows(2_000, 512, seed=7)
    return generation([None], rows[:1], [(0, row) for row in rows])


def test_a_generation_whose_writer_was_killed_in_the_middle_is_never_seen(bootstrapper: Bootstrapper) -> None:
    assert len(generation_records(some_generation())[1]) > 2
    process = subprocess.Popen(
        [sys.executable, "-c", _HALF, bootstrapper.bootstrap, bootstrapper.names.prefix],
        cwd=_ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "half\n"
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    name = bootstrapper.report(write_csv(bootstrapper.folder), "--map", "description=body")["generation"]
    assert [found for found, _ in bootstrapper.generations()] == [name]


def test_a_worker_takes_a_new_generation_while_it_runs_and_loses_nothing(
    broker: str,
    topics: TopicNames,
    settings: Settings,
    encoder: Encoder,
    learned: str,
    start_worker: StartWorker,
) -> None:
    worker = start_worker().await_ready()
    texts = [text for _, text in FRESH]
    sent = 0

    def send_more(count: int) -> None:
        nonlocal sent
        send(broker, topics.tickets, *(ticket(n, texts[n % len(texts)]) for n in range(sent, sent + count)))
        sent += count

    def has_swapped() -> bool:
        send_more(5)
        return 'sluice_generations_read_total{result="in_force"} 2.0' in worker.page("/metrics")[1]

    send_more(100)
    await_answers(broker, topics, 100)
    second = learn(settings, encoder, NOW_MS + 1)
    assert second != learned
    assert eventually(has_swapped), worker.page("/metrics")[1]
    send_more(50)
    decisions = decisions_of(await_answers(broker, topics, sent))
    assert len(decisions) == sent
    by_generation = [decisions[f"new-{number}"].generation_id for number in range(sent)]
    assert set(by_generation[:100]) == {learned}
    assert set(by_generation) == {learned, second}
    assert set(by_generation[-50:]) == {second}
    assert worker.stop() == 0


def test_missing_topics_are_said_in_one_line_before_the_work(bootstrapper: Bootstrapper) -> None:
    lost = Bootstrapper(bootstrapper.folder, bootstrapper.bootstrap, TopicNames("nowhere."))
    code, output, complaint = lost.run(write_csv(lost.folder), "--map", "description=body")
    assert (code, output) == (1, "")
    assert complaint == (
        "sluice: topics are missing: nowhere.tickets.state, nowhere.tickets.counts, nowhere.tickets.generations; make"
        " them with `sluice topics create`\n"
    )


def test_a_broker_that_is_away_is_said_in_one_line_by_command_and_worker(
    bootstrapper: Bootstrapper, start_worker: StartWorker
) -> None:
    away = Bootstrapper(bootstrapper.folder, "127.0.0.1:1", bootstrapper.names)
    process = away.start(write_csv(away.folder), "--map", "description=body")
    worker = start_worker(bootstrap="127.0.0.1:1")
    said = "sluice: no Kafka broker answers at 127.0.0.1:1: does it run,"
    output, complaint = process.communicate(timeout=_PATIENCE_S)
    assert (process.returncode, output, complaint.count("\n")) == (1, "", 1)
    assert complaint.startswith(said)
    assert worker.await_end(_PATIENCE_S) == 75
    waits, ends = worker.log.read_text().splitlines()
    assert json.loads(waits)["event"] == "waiting_for_brokers"
    assert ends.startswith(said)
