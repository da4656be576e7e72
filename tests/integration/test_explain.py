"""Explanations and decisions made again, on a real broker, from nothing but what a worker left there."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.follower import Lookup
from agents.topics import TopicNames
from app.explain.kept import Kept
from app.explain.replay import Replay, replay
from app.settings import Settings, kafka_options
from models.routing.encode import Encoder
from schemas.codec import decode, encode
from schemas.contract import time_of
from schemas.decision import Decision, OutcomeName
from schemas.feedback import Feedback
from schemas.state import TicketState
from tests import kafka
from tests.eventually import eventually
from tests.fakes.history import FRESH, NOW_MS
from tests.integration.conftest import StartWorker, learn
from tests.integration.ledger import await_answers, decisions_of
from tests.integration.test_shadow import Sluice
from tests.integration.test_worker import send, ticket

pytestmark = pytest.mark.integration


@pytest.fixture
def sluice(settings: Settings) -> Sluice:
    return Sluice(settings)


@pytest.fixture
def kept(settings: Settings) -> Iterator[Kept]:
    assert settings.bootstrap is not None
    with Kept(settings, Lookup(kafka_options(settings, settings.bootstrap))) as opened:
        yield opened


def decisions(broker: str, topics: TopicNames, count: int) -> list[Decision]:
    """All decisions of the topic, in the order of their tickets, then of their making."""
    found = [decode(Decision, record.value()) for record in await_answers(broker, topics, count)]
    return sorted(found, key=lambda one: (one.ticket_id, one.decided_at))


def again(decision: Decision, kept: Kept, settings: Settings, encoder: Encoder) -> Replay:
    return replay(decision, kept, settings, lambda: encoder)


def test_every_decision_is_made_again_to_the_bit(
    broker: str,
    topics: TopicNames,
    settings: Settings,
    encoder: Encoder,
    learned: str,
    start_worker: StartWorker,
    kept: Kept,
    sluice: Sluice,
    tmp_path: Path,
) -> None:
    """With all kinds of outcomes; after a restart, after a correction, by an older generation, and after an act."""
    worker = start_worker(explain=1.0, instance="w").await_ready()
    texts = [
        *(text for _, text in FRESH),
        "where is the office canteen",
        "please call 13812345678 about my lock",
    ]
    events = [ticket(number, text, version=1) for number, text in enumerate(texts)]
    send(broker, topics.tickets, *events, ticket(90, FRESH[0][1], version=1, priority="urgent"))
    first = decisions(broker, topics, 9)
    assert {one.revision for one in first} == {0}
    assert {"escalate"} < {one.outcome for one in first}
    assert all(one.heat_map for one in first)

    act = {"feedback_id": "f-1", "kind": "reassigned", "ticket_id": "new-2", "owner": "locks"}
    kafka.produce(
        broker,
        topics.feedback,
        [(b"new-2", encode(Feedback.model_validate(act | {"at": time_of(NOW_MS + 1)})))],
    )
    assert eventually(lambda: len(kafka.read_all(broker, topics.corrections)) == 1, 60)
    worker.stop()
    start_worker(explain=0.5, instance="w").await_ready()
    send(broker, topics.tickets, *(ticket(20 + n, text, version=1) for n, text in enumerate(texts[:4])))
    second = [
        one for one in decisions(broker, topics, 13) if one.ticket_id.startswith("new-2") and one.revision
    ]
    assert len(second) == 4
    assert {one.generation_id for one in (*first, *second)} == {learned}

    newer = learn(settings, encoder, NOW_MS + 60_000)
    send(broker, topics.tickets, ticket(40, texts[0], version=1))
    (third,) = [one for one in decisions(broker, topics, 14) if one.ticket_id == "new-40"]
    assert newer != learned

    for decision in (*first, *second, third):
        found = again(decision, kept, settings, encoder)
        assert found.differs == (), decision.ticket_id
        assert not found.moved_on
    said = sluice.said("replay", first[0].decision_id)
    assert (said["equal"], said["differs"], said["moved_on"]) == (True, {}, False)


def test_a_decision_that_was_tampered_with_is_told(
    broker: str,
    topics: TopicNames,
    settings: Settings,
    encoder: Encoder,
    learned: str,
    start_worker: StartWorker,
    kept: Kept,
    sluice: Sluice,
    tmp_path: Path,
) -> None:
    start_worker(explain=1.0).await_ready()
    send(broker, topics.tickets, ticket(1, FRESH[0][1], version=1, priority="low"))
    (true,) = decisions(broker, topics, 1)
    assert true.cluster is not None
    assert true.heat_map is not None
    warmer = [piece.model_copy(update={"weight": piece.weight and 0.999}) for piece in true.heat_map]
    changes: dict[str, object] = {
        "owner": "locks",
        "outcome": OutcomeName.ESCALATE,
        "cluster": true.cluster.model_copy(update={"confidence": true.cluster.confidence - 1e-6}),
        "decision_id": true.decision_id[:-1] + "_",
        "heat_map": warmer,
        "explanation": true.explanation + " ",
    }
    for field, value in changes.items():
        found = again(true.model_copy(update={field: value}), kept, settings, encoder)
        assert field in {one.field for one in found.differs}
        assert not found.moved_on
    for field, value in {"revision": 1, "ticket_version": "v2"}.items():
        found = again(true.model_copy(update={field: value}), kept, settings, encoder)
        assert "decision_id" in {one.field for one in found.differs}
    live = {"similar": [], "duplicate_of": "new-7", "decided_at": time_of(NOW_MS)}
    assert again(true.model_copy(update=live), kept, settings, encoder).differs == ()

    file = tmp_path / "decision.json"
    file.write_bytes(encode(true.model_copy(update={"owner": "locks"})))
    done = sluice.run("replay", file)
    assert done.returncode == 1
    assert "not the same" in done.stdout
    assert "owner" in done.stdout
    file.write_bytes(encode(true))
    assert sluice.run("replay", file).returncode == 0
    file.write_text("{}")
    done = sluice.run("replay", file)
    assert (done.returncode, "not one decision as JSON" in done.stderr) == (2, True)
    done = sluice.run("replay", "d-000000000000000000000000")
    assert (done.returncode, "no decision d-0" in done.stderr) == (1, True)


def test_what_is_gone_cannot_be_made_again_and_what_is_kept_can(
    broker: str,
    topics: TopicNames,
    settings: Settings,
    encoder: Encoder,
    learned: str,
    start_worker: StartWorker,
    kept: Kept,
    sluice: Sluice,
) -> None:
    start_worker().await_ready()
    texts = [text for _, text in FRESH]
    send(broker, topics.tickets, *(ticket(number, texts[0], version=1) for number in (1, 2, 3)))
    one, two, three = decisions(broker, topics, 3)
    send(
        broker,
        topics.tickets,
        ticket(1, texts[4], version=2, event="updated"),
        ticket(2, "", version=2, event="resolved", resolution="a new build"),
        ticket(3, "", version=2, event="deleted"),
        ticket(4, texts[0], version=1),
    )
    newer = next(d for d in decisions(broker, topics, 5) if d.ticket_id == "new-1" and d != one)
    assert again(newer, kept, settings, encoder).differs == ()
    moved = again(one, kept, settings, encoder)
    assert moved.moved_on
    assert "owner" in {different.field for different in moved.differs}
    assert any("version v2 now" in remark for remark in moved.remarks)
    solved = again(two, kept, settings, encoder)
    assert (solved.differs, solved.moved_on) == ((), True)
    done = sluice.run("replay", three.decision_id)
    assert (done.returncode, "nothing is kept of ticket new-3" in done.stderr) == (1, True)
    done = sluice.run("replay", one.decision_id)
    assert (done.returncode, "cannot be made again" in done.stdout) == (1, True)


def test_thresholds_that_an_operator_fixed_are_those_of_the_decision(
    broker: str,
    topics: TopicNames,
    settings: Settings,
    encoder: Encoder,
    learned: str,
    start_worker: StartWorker,
    kept: Kept,
) -> None:
    start_worker(route_at=0.0, similarity_floor=-1).await_ready()
    send(broker, topics.tickets, ticket(1, "where is the office canteen", version=1))
    (decision,) = decisions(broker, topics, 1)
    assert decision.outcome == "route"
    found = again(decision, kept, settings, encoder)
    assert found.differs == ()
    assert any("the settings say otherwise now" in remark for remark in found.remarks)
    free = again(decision.model_copy(update={"overrides": None}), kept, settings, encoder)
    assert {"outcome", "overrides"} & {one.field for one in free.differs}


def test_a_ticket_is_explained(
    broker: str, topics: TopicNames, learned: str, start_worker: StartWorker, sluice: Sluice
) -> None:
    start_worker().await_ready()
    team, text = FRESH[5]
    send(broker, topics.tickets, ticket(1, f"{text}, call 13812345678", version=1))
    decided = decisions_of(await_answers(broker, topics, 1))["new-1"]
    (state,) = [
        decode(TicketState, record.value())
        for record in kafka.read_all(broker, topics.state)
        if record.key() == b"new-1"
    ]
    said = sluice.said("explain", "new-1")
    assert (said["owner"], said["outcome"], said["explanation"]) == (
        team,
        decided.outcome,
        decided.explanation,
    )
    assert said["generation_id"] == learned
    assert "".join(part["text"] for part in said["heat_map"]) == state.text
    assert "[PHONE]" in state.text
    heaviest = max(said["heat_map"], key=lambda part: part["weight"] or 0.0)
    assert heaviest["weight"] > 0
    assert said["runner_up"]["owner"] in {"mobile", "payments"}
    assert said["similar"][0]["resolution"] == f"solved by {team}"
    assert said["last_decision"]["decision_id"] == decided.decision_id
    told = sluice.run("explain", "new-1")
    assert told.returncode == 0, told.stderr
    assert "runner-up" in told.stdout
    assert "solved by locks" in told.stdout
    assert "13812345678" not in told.stdout


def test_a_text_is_explained_masked_and_what_cannot_be_is_said_in_one_line(
    broker: str, topics: TopicNames, learned: str, sluice: Sluice
) -> None:
    text = "微信支付失败，提示签名错误，my phone 13812345678"
    said = sluice.said("explain", "--text", text)
    assert said["owner"] == "payments"
    assert "13812345678" not in json.dumps(said)
    assert said["last_decision"] is None
    assert [one["owner"] for one in said["similar"]][:1] == ["payments"]
    for words, code, line in (
        (["new-404"], 1, "nothing is kept of ticket new-404"),
        (["--text", "!!"], 1, "the text cannot be used"),
        ([], 2, "what is to be explained?"),
        (["new-1", "--text", "both"], 2, "what is to be explained?"),
    ):
        done = sluice.run("explain", *words)
        assert (done.returncode, done.stdout) == (code, "")
        (one,) = done.stderr.splitlines()
        assert line in one


def test_without_a_generation_there_is_nothing_to_explain_by(topics: TopicNames, sluice: Sluice) -> None:
    done = sluice.run("explain", "--text", "the app crashes")
    assert (done.returncode, "there is no generation yet" in done.stderr) == (1, True)
