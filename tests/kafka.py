"""Kafka as tests use it: produce some records, read a topic to its end."""

from collections.abc import Iterable
from typing import Any

from confluent_kafka import Consumer, IsolationLevel, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from tests.eventually import eventually

MAX_RECORD_BYTES = 12 * 1024 * 1024
_TIMEOUT_S = 30.0
_ASK_AGAIN_S = 3.0  # a question to a leader that was killed is never answered


def admin(bootstrap: str) -> AdminClient:
    return AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})


def producer(bootstrap: str, **settings: Any) -> Producer:
    """A producer that places keys as Sluice's own do; settings are librdkafka's with `_` for `.`."""
    return Producer(
        {
            "bootstrap.servers": bootstrap,
            "log_level": 0,
            "acks": "all",
            "partitioner": "murmur2_random",
            "message.max.bytes": MAX_RECORD_BYTES,
            **{name.replace("_", "."): value for name, value in settings.items()},
        }
    )


def produce(bootstrap: str, topic: str, records: Iterable[tuple[bytes | None, bytes | None]]) -> None:
    """Write (key, value) pairs and await the broker's word for each."""
    failures: list[Any] = []
    client = producer(bootstrap)
    for key, value in records:
        client.produce(
            topic, value, key, on_delivery=lambda error, _: failures.append(error) if error else None
        )
        client.poll(0)
    left = client.flush(_TIMEOUT_S)
    if left or failures:
        raise AssertionError(f"{left} records unsent, {len(failures)} refused, first: {failures[:1]}")


def read_all(bootstrap: str, topic: str) -> list[Message]:
    """Every committed record of what stood in `topic` when asked, by partition and offset.

    Waits until each transaction among it has ended: a commit is acknowledged when the coordinator has noted it, and
    its records become readable only after that.
    """
    ends = _ends(bootstrap, topic)
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "log_level": 0,
            "group.id": "reads-alone",  # never joined: partitions are assigned by hand, nothing is committed
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "auto.offset.reset": "error",
            "fetch.message.max.bytes": MAX_RECORD_BYTES,
            "fetch.wait.max.ms": 10,
        }
    )
    try:
        consumer.assign([TopicPartition(topic, partition, 0) for partition in ends])
        waiting = {partition for partition, end in ends.items() if end > 0}
        records: list[Message] = []
        while waiting:
            message = consumer.poll(_TIMEOUT_S)
            if message is None:
                raise AssertionError(
                    f"{topic}: no end within {_TIMEOUT_S:g} s in partitions {sorted(waiting)}"
                )
            partition, offset = message.partition(), message.offset()
            if message.error() is None and offset < ends[partition]:
                records.append(message)
            elif message.error() is not None and message.error().name() != "_PARTITION_EOF":
                raise AssertionError(f"{topic}: {message.error()}")
            if offset >= ends[partition]:  # an end of partition carries the offset that would come next
                waiting.discard(partition)
    finally:
        consumer.close()
    return sorted(records, key=lambda record: (record.partition(), record.offset()))


def _ends(bootstrap: str, topic: str) -> dict[int, int]:
    """The offset after the last record of each partition, committed or not.

    A broker names itself leader of a new or recovered partition a moment before it serves it; consumers and
    producers ask again by themselves, the admin client has to be told to.
    """
    client, ends = admin(bootstrap), dict[int, int]()

    def all_answer() -> bool:
        try:
            found = client.list_topics(topic, timeout=_ASK_AGAIN_S).topics[topic]
            asked = client.list_offsets(
                {TopicPartition(topic, partition): OffsetSpec.latest() for partition in found.partitions},
                isolation_level=IsolationLevel.READ_UNCOMMITTED,
                request_timeout=_ASK_AGAIN_S,
            )
            ends.update(
                {place.partition: answer.result(_ASK_AGAIN_S).offset for place, answer in asked.items()}
            )
        except (KafkaException, TimeoutError):
            return False
        # A leader that is going gives no error but an offset below zero; a topic not yet known, no partitions.
        return found.error is None and bool(ends) and min(ends.values()) >= 0

    if not eventually(all_answer, _TIMEOUT_S):
        raise AssertionError(f"{topic}: it does not exist, or its partitions have no leader that answers")
    return ends
