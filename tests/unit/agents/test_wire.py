"""The wire's rules, one by one, over an in-memory Kafka."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest
from confluent_kafka import KafkaError, TopicPartition

from agents.pulse import Pulse
from agents.wire import Batch, Output, Wire
from agents.wire_policy import WirePolicy, next_size
from models.errors import Fatal, PoisonFlood, Transient
from tests.fakes.faulty import InterruptedConsumer
from tests.fakes.kafka import FakeConsumer, FakeKafka, FakeProducer, Place, error

IN, OUT, GROUP = "in", "out", "group"
POLICY = WirePolicy(records=2, depth=2, gather_s=0.001, poll_s=0.0, pause_after_s=5.0, work_timeout_s=60.0)
BOTH: list[Place] = [(IN, 0), (IN, 1)]


@dataclass
class Diary:
    """A watcher that writes down what it is told."""

    lines: list[str] = field(default_factory=list)

    def gained(self, partitions: list[TopicPartition]) -> None:
        self.lines.append(f"gained {sorted(place.partition for place in partitions)}")

    def lost(self, partitions: list[TopicPartition]) -> None:
        self.lines.append(f"lost {sorted(place.partition for place in partitions)}")

    def committed(self, batch: Batch, seconds: float) -> None:
        self.lines.append(f"committed {len(batch.records)}")

    def dropped(self, batch: Batch, why: str) -> None:
        self.lines.append(f"dropped {why}")

    def rewound(self, why: str) -> None:
        self.lines.append(f"rewound {why}")


@dataclass
class Rig:
    """One member on the wire, its agent in the test's hands."""

    kafka: FakeKafka
    member: str = "a"
    policy: WirePolicy = POLICY
    now: float = 0.0
    delivered: list[Batch] = field(default_factory=list)
    diary: Diary = field(default_factory=Diary)
    slept: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.consumer: FakeConsumer = self.kafka.consumer(GROUP, self.member)
        self.producer: FakeProducer = self.kafka.producer(f"{GROUP}.{self.member}")
        self.wire = Wire(
            self.consumer,
            self.producer,
            [IN],
            self.delivered.append,
            self.diary,
            self.policy,
            Pulse(lambda: self.now),
            clock=lambda: self.now,
            sleep=self.slept.append,
        )
        self.wire.fence()
        self.wire.open()

    def work(self, batch: Batch, failure: BaseException | None = None) -> None:
        """What an agent does: one output a record, then leave the batch."""
        if failure is None:
            for record in batch.records:
                batch.send(Output(OUT, record.key(), record.value(), []))
        batch.error = failure
        batch.done.set()

    def run(self, steps: int = 20, failure: BaseException | None = None) -> None:
        """Step with an agent that works, or fails, at once."""
        for _ in range(steps):
            before = len(self.delivered)
            self.wire.step()
            for batch in self.delivered[before:]:
                self.work(batch, failure)


class Interruptible(FakeKafka):
    """One whose consumers can be interrupted."""

    def consumer(self, group: str, member: str) -> InterruptedConsumer:
        return InterruptedConsumer(self, group, member)


@pytest.fixture
def kafka() -> FakeKafka:
    return filled(FakeKafka())


def filled(kafka: FakeKafka) -> FakeKafka:
    """Ten records in two partitions."""
    kafka.make(IN, 2)
    kafka.make(OUT, 1)
    for number in range(10):
        kafka.append(IN, number % 2, b"k%d" % number, b"v%d" % number)
    return kafka


def alone(kafka: FakeKafka) -> Rig:
    """The only member, which has just learned what it owns and taken nothing yet."""
    kafka.rebalance(GROUP, {"a": BOTH})
    rig = Rig(kafka)
    rig.wire.step()
    assert rig.delivered == []
    return rig


def outputs(kafka: FakeKafka) -> list[bytes | None]:
    return [stored.value for stored in kafka.visible(OUT)]


def test_everything_comes_out_once_and_offsets_follow(kafka: FakeKafka) -> None:
    rig = alone(kafka)
    rig.run()
    assert sorted(filter(None, outputs(kafka))) == [b"v%d" % number for number in range(10)]
    assert kafka.groups[GROUP].offsets == {(IN, 0): 5, (IN, 1): 5}
    assert rig.diary.lines[0] == "gained [0, 1]"


def test_nothing_is_visible_before_the_commit(kafka: FakeKafka) -> None:
    rig = alone(kafka)
    rig.wire.step()
    (batch,) = rig.delivered
    batch.send(Output(OUT, b"k", b"early", []))
    rig.wire.step()
    assert outputs(kafka) == []
    assert kafka.groups[GROUP].offsets == {}


def test_batches_commit_in_the_order_they_were_taken(kafka: FakeKafka) -> None:
    rig = alone(kafka)
    rig.wire.step()
    rig.wire.step()
    first, second = rig.delivered
    rig.work(second)
    rig.wire.step()
    assert outputs(kafka) == []  # the older one is not done
    rig.work(first)
    rig.run()
    assert outputs(kafka)[:2] == [record.value() for record in first.records]


def test_no_more_than_depth_batches_are_out(kafka: FakeKafka) -> None:
    rig = alone(kafka)
    for _ in range(5):
        rig.wire.step()
    assert len(rig.delivered) == POLICY.depth


def test_a_failed_batch_and_those_behind_it_are_read_again(kafka: FakeKafka) -> None:
    rig = alone(kafka)
    rig.wire.step()
    rig.wire.step()
    first, second = rig.delivered
    rig.work(first, RuntimeError("agent"))
    rig.work(second)
    rig.run()
    assert sorted(filter(None, outputs(kafka))) == [b"v%d" % number for number in range(10)]
    assert rig.diary.lines[1:4] == ["dropped RuntimeError", "rewound RuntimeError", "dropped stale"]


def test_failures_in_a_row_end_the_process_after_the_retries(kafka: FakeKafka) -> None:
    rig = alone(kafka)
    with pytest.raises(Transient, match="gave up after 4 failures"):
        rig.run(steps=50, failure=RuntimeError("always"))
    assert outputs(kafka) == []
    assert rig.slept == [0.05, 0.1, 0.2]


@pytest.mark.parametrize("failure", [Fatal("no"), PoisonFlood("flood")], ids=["fatal", "flood"])
def test_a_fatal_error_of_the_agent_ends_it_with_nothing_visible(kafka: FakeKafka, failure: Fatal) -> None:
    rig = alone(kafka)
    rig.wire.step()
    rig.work(rig.delivered[0], failure)
    with pytest.raises(type(failure)):
        rig.run()
    assert outputs(kafka) == []


def test_a_rebalance_drops_what_is_in_flight_and_the_new_owner_reads_it(kafka: FakeKafka) -> None:
    a = alone(kafka)
    a.wire.step()
    kafka.rebalance(GROUP, {"a": [(IN, 0)], "b": [(IN, 1)]})
    b = Rig(kafka, member="b")
    b.run()
    a.work(a.delivered[0])
    a.run()
    assert sorted(filter(None, outputs(kafka))) == [b"v%d" % number for number in range(10)]
    assert "dropped stale" in a.diary.lines


def test_a_member_that_missed_a_rebalance_cannot_commit(kafka: FakeKafka) -> None:
    a = alone(kafka)
    a.wire.step()
    a.wire.step()  # both places taken: it polls no more and learns nothing
    kafka.rebalance(GROUP, {"b": BOTH})
    b = Rig(kafka, member="b")
    b.run()
    for batch in list(a.delivered):
        a.work(batch)
    a.run()
    assert sorted(filter(None, outputs(kafka))) == [b"v%d" % number for number in range(10)]
    assert "dropped ILLEGAL_GENERATION" in a.diary.lines


def test_a_crash_between_produce_and_commit_leaves_nothing_and_the_twin_goes_on(kafka: FakeKafka) -> None:
    first = alone(kafka)
    first.wire.step()
    first.work(first.delivered[0])
    first.producer.begin_transaction()
    for output in first.delivered[0].outputs:
        first.producer.produce(output.topic, key=output.key, value=output.value, headers=output.headers)
    first.producer.send_offsets_to_transaction(
        first.delivered[0].positions, first.delivered[0].metadata, timeout=1
    )
    kafka.rebalance(GROUP, {"a": BOTH})  # the process is gone; its instance comes back
    twin = Rig(kafka)
    twin.run()
    assert sorted(filter(None, outputs(kafka))) == [b"v%d" % number for number in range(10)]


def test_a_zombie_is_fenced(kafka: FakeKafka) -> None:
    zombie = alone(kafka)
    zombie.wire.step()
    zombie.work(zombie.delivered[0])
    Rig(kafka)  # the same instance, started anew
    with pytest.raises(Transient, match="unsettled"):
        zombie.run()
    assert outputs(kafka) == []


class Failing(FakeProducer):
    """A producer that fails its n-th commit in a given way."""

    failures: list[Callable[[], Exception]]

    def commit_transaction(self, timeout: float) -> None:
        if self.failures:
            raise self.failures.pop(0)()
        super().commit_transaction(timeout)


def failing(rig: Rig, *failures: Callable[[], Exception]) -> None:
    rig.producer.__class__ = Failing
    rig.producer.failures = list(failures)  # type: ignore[attr-defined]


def test_a_commit_that_may_be_retried_is_retried(kafka: FakeKafka) -> None:
    rig = alone(kafka)
    failing(rig, lambda: error(KafkaError._TIMED_OUT, retriable=True))
    rig.run()
    assert len(outputs(kafka)) == 10
    assert not [line for line in rig.diary.lines if line.startswith("rewound")]


def test_an_abortable_commit_is_aborted_and_begun_again(kafka: FakeKafka) -> None:
    rig = alone(kafka)
    failing(rig, lambda: error(KafkaError.INVALID_PRODUCER_EPOCH, txn_requires_abort=True))
    rig.run()
    assert sorted(filter(None, outputs(kafka))) == [b"v%d" % number for number in range(10)]


def test_a_commit_of_unknown_outcome_ends_the_process(kafka: FakeKafka) -> None:
    rig = alone(kafka)
    failing(rig, lambda: error(KafkaError._STATE))
    with pytest.raises(Transient, match="unsettled"):
        rig.run()


def test_slow_work_pauses_and_loses_nothing(kafka: FakeKafka) -> None:
    rig = alone(kafka)
    rig.wire.step()
    rig.wire.step()
    rig.now = POLICY.pause_after_s + 1
    for _ in range(5):
        rig.wire.step()
    assert len(rig.delivered) == 2
    for batch in rig.delivered:
        rig.work(batch)
    rig.run()
    assert sorted(filter(None, outputs(kafka))) == [b"v%d" % number for number in range(10)]


def test_a_partition_lost_while_paused_is_read_when_it_comes_back(kafka: FakeKafka) -> None:
    rig = alone(kafka)
    rig.wire.step()
    rig.wire.step()
    rig.now = POLICY.pause_after_s + 1
    rig.wire.step()
    kafka.rebalance(GROUP, {"a": [(IN, 0)]})
    rig.wire.step()
    for batch in rig.delivered:
        rig.work(batch)
    rig.run()
    assert kafka.groups[GROUP].offsets == {(IN, 0): 5}
    kafka.rebalance(GROUP, {"a": BOTH})
    rig.run()
    assert kafka.groups[GROUP].offsets == {(IN, 0): 5, (IN, 1): 5}


def test_a_generation_that_only_the_client_knows_of_commits_nothing() -> None:
    """The client's own thread may go on to a new generation between a poll and what follows it."""
    kafka = filled(Interruptible())
    kafka.rebalance(GROUP, {"a": BOTH})
    a = Rig(kafka, policy=replace(POLICY, records=1, depth=1))
    a.wire.step()

    def fall_behind() -> None:
        kafka.rebalance(GROUP, {"a": [], "b": BOTH})
        a.consumer.rejoin()
        Rig(kafka, member="b").run()

    assert isinstance(a.consumer, InterruptedConsumer)
    a.consumer.interruptions.append(fall_behind)
    a.run()
    assert sorted(filter(None, outputs(kafka))) == [b"v%d" % number for number in range(10)]
    assert "dropped ILLEGAL_GENERATION" in a.diary.lines


@pytest.mark.parametrize("rounds", [1, 2], ids=["at_once", "in_the_second_round"])
def test_the_transaction_of_one_who_died_is_awaited(kafka: FakeKafka, rounds: int) -> None:
    dead = alone(kafka)
    dead.wire.step()
    dead.producer.begin_transaction()
    dead.producer.send_offsets_to_transaction(dead.delivered[0].positions, dead.delivered[0].metadata, 1)
    waits: list[None] = []

    def wait() -> None:
        waits.append(None)
        if len(waits) == rounds:
            kafka.time_out()

    kafka.while_waiting = wait
    kafka.rebalance(GROUP, {"b": BOTH})
    Rig(kafka, member="b").run()
    assert sorted(filter(None, outputs(kafka))) == [b"v%d" % number for number in range(10)]


def test_a_transaction_that_nobody_ends_ends_the_process(kafka: FakeKafka) -> None:
    dead = alone(kafka)
    dead.wire.step()
    dead.producer.begin_transaction()
    dead.producer.send_offsets_to_transaction(dead.delivered[0].positions, dead.delivered[0].metadata, 1)
    kafka.rebalance(GROUP, {"b": BOTH})
    with pytest.raises(Transient, match="held by an open transaction"):
        Rig(kafka, member="b").run()


def test_work_without_end_ends_the_process(kafka: FakeKafka) -> None:
    rig = alone(kafka)
    rig.wire.step()
    rig.wire.step()
    rig.wire.step()
    rig.now = POLICY.work_timeout_s + 1
    with pytest.raises(Transient, match="was not done"):
        rig.wire.step()


def test_drain_commits_what_is_worked_and_takes_nothing_more(kafka: FakeKafka) -> None:
    rig = alone(kafka)
    rig.wire.step()
    rig.work(rig.delivered[0])
    rig.wire.drain(1.0)
    rig.wire.close()
    assert len(outputs(kafka)) == 2
    assert len(rig.delivered) == 1
    assert rig.consumer.closed


def test_callbacks_run_only_for_what_was_committed(kafka: FakeKafka) -> None:
    rig = alone(kafka)
    ran: list[str] = []
    rig.wire.step()
    first = rig.delivered[0]
    first.on_commit.append(lambda: ran.append("failed"))
    rig.work(first, RuntimeError("agent"))
    while "rewound RuntimeError" not in rig.diary.lines:
        rig.wire.step()
    for batch in rig.delivered:
        batch.done.set()
    before = len(rig.delivered)
    while len(rig.delivered) == before:
        rig.wire.step()
    again = rig.delivered[before]
    again.on_commit.append(lambda: ran.append("committed"))
    rig.work(again)
    rig.run()
    assert ran == ["committed"]


@pytest.mark.parametrize(
    ("size", "records", "work_s", "then"),
    [
        pytest.param(32, 32, 0.05, 64, id="quick work doubles it"),
        pytest.param(800, 800, 0.05, 1000, id="up to the most there may be"),
        pytest.param(32, 32, 0.5, 32, id="work as long as it should be leaves it"),
        pytest.param(400, 400, 2.0, 100, id="slow work makes it fit at once"),
        pytest.param(400, 3, 0.3, 5, id="few records that were slow tell as much"),
        pytest.param(32, 1, 60.0, 1, id="never none"),
        pytest.param(32, 5, 0.0, 64, id="work that took no time at all"),
    ],
)
def test_the_next_batch_is_as_large_as_the_work_allows(
    size: int, records: int, work_s: float, then: int
) -> None:
    assert next_size(size, records, work_s, WirePolicy(records=1000, work_goal_s=0.5)) == then


def test_slow_work_is_given_fewer_records(kafka: FakeKafka) -> None:
    for number in range(90):
        kafka.append(IN, number % 2, b"k", b"%d" % number)
    kafka.rebalance(GROUP, {"a": BOTH})
    rig = Rig(kafka, policy=replace(POLICY, records=1000, depth=1, work_goal_s=0.5))
    sizes: list[int] = []
    while len(sizes) < 4:
        rig.wire.step()
        for batch in rig.delivered[len(sizes) :]:
            sizes.append(len(batch.records))
            batch.work_s = 0.1 * len(batch.records)
            rig.work(batch)
    assert sizes[0] > 5
    assert sizes[1:] == [5, 5, 5]


TICKING = replace(POLICY, tick_s=10.0)


def ticking(kafka: FakeKafka, places: list[Place] = BOTH) -> Rig:
    """A member that ticks, with everything that there was behind it and its time to tick come."""
    kafka.rebalance(GROUP, {"a": places})
    rig = Rig(kafka, policy=TICKING)
    rig.run()
    assert all(batch.records for batch in rig.delivered)
    rig.delivered.clear()
    rig.now += 10.0
    return rig


def positions(batch: Batch) -> dict[Place, int]:
    return {(place.topic, place.partition): place.offset for place in batch.positions}


def test_when_nothing_comes_there_is_a_tick_at_the_end_of_what_was_taken(kafka: FakeKafka) -> None:
    rig = ticking(kafka)
    rig.wire.step()
    (tick,) = rig.delivered
    assert list(tick.records) == []
    assert positions(tick) == {(IN, 0): 5, (IN, 1): 5}
    tick.send(Output(OUT, b"k", b"on a tick", []))
    rig.work(tick)
    rig.run()
    assert outputs(kafka)[-1] == b"on a tick"
    assert kafka.groups[GROUP].offsets == {(IN, 0): 5, (IN, 1): 5}
    assert len(rig.delivered) == 1  # the next one is due after as long again
    rig.now += 10.0
    rig.wire.step()
    assert len(rig.delivered) == 2


def test_a_restarted_member_ticks_at_its_committed_offsets(kafka: FakeKafka) -> None:
    ticking(kafka)
    kafka.rebalance(GROUP, {"a": BOTH})
    twin = Rig(kafka, policy=TICKING)
    twin.wire.step()
    twin.now += 10.0
    twin.wire.step()
    (tick,) = twin.delivered
    assert positions(tick) == {(IN, 0): 5, (IN, 1): 5}


def test_only_what_is_known_of_the_present_partitions_is_told_on_a_tick(kafka: FakeKafka) -> None:
    kafka.make(IN, 3)  # the third partition is empty: nothing was ever committed of it
    for number in range(2):
        kafka.append(IN, 0, b"k", b"%d" % number)
    rig = ticking(kafka, [(IN, 0), (IN, 2)])
    kafka.rebalance(GROUP, {"a": [(IN, 1), (IN, 2)]})
    rig.wire.step()
    rig.now += 10.0
    rig.wire.step()
    assert rig.delivered == []  # the position of the partition that it lost is of no use
    kafka.append(IN, 1, b"k", b"v")
    rig.run()
    rig.delivered.clear()
    rig.now += 10.0
    rig.wire.step()
    (tick,) = rig.delivered
    assert positions(tick) == {(IN, 1): 1}


@pytest.mark.parametrize("tick_s", [None, 10.0], ids=["never", "in time"])
def test_there_is_no_tick_where_none_is_due(kafka: FakeKafka, tick_s: float | None) -> None:
    kafka.rebalance(GROUP, {"a": BOTH})
    rig = Rig(kafka, policy=replace(POLICY, tick_s=tick_s))
    rig.run()
    rig.now += 9.0
    rig.run()
    assert all(batch.records for batch in rig.delivered)


def test_there_is_no_tick_behind_a_batch_in_work(kafka: FakeKafka) -> None:
    rig = ticking(kafka)
    rig.wire.step()
    rig.now += 10.0
    rig.wire.step()
    rig.wire.step()
    assert len(rig.delivered) == 1


def test_what_a_stale_member_says_on_a_tick_is_never_seen(kafka: FakeKafka) -> None:
    a = ticking(kafka)
    a.wire.step()
    (tick,) = a.delivered
    tick.send(Output(OUT, b"k", b"stale", []))
    kafka.rebalance(GROUP, {"b": BOTH})
    a.work(tick)
    while a.diary.lines[-1].startswith("committed"):
        a.wire.step()
    assert b"stale" not in outputs(kafka)
    assert "dropped ILLEGAL_GENERATION" in a.diary.lines or "dropped stale" in a.diary.lines


def test_a_tick_that_fails_is_begun_again_as_a_batch_is(kafka: FakeKafka) -> None:
    rig = ticking(kafka)
    rig.wire.step()
    rig.work(rig.delivered[0], RuntimeError("agent"))
    rig.run(steps=4)
    assert rig.diary.lines[-2:] == ["dropped RuntimeError", "rewound RuntimeError"]
    rig.now += 10.0
    rig.wire.step()
    assert len(rig.delivered) == 2
    assert positions(rig.delivered[1]) == {(IN, 0): 5, (IN, 1): 5}


def test_a_tick_says_nothing_of_how_many_records_a_batch_may_hold(kafka: FakeKafka) -> None:
    rig = ticking(kafka)
    rig.wire.step()
    rig.work(rig.delivered[0])
    rig.run()
    for number in range(4):
        kafka.append(IN, 0, b"k", b"%d" % number)
    rig.wire.step()
    assert len(rig.delivered[-1].records) == POLICY.records
