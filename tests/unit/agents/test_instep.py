"""In step: what people did is read after the tickets that they did it to, whatever the topics' backlogs."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from confluent_kafka import KafkaError, TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from agents.instep import InStep
from tests.fakes.kafka import FakeConsumer, FakeKafka, FakeRecord, Place
from tests.fakes.records import Trouble

LEAD, FOLLOW = "lead", "follow"
ALL: list[Place] = [(LEAD, 0), (LEAD, 1), (FOLLOW, 0), (FOLLOW, 1)]


@dataclass
class Rig:
    """A member that reads both topics in step, and a clock that the test sets."""

    kafka: FakeKafka = field(default_factory=FakeKafka)
    now_ms: int = 0

    def __post_init__(self) -> None:
        for topic in (LEAD, FOLLOW):
            self.kafka.make(topic, 2)
        self.client: FakeConsumer = self.kafka.consumer("group", "a")
        self.client.tells_ends = True
        self.reader = InStep(self.client, LEAD, FOLLOW, lambda: self.now_ms)
        self.reader.subscribe(
            [LEAD, FOLLOW], on_assign=self._assigned, on_revoke=self._lost, on_lost=self._lost
        )
        self.assign(ALL)

    def _assigned(self, _: Any, partitions: list[TopicPartition]) -> None:
        """As the wire does: a pause outlives the loss of its partition."""
        self.reader.assign([TopicPartition(p.topic, p.partition, 0) for p in partitions])
        self.reader.resume(partitions)

    def _lost(self, _: Any, partitions: list[TopicPartition]) -> None: ...

    def assign(self, places: list[Place]) -> None:
        self.kafka.rebalance("group", {"a": places})

    def put(self, topic: str, name: str, at_ms: int, partition: int = 0) -> None:
        """Publish a record at a time."""
        self.kafka.clock_ms = at_ms
        self.kafka.append(topic, partition, None, name.encode())

    def read(self, turns: int = 6, most: int = 10) -> list[str]:
        """The records that come in so many turns of the wire's reading, by name."""
        found: list[str] = []
        for _ in range(turns):
            first = self.reader.poll(0.0)
            rest = self.reader.consume(most - 1, 0.0) if first is not None else []
            found += names([first] if first is not None else [], rest)
        return found


def names(*parts: Sequence[Any]) -> list[str]:
    return [record.value().decode() for part in parts for record in part]


@pytest.fixture
def rig() -> Rig:
    return Rig()


# -- who waits for what


def test_an_act_waits_for_the_tickets_published_before_it(rig: Rig) -> None:
    rig.put(FOLLOW, "act at 30", 30)
    assert rig.read() == []
    rig.put(LEAD, "ticket at 10", 10)
    rig.put(LEAD, "ticket at 20", 20)
    assert rig.read() == ["ticket at 10", "ticket at 20"]
    rig.put(LEAD, "ticket at 40", 40)
    assert rig.read() == ["ticket at 40", "act at 30"]


def test_one_published_at_the_time_of_a_ticket_that_was_read_need_not_wait(rig: Rig) -> None:
    rig.put(LEAD, "ticket at 10", 10)
    assert rig.read() == ["ticket at 10"]
    rig.put(FOLLOW, "act at 10", 10)
    rig.put(FOLLOW, "act at 11", 11)
    assert rig.read() == ["act at 10"]


@pytest.mark.parametrize(
    ("published_ms", "now_ms", "comes"),
    [
        pytest.param(30, 40, False, id="at once"),
        pytest.param(30, 1_029, False, id="just not a moment later"),
        pytest.param(30, 1_030, True, id="a moment later"),
        pytest.param(90_000, 1_039, False, id="by a clock ahead, read just now"),
        pytest.param(90_000, 1_040, True, id="by a clock ahead, read a moment ago"),
    ],
)
def test_at_the_end_of_the_tickets_a_moment_is_enough(
    rig: Rig, published_ms: int, now_ms: int, comes: bool
) -> None:
    """A ticket that was published just before may be on its way."""
    rig.now_ms = 40
    rig.put(FOLLOW, "act", published_ms)
    assert rig.read() == []
    rig.now_ms = now_ms
    assert rig.read() == (["act"] if comes else [])


def test_old_acts_come_at_once_when_there_are_no_tickets(rig: Rig) -> None:
    rig.now_ms = 100_000
    for number in range(20):
        rig.put(FOLLOW, f"act {number}", number)
    assert rig.read(turns=30) == [f"act {number}" for number in range(20)]


def test_when_very_many_wait_their_partition_rests(rig: Rig) -> None:
    for number in range(2_500):
        rig.put(FOLLOW, f"act {number}", 30)
    assert rig.read(turns=3_000) == []
    assert rig.client._paused == {(FOLLOW, 0)}
    rig.now_ms = 5_000
    assert rig.read(turns=300, most=100) == [f"act {number}" for number in range(2_500)]
    assert rig.client._paused == set()


def test_where_the_tickets_are_not_at_their_end_no_time_is_enough(rig: Rig) -> None:
    for number in range(4):
        rig.put(LEAD, f"ticket {number}", number)
    rig.put(FOLLOW, "act", 30)
    rig.now_ms += 1_000_000
    assert rig.read(turns=3, most=1) == ["ticket 0", "ticket 1", "ticket 2"]
    rig.now_ms += 1_000_000
    assert "act" not in rig.read(turns=1, most=1)


def test_an_end_is_no_end_any_more_once_a_ticket_has_come(rig: Rig) -> None:
    assert rig.read() == []
    rig.put(LEAD, "ticket at 10", 10)
    rig.client.tells_ends = False  # the new end is not told yet
    assert rig.read() == ["ticket at 10"]
    rig.put(FOLLOW, "act at 30", 30)
    rig.read()
    rig.now_ms += 1_000_000
    assert rig.read() == []


def test_each_partition_goes_by_its_own_tickets(rig: Rig) -> None:
    rig.put(LEAD, "ticket in 1", 40, partition=1)
    rig.put(FOLLOW, "act in 0", 30)
    rig.put(FOLLOW, "act in 1", 30, partition=1)
    assert rig.read() == ["ticket in 1", "act in 1"]


def test_acts_keep_their_order(rig: Rig) -> None:
    rig.put(FOLLOW, "act at 30", 30)
    rig.read()
    rig.put(FOLLOW, "act at 5", 5)  # by a clock behind: it stands behind all the same
    rig.put(LEAD, "ticket at 10", 10)
    assert rig.read() == ["ticket at 10"]
    rig.put(LEAD, "ticket at 50", 50)
    assert rig.read() == ["ticket at 50", "act at 30", "act at 5"]


def test_no_more_are_handed_out_than_asked_for(rig: Rig) -> None:
    for number in range(5):
        rig.put(FOLLOW, f"act {number}", 30)
    rig.read(turns=9)
    rig.now_ms += 1_000
    assert names(rig.reader.consume(3, 0.0)) == ["act 0", "act 1", "act 2"]
    first = rig.reader.poll(0.0)
    assert first is not None
    assert first.value() == b"act 3"
    assert names(rig.reader.consume(3, 0.0)) == ["act 4"]


# -- assignments


def test_a_partition_whose_tickets_are_elsewhere_is_left_alone(rig: Rig) -> None:
    rig.assign([(LEAD, 0), (FOLLOW, 0), (FOLLOW, 1)])
    rig.put(FOLLOW, "act in 0", 30)
    rig.put(FOLLOW, "act in 1", 30, partition=1)
    rig.read()
    rig.now_ms += 1_000
    assert rig.read() == ["act in 0"]
    assert sorted((p.topic, p.partition) for p in rig.reader.assignment()) == [(FOLLOW, 0), (LEAD, 0)]
    rig.reader.pause([TopicPartition(*place) for place in ALL])  # the wire knows no better
    rig.reader.resume([TopicPartition(*place) for place in ALL])


def test_what_waits_is_forgotten_with_its_assignment_and_read_again(rig: Rig) -> None:
    rig.put(FOLLOW, "act", 30)
    rig.read()
    rig.assign(ALL)
    rig.read()
    rig.now_ms += 1_000
    assert rig.read() == ["act"]
    rig.assign([])
    rig.assign(ALL)
    rig.read()
    rig.assign([(LEAD, 0)])
    assert rig.reader.poll(0.0) is None  # learns of it
    rig.now_ms += 1_000
    assert rig.read() == []


# -- what else the wire does


def test_nothing_is_handed_out_while_the_wire_has_paused_everything(rig: Rig) -> None:
    rig.put(FOLLOW, "act", 30)
    rig.read()
    rig.reader.pause(rig.reader.assignment())
    rig.now_ms += 1_000
    assert rig.reader.poll(0.0) is None
    rig.reader.resume(rig.reader.assignment())
    assert rig.read() == ["act"]


def test_what_the_wire_goes_back_to_is_read_again_and_once(rig: Rig) -> None:
    """Records that slip through a pause: the wire notes the first of each partition and seeks to it."""
    rig.put(LEAD, "ticket at 10", 10)
    rig.put(FOLLOW, "act at 30", 30)
    assert rig.read() == ["ticket at 10"]
    rig.client.slips = 2
    rig.reader.pause(rig.reader.assignment())
    rig.put(LEAD, "ticket at 20", 20)
    stray = rig.reader.poll(0.0)
    assert stray is not None
    assert stray.value() == b"ticket at 20"
    rig.reader.seek(TopicPartition(LEAD, 0, stray.offset()))
    rig.reader.seek(TopicPartition(FOLLOW, 0, 0))
    rig.reader.resume(rig.reader.assignment())
    assert rig.read() == ["ticket at 20"]
    rig.now_ms += 1_000
    assert rig.read() == ["act at 30"]


def test_troubles_are_handed_on_and_ends_are_not(rig: Rig) -> None:
    class Troubled(FakeConsumer):
        def consume(self, num_messages: int, timeout: float) -> list[FakeRecord]:
            places = ((LEAD, 0), (FOLLOW, 0))
            ends = [Trouble(place, KafkaError._PARTITION_EOF) for place in places]
            return [*ends, Trouble((LEAD, 0), KafkaError._MAX_POLL_EXCEEDED)]

    reader = InStep(Troubled(rig.kafka, "group", "b"), LEAD, FOLLOW)
    (found,) = reader.consume(10, 0.0)
    assert found.error().code() == KafkaError._MAX_POLL_EXCEEDED


# -- the law

_STEPS = st.lists(
    st.tuples(st.sampled_from(["ticket", "act", "read", "wait", "again", "rest"]), st.integers(0, 1)),
    max_size=40,
)


@given(_STEPS, st.integers(1, 4))
def test_all_is_read_once_and_in_step_whatever_happens(steps: list[tuple[str, int]], most: int) -> None:
    """Of each partition: in order, each record once by an assignment, and no act before a ticket that was published
    before it."""
    rig, seen = Rig(), list[str]()
    published: dict[str, tuple[str, int, int]] = {}

    def read(turns: int) -> None:
        seen.extend(rig.read(turns, most))

    for at_ms, (step, partition) in enumerate(steps, start=1):
        name = f"{step} {at_ms}"
        if step in {"ticket", "act"}:
            published[name] = (step, partition, at_ms)
            rig.put(LEAD if step == "ticket" else FOLLOW, name, at_ms, partition)
        elif step == "read":
            read(1)
        elif step == "wait":
            rig.now_ms += 1_000
        elif step == "again":
            rig.assign(ALL)
            # What was held back may come once more before the client is told: of the assignment that ends, whose
            # batches the wire drops.
            rig.client.consume(0, 0.0)
            seen.clear()
        else:
            rig.reader.pause(rig.reader.assignment())
            stray = rig.reader.poll(0.0)
            if stray is not None:  # only where it has just been assigned
                rig.reader.seek(TopicPartition(stray.topic(), stray.partition(), stray.offset()))
            rig.reader.resume(rig.reader.assignment())
    read(90)
    rig.now_ms += 1_000
    read(90)
    assert sorted(seen) == sorted(published)
    for partition in (0, 1):
        own = [published[name] for name in seen if published[name][1] == partition]
        for kind in ("ticket", "act"):
            times = [at for step, _, at in own if step == kind]
            assert times == sorted(times)
        for index, (step, _, at) in enumerate(own):
            if step == "act":
                assert not [later for later in own[index:] if later[0] == "ticket" and later[2] < at]
