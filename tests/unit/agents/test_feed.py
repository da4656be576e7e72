"""Feed: a wire in its thread, a real Faust agent in its loop, and whatever Faust's own group does between them."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any

import faust
import pytest
import pytest_asyncio
from confluent_kafka import KafkaError, TopicPartition

from agents.feed import BatchChannel, Deliver, Feed, add_agent
from agents.pulse import Pulse
from agents.routing import route
from agents.wire import Batch, Output, Wire
from agents.wire_policy import WirePolicy
from models.errors import BadGeneration, Fatal, PoisonFlood, Transient
from tests.fakes.encoder import HashingEncoder
from tests.fakes.history import HISTORY
from tests.fakes.kafka import FakeConsumer, FakeKafka, FakeRecord, error
from tests.fakes.path import NAMES, learn, rig
from tests.fakes.records import ticket

IN, OUT, GROUP = NAMES.tickets, NAMES.routed, "group"
POLICY = WirePolicy(records=1, depth=4, poll_s=0.005, backoff_s=0.001)


class Patient(FakeConsumer):
    """Waits out a poll that finds nothing, as the client does, so that the loop's thread gets its turn."""

    joined = 0

    def subscribe(self, topics: list[str], **callbacks: Any) -> None:
        self.joined += 1
        super().subscribe(topics, **callbacks)

    def poll(self, timeout: float) -> FakeRecord | None:
        found = super().poll(timeout)
        if found is None:
            threading.Event().wait(timeout)
        return found


class Nobody:
    """A watcher that is told nothing of interest."""

    def gained(self, partitions: list[TopicPartition]) -> None: ...
    def lost(self, partitions: list[TopicPartition]) -> None: ...
    def committed(self, batch: Batch, seconds: float) -> None: ...
    def dropped(self, batch: Batch, why: str) -> None: ...
    def rewound(self, why: str) -> None: ...


class Bench:
    """An app with one agent on a channel, fed by a wire on an in-memory Kafka."""

    def __init__(self, folder: Path) -> None:
        self.kafka = FakeKafka()
        for name in NAMES.all():
            self.kafka.make(name, 1)
        self.kafka.rebalance(GROUP, {"a": [(IN, 0)]})
        self.consumer = Patient(self.kafka, GROUP, "a")
        self.app = faust.App(
            "feed", broker="kafka://127.0.0.1:9", datadir=str(folder), stream_wait_empty=False
        )
        self.channel = BatchChannel(self.app)
        self.taken: list[bytes | None] = []
        self.open = asyncio.Event()
        self.open.set()
        self.fail: Callable[[Batch], None] = lambda _: None
        self.deaths: list[BaseException] = []
        self.died = threading.Event()
        self.pulse = Pulse()
        self.feed = Feed(self.build, self.channel, self.die, self.pulse, still_s=60.0)

    def build(self, deliver: Deliver) -> Wire:
        producer = self.kafka.producer("a")
        return Wire(self.consumer, producer, [IN], deliver, Nobody(), POLICY, self.pulse)

    def die(self, error: BaseException) -> None:
        self.deaths.append(error)
        self.died.set()

    def add_agent(self) -> None:
        async def copying(batches: AsyncIterator[Batch]) -> None:
            async for batch in batches:
                async with batch:
                    self.taken.append(batch.records[0].value())
                    await self.open.wait()
                    self.fail(batch)
                    batch.send(Output(OUT, b"k", batch.records[0].value(), []))

        self.app.agent(self.channel, name="copying")(copying)

    async def start(self) -> None:
        for agent in self.app.agents.values():
            await agent.start()
        self.feed.start()

    def put(self, *values: bytes) -> None:
        for value in values:
            self.kafka.append(IN, 0, b"k", value)

    @property
    def written(self) -> list[bytes | None]:
        return [stored.value for stored in self.kafka.visible(OUT)]

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for it; the deadline is only reached when the test fails."""
        async with asyncio.timeout(15):
            while not condition():
                await asyncio.sleep(0.002)

    async def worked(self, count: int) -> None:
        """Until so many records are committed."""
        await self.until(lambda: self.kafka.groups[GROUP].offsets.get((IN, 0)) == count)

    async def end(self) -> None:
        self.open.set()
        await self.feed.stop(0.0)
        for agent in self.app.agents.values():
            await agent.stop()


@pytest_asyncio.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    made = Bench(tmp_path)
    made.add_agent()
    yield made
    await made.end()


# -- batches and Faust's own moods


async def test_batches_reach_the_agent_before_fausts_flow_is_first_opened(bench: Bench) -> None:
    assert not bench.app.flow_control.is_active()
    await bench.start()
    bench.put(b"1", b"2")
    await bench.worked(2)
    assert bench.written == [b"1", b"2"]


async def test_batches_reach_the_agent_while_fausts_flow_is_suspended(bench: Bench) -> None:
    await bench.start()
    bench.app.flow_control.resume()
    bench.app.flow_control.suspend()
    bench.put(b"1", b"2")
    await bench.worked(2)
    assert bench.written == [b"1", b"2"]


async def test_batches_that_wait_for_the_agent_outlive_a_rebalance_of_fausts_group(bench: Bench) -> None:
    """Resuming its flow clears every queue that Faust manages, and a new generation makes it drop what is older."""
    bench.open.clear()
    await bench.start()
    bench.put(b"1", b"2", b"3", b"4")
    await bench.until(lambda: bench.taken == [b"1"])
    for generation in (7, 8):
        bench.app.flow_control.suspend()
        bench.app.consumer_generation_id = generation
        bench.app.flow_control.resume()
    bench.open.set()
    await bench.worked(4)
    assert bench.taken == [b"1", b"2", b"3", b"4"]  # none of them had to be read again
    assert bench.written == bench.taken


async def test_the_routing_agent_decides_what_the_wire_takes(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    encoder = HashingEncoder()
    work = partial(route, path=rig(encoder, [learn(encoder)]).path)
    add_agent(bench.app, bench.channel, "routing", work)
    await bench.start()
    bench.put(b"{", *(ticket(f"t-{n}", text=text, version=1) for n, (_, text) in enumerate(HISTORY[:3])))
    await bench.worked(4)
    assert [stored.key for stored in bench.kafka.visible(OUT)] == [b"t-0", b"t-1", b"t-2"]
    assert len(bench.kafka.visible(NAMES.dead)) == 1
    await bench.end()
    assert bench.deaths == []


# -- failures


async def test_an_agent_outlives_a_batch_that_fails_and_reads_it_again(bench: Bench) -> None:
    failures = [Transient("encoder busy"), RuntimeError("defect")]

    def fail(_: Batch) -> None:
        if failures:
            raise failures.pop(0)

    bench.fail = fail
    await bench.start()
    bench.put(b"1", b"2")
    await bench.worked(2)
    assert bench.written == [b"1", b"2"]
    assert bench.deaths == []


def always(failure: Exception) -> Callable[[Batch], None]:
    def fail(_: Batch) -> None:
        raise failure

    return fail


@pytest.mark.parametrize(
    ("failure", "kind", "said"),
    [
        pytest.param(PoisonFlood("too many"), PoisonFlood, "too many", id="a flood"),
        pytest.param(BadGeneration("broken"), BadGeneration, "broken", id="fatal"),
        pytest.param(Transient("busy"), Transient, "gave up after 4 failures", id="transient, for good"),
        pytest.param(KeyError("x"), Transient, "gave up after 4 failures", id="a defect, for good"),
    ],
)
async def test_what_cannot_be_healed_ends_the_process_once_with_nothing_visible(
    bench: Bench, failure: Exception, kind: type[Exception], said: str
) -> None:
    bench.fail = always(failure)
    await bench.start()
    bench.put(b"1", b"2")
    await bench.until(bench.died.is_set)
    await bench.feed.stop(1.0)
    assert [type(death) for death in bench.deaths] == [kind]
    assert said in str(bench.deaths[0])
    assert bench.written == []
    assert bench.kafka.groups[GROUP].offsets == {}


@pytest.mark.parametrize(
    ("raised", "kind", "said"),
    [
        pytest.param(error(KafkaError._FENCED, fatal=True), Transient, "kafka: _FENCED: ", id="the client's"),
        pytest.param(Fatal("no such folder"), Fatal, "no such folder", id="ours"),
        pytest.param(ZeroDivisionError("defect"), ZeroDivisionError, "defect", id="a defect"),
    ],
)
async def test_a_wire_that_cannot_begin_ends_the_process_once(
    bench: Bench, raised: Exception, kind: type[Exception], said: str
) -> None:
    def build(_: Deliver) -> Wire:
        raise raised

    feed = Feed(build, bench.channel, bench.die, Pulse(), still_s=60.0)
    feed.start()
    await bench.until(bench.died.is_set)
    await feed.stop(1.0)
    assert [type(death) for death in bench.deaths] == [kind]
    assert said in str(bench.deaths[0])


async def test_a_wire_that_stands_still_ends_the_process(bench: Bench) -> None:
    now, going_on = [0.0], threading.Event()

    def build(deliver: Deliver) -> Wire:
        now[0] = 1.0
        going_on.wait(15)
        return bench.build(deliver)

    feed = Feed(build, bench.channel, bench.die, Pulse(lambda: now[0]), still_s=0.5)
    feed.start()
    await bench.until(bench.died.is_set)
    going_on.set()
    await feed.stop(1.0)
    assert "stood still" in str(bench.deaths[0])
    assert isinstance(bench.deaths[0], Transient)


# -- preparing


async def test_a_prepared_wire_has_fenced_its_twin_and_takes_no_part_until_the_start(bench: Bench) -> None:
    twin = bench.kafka.producer("a")
    twin.init_transactions(1)
    bench.feed.prepare()
    bench.put(b"1")
    await bench.until(lambda: bench.kafka.producers["a"] is not twin)
    assert bench.consumer.joined == 0
    await bench.start()
    await bench.worked(1)
    assert bench.written == [b"1"]


async def test_a_prepared_wire_that_is_never_wanted_ends_with_the_stop(bench: Bench) -> None:
    bench.feed.prepare()
    await bench.feed.stop(1.0)
    assert threads("wire") == []
    assert bench.consumer.joined == 0


# -- stopping


async def test_a_stop_commits_what_is_in_work_and_leaves_the_group(bench: Bench) -> None:
    bench.open.clear()
    await bench.start()
    bench.put(b"1", b"2")
    await bench.until(lambda: bench.taken == [b"1"])
    stopping = asyncio.create_task(bench.feed.stop(10.0))
    await bench.until(lambda: threads("watchdog") == [])  # the stop has been noticed
    assert not bench.consumer.closed
    bench.open.set()
    await stopping
    assert bench.written[:1] == [b"1"]
    assert bench.consumer.closed
    bench.put(b"too late")
    assert threads("wire") == []
    assert bench.deaths == []


async def test_a_stop_does_not_wait_for_work_without_end(bench: Bench) -> None:
    bench.open.clear()
    await bench.start()
    bench.put(b"1")
    await bench.until(lambda: bench.taken == [b"1"])
    await bench.feed.stop(0.0)
    assert bench.consumer.closed
    assert (bench.written, bench.kafka.groups[GROUP].offsets) == ([], {})
    assert bench.deaths == []


async def test_stopping_what_never_started_is_no_matter(bench: Bench) -> None:
    await bench.feed.stop(1.0)
    assert bench.deaths == []


def threads(name: str) -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == name]


def test_the_channel_gives_each_subscriber_a_queue_without_bound(tmp_path: Path) -> None:
    app = faust.App("queue", broker="kafka://127.0.0.1:9", datadir=str(tmp_path), stream_buffer_maxsize=2)
    channel: Any = BatchChannel(app)

    async def fill() -> int:
        reading = channel.clone(is_iterator=True)
        for number in range(10):
            await asyncio.wait_for(channel.put(number), 5)
        return int(reading.queue.qsize())

    assert asyncio.run(fill()) == 10
