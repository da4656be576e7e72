"""The wire: one thread that owns a consumer and a transactional producer, under every Faust agent.

A batch of records goes up to an agent; what the agent sends and the offsets of the records go down in one
transaction. Nothing else in Sluice consumes a group or produces an event of the stream.

Rules
  1. A batch belongs to one epoch. Every change of the assignment, and every rewind, begins a new epoch; a batch
     of an older one is dropped without a trace: whoever owns its partitions now reads it again.
  2. The group's metadata is taken with the assignment, before any record of it is read. A member that the group
     has left behind therefore cannot commit: the broker refuses the offsets of a stale generation and the
     transaction aborts. Taken later it could be of a generation that the client's own thread has gone on to, or
     of no membership at all, whose offsets a broker takes without a question.
  3. Batches are committed in the order in which they were taken. If one fails, all behind it are dropped too.
  4. The position after a failure is the committed offset, asked for anew and awaited until it is stable, so
     that records of a transaction still open elsewhere are neither read twice nor skipped.
  5. Where the outcome of a transaction is unknown, nothing is guessed: the process ends, and the next one's
     `init_transactions` fences and aborts what is left.
  6. A tick is a batch without records, for an agent that has something to do when none come: its positions are
     those up to which everything is committed, of every assigned partition where one is known. It is refused and
     dropped as any other batch is, so that what a stale member says on a tick is never seen either.

| state of a batch | event                          | then                                                    |
| ---------------- | ------------------------------ | ------------------------------------------------------- |
| (none)           | records polled                 | taken: offsets and metadata kept, delivered to the agent |
| (none)           | none polled for `tick_s`       | taken: a tick, if a position is known                   |
| taken            | agent leaves it cleanly        | worked                                                  |
| taken            | agent raises Fatal             | the process ends: nothing of it is visible              |
| taken            | agent raises anything else     | rewind with back-off; the process ends after `retries`  |
| taken            | work takes long                | partitions paused, membership kept by polling           |
| taken            | work exceeds `work_timeout_s`  | the process ends                                        |
| any              | the wire's thread stands still | the watchdog ends the process                           |
| committing       | sending offsets hangs          | the same, after `offsets_timeout_s`                     |
| taken, worked    | partitions assigned or revoked | dropped                                                 |
| worked           | it is the oldest               | transaction begun, outputs and offsets in it, committed |
| committing       | abortable error, fenced offset | aborted, rewind                                         |
| committing       | commit may be retried          | retried until `commit_timeout_s`                        |
| committing       | anything else                  | the process ends                                        |
| any              | SIGTERM                        | no more is taken; worked ones commit; the group is left |
| any              | SIGKILL, all brokers down      | as rule 5                                               |
"""

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Event
from types import TracebackType
from typing import Any, Protocol, Self

from confluent_kafka import OFFSET_BEGINNING, KafkaError, KafkaException, TopicPartition

from agents.pulse import Pulse
from agents.wire_policy import WirePolicy, first_size, next_size
from models.errors import Fatal, Transient

Headers = Sequence[tuple[str, bytes | None]]


class Record(Protocol):
    """What of a consumed message the agents read (`confluent_kafka.Message`)."""

    def topic(self) -> str: ...
    def partition(self) -> int: ...
    def offset(self) -> int: ...
    def key(self) -> bytes | None: ...
    def value(self) -> bytes | None: ...
    def headers(self) -> list[tuple[str, bytes | None]] | None: ...
    def timestamp(self) -> tuple[int, int]: ...
    def error(self) -> Any: ...


class ConsumerClient(Protocol):
    """The part of `confluent_kafka.Consumer` that the wire stands on."""

    def subscribe(self, topics: list[str], **callbacks: Any) -> None: ...
    def poll(self, timeout: float) -> Record | None: ...
    def consume(self, num_messages: int, timeout: float) -> Sequence[Record]: ...
    def assign(self, partitions: list[TopicPartition]) -> None: ...
    def assignment(self) -> list[TopicPartition]: ...
    def committed(self, partitions: list[TopicPartition], timeout: float) -> list[TopicPartition]: ...
    def pause(self, partitions: list[TopicPartition]) -> None: ...
    def resume(self, partitions: list[TopicPartition]) -> None: ...
    def seek(self, partition: TopicPartition) -> None: ...
    def consumer_group_metadata(self) -> Any: ...
    def close(self) -> None: ...


class ProducerClient(Protocol):
    """The part of `confluent_kafka.Producer` that the wire stands on."""

    def init_transactions(self, timeout: float) -> None: ...
    def begin_transaction(self) -> None: ...
    def produce(self, topic: str, **record: Any) -> None: ...
    def poll(self, timeout: float) -> int: ...
    def send_offsets_to_transaction(
        self, positions: list[TopicPartition], metadata: Any, timeout: float
    ) -> None: ...
    def commit_transaction(self, timeout: float) -> None: ...
    def abort_transaction(self, timeout: float) -> None: ...


@dataclass(frozen=True, slots=True)
class Output:
    """A record to be produced. `partition` is None where the key decides, `timestamp_ms` where now does."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers
    partition: int | None = None
    timestamp_ms: int | None = None


@dataclass(slots=True)
class Batch:
    """Records that are committed together, none of them on a tick, and what the agent wants said of them.

    The agent works inside `async with batch:`; leaving the block cleanly hands the batch back for its
    transaction, an exception hands it back as failed. `on_commit` callbacks run in the wire's thread once the
    transaction is committed, and never otherwise.
    """

    records: Sequence[Record]
    epoch: int
    metadata: Any
    positions: list[TopicPartition]
    taken_at: float
    outputs: list[Output] = field(default_factory=list)
    on_commit: list[Callable[[], None]] = field(default_factory=list)
    error: BaseException | None = None
    done: Event = field(default_factory=Event)
    work_s: float = 0.0

    def send(self, output: Output) -> None:
        self.outputs.append(output)

    async def __aenter__(self) -> Self:
        self.work_s = -time.monotonic()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        """Hand the batch back. The error goes to the wire and no further: an agent must not die of a batch."""
        self.work_s += time.monotonic()
        self.error = error
        self.done.set()
        return isinstance(error, Exception)


class Watcher(Protocol):
    """Told what happens on the wire, in the wire's thread: for metrics, tables and logs."""

    def gained(self, partitions: list[TopicPartition]) -> None:
        """Called before any record of `partitions` is read; restores what they need. The old owner's
        transactions are settled by then."""

    def lost(self, partitions: list[TopicPartition]) -> None: ...
    def committed(self, batch: Batch, seconds: float) -> None: ...
    def dropped(self, batch: Batch, why: str) -> None: ...
    def rewound(self, why: str) -> None: ...


class Wire:
    """The wire's rules over any clients that keep the two protocols. One thread calls it."""

    def __init__(
        self,
        consumer: ConsumerClient,
        producer: ProducerClient,
        topics: list[str],
        deliver: Callable[[Batch], None],
        watcher: Watcher,
        policy: WirePolicy,
        pulse: Pulse,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._consumer, self._producer, self._topics = consumer, producer, topics
        self._deliver, self._watcher, self._policy = deliver, watcher, policy
        self._pulse, self._clock, self._sleep = pulse, clock, sleep
        self._in_flight: deque[Batch] = deque()
        self._epoch = 0
        self._metadata: Any = None
        self._failures = 0
        self._paused = False
        self._strays: dict[tuple[str, int], int] = {}
        self._size = first_size(policy)
        self._known: dict[
            tuple[str, int], int
        ] = {}  # where the next record of a partition is taken, once that is known
        self._idle_since = clock()

    # -- life

    def fence(self) -> None:
        """Fence the dead twin and abort what it left open. That takes up to a second (the client asks twice a second
        whether it is done), which need not wait until the worker can take records."""
        self._producer.init_transactions(self._policy.commit_timeout_s)

    def open(self) -> None:
        """Join the group, in the background; after `fence`."""
        self._consumer.subscribe(
            self._topics, on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._revoked
        )

    def step(self) -> None:
        """One turn: take a batch if there is room, settle the oldest if it is done."""
        self._pulse.beat()
        if len(self._in_flight) < self._policy.depth:
            self._resume()
            if self._take(0.0 if self._in_flight else self._policy.poll_s):
                return
        if self._in_flight:
            self._settle(self._in_flight[0])

    def drain(self, seconds: float) -> None:
        """Settle what is in flight, taking nothing more; what is not done in time is dropped."""
        deadline = self._clock() + seconds
        while self._in_flight and self._clock() < deadline:
            self._pulse.beat()
            self._keep_membership()
            self._settle(self._in_flight[0])

    def close(self) -> None:
        """Leave the group."""
        self._consumer.close()

    # -- taking

    def _take(self, wait_s: float) -> bool:
        epoch = self._epoch
        first = self._consumer.poll(wait_s)
        if first is None:
            return self._tick()
        more = self._size - 1
        records = [first, *(self._consumer.consume(more, self._policy.gather_s) if more else [])]
        for record in records:
            if record.error() is not None:
                raise_unless_passing(record.error())
        if epoch != self._epoch:  # the assignment changed in the middle: what was read is of nobody's epoch
            self._reposition()
            return False
        records = [record for record in records if record.error() is None]
        if not records:
            return False
        ends = {(r.topic(), r.partition()): r.offset() + 1 for r in records}
        self._known |= ends
        self._hand_over(records, ends)
        return True

    def _tick(self) -> bool:
        """Take a batch without records if one is due; behind another batch none is."""
        tick_s, idle_s = self._policy.tick_s, self._clock() - self._idle_since
        if tick_s is None or self._in_flight or not self._known or idle_s < tick_s:
            return False
        self._hand_over([], self._known)
        return True

    def _hand_over(self, records: Sequence[Record], ends: Mapping[tuple[str, int], int]) -> None:
        batch = Batch(
            records=records,
            epoch=self._epoch,
            metadata=self._metadata,
            positions=[TopicPartition(topic, partition, end) for (topic, partition), end in ends.items()],
            taken_at=self._clock(),
        )
        self._idle_since = batch.taken_at
        self._in_flight.append(batch)
        self._deliver(batch)

    # -- settling

    def _settle(self, batch: Batch) -> None:
        if not batch.done.wait(self._policy.gather_s or 0.001):
            self._bear_with(batch)
            return
        self._in_flight.popleft()
        if batch.epoch != self._epoch:
            self._watcher.dropped(batch, "stale")
        elif isinstance(batch.error, Fatal):
            raise batch.error
        elif batch.error is not None:
            self._watcher.dropped(batch, type(batch.error).__name__)
            self._rewind(batch.error)
        else:
            if batch.records:
                self._size = next_size(self._size, len(batch.records), batch.work_s, self._policy)
            self._commit(batch)

    def _bear_with(self, batch: Batch) -> None:
        """Slow work: stay in the group and take nothing more than there is room for."""
        age = self._clock() - batch.taken_at
        if age > self._policy.work_timeout_s:
            raise Transient(
                f"a batch of {len(batch.records)} was not done in {self._policy.work_timeout_s:g} s"
            )
        if age > self._policy.pause_after_s and len(self._in_flight) >= self._policy.depth:
            self._keep_membership()

    def _keep_membership(self) -> None:
        """Poll with everything paused, so that rebalances are served and the group keeps us."""
        if not self._paused:
            self._paused = True
            self._consumer.pause(self._consumer.assignment())
        record = self._consumer.poll(0)
        if record is None:
            return
        if record.error() is not None:
            raise_unless_passing(record.error())
            return
        place = (record.topic(), record.partition())  # fetched before the pause took hold
        self._strays[place] = min(record.offset(), self._strays.get(place, record.offset()))

    def _resume(self) -> None:
        if not self._paused:
            return
        self._paused = False
        for (topic, partition), offset in self._strays.items():
            self._consumer.seek(TopicPartition(topic, partition, offset))
        self._strays.clear()
        self._consumer.resume(self._consumer.assignment())

    def _commit(self, batch: Batch) -> None:
        started = self._clock()
        try:
            self._transact(batch)
        except KafkaException as error:
            cause: KafkaError = error.args[0]
            if not cause.txn_requires_abort():
                raise Transient(f"transaction left unsettled: {cause.name()}") from error
            self._producer.abort_transaction(self._policy.commit_timeout_s)
            self._watcher.dropped(batch, cause.name())
            self._rewind(error)
            return
        self._failures = 0
        for callback in batch.on_commit:
            callback()
        self._watcher.committed(batch, self._clock() - started)

    def _transact(self, batch: Batch) -> None:
        timeout = self._policy.commit_timeout_s
        self._producer.begin_transaction()
        for output in batch.outputs:
            self._produce(output)
        self._pulse.beat(self._policy.offsets_timeout_s)
        self._producer.send_offsets_to_transaction(batch.positions, batch.metadata, timeout)
        self._pulse.beat()
        deadline = self._clock() + timeout
        while True:
            try:
                return self._producer.commit_transaction(timeout)
            except KafkaException as error:
                if not error.args[0].retriable() or self._clock() > deadline:
                    raise

    def _produce(self, output: Output) -> None:
        place = {} if output.partition is None else {"partition": output.partition}
        if output.timestamp_ms is not None:
            place["timestamp"] = output.timestamp_ms
        while True:
            try:
                return self._producer.produce(
                    output.topic, key=output.key, value=output.value, headers=list(output.headers), **place
                )
            except BufferError:  # the client's queue is full: let it send
                self._producer.poll(0.1)

    # -- beginning again

    def _rewind(self, error: BaseException) -> None:
        self._failures += 1
        if self._failures > self._policy.retries:
            raise Transient(
                f"gave up after {self._failures} failures in a row: {type(error).__name__}"
            ) from error
        self._epoch += 1
        self._sleep(min(1.0, self._policy.backoff_s * 2 ** (self._failures - 1)))
        self._watcher.rewound(type(error).__name__)
        self._reposition()

    def _reposition(self) -> None:
        """Go on from the committed offsets of what is assigned now."""
        assigned = self._consumer.assignment()
        if assigned:
            self._assign(assigned)

    def _assign(self, partitions: list[TopicPartition]) -> None:
        committed = self._settled_offsets(partitions)
        self._known, self._idle_since = {}, self._clock()
        for place in committed:
            if place.error is not None:
                raise Transient(f"committed offset of {place.topic} {place.partition}: {place.error.name()}")
            if place.offset < 0:
                place.offset = OFFSET_BEGINNING
            else:
                self._known[place.topic, place.partition] = place.offset
        self._strays.clear()
        self._consumer.assign(committed)
        if self._paused:
            self._consumer.pause(committed)
        else:  # a pause outlives the loss of its partition: one that comes back would never be read again
            self._consumer.resume(committed)

    def _settled_offsets(self, partitions: list[TopicPartition]) -> list[TopicPartition]:
        """Committed offsets, once no open transaction holds one of them.

        A process that died in a transaction, and does not come back, leaves it to the coordinator, which looks for
        such every 10 s (Kafka's `transaction.abort.timed.out.transaction.cleanup.interval.ms`).
        """
        for _ in range(_PATIENCE):
            try:
                return self._consumer.committed(partitions, self._policy.commit_timeout_s)
            except KafkaException as error:
                if error.args[0].code() != KafkaError._TIMED_OUT:
                    raise
            self._pulse.beat()
        raise Transient(f"committed offsets are held by an open transaction: {len(partitions)} partitions")

    def _assigned(self, _: Any, partitions: list[TopicPartition]) -> None:
        self._epoch += 1
        self._metadata = self._consumer.consumer_group_metadata()
        self._assign(partitions)
        self._watcher.gained(partitions)

    def _revoked(self, _: Any, partitions: list[TopicPartition]) -> None:
        self._epoch += 1
        self._known = {}
        self._strays.clear()
        self._watcher.lost(partitions)


def raise_unless_passing(error: Any) -> None:
    """A consumer reports troubles that it mends itself as errors too; only the others end the process."""
    if error.fatal() or (not error.retriable() and error.code() not in _PASSING):
        raise Transient(f"consumer: {error.name()}")


# Longer than a transaction's own time-out (the same as that of one call) and the coordinator's round.
_PATIENCE = 3

_PASSING = frozenset(
    {
        KafkaError._TRANSPORT,
        KafkaError._RESOLVE,
        KafkaError._TIMED_OUT,
        KafkaError._MAX_POLL_EXCEEDED,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
    }
)
