"""Load: tickets at a steady rate into the topic, and a subscriber who notes every decision as it becomes readable."""

import random
import threading
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

from confluent_kafka import Consumer, TopicPartition

from schemas.codec import decode, encode
from schemas.contract import time_of
from schemas.decision import Decision
from schemas.ticket import TicketEvent, TicketEventKind
from tests import kafka
from tests.fakes.history import FRESH, HISTORY

Version = tuple[str, str]
"""Ticket id and version."""

_TICK_S = 0.02


class Load:
    """Produces tickets and updates of them until told to stop.

    Args:
        rate: events a second.
        seed: of which ticket is updated and what it says.
        population: most tickets; once there are so many, all further events are updates.
    """

    def __init__(
        self, bootstrap: str, topic: str, rate: float, seed: int, population: int = 1_000_000
    ) -> None:
        self._client = kafka.producer(
            bootstrap, enable_idempotence=True, message_timeout_ms=0, retry_backoff_ms=20, linger_ms=2
        )
        self._topic, self._rate, self._population = topic, rate, population
        self._random = random.Random(seed)
        self._versions: list[int] = []
        self._stopping, self._flowing = threading.Event(), threading.Event()
        self._flowing.set()
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)
        self.accepted: set[Version] = set()
        self.refused = 0

    def start(self) -> "Load":
        self._thread.start()
        return self

    def pause(self) -> None:
        """Produce nothing until `resume`, and await the broker's word for what was."""
        self._flowing.clear()
        self._client.flush(60)

    def resume(self) -> None:
        self._flowing.set()

    def stop(self) -> None:
        """Produce no more, and await the broker's word for everything."""
        self._stopping.set()
        self._thread.join()
        left = self._client.flush(60)
        assert (left, self.refused) == (0, 0), "the broker took not every ticket: nothing can be said"

    @property
    def newest(self) -> dict[str, str]:
        """Ticket id -> the last version produced."""
        return {f"t-{number}": f"v{version}" for number, version in enumerate(self._versions)}

    def _run(self) -> None:
        last, owed = time.monotonic(), 0.0
        while not self._stopping.wait(_TICK_S):
            now = time.monotonic()
            owed, last = owed + (now - last) * self._rate, now
            while owed >= 1:
                owed -= 1
                if self._flowing.is_set():
                    self._produce(self._next())
            self._client.poll(0)

    def _next(self) -> TicketEvent:
        count = len(self._versions)
        update = count >= self._population or (count > 0 and self._random.random() < 0.2)
        if update:
            number = self._random.randrange(max(0, count - 5_000), count)
            self._versions[number] += 1
        else:
            number = count
            self._versions.append(1)
        _, text = self._random.choice((*HISTORY, *FRESH))
        return TicketEvent(
            ticket_id=f"t-{number}",
            event=TicketEventKind.UPDATED if update else TicketEventKind.CREATED,
            version=self._versions[number],
            description=f"{text} ({self._random.randrange(1000)})",
            customer_id=f"c-{number % 500}",
            created_at=time_of(time.time_ns() // 1_000_000),
        )

    def _produce(self, event: TicketEvent) -> None:
        name = (event.ticket_id, f"v{event.version}")

        def settled(error: Any, _: Any) -> None:
            if error is None:
                self.accepted.add(name)
            else:
                self.refused += 1

        self._client.produce(self._topic, encode(event), event.ticket_id.encode(), on_delivery=settled)


@dataclass(frozen=True, slots=True)
class Seen:
    """A decision as its reader met it; times in seconds since the epoch."""

    version: Version
    partition: int
    generation: str
    written_at: float
    read_at: float


class Reader:
    """A read_committed subscriber of `tickets.routed`, from its beginning on."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        self._client = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "log_level": 0,
                "group.id": "fault-reader",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "fetch.wait.max.ms": 20,
                "fetch.queue.backoff.ms": 10,
                "reconnect.backoff.ms": 20,
                "reconnect.backoff.max.ms": 100,
                "topic.metadata.refresh.interval.ms": 1000,
            }
        )
        found = self._client.list_topics(topic, timeout=15).topics[topic].partitions
        self.partitions = len(found)
        self._client.assign([TopicPartition(topic, number, 0) for number in found])
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reader", daemon=True)
        self.seen: list[Seen] = []
        self.counts: Counter[Version] = Counter()

    def start(self) -> "Reader":
        self._thread.start()
        return self

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()
        self._client.close()

    def _run(self) -> None:
        while not self._stopping.is_set():
            for record in self._client.consume(500, 0.05):
                if record.error() is not None:
                    continue
                now, decision = time.time(), decode(Decision, record.value())
                version = (decision.ticket_id, decision.ticket_version)
                self.counts[version] += 1
                written = record.timestamp()[1] / 1000
                self.seen.append(Seen(version, record.partition(), decision.generation_id, written, now))
