"""In step: a consumer that reads one topic in the order of another. Between the wire and its client.

What people did with a ticket must not be read before the ticket. Two topics have no order between them: a worker that
comes back after a day would read the acts of that day, which are few, long before its tickets, and know none of them.
So the wire's client is wrapped, and the wire, which knows nothing of it, reads both as if they were one.

Rules
  1. A partition of the following topic is read only by whom the partition of the same number of the leading topic
     is read. Where a group assigns them otherwise (while its members change to another assignor, or one topic has
     been given more partitions), it is left alone until the next assignment.
  2. A record of it waits until a record of its leading partition has been read that was published at its time or
     later; or until that partition has been read to the end, and it is a moment since the record was published (or
     read, where the publisher's clock is ahead): what was published before it has come by then.
  3. Records that wait keep their order; where they are many, their partition is paused.
  4. A new assignment forgets them: they are read again from the committed offsets.

Rule 2 asks the client to tell the end of a partition (`enable.partition.eof`): by offsets it cannot be known, since the
end of a transaction takes one too.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import structlog
from confluent_kafka import KafkaError, TopicPartition

from agents.wire import ConsumerClient, Record

_log = structlog.get_logger(__name__)

# What the client must be told beside the wire's own options.
OPTIONS = {"enable.partition.eof": True}

# A broker answers a fetch within `fetch.wait.max.ms` (100) once there is a record; ten times that.
_MOMENT_MS = 1_000

# Of a partition: as many as a batch holds. A pause throws away what the client has fetched, so it should be rare.
_MOST_WAITING = 1_000


class InStep:
    """Reads `follower` in step with `leader`; every other call is the client's own.

    Args:
        client: of the wire, not yet subscribed, that tells the ends of partitions.
        now_ms: the clock of the records' timestamps, for the moment of rule 2.
    """

    def __init__(
        self,
        client: ConsumerClient,
        leader: str,
        follower: str,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._client, self._leader, self._follower, self._now_ms = client, leader, follower, now_ms
        self._resting = False  # the wire has paused everything
        self._led_ms: dict[int, int] = {}
        self._at_end: set[int] = set()
        self._waiting: dict[
            int, deque[tuple[Record, int]]
        ] = {}  # each with the time since which it could come

    # -- reading

    def poll(self, timeout: float) -> Record | None:
        return next(iter(self._released(1)), None) or self._sifted(self._client.poll(timeout))

    def consume(self, num_messages: int, timeout: float) -> Sequence[Record]:
        found = self._released(num_messages)
        if len(found) < num_messages:
            fresh = self._client.consume(num_messages - len(found), 0.0 if found else timeout)
            found += [record for record in map(self._sifted, fresh) if record is not None]
        return found

    def _sifted(self, record: Record | None) -> Record | None:
        """The record, or None where it has to wait, or is but the word that a partition is at its end."""
        if record is None:
            return None
        number, leads = record.partition(), record.topic() == self._leader
        error = record.error()
        if error is not None:
            if error.code() != KafkaError._PARTITION_EOF:
                return record
            if leads:
                self._at_end.add(number)
            return None
        if leads:
            self._at_end.discard(number)
            if not self._resting:  # else the wire goes back to it
                self._led_ms[number] = record.timestamp()[1]
        elif record.topic() == self._follower and not self._resting and self._must_wait(record):
            self._wait(record)
            return None
        return record

    def _must_wait(self, record: Record) -> bool:
        return record.partition() in self._waiting or not self._is_led(record)

    def _is_led(self, record: Record) -> bool:
        return self._led_ms.get(record.partition(), -1) >= record.timestamp()[1]

    def _wait(self, record: Record) -> None:
        waiting = self._waiting.setdefault(record.partition(), deque())
        waiting.append((record, min(record.timestamp()[1], self._now_ms())))
        if len(waiting) == _MOST_WAITING:
            self._client.pause([TopicPartition(record.topic(), record.partition())])

    def _released(self, most: int) -> list[Record]:
        """Up to `most` records that need not wait any longer."""
        found: list[Record] = []
        if self._resting or not self._waiting:
            return found
        past_ms = self._now_ms() - _MOMENT_MS
        for number, waiting in list(self._waiting.items()):
            ended = number in self._at_end
            while waiting and len(found) < most:
                record, since_ms = waiting[0]
                if not self._is_led(record) and not (ended and since_ms <= past_ms):
                    break
                found.append(record)
                waiting.popleft()
            if not waiting:
                del self._waiting[number]
                self._client.resume([TopicPartition(self._follower, number)])
        return found

    # -- what the wire does to its client

    def subscribe(self, topics: list[str], **callbacks: Any) -> None:
        def forgetting(callback: Callable[..., None]) -> Callable[..., None]:
            def call(client: Any, partitions: list[TopicPartition]) -> None:
                self._forget()
                callback(client, partitions)

            return call

        self._client.subscribe(topics, **{name: forgetting(made) for name, made in callbacks.items()})

    def assign(self, partitions: list[TopicPartition]) -> None:
        self._forget()
        led = {place.partition for place in partitions if place.topic == self._leader}
        read = [place for place in partitions if place.topic != self._follower or place.partition in led]
        if len(read) < len(partitions):
            left = sorted(place.partition for place in partitions if place not in read)
            _log.warning("partitions_left_alone", topic=self._follower, partitions=left)
        self._client.assign(read)

    def assignment(self) -> list[TopicPartition]:
        return self._client.assignment()

    def committed(self, partitions: list[TopicPartition], timeout: float) -> list[TopicPartition]:
        return self._client.committed(partitions, timeout)

    def pause(self, partitions: list[TopicPartition]) -> None:
        self._resting = True
        self._client.pause(self._read(partitions))

    def resume(self, partitions: list[TopicPartition]) -> None:
        self._resting = False
        self._client.resume(
            [
                place
                for place in self._read(partitions)
                if place.topic != self._follower or place.partition not in self._waiting
            ]
        )

    def seek(self, partition: TopicPartition) -> None:
        """Go back; what waits from there on will be read again."""
        waiting = self._waiting.get(partition.partition)
        if partition.topic == self._follower and waiting is not None:
            while waiting and waiting[-1][0].offset() >= partition.offset:
                waiting.pop()
        self._client.seek(partition)

    def consumer_group_metadata(self) -> Any:
        return self._client.consumer_group_metadata()

    def close(self) -> None:
        self._client.close()

    def _read(self, partitions: Iterable[TopicPartition]) -> list[TopicPartition]:
        """Those of `partitions` that are read: the others are not the client's."""
        mine = {(place.topic, place.partition) for place in self._client.assignment()}
        return [place for place in partitions if (place.topic, place.partition) in mine]

    def _forget(self) -> None:
        self._led_ms.clear()
        self._at_end.clear()
        self._waiting.clear()
