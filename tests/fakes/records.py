"""Records as a CRM and Sluice write them, a reader of them without a broker, and batches of them without a wire."""

import json
import threading
from collections.abc import Iterable, Sequence
from types import SimpleNamespace
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, KafkaError, TopicPartition

from agents.wire import Batch, Record
from schemas.codec import encode
from schemas.contract import time_of
from schemas.state import TicketState, TicketStatus
from tests.fakes.kafka import FakeKafka, FakeRecord, Place, Stored

NOW_MS = 1_790_000_000_000
Headers = list[tuple[str, bytes | None]]


def ticket(ticket_id: str = "t-1", event: str = "created", text: str = "", **more: object) -> bytes:
    """A ticket event's value; `more` are further fields, one that is None stays away."""
    fields = {"ticket_id": ticket_id, "event": event, "description": text, "created_at": NOW_MS} | more
    return json.dumps({name: field for name, field in fields.items() if field is not None}).encode()


def feedback(kind: str, owner: str | None = None, **more: object) -> bytes:
    """An act's value, on ticket t-1 unless `more` says otherwise; a field that is None stays away."""
    fields: dict[str, object] = {"feedback_id": "f-1", "kind": kind, "ticket_id": "t-1", "owner": owner}
    fields |= {"at": NOW_MS} | more
    return json.dumps({name: field for name, field in fields.items() if field is not None}).encode()


class Untimed(FakeRecord):
    """A record that carries no timestamp."""

    def timestamp(self) -> tuple[int, int]:
        return 0, -1


def record(
    value: bytes | None,
    offset: int = 0,
    partition: int = 0,
    key: bytes | None = b"key",
    headers: Headers | None = None,
    timestamp_ms: int | None = NOW_MS,
    topic: str = "tickets",
) -> FakeRecord:
    """One record of a topic; `timestamp_ms` is None where it carries no time."""
    kind = Untimed if timestamp_ms is None else FakeRecord
    return kind(Stored(topic, partition, offset, key, value, headers or [], timestamp_ms or 0))


class Trouble(FakeRecord):
    """What a consumer hands out where something happened to a partition, instead of a record. Where that is its end,
    `offset` is that of the record to come."""

    def __init__(self, place: Place, code: int, *, fatal: bool = False, offset: int = -1) -> None:
        super().__init__(Stored(*place, offset, None, None, [], -1))
        self._error = KafkaError(code, None, fatal)

    def error(self) -> Any:
        return self._error


def batch(records: Sequence[Record], epoch: int = 1) -> Batch:
    """A batch as the wire delivers it."""
    ends = {(record.topic(), record.partition()): record.offset() + 1 for record in records}
    return Batch(
        records=records,
        epoch=epoch,
        metadata=None,
        positions=[TopicPartition(*place, end) for place, end in ends.items()],
        taken_at=0.0,
    )


def committed(done: Batch) -> None:
    """What the wire does for an agent once the batch's transaction is committed."""
    for callback in done.on_commit:
        callback()


def state(ticket_id: str = "t-1", **more: object) -> TicketState:
    """An open ticket's state; `more` replaces fields."""
    fields: dict[str, object] = {
        "ticket_id": ticket_id,
        "version": "v1",
        "order": 1,
        "status": TicketStatus.OPEN,
        "title": "title",
        "text": "text",
        "vector": "",
        "encoder": "fake",
        "created_at": time_of(NOW_MS),
        "updated_at": time_of(NOW_MS),
    }
    return TicketState.model_validate(fields | more)


def state_record(held: TicketState | None, ticket_id: str = "t-1", partition: int = 0) -> FakeRecord:
    """A record of `tickets.state`; without a state, the tombstone of `ticket_id`."""
    key = (held.ticket_id if held else ticket_id).encode()
    return record(encode(held) if held else None, partition=partition, key=key, topic="tickets.state")


class Reader:
    """The part of `confluent_kafka.Consumer` that the followers stand on: whole partitions, no group.

    Args:
        troubles: handed out before the first record.
    """

    def __init__(self, kafka: FakeKafka, troubles: Iterable[Trouble] = ()) -> None:
        self._kafka, self._troubles = kafka, list(troubles)
        self._positions: dict[Place, int] = {}
        self._told_end: dict[Place, int] = {}
        self.closed = False

    def list_topics(self, timeout: float) -> Any:
        topics: dict[str, Any] = {}
        for topic, partition in self._kafka.logs:
            topics.setdefault(topic, SimpleNamespace(partitions={})).partitions[partition] = None
        return SimpleNamespace(topics=topics)

    def assign(self, partitions: list[TopicPartition]) -> None:
        self._told_end.clear()
        self._positions = {
            (place.topic, place.partition): 0 if place.offset == OFFSET_BEGINNING else place.offset
            for place in partitions
        }

    def unassign(self) -> None:
        self._positions = {}

    def consume(self, num_messages: int, timeout: float) -> list[FakeRecord]:
        found: list[FakeRecord] = list(self._troubles)
        self._troubles.clear()
        for place, start in self._positions.items():
            readable = self._kafka.readable(place, start)[: num_messages - len(found)]
            found += [FakeRecord(stored) for stored in readable]
            if readable:
                self._positions[place] = readable[-1].offset + 1
            elif self._told_end.get(place) != (end := self._stable(place)) and len(found) < num_messages:
                self._told_end[place] = end
                found.append(Trouble(place, KafkaError._PARTITION_EOF, offset=end))
        if not found:
            threading.Event().wait(min(timeout, 0.01))  # nothing there: as a poll of an empty topic
        return found

    def _stable(self, place: Place) -> int:
        """The offset before which no transaction is open."""
        log = self._kafka.logs[place]
        return next((stored.offset for stored in log if stored.producer is not None), len(log))

    def close(self) -> None:
        self.closed = True
