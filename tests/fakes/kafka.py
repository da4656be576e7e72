"""An in-memory Kafka that keeps the rules the wire stands on: groups with generations, fenced transactional
producers, transactions that carry offsets, and readers that see what is committed.

It is driven by the test: nothing happens between calls, and a rebalance reaches a member when it next polls.
`tests/contract/test_kafka_clients.py` holds it and the real clients to the same promises.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, KafkaError, KafkaException, TopicPartition

Place = tuple[str, int]


@dataclass(slots=True)
class Stored:
    """A record in a partition's log. `producer` is None once its transaction is settled; what was aborted, and
    the marker that ends a transaction, take an offset and are never read."""

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

    def __init__(self, stored: Stored, trouble: KafkaError | None = None) -> None:
        self._stored, self._error = stored, trouble

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
        return self._error


@dataclass(slots=True)
class Group:
    """A consumer group: who is in it and owns what, by which generation, and how far it is."""

    generation: int = 0
    assignment: dict[str, list[Place]] = field(default_factory=dict)
    members: dict[str, "FakeConsumer"] = field(default_factory=dict)
    offsets: dict[Place, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Metadata:
    """A member's word on itself; of one that is in no group, generation -1 and no member."""

    group: str
    member: str
    generation: int
    client: "FakeConsumer"


def error(code: int, **flags: bool) -> KafkaException:
    """A client's exception, with `fatal`, `retriable` and `txn_requires_abort` as flags."""
    names = ("fatal", "retriable", "txn_requires_abort")
    return KafkaException(KafkaError(code, None, *(flags.get(name, False) for name in names)))


class FakeKafka:
    """The broker. Its clients are made by `consumer` and `producer`.

    `while_waiting` is called where a client waits for others; what it does happens within the client's time-out.
    """

    def __init__(self) -> None:
        self.logs: dict[Place, list[Stored]] = {}
        self.groups: dict[str, Group] = {}
        self.producers: dict[str, FakeProducer | None] = {}
        self.clock_ms = 1_790_000_000_000
        self.while_waiting: Callable[[], None] = lambda: None

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

    def evict(self, group: str, member: str) -> None:
        """Throw a member out, as when its session has timed out; it learns of it when it polls."""
        state = self.groups.setdefault(group, Group())
        state.members.pop(member, None)
        self.rebalance(group, {name: places for name, places in state.assignment.items() if name != member})

    def time_out(self) -> None:
        """Abort every open transaction, as the coordinator does in the end; its producer is fenced by it."""
        for name, producer in self.producers.items():
            if producer is not None and producer.is_open:
                self.producers[name] = None
                producer.settle(aborted=True)

    def pending_offsets(self, group: str) -> set[Place]:
        """Places whose offset an open transaction holds."""
        return {
            place
            for producer in self.producers.values()
            if producer is not None and producer.is_open and producer.offsets_group == group
            for place in producer.offsets
        }

    def consumer(self, group: str, member: str) -> "FakeConsumer":
        return FakeConsumer(self, group, member)

    def producer(self, transactional_id: str) -> "FakeProducer":
        return FakeProducer(self, transactional_id)


class FakeConsumer:
    """The wire's consumer on a FakeKafka. Two of one member name are static members with one instance name: the
    later one fences the earlier one and keeps its generation."""

    def __init__(self, kafka: FakeKafka, group: str, member: str) -> None:
        self._kafka, self._group, self._member = kafka, group, member
        self._joined = False
        self._generation = -1  # that the callbacks were told of
        self._announced = -1  # that the client's own thread goes by
        self._owned: list[Place] = []
        self._positions: dict[Place, int] = {}
        self._paused: set[Place] = set()
        self._callbacks: dict[str, Callable[..., None]] = {}
        self._fenced = False
        self._slipping = 0
        self._told_end: dict[Place, int] = {}
        self.slips = 0
        """How many records that were fetched already come through after a pause."""
        self.tells_ends = False
        """Whether it says where a partition ends (`enable.partition.eof`), once for each time that it gets there."""
        self.closed = False

    @property
    def _state(self) -> Group:
        return self._kafka.groups.setdefault(self._group, Group())

    @property
    def is_fenced(self) -> bool:
        """Whether another client has taken this one's place in the group: that is for good."""
        if self._joined and self._state.members.get(self._member, self) is not self:
            self._fenced = True
        return self._fenced

    def subscribe(self, topics: list[str], **callbacks: Any) -> None:
        self._callbacks = callbacks

    def poll(self, timeout: float) -> FakeRecord | None:
        return next(iter(self.consume(1, timeout)), None)

    def consume(self, num_messages: int, timeout: float) -> list[FakeRecord]:
        if self.is_fenced:
            nothing = Stored("", -1, -1, None, None, [], -1)
            return [FakeRecord(nothing, KafkaError(KafkaError._FATAL))]
        self._learn()
        return self._fetch(num_messages)

    def rejoin(self) -> None:
        """Let the client's own thread go on to the group's generation before the callbacks are told: worse than
        the real client with eager assignment, and what a client may do."""
        if self._joined and self._state.members.get(self._member) is self:
            self._announced = self._state.generation

    def _learn(self) -> None:
        """Serve a rebalance that the broker has begun, as an eager member does."""
        state = self._state
        if self._joined and self._member not in state.members:
            self._joined, self._generation, self._announced = False, -1, -1
            self._release("on_lost")
        if self._member in state.assignment and not self._joined:
            self._joined = True
            state.members[self._member] = self
        if not self._joined or self._generation == state.generation:
            return
        self._release("on_revoke")
        self._generation = self._announced = state.generation
        gained = state.assignment.get(self._member, [])
        self._callbacks["on_assign"](self, [TopicPartition(*place) for place in gained])

    def _release(self, callback: str) -> None:
        if self._owned:
            owned, self._owned = self._owned, []
            self._positions.clear()
            self._callbacks[callback](self, [TopicPartition(*place) for place in owned])

    def _fetch(self, count: int) -> list[FakeRecord]:
        found: list[FakeRecord] = []
        for place in self._owned:
            wanted = count - len(found)
            if place in self._paused:
                wanted = min(wanted, self._slipping)
            for stored in self._kafka.readable(place, self._positions[place])[:wanted]:
                self._positions[place] = stored.offset + 1
                self._slipping -= place in self._paused
                found.append(FakeRecord(stored))
            if self.tells_ends and place not in self._paused and len(found) < count:
                found += self._end_of(place)
        return found

    def _end_of(self, place: Place) -> list[FakeRecord]:
        end = self._positions[place]
        if self._kafka.readable(place, end) or self._told_end.get(place) == end:
            return []
        self._told_end[place] = end
        stored = Stored(*place, end, None, None, [], -1)
        return [FakeRecord(stored, KafkaError(KafkaError._PARTITION_EOF))]

    def assign(self, partitions: list[TopicPartition]) -> None:
        """Replace what is read; what is paused stays so."""
        self._owned = [(place.topic, place.partition) for place in partitions]
        self._positions = {
            (place.topic, place.partition): 0 if place.offset == OFFSET_BEGINNING else place.offset
            for place in partitions
        }
        self._slipping = 0
        self._told_end.clear()

    def assignment(self) -> list[TopicPartition]:
        return [TopicPartition(*place) for place in self._owned]

    def committed(self, partitions: list[TopicPartition], timeout: float) -> list[TopicPartition]:
        """Offsets once no open transaction holds one of them."""
        places = [(place.topic, place.partition) for place in partitions]
        if self._kafka.pending_offsets(self._group) & set(places):
            self._kafka.while_waiting()
            if self._kafka.pending_offsets(self._group) & set(places):
                raise error(KafkaError._TIMED_OUT)
        return [TopicPartition(*place, self._state.offsets.get(place, -1001)) for place in places]

    def pause(self, partitions: list[TopicPartition]) -> None:
        """Holds until `resume`, even if a partition is lost and comes back."""
        self._paused |= {(place.topic, place.partition) for place in partitions}
        self._slipping = self.slips

    def resume(self, partitions: list[TopicPartition]) -> None:
        for place in ((place.topic, place.partition) for place in partitions):
            if place in self._paused:
                self._told_end.pop(place, None)
            self._paused.discard(place)

    def seek(self, partition: TopicPartition) -> None:
        place = (partition.topic, partition.partition)
        if place not in self._owned:
            raise error(KafkaError._UNKNOWN_PARTITION)
        self._positions[place] = partition.offset

    def consumer_group_metadata(self) -> Metadata:
        return Metadata(self._group, self._member if self._joined else "", self._announced, self)

    def close(self) -> None:
        self.closed = True


class FakeProducer:
    """The wire's transactional producer on a FakeKafka."""

    def __init__(self, kafka: FakeKafka, transactional_id: str) -> None:
        self._kafka, self._id = kafka, transactional_id
        self._ready = False
        self._failure: KafkaException | None = None  # until it is aborted; for ever if it is fatal
        self._written: list[Stored] = []
        self.is_open = False
        self.offsets: dict[Place, int] = {}
        self.offsets_group: str | None = None

    def init_transactions(self, timeout: float) -> None:
        """Fence the last holder of the id and abort what it left open."""
        before = self._kafka.producers.get(self._id)
        if before is not None and before is not self and before.is_open:
            before.settle(aborted=True)
        self._kafka.producers[self._id] = self
        self._ready = True

    def begin_transaction(self) -> None:
        """Known to the client alone: one that is fenced does not learn of it here."""
        if self._failure is not None:
            raise self._failure
        if not self._ready or self.is_open:
            raise error(KafkaError._STATE)
        self.is_open = True

    def produce(self, topic: str, **record: Any) -> None:
        """Hand a record over; that it was refused is told by a later call."""
        if self._failure is not None:
            raise error(KafkaError._FATAL if self._failure.args[0].fatal() else KafkaError._STATE)
        if not self.is_open:
            raise error(KafkaError._STATE)
        if self._is_fenced:
            self.fail(error(KafkaError._FENCED, fatal=True))
            return
        partition = record.get("partition")
        if partition is None:
            count = sum(place[0] == topic for place in self._kafka.logs)
            partition = sum(record["key"] or b"") % count
        stored = self._kafka.store(topic, partition, record["key"], record["value"], record["headers"], self)
        stored.timestamp_ms = record.get("timestamp", stored.timestamp_ms)
        self._written.append(stored)

    def poll(self, timeout: float) -> int:
        return 0

    def send_offsets_to_transaction(
        self, positions: list[TopicPartition], metadata: Metadata, timeout: float
    ) -> None:
        self._check()
        refused = _refusal(self._kafka.groups.setdefault(metadata.group, Group()), metadata)
        if refused is not None:
            raise self.fail(error(refused, txn_requires_abort=True))
        self.offsets_group = metadata.group
        self.offsets |= {(place.topic, place.partition): place.offset for place in positions}

    def commit_transaction(self, timeout: float) -> None:
        self._check()
        if self.offsets_group is not None:
            self._kafka.groups[self.offsets_group].offsets.update(self.offsets)
        self.settle(aborted=False)

    def abort_transaction(self, timeout: float) -> None:
        if self._failure is not None and not self._failure.args[0].fatal():
            self._failure = None
        self._check()
        self.settle(aborted=True)

    def fail(self, failure: KafkaException) -> KafkaException:
        """Refuse everything with this from now on: an abort heals it unless it is fatal."""
        self._failure = failure
        return failure

    def settle(self, *, aborted: bool) -> None:
        """End the transaction, as the broker does it."""
        for stored in self._written:
            stored.producer, stored.aborted = None, aborted
        for place in sorted({(stored.topic, stored.partition) for stored in self._written}):
            self._kafka.store(*place, None, None, [], None).aborted = True
        self._written, self.offsets, self.offsets_group, self.is_open = [], {}, None, False

    @property
    def _is_fenced(self) -> bool:
        return self._kafka.producers.get(self._id) is not self

    def _check(self) -> None:
        if self._failure is None and self._ready and self._is_fenced:
            self.fail(error(KafkaError._FENCED, fatal=True))
        if self._failure is not None:
            raise self._failure
        if not self.is_open:
            raise error(KafkaError._STATE)


def _refusal(group: Group, metadata: Metadata) -> int | None:
    """Why the broker takes no offsets of this member. Of nobody's membership it takes them without a question."""
    if metadata.generation < 0 and not metadata.member:
        return None
    holder = group.members.get(metadata.member)
    if holder is None:
        return int(KafkaError.UNKNOWN_MEMBER_ID)
    if holder is not metadata.client:
        return int(KafkaError.FENCED_INSTANCE_ID)
    return None if metadata.generation == group.generation else int(KafkaError.ILLEGAL_GENERATION)
