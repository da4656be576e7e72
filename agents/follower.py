"""Follower: reads whole topics of ours, from their beginning and then for ever, outside any group.

Every worker follows the generations and the state of all tickets; what an open or aborted transaction holds is
never shown to it.
"""

import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import structlog
from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    IsolationLevel,
    KafkaError,
    KafkaException,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, OffsetSpec

from agents.wire import Record, raise_unless_passing
from models.errors import Transient

_log = structlog.get_logger(__name__)

Handler = Callable[[Record], None]

_READ_AT_ONCE = 500
_METADATA_TIMEOUT_S = 15.0
_QUESTIONS = 5
_ASK_AGAIN_S = 0.5


def each_of(*handlers: Handler) -> Handler:
    """Hands a record to all of them, in their order."""

    def handle(record: Record) -> None:
        for one in handlers:
            one(record)

    return handle


def reader_options(kafka: Mapping[str, Any]) -> dict[str, Any]:
    """Options of a consumer that reads committed records only and joins no group."""
    return {
        **kafka,
        "group.id": f"sluice-reader-{uuid.uuid4()}",  # the client asks for one; nothing is committed under it
        "enable.auto.commit": False,
        "isolation.level": "read_committed",
        "auto.offset.reset": "earliest",
        "enable.partition.eof": True,
        "fetch.wait.max.ms": 100,
        "fetch.queue.backoff.ms": 5,
        "fetch.message.max.bytes": 8 << 20,
        "queued.max.messages.kbytes": 16_384,
        "log_level": 3,
    }


def partitions_of(consumer: Consumer, topics: Sequence[str]) -> list[TopicPartition]:
    """Every partition of `topics`, at its beginning.

    At no offset in particular, the client would ask the group's coordinator for one, and a broker that has just
    started answers that it is none: the partition is then never read.

    Raises:
        Transient: a topic is missing or no broker answers.
    """
    try:
        found = consumer.list_topics(timeout=_METADATA_TIMEOUT_S).topics
    except KafkaException as error:
        raise Transient(f"no Kafka broker answers ({error.args[0].name()})") from error
    missing = [topic for topic in topics if topic not in found]
    if missing:
        raise Transient(f"topics are missing: {', '.join(missing)}; make them with `sluice topics create`")
    return [
        TopicPartition(topic, number, OFFSET_BEGINNING)
        for topic in topics
        for number in sorted(found[topic].partitions)
    ]


def count_partitions(kafka: Mapping[str, Any], topics: Sequence[str]) -> dict[str, int]:
    """Partitions of each topic.

    Raises:
        Transient: a topic is missing or no broker answers.
    """
    consumer = Consumer({**reader_options(kafka), "log_level": 0})
    try:
        return dict(Counter(place.topic for place in partitions_of(consumer, topics)))
    finally:
        consumer.close()


def read_to_end(consumer: Consumer, partitions: list[TopicPartition], handle: Handler) -> int:
    """Hand every committed record of `partitions`, from the beginning to the present end, to `handle`.

    Returns:
        How many records there were.
    """
    waiting = {(place.topic, place.partition) for place in partitions}
    consumer.assign([TopicPartition(p.topic, p.partition, OFFSET_BEGINNING) for p in partitions])
    count = 0
    while waiting:
        for record in consumer.consume(_READ_AT_ONCE, 0.05):
            if record.error() is None:
                handle(record)
                count += 1
            elif record.error().code() == KafkaError._PARTITION_EOF:
                waiting.discard((record.topic(), record.partition()))
            else:
                raise_unless_passing(record.error())
    return count


def end_of(kafka: Mapping[str, Any], topic: str, number: int) -> int:
    """The offset of the record to come in a partition, what is not committed yet included.

    A broker names itself leader of a partition a moment before it serves it; an admin client has to ask again itself.

    Raises:
        Transient: no broker answers.
    """
    client, place = AdminClient({**kafka, "log_level": 0}), TopicPartition(topic, number)
    for _ in range(_QUESTIONS):
        asked = client.list_offsets(
            {place: OffsetSpec.latest()},
            isolation_level=IsolationLevel.READ_UNCOMMITTED,
            request_timeout=_METADATA_TIMEOUT_S / _QUESTIONS,
        )
        try:
            offset = asked[place].result(_METADATA_TIMEOUT_S / _QUESTIONS).offset
        except (KafkaException, TimeoutError):
            offset = -1
        if offset >= 0:
            return int(offset)
        time.sleep(_ASK_AGAIN_S)  # a leader that does not serve yet answers at once
    raise Transient(f"where {topic} ends is not known: no Kafka broker answers")


def read_until(consumer: Consumer, place: TopicPartition, end: int, handle: Handler) -> int:
    """Hand every committed record of a partition from `place.offset` on and before the offset `end` to `handle`.

    Unlike `read_to_end` it waits for what a transaction still holds back before `end`: a commit is acknowledged once
    the coordinator has noted it, and what it wrote becomes readable only after that.

    Returns:
        How many records there were.
    """
    if place.offset >= end:
        return 0
    consumer.assign([place])
    count = 0
    while True:
        for record in consumer.consume(_READ_AT_ONCE, 0.05):
            at = record.offset()
            if record.error() is None:
                if at < end:
                    handle(record)
                    count += 1
                    at += 1
            elif record.error().code() != KafkaError._PARTITION_EOF:
                raise_unless_passing(record.error())
                continue
            if at >= end:  # where a partition ends, the offset is that of the record to come
                return count


class Lookup:
    """Whole reads now and then by one client, which is made for the first and kept: each client has threads and
    buffers of its own, and a process whose partitions come and go did not get their memory back. Not for several
    threads.

    Args:
        kafka: options of a client of the cluster.
        connect: makes a consumer of its options.
        end_of: as the function.
    """

    def __init__(
        self,
        kafka: Mapping[str, Any],
        connect: Callable[[dict[str, Any]], Any] = Consumer,
        end_of: Callable[[Mapping[str, Any], str, int], int] = end_of,
    ) -> None:
        self._kafka, self._connect, self._end_of = kafka, connect, end_of
        self._consumer: Any = None

    def count(self, topic: str) -> int:
        """Partitions of `topic`. Raises Transient as `partitions_of`."""
        return len(partitions_of(self._client(), [topic]))

    def read(self, topic: str, numbers: Sequence[int], handle: Handler) -> int:
        """Hand the committed records of the partitions `numbers` of `topic` to `handle`, as `read_to_end`."""
        consumer = self._client()
        # A client that is asked to read before it knows its brokers begins half a second later.
        partitions_of(consumer, [topic])
        try:
            return read_to_end(consumer, [TopicPartition(topic, number) for number in numbers], handle)
        finally:
            consumer.unassign()

    def end(self, topic: str, number: int) -> int:
        """Where a partition ends, as `end_of`."""
        return self._end_of(self._kafka, topic, number)

    def read_until(self, topic: str, number: int, start: int, end: int, handle: Handler) -> int:
        """Hand the committed records of a partition from `start` on and before `end` to `handle`, as `read_until`; of
        one whose `start` is gone, those that are left."""
        consumer = self._client()
        partitions_of(consumer, [topic])
        try:
            return read_until(consumer, TopicPartition(topic, number, start), end, handle)
        finally:
            consumer.unassign()

    def close(self) -> None:
        """Let the client go; a later read makes another."""
        if self._consumer is not None:
            self._consumer.close()
            self._consumer = None

    def _client(self) -> Any:
        if self._consumer is None:
            self._consumer = self._connect(reader_options(self._kafka))
        return self._consumer


class Follower:
    """A thread that reads topics to their end and goes on.

    Args:
        kafka: options of a client of the cluster.
        handlers: what to do with each topic's records; called in the follower's thread.
        settle: called after them, in the same thread, whenever all that was there is read.
        die: ends the process when reading cannot go on; does not return.
        connect: makes a consumer of its options.
    """

    def __init__(
        self,
        kafka: Mapping[str, Any],
        handlers: Mapping[str, Handler],
        settle: Callable[[], None],
        die: Callable[[BaseException], Any],
        connect: Callable[[dict[str, Any]], Any] = Consumer,
    ) -> None:
        self._kafka, self._handlers, self._settle = kafka, handlers, settle
        self._die, self._connect = die, connect
        self._stopping = threading.Event()
        self.caught_up = threading.Event()
        self._thread = threading.Thread(target=self._run, name="follower", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(5)

    def _run(self) -> None:
        try:
            started = time.monotonic()
            consumer = self._connect(reader_options(self._kafka))
            count = read_to_end(consumer, partitions_of(consumer, list(self._handlers)), self._handle)
            self._settle()
            seconds = round(time.monotonic() - started, 2)
            _log.info("caught_up", topics=sorted(self._handlers), records=count, seconds=seconds)
            self.caught_up.set()
            while not self._stopping.is_set():
                for record in consumer.consume(_READ_AT_ONCE, 0.1):
                    if record.error() is None:
                        self._handle(record)
                    elif record.error().code() != KafkaError._PARTITION_EOF:
                        raise_unless_passing(record.error())
                self._settle()
            consumer.close()
        except BaseException as error:
            self._die(error)

    def _handle(self, record: Record) -> None:
        self._handlers[record.topic()](record)
