"""Replay: tickets go into Kafka at a steady rate, and what comes out is collected as a subscriber would see it."""

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from operator import length_hint
from typing import Any

from confluent_kafka import Consumer, Producer

from agents.follower import partitions_of, reader_options
from agents.topics import TopicNames
from models.errors import Transient
from schemas.codec import decode
from schemas.dead_letter import DeadLetter
from schemas.decision import Decision

# Nothing came for so long although something is missing: the worker is lost.
_SILENCE_S = 60.0

_CLIENT_START_S = 1.0


@dataclass(frozen=True, slots=True)
class Sent:
    """A record to be replayed; `ticket_id` is None where it is no ticket at all."""

    ticket_id: str | None
    value: bytes


@dataclass(slots=True)
class Collected:
    """What a subscriber read.

    Attributes:
        decisions: in the order of arrival, repeated ones included.
        latency_ms: ticket id -> milliseconds from publishing the ticket to reading its first decision.
        sent_s: ticket id -> when it was published, by `time.perf_counter`.
        sent: records published, tickets or not.
    """

    decisions: list[Decision] = field(default_factory=list)
    dead_letters: list[DeadLetter] = field(default_factory=list)
    latency_ms: dict[str, float] = field(default_factory=dict)
    sent_s: dict[str, float] = field(default_factory=dict)
    sent: int = 0
    seconds: float = 0.0


def replay(
    records: Iterable[Sent],
    kafka: dict[str, Any],
    names: TopicNames,
    rate: float,
    report: Callable[[int, int], None],
) -> Collected:
    """Publish `records`, known or made as they are asked for, at `rate` a second and read until each has its decision
    or dead letter.

    Raises:
        Transient: nothing came for a minute although something is missing.
    """
    collected = Collected()
    reading, started = threading.Event(), time.monotonic()
    stop = threading.Event()
    collector = threading.Thread(
        target=_collect, args=(kafka, names, collected, reading, stop), name="collector", daemon=True
    )
    collector.start()
    reading.wait(30)
    publisher = threading.Thread(
        target=_publish,
        args=(records, kafka, names.tickets, rate, collected, stop),
        name="publisher",
        daemon=True,
    )
    publisher.start()
    try:
        _await_all(publisher, length_hint(records), collected, report)
        time.sleep(1.0)  # a second decision on any ticket would come now
    finally:
        stop.set()
        publisher.join(5)
        collector.join(5)
    collected.seconds = time.monotonic() - started
    return collected


def _await_all(
    publisher: threading.Thread, expected: int, collected: Collected, report: Callable[[int, int], None]
) -> None:
    seen, since = -1, time.monotonic()
    while publisher.is_alive() or seen < collected.sent:
        now, total = len(collected.latency_ms) + len(collected.dead_letters), max(expected, collected.sent)
        if now != seen:
            seen, since = now, time.monotonic()
            report(min(seen, total), total)
        elif time.monotonic() - since > _SILENCE_S:
            raise Transient(f"{total - seen} of {total} records have no answer after {_SILENCE_S:g} s")
        time.sleep(0.05)


def _publish(
    records: Iterable[Sent],
    kafka: dict[str, Any],
    topic: str,
    rate: float,
    collected: Collected,
    stop: threading.Event,
) -> None:
    placing = {"partitioner": "murmur2_random", "enable.idempotence": True}
    producer = Producer({**kafka, **placing, "linger.ms": 0, "message.max.bytes": 6 << 20})
    # The first record waits for the client's own start (connection, producer id): no ticket's latency. A heart-beat
    # record would be read as a ticket, so the client is given the time instead.
    producer.list_topics(topic, timeout=15)
    stop.wait(_CLIENT_START_S)
    start = time.perf_counter()
    for number, record in enumerate(records):
        wait = start + number / rate - time.perf_counter()
        if wait > 0 and stop.wait(wait):
            return
        if record.ticket_id is not None:
            collected.sent_s[record.ticket_id] = time.perf_counter()
        key = record.ticket_id.encode() if record.ticket_id else None
        producer.produce(topic, key=key, value=record.value)
        collected.sent = number + 1
        producer.poll(0)
    producer.flush(30)


def _collect(
    kafka: dict[str, Any],
    names: TopicNames,
    collected: Collected,
    reading: threading.Event,
    stop: threading.Event,
) -> None:
    consumer = Consumer(reader_options(kafka))
    consumer.assign(partitions_of(consumer, [names.routed, names.dead]))
    reading.set()
    while not stop.is_set():
        # A batch is waited for until it is full or its time is over, which would be added to each latency.
        first = consumer.poll(0.02)
        for record in [] if first is None else [first, *consumer.consume(500, 0)]:
            if record.error() is not None:
                continue
            if record.topic() == names.dead:
                collected.dead_letters.append(decode(DeadLetter, record.value()))
                continue
            now = time.perf_counter()
            decision = decode(Decision, record.value())
            collected.decisions.append(decision)
            sent_s = collected.sent_s.get(decision.ticket_id)
            if sent_s is not None and decision.ticket_id not in collected.latency_ms:
                collected.latency_ms[decision.ticket_id] = (now - sent_s) * 1000
    consumer.close()
