"""An in-memory Kafka that keeps the rules the wire stands on: groups with generations, fenced transactional
producers, transactions that carry offsets, and readers that see what is committed.

It is driven by the test: nothing happens between calls, and a rebalance reaches a member when it next polls.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, KafkaError, KafkaException, TopicPartition

Place = tuple[str, int]


@dataclass(slots=True)
class Stored:
    """A record in a partition's log. `producer` is None once its transaction is settled."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]
    timestamp_ms: int
    producer: "FakeProducer | None" = None
    aborted: bool = False


class FakeRecord:
    """What a consumer hands out, with the methods of `confluent_kafka.Message`."""

    def __init__(self, stored: Stored) -> None:
        self._stored = stored

    def topic(self) -> str:
        return self._stored.topic

    def partition(self) -> int:
        return self._stored.partition

    def offset(self) -> int:
        return self._stored.offset

    def key(self) -> bytes | None:
        return self._stored.key

    def value(self) -> bytes | None:
        return self._stored.value

    def headers(self) -> list[tuple[str, bytes | None]] | None:
        return self._stored.headers or None

    def timestamp(self) -> tuple[int, int]:
        return 1, self._stored.timestamp_ms

    def error(self) -> Any:
        return None


@dataclass(slots=True)
class Group:
    """A consumer group: who owns what, by which generation, and how far it is."""

    generation: int = 0
    assignment: dict[str, list[Place]] = field(default_factory=dict)
    offsets: dict[Place, int] = field(default_factory=dict)


def error(code: int, **flags: bool) -> KafkaException:
    """A client's exception, with `fatal`, `retriable` and `txn_requires_abort` as flags."""
    names = ("fatal", "retriable", "txn_requires_abort")
    return KafkaException(KafkaError(code, None, *(flags.get(name, False) for name in names)))


class FakeKafka:
    """The broker. Its clients are made by `consumer` and `producer`."""

    def __init__(self) -> None:
        self.logs: dict[Place, list[Stored]] = {}
        self.groups: dict[str, Group] = {}
        self.producers: dict[str, FakeProducer] = {}
        self.clock_ms = 1_790_000_000_000

    def make(self, topic: str, partitions: int) -> None:
        self.logs.update({(topic, number): [] for number in range(partitions)})

    def append(self, topic: str, partition: int, key: bytes | None, value: bytes | None) -> int:
        """A committed record from outside; returns its offset."""
        return self.store(topic, partition, key, value, [], None).offset

    def store(
        self,
        topic: str,
        partition: int,
        key: bytes | None,
        value: bytes | None,
        headers: Iterable[tuple[str, bytes | None]],
        producer: "FakeProducer | None",
    ) -> Stored:
        log = self.logs[topic, partition]
        stored = Stored(topic, partition, len(log), key, value, list(headers), self.clock_ms, producer)
        log.append(stored)
        return stored

    def visible(self, topic: str) -> list[Stored]:
        """What a read_committed reader sees of a topic, partition by partition."""
        return [stored for place in sorted(self.logs) if place[0] == topic for stored in self.readable(place)]

    def readable(self, place: Place, start: int = 0) -> list[Stored]:
        """Committed records from `start` to the first that is still open."""
        found = []
        for stored in self.logs[place][start:]:
            if stored.producer is not None:
                break
            if not stored.aborted:
                found.append(stored)
        return found

    def rebalance(self, group: str, assignment: dict[str, list[Place]]) -> None:
        """Begin a new generation; members learn of it when they poll."""
        state = self.groups.setdefault(group, Group())
        state.generation += 1
        state.assignment = assignment

    def pending_offsets(self, group: str) -> set[Place]:
        """Places whose offset an open transaction holds."""
        return {
            place
            for producer in self.producers.values()
            if producer.is_open and producer.offsets_group == group
            for place in producer.offsets
        }

    def consumer(self, group: str, member: str) -> "FakeConsumer":
        return FakeConsumer(self, group, member)

    def producer(self, transactional_id: str) -> "FakeProducer":
        return FakeProducer(self, transactional_id)


class FakeConsumer:
    """The wire's consumer on a FakeKafka."""

    def __init__(self, kafka: FakeKafka, group: str, member: str) -> None:
        self._kafka, self._group, self._member = kafka, group, member
        self._generation = 0
        self._owned: list[Place] = []
        self._positions: dict[Place, int] = {}
        self._paused: set[Place] = set()
        self._callbacks: dict[str, Callable[..., None]] = {}
        self.closed = False

    @property
    def _state(self) -> Group:
        return self._kafka.groups.setdefault(self._group, Group())

    def subscribe(self, topics: list[str], **callbacks: Any) -> None:
        self._callbacks = callbacks

    def poll(self, timeout: float) -> FakeRecord | None:
        self._learn()
        return next(iter(self._fetch(1)), None)

    def consume(self, num_messages: int, timeout: float) -> list[FakeRecord]:
        self._learn()
        return self._fetch(num_messages)

    def _learn(self) -> None:
        """Serve a rebalance that the broker has begun, as an eager member does."""
        if self._generation == self._state.generation:
            return
        if self._owned:
            owned, self._owned = self._owned, []
            self._positions.clear()
            self._callbacks["on_revoke"](self, [TopicPartition(*place) for place in owned])
        self._generation = self._state.generation
        gained = self._state.assignment.get(self._member, [])
        self._callbacks["on_assign"](self, [TopicPartition(*place) for place in gained])

    def _fetch(self, count: int) -> list[FakeRecord]:
        found: list[FakeRecord] = []
        for place in self._owned:
            if place in self._paused:
                continue
            for stored in self._kafka.readable(place, self._positions[place])[: count - len(found)]:
                self._positions[place] = stored.offset + 1
                found.append(FakeRecord(stored))
        return found

    def assign(self, partitions: list[TopicPartition]) -> None:
        self._owned = [(place.topic, place.partition) for place in partitions]
        self._positions = {
            (place.topic, place.partition): 0 if place.offset == OFFSET_BEGINNING else place.offset
            for place in partitions
        }
        self._paused.clear()

    def assignment(self) -> list[TopicPartition]:
        return [TopicPartition(*place) for place in self._owned]

    def committed(self, partitions: list[TopicPartition], timeout: float) -> list[TopicPartition]:
        places = [(place.topic, place.partition) for place in partitions]
        if self._kafka.pending_offsets(self._group) & set(places):  # an open transaction: not stable in time
            raise error(KafkaError._TIMED_OUT, retriable=True)
        return [TopicPartition(*place, self._state.offsets.get(place, -1001)) for place in places]

    def pause(self, partitions: list[TopicPartition]) -> None:
        self._paused |= {(place.topic, place.partition) for place in partitions}

    def resume(self, partitions: list[TopicPartition]) -> None:
        self._paused -= {(place.topic, place.partition) for place in partitions}

    def seek(self, partition: TopicPartition) -> None:
        self._positions[partition.topic, partition.partition] = partition.offset

    def consumer_group_metadata(self) -> tuple[str, str, int]:
        return self._group, self._member, self._generation

    def close(self) -> None:
        self.closed = True


class FakeProducer:
    """The wire's transactional producer on a FakeKafka."""

    def __init__(self, kafka: FakeKafka, transactional_id: str) -> None:
        self._kafka, self._id = kafka, transactional_id
        self.is_open = False
        self.offsets: dict[Place, int] = {}
        self.offsets_group: str | None = None
        self._written: list[Stored] = []

    def init_transactions(self, timeout: float) -> None:
        """Fence the last holder of the id and abort what it left open."""
        before = self._kafka.producers.get(self._id)
        if before is not None and before is not self and before.is_open:
            before._settle(aborted=True)
        self._kafka.producers[self._id] = self

    def begin_transaction(self) -> None:
        self._check()
        self.is_open = True

    def produce(self, topic: str, **record: Any) -> None:
        partition = record.get("partition")
        if partition is None:
            count = sum(place[0] == topic for place in self._kafka.logs)
            partition = sum(record["key"] or b"") % count
        stored = self._kafka.store(topic, partition, record["key"], record["value"], record["headers"], self)
        self._written.append(stored)

    def poll(self, timeout: float) -> int:
        return 0

    def send_offsets_to_transaction(
        self, positions: list[TopicPartition], metadata: tuple[str, str, int], timeout: float
    ) -> None:
        self._check()
        group, member, generation = metadata
        state = self._kafka.groups[group]
        if generation != state.generation or member not in state.assignment:
            raise error(KafkaError.ILLEGAL_GENERATION, txn_requires_abort=True)
        self.offsets_group = group
        self.offsets = {(place.topic, place.partition): place.offset for place in positions}

    def commit_transaction(self, timeout: float) -> None:
        self._check()
        if self.offsets_group is not None:
            self._kafka.groups[self.offsets_group].offsets.update(self.offsets)
        self._settle(aborted=False)

    def abort_transaction(self, timeout: float) -> None:
        self._check()
        self._settle(aborted=True)

    def _check(self) -> None:
        if self._kafka.producers.get(self._id) is not self:
            raise error(KafkaError._FENCED, fatal=True)

    def _settle(self, *, aborted: bool) -> None:
        for stored in self._written:
            stored.producer, stored.aborted = None, aborted
        self._written, self.offsets, self.offsets_group, self.is_open = [], {}, None, False
