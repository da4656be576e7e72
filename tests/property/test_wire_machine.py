"""The wire's laws under whatever can happen to it: several members on an in-memory Kafka whose clients fail, crash,
fall behind, are fenced and come back, and whose agents are slow or fail.

For a read_committed reader: no output twice, no output without its offset and no offset without its output, the
outputs of a partition in the order of their records; what is said on a tick stands behind all that was said of the
records before its positions and before all of those after; and when the dust has settled, one output for every record.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from confluent_kafka import KafkaException, TopicPartition
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from agents.pulse import Pulse
from agents.wire import Batch, Output, Wire
from agents.wire_policy import WirePolicy
from models.errors import Fatal, PoisonFlood, Transient
from tests.fakes.faulty import FAULTS, Crash, Fault, FaultyProducer, InterruptedConsumer
from tests.fakes.kafka import FakeKafka, FakeProducer, Place, Stored

IN, OUT, GROUP = "in", "out", "group"
INSTANCES = ("a", "b", "c")
_TICK = b"tick "
OUTCOMES: list[Callable[[], BaseException] | None] = [
    None,
    None,
    None,
    partial(RuntimeError, "agent"),
    partial(PoisonFlood, "agent"),
]


@dataclass(eq=False)
class Process:
    """One life of a worker: a wire, its clients, and what its agent and its watcher have seen."""

    kafka: FakeKafka
    name: str
    instance: str
    policy: WirePolicy
    alive: bool = True
    running: bool = False
    now: float = 0.0
    working: list[Batch] = field(default_factory=list)
    delivered: int = 0
    settled: int = 0
    owned: set[int] = field(default_factory=set)
    told: list[dict[Place, int]] = field(default_factory=list)
    rewinds: int = 0
    flooded: bool = False

    def __post_init__(self) -> None:
        self.consumer = InterruptedConsumer(self.kafka, GROUP, self.name)
        self.producer = FaultyProducer(self.kafka, f"{GROUP}.{self.instance}")
        pulse = Pulse(self.clock)
        self.wire = Wire(
            self.consumer,
            self.producer,
            [IN],
            self.take,
            self,
            self.policy,
            pulse,
            self.clock,
            self.pass_time,
        )
        self.wire.fence()
        self.wire.open()

    def clock(self) -> float:
        self.now += 0.001
        return self.now

    def pass_time(self, seconds: float) -> None:
        self.now += seconds

    # -- the agent

    def take(self, batch: Batch) -> None:
        self.delivered += 1
        self.working.append(batch)
        assert {record.partition() for record in batch.records} <= self.owned, "a record of a lost partition"
        positions = {(place.topic, place.partition): place.offset for place in batch.positions}
        assert batch.positions, "a batch that no broker could refuse"
        assert {number for _, number in positions} <= self.owned, "a position of a lost partition"
        batch.on_commit.append(lambda: self.tell(positions))

    def tell(self, positions: dict[Place, int]) -> None:
        self.told.append(positions)
        assert self.told == self.producer.acknowledged, "told of a commit that was not, or not in its order"

    def finish(self, batch: Batch, failure: BaseException | None) -> None:
        self.working.remove(batch)
        for record in batch.records:
            batch.send(Output(OUT, b"%d" % record.partition(), b"%d" % record.offset(), [], partition=0))
        if not batch.records:
            for place in batch.positions:
                batch.send(
                    Output(OUT, _TICK + b"%d" % place.partition, b"%d" % place.offset, [], partition=0)
                )
        self.flooded = self.flooded or isinstance(failure, Fatal)
        batch.error = failure
        batch.done.set()

    # -- the watcher

    def gained(self, partitions: list[TopicPartition]) -> None:
        self.owned |= {place.partition for place in partitions}

    def lost(self, partitions: list[TopicPartition]) -> None:
        self.owned -= {place.partition for place in partitions}

    def committed(self, batch: Batch, seconds: float) -> None:
        self.settled += 1
        self.rewinds = 0
        assert batch.error is None, "a failed batch was committed"
        assert len(self.told) == len(self.producer.acknowledged), "committed, and its callbacks did not run"

    def dropped(self, batch: Batch, why: str) -> None:
        self.settled += 1
        assert why == "stale" or not isinstance(batch.error, Fatal), "lived on after the agent's word"

    def rewound(self, why: str) -> None:
        self.rewinds += 1

    # -- life

    def run(self, turn: Callable[[], None]) -> None:
        """Let the wire do something. It may end the process, but only for a reason, and must if there is one."""
        reason: BaseException | None = None
        self.running = True
        try:
            turn()
        except (Crash, Transient, Fatal, KafkaException) as end:
            self.alive, reason = False, end
        finally:
            self.running = False
        if reason is not None:
            assert self.may_end(reason), f"{self.name} ended without need: {reason!r}"
            return
        assert self.producer.deadly is None, f"{self.name} lived on after {self.producer.deadly}"
        assert self.delivered - self.settled <= self.policy.depth, "more batches out than `depth`"

    def may_end(self, end: BaseException) -> bool:
        text = str(end)
        return (
            self.producer.deadly is not None
            or (self.flooded and isinstance(end, PoisonFlood))
            or (self.rewinds == self.policy.retries and "gave up" in text)
            or (self.now > self.policy.work_timeout_s and "was not done" in text)
            or self.consumer.is_fenced
            or self.kafka.producers.get(f"{GROUP}.{self.instance}") is not self.producer
            or bool(self.kafka.pending_offsets(GROUP))
        )


def step(process: Process, turns: int) -> None:
    for _ in range(turns):
        if process.alive:
            process.run(process.wire.step)


def work(process: Process, turns: int) -> None:
    """Let a process run with an agent that is done at once."""
    for _ in range(turns):
        step(process, 1)
        for batch in list(process.working) if process.alive else []:
            process.finish(batch, None)


class WireMachine(RuleBasedStateMachine):
    """Everything that a worker meets in its life, in any order."""

    @initialize(
        partitions=st.integers(1, 4),
        static=st.booleans(),
        depth=st.sampled_from([1, 1, 2, 3]),
        records=st.sampled_from([1, 1, 2, 3]),
        crowd=st.integers(1, len(INSTANCES)),
        tick_s=st.sampled_from([None, 0.0, 0.02]),
    )
    def begin(
        self, partitions: int, static: bool, depth: int, records: int, crowd: int, tick_s: float | None
    ) -> None:
        self.kafka = FakeKafka()
        self.kafka.make(IN, partitions)
        self.kafka.make(OUT, 1)
        self.partitions, self.static = partitions, static
        self.policy = WirePolicy(
            records=records,
            depth=depth,
            gather_s=1e-6,
            poll_s=0.0,
            pause_after_s=0.5,
            work_timeout_s=60.0,
            tick_s=tick_s,
        )
        self.processes: list[Process] = []
        self.strangers: list[FakeProducer] = []
        for number in range(6 * partitions):
            self.kafka.append(IN, number % partitions, b"k", b"v")
        for instance in INSTANCES[:crowd]:
            self.start(instance)
        self.share_out()

    # -- records

    @rule(data=st.data(), count=st.integers(1, 4))
    def produce(self, data: st.DataObject, count: int) -> None:
        for _ in range(count):
            self.kafka.append(IN, data.draw(st.integers(0, self.partitions - 1)), b"k", b"v")

    @rule(data=st.data(), end=st.sampled_from(["commit", "abort", "hang"]))
    def produce_in_a_transaction(self, data: st.DataObject, end: str) -> None:
        """Of somebody else, who may leave it open until the next one."""
        self.settle_strangers(aborted=end == "abort")
        stranger = self.kafka.producer(f"stranger-{len(self.strangers)}")
        stranger.init_transactions(1)
        stranger.begin_transaction()
        place = data.draw(st.integers(0, self.partitions - 1))
        stranger.produce(IN, key=b"k", value=b"v", headers=[], partition=place)
        self.strangers.append(stranger)
        if end != "hang":
            stranger.settle(aborted=end == "abort")

    def settle_strangers(self, *, aborted: bool) -> None:
        for stranger in self.strangers:
            if stranger.is_open:
                stranger.settle(aborted=aborted)

    # -- the group

    @rule(data=st.data(), evicted=st.booleans())
    def rebalance(self, data: st.DataObject, evicted: bool) -> None:
        """Share the partitions out anew, members left out and partitions given back included; or throw one out."""
        if evicted:
            return self.kafka.evict(GROUP, self.any_of(data, self.processes).name)
        names = sorted({process.name for process in self.alive()})  # a zombie is a member like any other
        assignment: dict[str, list[Place]] = {name: [] for name in names if data.draw(st.booleans())}
        if assignment:
            for place in self.places():
                assignment[data.draw(st.sampled_from(sorted(assignment)))].append(place)
        return self.kafka.rebalance(GROUP, assignment)

    @rule()
    def share_out(self) -> None:
        """A rebalance that gives every current process its share, another one each time."""
        names = [process.name for process in self.current()]
        assignment: dict[str, list[Place]] = {name: [] for name in names}
        generation = self.kafka.groups[GROUP].generation if GROUP in self.kafka.groups else 0
        for number, place in enumerate(self.places() if names else [], start=generation):
            assignment[names[number % len(names)]].append(place)
        self.kafka.rebalance(GROUP, assignment)

    @precondition(lambda self: self.alive())
    @rule(data=st.data(), polling=st.booleans(), evicted=st.booleans())
    def fall_behind(self, data: st.DataObject, polling: bool, evicted: bool) -> None:
        """The group goes on without one that is not told yet, now or just after its next poll: what it has
        read is read again by others, and its client's own thread may even know the new generation."""
        process = self.any_of(data, self.alive())

        def go_on() -> None:
            if evicted:
                self.kafka.evict(GROUP, process.name)
            self.share_out()
            process.consumer.rejoin()
            for other in self.alive():
                if not other.running:
                    work(other, 4)

        if polling:
            process.consumer.interruptions.append(go_on)
            work(process, 3)
        else:
            go_on()

    # -- processes

    @rule(instance=st.sampled_from(INSTANCES))
    def start(self, instance: str) -> None:
        """Start an instance, again if it is dead, as a second one if it is not: what is older is a zombie then."""
        life = sum(process.instance == instance for process in self.processes)
        name = instance if self.static else f"{instance}{life}"
        self.processes.append(Process(self.kafka, name, instance, self.policy))

    @precondition(lambda self: self.alive())
    @rule(data=st.data(), turns=st.integers(1, 5))
    def take_turns(self, data: st.DataObject, turns: int) -> None:
        step(self.any_of(data, self.alive()), turns)

    @precondition(lambda self: any(process.working for process in self.alive()))
    @rule(data=st.data(), outcome=st.sampled_from(OUTCOMES))
    def finish(self, data: st.DataObject, outcome: Callable[[], BaseException] | None) -> None:
        process = self.any_of(data, [process for process in self.alive() if process.working])
        process.finish(data.draw(st.sampled_from(process.working)), outcome() if outcome else None)

    @precondition(lambda self: self.alive())
    @rule(data=st.data(), turns=st.integers(1, 6), stumbles=st.booleans())
    def work(self, data: st.DataObject, turns: int, stumbles: bool) -> None:
        """Step with an agent that is done at once, perhaps after it has failed once."""
        process = self.any_of(data, self.alive())
        if stumbles:
            step(process, 1)
            if process.alive and process.working:
                process.finish(process.working[0], RuntimeError("agent"))
        work(process, turns)

    @precondition(lambda self: self.alive())
    @rule(data=st.data(), slips=st.integers(0, 2), loses=st.booleans())
    def dawdle(self, data: st.DataObject, slips: int, loses: bool) -> None:
        """Work takes so long that the partitions are paused; meanwhile they may be lost."""
        process = self.any_of(data, self.alive())
        process.consumer.slips = slips
        step(process, self.policy.depth + 1)
        process.pass_time(1.0)
        step(process, 1)
        if loses:
            self.kafka.rebalance(GROUP, {})
            step(process, 1)

    @precondition(lambda self: self.alive())
    @rule(data=st.data(), fault=st.sampled_from(FAULTS), turns=st.integers(0, 4))
    def arm(self, data: st.DataObject, fault: Fault, turns: int) -> None:
        """Put a fault before one of the producer's calls, and perhaps run into it at once; if that was the end,
        others go on."""
        process = self.any_of(data, self.alive())
        process.producer.faults.append(fault)
        work(process, turns)
        if not process.alive:
            self.share_out()
            for other in self.alive():
                work(other, 2)

    @precondition(lambda self: self.alive())
    @rule(data=st.data(), end=st.sampled_from(["kill", "stop", "hang"]))
    def end(self, data: st.DataObject, end: str) -> None:
        """SIGKILL, SIGTERM, or work that takes too long."""
        process = self.any_of(data, self.alive())
        if end == "stop":
            process.run(lambda: process.wire.drain(0.05))
        elif end == "hang":
            process.pass_time(61.0)
        process.alive = process.alive and end == "hang"

    # -- the coordinator

    @rule(now=st.booleans(), in_time=st.booleans())
    def time_out(self, now: bool, in_time: bool) -> None:
        """End what the dead left open: now, or while somebody waits for it, or not yet."""
        if now:
            self.kafka.time_out()
        self.kafka.while_waiting = self.kafka.time_out if in_time else lambda: None

    # -- the laws

    @invariant()
    def outputs_and_offsets_go_together(self) -> None:
        if not hasattr(self, "kafka"):
            return
        done = self.outputs()
        offsets = self.kafka.groups[GROUP].offsets
        for place in self.places():
            behind = [stored.offset for stored in self.committed_records(place)]
            expected = [offset for offset in behind if offset < offsets.get(place, 0)]
            assert done.get(place[1], []) == expected, f"partition {place[1]}"

    @invariant()
    def ticks_stand_where_their_positions_say(self) -> None:
        if not hasattr(self, "kafka"):
            return
        reached: dict[int, int] = {}
        for stored in self.committed_records((OUT, 0)):
            assert stored.key is not None
            assert stored.value is not None
            number, offset = int(stored.key.removeprefix(_TICK)), int(stored.value)
            assert offset >= reached.get(number, 0), "said by one that the group had left behind"
            reached[number] = offset if stored.key.startswith(_TICK) else offset + 1

    def teardown(self) -> None:
        """Heal everything, let healthy members work to the end, and look for what is missing."""
        if not hasattr(self, "kafka"):
            return
        self.settle_strangers(aborted=False)
        self.kafka.while_waiting = self.kafka.time_out
        for process in self.processes:
            process.producer.faults.clear()
            process.consumer.interruptions.clear()
        self.share_out()
        records = sum(len(self.kafka.logs[place]) for place in self.places())
        for _ in range(60 + records):
            if not self.current():
                self.kafka.time_out()
                self.start(INSTANCES[0])
                self.share_out()
            elif {process.name for process in self.current()} != set(self.kafka.groups[GROUP].assignment):
                self.share_out()  # a member has died
            for process in self.alive():
                work(process, 6)
            self.outputs_and_offsets_go_together()
            if self.idle():
                break
        expected = {
            place[1]: [one.offset for one in self.committed_records(place)] for place in self.places()
        }
        assert self.outputs() == {number: offsets for number, offsets in expected.items() if offsets}

    # -- what there is

    def places(self) -> list[Place]:
        return [(IN, number) for number in range(self.partitions)]

    def alive(self) -> list[Process]:
        return [process for process in self.processes if process.alive]

    def current(self) -> list[Process]:
        """Those alive that no later one of their instance has replaced."""
        latest = {process.instance: process for process in self.processes}
        return [process for process in latest.values() if process.alive]

    def any_of(self, data: st.DataObject, processes: list[Process]) -> Process:
        return processes[data.draw(st.integers(0, len(processes) - 1))]

    def committed_records(self, place: Place) -> list[Stored]:
        return [one for one in self.kafka.logs[place] if one.producer is None and not one.aborted]

    def outputs(self) -> dict[int, list[int]]:
        """Input offsets by input partition, in the order in which their outputs stand in the topic."""
        found: dict[int, list[int]] = {}
        for stored in self.committed_records((OUT, 0)):
            assert stored.key is not None
            assert stored.value is not None
            if stored.key.startswith(_TICK):
                continue
            found.setdefault(int(stored.key), []).append(int(stored.value))
        return found

    def idle(self) -> bool:
        """Whether every record is behind its partition's committed offset."""
        offsets = self.kafka.groups[GROUP].offsets
        return all(
            stored.offset < offsets.get(place, 0)
            for place in self.places()
            for stored in self.committed_records(place)
        )


WireMachine.TestCase.settings = settings(
    max_examples=500, stateful_step_count=60, suppress_health_check=list(HealthCheck)
)
test_the_wire_keeps_its_laws = WireMachine.TestCase
