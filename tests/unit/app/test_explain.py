"""Decisions made again, and explanations asked for, from topics in memory that the routing path itself has written."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np
import pytest

from agents.follower import Lookup
from agents.generations import generation_records
from agents.routing import route
from agents.state import text_of, vector_of
from agents.wire import Batch
from app.explain.answer import answer_text, answer_ticket
from app.explain.kept import Kept
from app.explain.replay import Replay, replay
from app.settings import Settings
from models.errors import BadGeneration, Fatal, Transient
from models.generation import Generation
from models.routing.decide import DecidePolicy
from models.routing.encode import Encoder
from schemas.codec import decode, encode
from schemas.decision import Decision, ReasonName
from schemas.state import TicketState, TicketStatus
from tests.fakes.encoder import HashingEncoder
from tests.fakes.history import FRESH, HISTORY
from tests.fakes.kafka import FakeKafka
from tests.fakes.path import NAMES, Rig, learn, rig
from tests.fakes.records import Reader, batch, committed, feedback, record, state, ticket

SETTINGS = Settings()
TEXTS = [text for _, text in (*FRESH, *HISTORY[::3])]


@cache
def learned() -> Generation:
    return learn(HashingEncoder())


@dataclass
class World:
    """A worker and the topics that it writes; what it learns it reads back."""

    rig: Rig
    kafka: FakeKafka = field(default_factory=FakeKafka)
    epoch: int = 0

    def __post_init__(self) -> None:
        for topic in NAMES.all():
            self.kafka.make(topic, 1)
        self.publish(learned())

    def publish(self, generation: Generation) -> str:
        name, records = generation_records(generation)
        for key, value in records:
            self.kafka.append(NAMES.generations, 0, key, value)
            self.rig.path.live.on_generation(record(value, key=key, topic=NAMES.generations))
        self.rig.path.live.swap()
        return name

    def work(self, *values: bytes, topic: str = NAMES.tickets) -> list[Decision]:
        """What the worker decides on these records."""
        self.epoch += 1
        done: Batch = batch([record(v, offset=at, topic=topic) for at, v in enumerate(values)], self.epoch)
        route(done, self.rig.path)
        for output in done.outputs:
            offset = self.kafka.append(output.topic, 0, output.key, output.value)
            if output.topic == NAMES.corrections:
                correction = record(output.value, offset=offset, key=output.key, topic=NAMES.corrections)
                self.rig.path.live.on_correction(correction)
        self.rig.path.live.swap()
        committed(done)
        return [decode(Decision, one.value) for one in done.outputs if one.topic == NAMES.routed]

    def kept(self) -> Kept:
        return Kept(SETTINGS, Lookup({}, lambda _: Reader(self.kafka)))

    def state(self, ticket_id: str) -> TicketState:
        found = self.kept().state(ticket_id)
        assert found is not None
        return found

    def again(self, decision: Decision, encoder: Encoder | None = None) -> Replay:
        return replay(decision, self.kept(), SETTINGS, lambda: encoder or HashingEncoder())


@pytest.fixture
def world() -> World:
    given = rig(generations=[])
    given.path.intake.table.restore([0])
    return World(Rig(replace(given.path, explain=0.5), given.registry))


def created(texts: Iterable[str], start: int = 1, **more: object) -> list[bytes]:
    return [
        ticket(f"t-{number}", "created", text, version=1, **more) for number, text in enumerate(texts, start)
    ]


# -- made again


def test_every_decision_is_made_again_at_its_revision_and_by_its_generation(world: World) -> None:
    """Corrections and a generation that came later are not known to it, and would have made another one."""
    first = world.work(*created(TEXTS))
    moved = [one.ticket_id for one in first if one.owner == "mobile"][:4]
    acts = [
        feedback("reassigned", "locks", ticket_id=name, feedback_id=f"f-{name}", at=1_790_000_100_000)
        for name in moved
    ]
    assert len(moved) == 4
    world.work(*acts, topic=NAMES.feedback)
    second = world.work(*created(TEXTS, start=100))
    newer = world.publish(replace(learned(), created_at_ms=learned().created_at_ms + 1))
    third = world.work(*created(TEXTS, start=200))
    assert [one.owner for one in first] != [one.owner for one in second]
    assert {one.revision for one in second} == {4}
    assert {one.generation_id for one in third} == {newer}
    for decision in (*first, *second, *third):
        found = world.again(decision)
        assert (found.differs, found.moved_on) == ((), False)
    assert {one.heat_map is None for one in first} == {True, False}


def test_a_decision_is_found_by_its_id(world: World) -> None:
    decided = world.work(*created(TEXTS))
    for decision in decided[:3]:
        assert world.kept().decision(decision.decision_id) == decision
    assert world.kept().decision("d-404") is None
    world.kafka.append(NAMES.routed, 0, b"t-1", b'{"decision_id":"d-broken"')
    assert world.kept().decision("d-broken") is None


CHANGES: dict[str, object] = {
    "owner": "nobody",
    "reason": ReasonName.PRIORITY,
    "explanation": "Because.",
    "alternatives": [],
    "sla": None,
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_field_that_was_changed_is_named(world: World, name: str) -> None:
    decision = next(one for one in world.work(*created(TEXTS)) if one.sla and one.alternatives)
    found = world.again(decision.model_copy(update={name: CHANGES[name]}))
    assert [one.field for one in found.differs] == [name]
    assert not found.moved_on


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("encoder", "the decision was made with encoder another; neither"),
        ("generation_id", "generation g-another does not stand in the topic any more"),
        ("ticket_id", "nothing is kept of ticket another"),
    ],
)
def test_what_is_gone_is_said(world: World, name: str, line: str) -> None:
    (decision,) = world.work(*created(TEXTS[:1]))
    with pytest.raises(Fatal, match=line):
        world.again(decision.model_copy(update={name: "g-another" if name == "generation_id" else "another"}))


def test_fields_that_its_writer_did_not_know_do_not_count(world: World) -> None:
    (decision,) = world.work(*created(TEXTS[:1]))
    old = decision.model_dump(mode="json", exclude={"escalation", "overrides", "heat_map", "sentiment"})
    assert world.again(Decision.model_validate(old)).differs == ()


def test_the_thresholds_are_those_that_were_fixed_then(world: World) -> None:
    fixed = DecidePolicy(floor=-1.0, route_at=0.0)
    world.rig = Rig(replace(world.rig.path, policy=fixed), world.rig.registry)
    (decision,) = world.work(*created(["where is the office canteen"]))
    assert decision.outcome == "route"
    found = world.again(decision)
    assert found.differs == ()
    assert any("the settings say otherwise now" in remark for remark in found.remarks)


def test_the_priority_is_that_of_the_decision(world: World) -> None:
    (decision,) = world.work(*created(TEXTS[:1], priority="urgent"))
    world.work(ticket("t-1", "resolved", version=2, priority="low"))
    assert decision.outcome == "escalate"
    found = world.again(decision)
    assert (found.differs, found.moved_on) == ((), True)


def test_a_text_that_is_another_now_cannot_be_decided_again(world: World) -> None:
    (decision,) = world.work(*created([TEXTS[0]]))
    (newer,) = world.work(ticket("t-1", "updated", TEXTS[4], version=2))
    found = world.again(decision)
    assert found.moved_on
    assert {"owner", "cluster"} <= {one.field for one in found.differs}
    assert any("version v2 now" in remark for remark in found.remarks)
    assert world.again(newer).differs == ()


def test_a_vector_that_moved_when_the_state_was_written_again_is_made_of_the_text(world: World) -> None:
    (decision,) = world.work(*created([TEXTS[0]]))
    held = world.state("t-1")
    vector = vector_of(held.vector).copy()
    vector[:40] += np.float32(1 / 256)
    moved = held.model_copy(update={"vector": text_of(vector)})
    world.kafka.append(NAMES.state, 0, b"t-1", encode(moved))
    assert world.again(decision).differs == ()
    assert world.again(decision, HashingEncoder(dim=32)).differs != ()


def test_corrections_that_are_gone_are_told(world: World) -> None:
    """A compacted topic: the correction itself is gone, the tombstone that took it is still there."""
    world.work(*created(TEXTS[:2]))
    act = feedback("reassigned", "payments", ticket_id="t-1", feedback_id="f-1", at=1_790_000_100_000)
    world.work(act, topic=NAMES.feedback)
    (decision,) = world.work(*created([TEXTS[0]], start=9))
    assert decision.revision == 1
    world.work(ticket("t-1", "deleted", version=2))
    assert world.again(decision).differs == ()
    world.kafka.logs[NAMES.corrections, 0][0].aborted = True  # as if it had been compacted away
    found = world.again(decision)
    assert any(remark.startswith("1 corrections of then are gone") for remark in found.remarks)


# -- explained


def test_a_ticket_is_explained_by_what_is_in_force(world: World) -> None:
    team, text = FRESH[5]
    (decision,) = world.work(*created([text]))
    solved = state(
        "past-1",
        status=TicketStatus.SOLVED,
        text=text,
        resolution="new firmware",
        vector=world.state("t-1").vector,
        encoder=HashingEncoder().fingerprint,
        assigned_team=team,
    )
    world.kafka.append(NAMES.state, 0, b"past-1", encode(solved))
    answer = answer_ticket("t-1", world.kept(), SETTINGS, HashingEncoder())
    live = {"similar": [], "decided_at": decision.decided_at, "heat_map": None}
    assert answer.decision.model_copy(update=live) == decision.model_copy(update=live)
    assert [one.resolution for one in answer.decision.similar] == ["new firmware"]
    said = answer.as_json()
    assert "".join(part["text"] for part in said["heat_map"]) == text
    assert said["last_decision"]["decision_id"] == decision.decision_id
    assert said["runner_up"]["owner"] != team == said["owner"]


def test_a_text_is_masked_before_it_is_explained(world: World) -> None:
    answer = answer_text(f"{FRESH[1][1]} 13812345678", world.kept(), SETTINGS, HashingEncoder())
    assert answer.decision.owner == FRESH[1][0]
    said = answer.as_json()
    assert "".join(part["text"] for part in said["heat_map"]) == f"{FRESH[1][1]} [PHONE]"
    assert said["last_decision"] is None
    assert not {"ticket_id", "decision_id", "sla"} & said.keys()


def test_what_cannot_be_explained_is_said(world: World) -> None:
    encoder = HashingEncoder()
    with pytest.raises(Fatal, match="nothing is kept of ticket t-404"):
        answer_ticket("t-404", world.kept(), SETTINGS, encoder)
    with pytest.raises(Fatal, match="the text cannot be used"):
        answer_text("!!", world.kept(), SETTINGS, encoder)
    with pytest.raises(BadGeneration, match="was made with encoder"):
        answer_text("the app crashes", world.kept(), SETTINGS, HashingEncoder(dim=32))
    world.kafka.make(NAMES.generations, 1)
    with pytest.raises(Transient, match="there is no generation yet"):
        answer_text("the app crashes", world.kept(), SETTINGS, encoder)


def test_a_ticket_of_another_encoder_is_encoded_anew(world: World) -> None:
    world.work(*created([FRESH[1][1]]))
    other = world.state("t-1").model_copy(
        update={"encoder": "another", "vector": text_of(np.ones(7, np.float32))}
    )
    world.kafka.append(NAMES.state, 0, b"t-1", encode(other))
    assert answer_ticket("t-1", world.kept(), SETTINGS, HashingEncoder()).decision.owner == FRESH[1][0]
