"""A worker as a real process on a real broker: what goes in, what comes out, and how it ends."""

import json
import os
import signal
from pathlib import Path

import pytest

from agents.exits import Exit
from agents.topics import TopicNames
from schemas.codec import decode, encode
from schemas.contract import time_of
from schemas.dead_letter import DeadLetter
from schemas.decision import Decision
from schemas.state import TicketState, TicketStatus
from schemas.ticket import TicketEvent, TicketEventKind
from tests import kafka
from tests.eventually import eventually
from tests.fakes.history import FRESH, NOW_MS
from tests.integration.conftest import StartWorker
from tests.integration.ledger import await_answers, decisions_of

pytestmark = pytest.mark.integration


def ticket(number: int, text: str, **more: object) -> TicketEvent:
    fields = {
        "ticket_id": f"new-{number}",
        "event": TicketEventKind.CREATED,
        "description": text,
        "created_at": time_of(NOW_MS),
    }
    return TicketEvent.model_validate(fields | more)


def send(broker: str, topic: str, *events: TicketEvent) -> None:
    kafka.produce(broker, topic, [(event.ticket_id.encode(), encode(event)) for event in events])


def test_a_ticket_becomes_a_decision_with_owner_promise_and_likeness(
    broker: str, topics: TopicNames, learned: str, start_worker: StartWorker
) -> None:
    worker = start_worker().await_ready()
    send(broker, topics.tickets, *(ticket(n, text) for n, (_, text) in enumerate(FRESH)))
    found = await_answers(broker, topics, len(FRESH))
    decisions = decisions_of(found)
    for number, (team, _) in enumerate(FRESH):
        decision = decisions[f"new-{number}"]
        assert decision.owner == team
        assert decision.generation_id == learned
        assert [similar.resolution for similar in decision.similar][:1] == [f"solved by {team}"]
    minutes = {decision.owner: decision.sla.minutes for decision in decisions.values() if decision.sla}
    assert minutes == {"mobile": 120, "payments": 30, "locks": 60}
    assert worker.stop() == Exit.OK


def test_state_and_counts_stand_beside_the_decision(
    broker: str, topics: TopicNames, learned: str, start_worker: StartWorker
) -> None:
    start_worker().await_ready()
    send(broker, topics.tickets, ticket(1, FRESH[0][1], customer_id="c-1", product="Nimbo App"))
    decision = decisions_of(await_answers(broker, topics, 1))["new-1"]
    (state,) = [r for r in kafka.read_all(broker, topics.state) if r.key() == b"new-1"]
    kept = decode(TicketState, state.value())
    assert (kept.decision_id, kept.status, kept.customer_id) == (
        decision.decision_id,
        TicketStatus.OPEN,
        "c-1",
    )
    (count,) = kafka.read_all(broker, topics.counts)
    assert decision.cluster is not None
    assert count.key().decode() == decision.cluster.id


def test_life_of_a_ticket_updated_resolved_deleted(
    broker: str, topics: TopicNames, learned: str, start_worker: StartWorker
) -> None:
    """An update is decided anew, a repeated and a late one are not; a solved ticket needs no text; a deleted one
    leaves nothing."""
    start_worker().await_ready()
    text = FRESH[1][1]
    created = ticket(1, text, version=1)
    send(
        broker,
        topics.tickets,
        created,
        ticket(1, FRESH[3][1], version=3, event="updated"),
        ticket(1, text, version=2, event="updated"),  # late
        created,  # repeated
        ticket(1, "", version=4, event="resolved", resolution="new build"),
        ticket(2, text, version=1),
        ticket(2, "", version=2, event="deleted"),
        ticket(3, text, version=1),
    )
    found = await_answers(broker, topics, 4)
    versions = [(d.ticket_id, d.ticket_version) for d in (decode(Decision, r.value()) for r in found)]
    assert sorted(versions) == [("new-1", "v1"), ("new-1", "v3"), ("new-2", "v1"), ("new-3", "v1")]
    last = {record.key(): record.value() for record in kafka.read_all(broker, topics.state)}
    solved = decode(TicketState, last[b"new-1"])
    assert (solved.status, solved.resolution, solved.text) == (TicketStatus.SOLVED, "new build", FRESH[3][1])
    assert last[b"new-2"] is None


def test_an_event_sent_again_under_another_key_is_moved_home_and_not_decided_again(
    broker: str, topics: TopicNames, learned: str, start_worker: StartWorker
) -> None:
    worker = start_worker().await_ready()
    events = [ticket(number, FRESH[number % 6][1], version=1) for number in range(40)]
    kafka.produce(broker, topics.tickets, [(b"odd-%d" % n, encode(event)) for n, event in enumerate(events)])
    send(broker, topics.tickets, *events)
    kafka.produce(broker, topics.tickets, [(None, encode(event)) for event in events])
    decisions = decisions_of(await_answers(broker, topics, 40))
    assert len(decisions) == 40
    while 'handled="repeated"} 80.0' not in (metrics := worker.page("/metrics")[1]):
        assert worker.exit_code is None
    assert 'sluice_events_total{handled="moved_home"}' in metrics
    assert len(decisions_of(kafka.read_all(broker, topics.routed))) == 40


def test_trace_and_cloud_event_headers_are_passed_on(
    broker: str, topics: TopicNames, learned: str, start_worker: StartWorker
) -> None:
    start_worker().await_ready()
    trace = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    producer = kafka.producer(broker)
    event = ticket(1, FRESH[0][1])
    producer.produce(
        topics.tickets, encode(event), b"new-1", headers=[("traceparent", trace), ("tracestate", b"a=1")]
    )
    producer.flush(10)
    (record,) = await_answers(broker, topics, 1)
    headers = dict(record.headers())
    decision = decode(Decision, record.value())
    assert headers["traceparent"] == trace
    assert headers["tracestate"] == b"a=1"
    assert headers["ce_id"].decode() == decision.decision_id
    assert headers["ce_type"] == b"sluice.decision.v1"


def test_pages_tell_readiness_and_metrics_and_no_words(
    broker: str, topics: TopicNames, learned: str, start_worker: StartWorker
) -> None:
    worker = start_worker(log_level="debug").await_ready()
    secret = "Zaphod Beeblebrox 13812345678 says the app crashes"
    send(broker, topics.tickets, ticket(1, secret), ticket(2, "   "))
    await_answers(broker, topics, 2)
    assert worker.page("/healthz")[0] == 200
    conditions = json.loads(worker.page("/readyz")[1])["conditions"]
    assert conditions == dict.fromkeys(
        ("encoder_warm", "generation_loaded", "state_read", "group_joined"), True
    )
    metrics = worker.page("/metrics")[1]
    assert 'sluice_decisions_total{outcome="' in metrics
    assert 'sluice_dead_letters_total{reason="empty_text"} 1.0' in metrics
    assert 'sluice_masked_spans_total{type="PHONE"} 1.0' in metrics
    assert worker.stop() == Exit.OK
    spoken = worker.log.read_text() + metrics
    assert "Beeblebrox" not in spoken
    assert "13812345678" not in spoken
    (decided,) = [r for r in kafka.read_all(broker, topics.routed) if r.key() == b"new-1"]
    assert b"13812345678" not in decided.value()


def test_signals_that_faust_would_answer_change_nothing_and_say_nothing(
    broker: str, topics: TopicNames, learned: str, start_worker: StartWorker
) -> None:
    worker = start_worker().await_ready()
    for number, user_signal in enumerate((signal.SIGUSR1, signal.SIGUSR2), start=1):
        os.kill(worker.pid, user_signal)
        send(broker, topics.tickets, ticket(number, FRESH[0][1]))
        await_answers(broker, topics, number)
    assert worker.stop() == Exit.OK
    lines = map(json.loads, worker.log.read_text().splitlines())
    assert [line for line in lines if line["level"] not in {"info", "warning"}] == []


def test_not_ready_without_a_generation_and_ready_once_there_is_one(
    broker: str, topics: TopicNames, start_worker: StartWorker, request: pytest.FixtureRequest
) -> None:
    worker = start_worker()
    send(broker, topics.tickets, ticket(1, FRESH[0][1]))
    while worker.page("/readyz")[0] == 0:
        assert worker.exit_code is None
    status, body = worker.page("/readyz")
    assert (status, json.loads(body)["conditions"]["generation_loaded"]) == (503, False)
    assert worker.page("/healthz")[0] == 200
    request.getfixturevalue("learned")
    worker.await_ready()
    assert decisions_of(await_answers(broker, topics, 1)).keys() == {"new-1"}


def test_a_flood_of_dead_letters_stops_the_worker_and_leaves_the_topic(
    broker: str, topics: TopicNames, learned: str, start_worker: StartWorker, tmp_path: Path
) -> None:
    worker = start_worker(dead_letter_max_consecutive=50, batch_records=10).await_ready()
    kafka.produce(broker, topics.tickets, [(b"bad", b"no json")] * 500)
    assert worker.await_end(60) == Exit.POISON
    assert "51 records in a row cannot be processed (limit 50)" in worker.log.read_text()
    letters = kafka.read_all(broker, topics.dead)
    assert 0 < len(letters) <= 50
    assert {decode(DeadLetter, letter.value()).reason for letter in letters} == {"not_json"}


def test_a_worker_that_waits_for_its_brokers_says_so_once_and_is_stopped_at_once(
    start_worker: StartWorker,
) -> None:
    """The wait is far longer than this test's patience."""
    worker = start_worker(bootstrap="127.0.0.1:1")
    assert eventually(lambda: "waiting_for_brokers" in worker.log.read_text())
    os.kill(worker.pid, signal.SIGINT)
    assert worker.await_end(20) == 128 + signal.SIGINT
    (line,) = map(json.loads, worker.log.read_text().splitlines())
    assert (line["level"], line["address"], line["up_to_s"]) == ("warning", "127.0.0.1:1", 60)


def test_settings_that_are_wrong_end_it_with_one_line(start_worker: StartWorker) -> None:
    worker = start_worker(batch_records=0)
    assert worker.await_end(30) == Exit.USAGE
    assert worker.log.read_text().strip().splitlines() == [
        "sluice: SLUICE_BATCH_RECORDS: input should be greater than or equal to 1 (it is '0')"
    ]
