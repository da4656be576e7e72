"""Two worlds with the same doors: the in-memory Kafka of the tests, and real clients on a real broker."""

import uuid
from collections.abc import Callable
from typing import Any, Protocol

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import NewTopic

from agents.wire import ConsumerClient, ProducerClient, Record
from tests import kafka
from tests.fakes.kafka import FakeKafka

PARTITIONS = 2
_POLL_S = 0.05
_POLLS = 600  # 30 s on a broker: reached only by a test that fails


class World(Protocol):
    """What the suite needs of a Kafka: a topic with two partitions, one with one, and clients."""

    source: str
    sink: str

    def append(self, partition: int, *values: bytes) -> None:
        """Committed records of the source."""

    def consumer(self, name: str, *, static: bool) -> ConsumerClient: ...
    def producer(self, transactional_id: str) -> ProducerClient: ...
    def sent(self, producer: Any) -> None:
        """See that what it has produced stands in the topic."""

    def joined(self, names: list[str]) -> None:
        """Called where the members of the group have changed: who is in it now."""


class Member:
    """A member of the group that reads on from the committed offsets, as the wire does, and keeps a diary; or a
    consumer that never joins it."""

    def __init__(self, world: World, name: str, *, static: bool = False, joins: bool = True) -> None:
        self.source, self.name = world.source, name
        self.events: list[tuple[str, list[int]]] = []
        self.records: list[Record] = []
        self.troubles: list[KafkaError] = []
        self.metadata: Any = None
        self.resumes = False
        self.client = world.consumer(name, static=static)
        if joins:
            self.client.subscribe(
                [world.source], on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._revoked
            )

    def _assigned(self, _: Any, partitions: list[TopicPartition]) -> None:
        self.metadata = self.client.consumer_group_metadata()
        committed = self.client.committed(partitions, 5.0)
        for place in committed:
            place.offset = OFFSET_BEGINNING if place.offset < 0 else place.offset
        self.client.assign(committed)
        if self.resumes:
            self.client.resume(committed)
        self.events.append(("assign", sorted(place.partition for place in partitions)))

    def _revoked(self, _: Any, partitions: list[TopicPartition]) -> None:
        self.events.append(("revoke", sorted(place.partition for place in partitions)))

    @property
    def owned(self) -> list[int]:
        return sorted(place.partition for place in self.client.assignment())

    @property
    def seen(self) -> list[tuple[int, int]]:
        """Partition and offset of what it has read."""
        return [(record.partition(), record.offset()) for record in self.records]

    def place(self, partition: int, offset: int = 0) -> TopicPartition:
        return TopicPartition(self.source, partition, offset)

    def poll(self) -> None:
        self.note([record] if (record := self.client.poll(_POLL_S)) is not None else [])

    def consume(self, count: int) -> list[Record]:
        return self.note(list(self.client.consume(count, _POLL_S)))

    def note(self, records: list[Record]) -> list[Record]:
        self.troubles += [record.error() for record in records if record.error() is not None]
        self.records += [record for record in records if record.error() is None]
        return records


def until(condition: Callable[[], bool], *members: Member) -> None:
    """Let `members` poll until something is so."""
    for _ in range(_POLLS):
        if condition():
            return
        for member in members:
            member.poll()
    raise AssertionError(f"never came: {[(member.name, member.events, member.seen) for member in members]}")


def for_a_while(*members: Member) -> None:
    """Let `members` poll long enough for what must not come."""
    for _ in range(20):
        for member in members:
            member.poll()


class Double:
    """The in-memory Kafka, with an assignor that shares the partitions out in turn."""

    source, sink, group = "source", "sink", "group"

    def __init__(self) -> None:
        self.kafka = FakeKafka()
        self.kafka.make(self.source, PARTITIONS)
        self.kafka.make(self.sink, 1)

    def append(self, partition: int, *values: bytes) -> None:
        for value in values:
            self.kafka.append(self.source, partition, b"k", value)

    def consumer(self, name: str, *, static: bool) -> ConsumerClient:
        return self.kafka.consumer(self.group, name)

    def producer(self, transactional_id: str) -> ProducerClient:
        return self.kafka.producer(transactional_id)

    def sent(self, producer: Any) -> None:
        """It does at once."""

    def joined(self, names: list[str]) -> None:
        state = self.kafka.groups.get(self.group)
        for gone in set(state.members if state else ()) - set(names):
            self.kafka.evict(self.group, gone)
        shares: dict[str, list[tuple[str, int]]] = {name: [] for name in names}
        for number in range(PARTITIONS if names else 0):
            shares[names[number % len(names)]].append((self.source, number))
        self.kafka.rebalance(self.group, shares)


class Broker:
    """Real clients on a real broker, set as the worker sets them, with topics and a group of their own."""

    def __init__(self, bootstrap: str) -> None:
        own = uuid.uuid4().hex[:12]
        self.source, self.sink, self.group = f"{own}.source", f"{own}.sink", f"{own}.group"
        self._bootstrap, self._own = bootstrap, own
        self._admin = kafka.admin(bootstrap)
        topics = [NewTopic(self.source, PARTITIONS, 1), NewTopic(self.sink, 1, 1)]
        for made in self._admin.create_topics(topics, operation_timeout=30).values():
            made.result(30)

    def remove(self) -> None:
        for gone in self._admin.delete_topics([self.source, self.sink]).values():
            gone.result(30)

    def append(self, partition: int, *values: bytes) -> None:
        client = kafka.producer(self._bootstrap)
        for value in values:
            client.produce(self.source, value, b"k", partition=partition)
        assert client.flush(30) == 0

    def consumer(self, name: str, *, static: bool) -> Any:
        return Consumer(
            {
                "bootstrap.servers": self._bootstrap,
                "group.id": self.group,
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "isolation.level": "read_committed",
                "partition.assignment.strategy": "range,roundrobin",
                "session.timeout.ms": 6000,
                "heartbeat.interval.ms": 300,
                "fetch.wait.max.ms": 10,
                "log_level": 0,
                **({"group.instance.id": name} if static else {}),
            }
        )

    def producer(self, transactional_id: str) -> Any:
        return Producer(
            {
                "bootstrap.servers": self._bootstrap,
                "transactional.id": f"{self._own}.{transactional_id}",
                "transaction.timeout.ms": 15_000,
                "retry.backoff.ms": 2,
                "log_level": 0,
            }
        )

    def sent(self, producer: Any) -> None:
        assert producer.flush(30) == 0

    def joined(self, names: list[str]) -> None:
        """The broker sees for itself."""
