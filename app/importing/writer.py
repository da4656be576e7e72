"""Writer: chunks of ticket events into Kafka, each in one transaction with the position that follows it.

The position is the committed offset of a group of the import's own, on partition 0 of the ticket topic: not an
offset of that topic but a line of the file. Nobody ever joins the group. Kafka takes an offset with a transaction
for a group without members, so tickets and position become visible together or not at all, and a process that is
killed at any moment leaves either both or neither. The next one first claims the same transactional id, which ends
what the dead one left open, and only then asks for the position; one that is not dead is fenced and stops.

Every call stands in a thread of its own with a deadline, since librdkafka keeps its own time-outs badly here: with
the broker gone, `send_offsets_to_transaction` does not come back at all (seen with 2.16, for ten minutes).
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient

from agents.home import CLIENT_NAMES, Partitioner
from app.files.mapping import TicketRow
from models.errors import Fatal, Transient
from schemas.channels import event_type
from schemas.headers import event_headers
from schemas.ticket import TicketEvent

_SOURCE = "/sluice/import"
_TIMEOUT_S = 15.0
_PATIENCE_S = 40.0
_DEADLINE_S = 60.0
_PARTING_S = 3.0
_ATTEMPTS = 3
_AGAIN = "the same command goes on where this one ended"


def _quiet() -> dict[str, Any]:
    """Settings of a client that writes no lines of its own: what goes wrong is said once, by whoever catches it."""
    silent = logging.getLogger("sluice.import.kafka")
    silent.disabled = True
    return {"log_level": 0, "logger": silent}


def find_topic(options: dict[str, Any], topic: str, timeout_s: float = 10.0) -> str:
    """The id that Kafka gave to the topic when it was made.

    Raises:
        Transient: no broker answers.
        Fatal: there is no such topic, or it may not be described.
    """
    admin = AdminClient({**options, **_quiet()})
    asked = admin.describe_topics(TopicCollection([topic]), request_timeout=timeout_s)[topic]
    try:
        return str(asked.result().topic_id)
    except KafkaException as error:
        cause: KafkaError = error.args[0]
        if cause.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
            raise Fatal(f"no topic {topic} there; `sluice topics create` makes it") from None
        if cause.code() < 0 or cause.retriable():
            raise Transient(f"no Kafka answers at {options['bootstrap.servers']}") from error
        raise Fatal(f"topic {topic}: {cause.str()}") from error


class TicketWriter:
    """Writes the tickets of one import.

    Args:
        options: where the cluster is and how to log in (`app.settings.kafka_options`).
        name: of the import (`position.import_name`).
        partitioner: places keys as the company's other publishers do, so that a ticket's events share a partition.
        max_record_bytes: of one ticket's value.
        transaction_timeout_s: after which Kafka ends the transaction of a process that is gone.
        deadline_s: after which no call is waited for any longer.
    """

    def __init__(
        self,
        options: dict[str, Any],
        topic: str,
        name: str,
        partitioner: Partitioner,
        max_record_bytes: int,
        transaction_timeout_s: float,
        deadline_s: float = _DEADLINE_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        group = f"sluice-import-{name}"
        self._topic, self._name, self._clock = topic, name, clock
        self._deadline_s = deadline_s
        self._call: Future[Any] = Future()
        self._producer = Producer(
            {
                **options,
                **_quiet(),
                "transactional.id": group,
                "transaction.timeout.ms": round(transaction_timeout_s * 1000),
                "partitioner": CLIENT_NAMES[partitioner],
                "compression.type": "lz4",
                "linger.ms": 5,
                "retry.backoff.ms": 2,  # librdkafka's 100 ms would be most of a small transaction
                "message.max.bytes": max_record_bytes + 65_536,  # key, headers and the batch around the value
            }
        )
        # It reads no records, and of positions only those that no open transaction can change.
        bookkeeping = {"group.id": group, "enable.auto.commit": False, "isolation.level": "read_committed"}
        self._bookkeeper = Consumer({**options, **_quiet(), **bookkeeping})

    def claim(self) -> int | None:
        """End what an earlier process of this import left open, and return the position it came to.

        Raises:
            Transient: Kafka did not answer in time.
        """
        found: int | None = self._apart(self._claim)
        return found

    def _claim(self) -> int | None:
        self._patiently(lambda: self._producer.init_transactions(_TIMEOUT_S))
        place = TopicPartition(self._topic, 0)
        found = self._patiently(lambda: self._bookkeeper.committed([place], _TIMEOUT_S))[0]
        if found.error is not None:
            raise Transient(f"the import's position could not be read: {found.error.name()}")
        return int(found.offset) if found.offset >= 0 else None

    def write(self, rows: Sequence[TicketRow], next_line: int) -> None:
        """Write the rows and the position, both or neither.

        Raises:
            Transient: it failed, or it is not known whether it did; the position in Kafka tells the next run.
        """
        self._apart(lambda: self._write(rows, next_line))

    def _write(self, rows: Sequence[TicketRow], next_line: int) -> None:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                self._transact(rows, next_line)
                return
            except KafkaException as error:
                cause: KafkaError = error.args[0]
                if cause.code() in _FENCED:
                    raise Transient(
                        "another process has taken this import over, or this one stood still for too long"
                    ) from error
                if not cause.txn_requires_abort() or attempt == _ATTEMPTS:
                    raise Transient(f"Kafka did not take the tickets ({cause.name()}); {_AGAIN}") from error
                self._patiently(lambda: self._producer.abort_transaction(_TIMEOUT_S))

    def close(self) -> None:
        """Drop what is open; the transaction of a run that was stopped is ended at once, not by its time-out.

        Where a call has not come back the clients are left to the end of the process.
        """
        if self._call.running():
            return
        with suppress(KafkaException):
            self._producer.purge()
            self._producer.abort_transaction(_PARTING_S)
        self._bookkeeper.close()

    def _transact(self, rows: Sequence[TicketRow], next_line: int) -> None:
        self._producer.begin_transaction()
        now = datetime.now(UTC)
        for row in rows:
            self._produce(row, now)
        self._producer.send_offsets_to_transaction(
            [TopicPartition(self._topic, 0, next_line)],
            self._bookkeeper.consumer_group_metadata(),
            _TIMEOUT_S,
        )
        self._patiently(lambda: self._producer.commit_transaction(_TIMEOUT_S))

    def _produce(self, row: TicketRow, now: datetime) -> None:
        headers = event_headers(
            type=event_type(TicketEvent),
            id=f"{self._name}-{row.line}",
            source=_SOURCE,
            subject=row.ticket_id,
            time=now,
            trace=None,
        )
        while True:
            try:
                self._producer.produce(
                    self._topic, key=row.ticket_id.encode(), value=row.value, headers=headers
                )
                return
            except BufferError:  # the client's queue is full: let it send
                self._producer.poll(0.1)

    def _apart(self, call: Callable[[], Any]) -> Any:
        """Call in a thread of its own, and give up waiting for it after a while."""
        future = self._call = Future()
        future.set_running_or_notify_cancel()

        def settle() -> None:
            try:
                future.set_result(call())
            except BaseException as error:  # noqa: BLE001  (raised by `result`)
                future.set_exception(error)

        threading.Thread(target=settle, name="import", daemon=True).start()
        try:
            return future.result(self._deadline_s)
        except TimeoutError:
            raise Transient(f"Kafka did not answer within {self._deadline_s:g} s; {_AGAIN}") from None

    def _patiently(self, call: Callable[[], Any]) -> Any:
        """Repeat what Kafka asks to have repeated, for a while; the client goes on where it was."""
        deadline = self._clock() + _PATIENCE_S
        while True:
            try:
                return call()
            except KafkaException as error:
                cause: KafkaError = error.args[0]
                if cause.code() in _FENCED or cause.txn_requires_abort():
                    raise
                if self._clock() > deadline or not (cause.retriable() or cause.code() in _PASSING):
                    raise Transient(f"Kafka did not answer ({cause.name()}); {_AGAIN}") from error
                self._producer.poll(0.05)


_FENCED = frozenset({KafkaError._FENCED, KafkaError.PRODUCER_FENCED, KafkaError.INVALID_PRODUCER_EPOCH})
# What a broker says while its coordinators load; an offset fetch passes it on instead of trying again.
_PASSING = frozenset(
    {
        KafkaError.NOT_COORDINATOR,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.UNSTABLE_OFFSET_COMMIT,
        KafkaError._TIMED_OUT,
    }
)
