"""Wires: how the worker's wires reach the cluster, as options of their clients. Under worker and surging."""

from typing import Any

from confluent_kafka import KafkaError

from agents.exits import die
from agents.wire_policy import WirePolicy
from app.settings import Settings
from models.errors import Transient

# A stop must be over within 10 s: what is in work gets this long, leaving the group and Faust's own stop the rest.
DRAIN_S = 5.0

# A call of a wire that outlives its own time-out by so long will never return (seen with
# send_offsets_to_transaction when the broker dies).
STILL_S = 5.0


def wire_policy(settings: Settings) -> WirePolicy:
    return WirePolicy(
        records=settings.batch_records,
        depth=settings.batches_in_flight,
        gather_s=settings.pack_max_age_ms / 1000,
        work_timeout_s=settings.work_timeout_s,
        commit_timeout_s=settings.transaction_timeout_s,
    )


def consumer_options(settings: Settings, kafka: dict[str, Any], part: str = "") -> dict[str, Any]:
    """Of a member of the workers' group, or of that of another `part` of them."""
    static = {"group.instance.id": settings.instance} if settings.instance else {}
    return {
        **kafka,
        **static,
        "group.id": f"{settings.topic_prefix}{settings.group}{part}",
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "isolation.level": "read_committed",
        # Range gives partition n of both topics to one member. The other is what workers before this version ask for:
        # as long as one of them is in the group it is used, and what is not beside its tickets is left alone.
        "partition.assignment.strategy": "range,roundrobin",
        "session.timeout.ms": round(settings.session_timeout_s * 1000),
        "heartbeat.interval.ms": max(300, round(settings.session_timeout_s * 1000 / 6)),
        "max.poll.interval.ms": round(max(300.0, settings.work_timeout_s * 2) * 1000),
        "fetch.message.max.bytes": 8 << 20,
        # Measured on a full topic: 31,000 to 85,000 records/s with a short back-off of the fetch queue.
        "fetch.queue.backoff.ms": 5,
        "fetch.wait.max.ms": 100,
        "queued.max.messages.kbytes": 16_384,
        "log_level": 3,
    }


def producer_options(
    settings: Settings, kafka: dict[str, Any], instance: str, part: str = ""
) -> dict[str, Any]:
    """Of the transactional producer beside such a member."""
    return {
        **kafka,
        "transactional.id": f"{settings.topic_prefix}{settings.group}{part}.{instance}",
        "transaction.timeout.ms": round(settings.transaction_timeout_s * 1000),
        "partitioner": "murmur2_random",  # as Java producers and Faust place keys
        "message.max.bytes": 12 << 20,
        "linger.ms": 0,
        # The default of 100 ms is waited out in every transaction that meets the one before still closing.
        "retry.backoff.ms": 2,
        "log_level": 3,
    }


def end_without_brokers(error: KafkaError) -> None:
    """End the process when no broker is left: a producer that lives through that hangs in its next transaction, while
    a new process waits for the brokers with its models loaded. Called while the wire polls."""
    if error.code() == KafkaError._ALL_BROKERS_DOWN:
        die(Transient("no Kafka broker can be reached"))
