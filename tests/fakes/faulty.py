"""Clients on a FakeKafka that fail, crash or are interrupted where a test says so."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicPartition

from tests.fakes.kafka import FakeConsumer, FakeKafka, FakeProducer, FakeRecord, Metadata, Place, error


class Crash(BaseException):
    """The process is gone: nothing of it runs any more."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to one call of a producer.

    Attributes:
        call: the method.
        done: whether the broker has done what was asked before the client hears of the trouble.
        raises: what the client is told.
        deadly: whether the process must end of it, since it cannot know what became of the transaction.
    """

    call: str
    done: bool
    raises: Callable[[], BaseException]
    deadly: bool


def _abortable() -> KafkaException:
    return error(KafkaError.INVALID_TXN_STATE, txn_requires_abort=True)


def _retriable() -> KafkaException:
    return error(KafkaError._TIMED_OUT, retriable=True)


def _fatal() -> KafkaException:
    return error(KafkaError._FATAL, fatal=True)


def _unknown() -> KafkaException:
    return error(KafkaError._TIMED_OUT)


CALLS = ("begin_transaction", "produce", "send_offsets_to_transaction", "commit_transaction")
FAULTS = (
    [Fault(call, done, Crash, deadly=True) for call in CALLS for done in (False, True)]
    + [Fault(call, False, raises, deadly=True) for call in CALLS for raises in (_fatal, _unknown)]
    + [Fault(call, False, _abortable, deadly=False) for call in CALLS[2:]]
    + [
        Fault("produce", False, BufferError, deadly=False),
        Fault("send_offsets_to_transaction", False, _retriable, deadly=True),
        Fault("send_offsets_to_transaction", True, _unknown, deadly=True),
        Fault("commit_transaction", False, _retriable, deadly=False),
        Fault("commit_transaction", True, _retriable, deadly=False),
        Fault("commit_transaction", True, _unknown, deadly=True),
        Fault("commit_transaction", True, _fatal, deadly=True),
        Fault("abort_transaction", False, Crash, deadly=True),
        Fault("abort_transaction", True, Crash, deadly=True),
        Fault("abort_transaction", False, _unknown, deadly=True),
    ]
)


class FaultyProducer(FakeProducer):
    """A producer with faults before it, each met by the next call that it is for.

    `deadly` is the last fault that its owner must not survive; `acknowledged` are the offsets of the transactions
    whose commit its owner was told of.
    """

    def __init__(self, kafka: FakeKafka, transactional_id: str) -> None:
        super().__init__(kafka, transactional_id)
        self.faults: deque[Fault] = deque()
        self.deadly: Fault | None = None
        self.acknowledged: list[dict[Place, int]] = []
        self._unheard: dict[Place, int] | None = None  # committed, and the answer was lost on its way

    def begin_transaction(self) -> None:
        self._call("begin_transaction", super().begin_transaction)

    def produce(self, topic: str, **record: Any) -> None:
        self._call("produce", lambda: super(FaultyProducer, self).produce(topic, **record))

    def send_offsets_to_transaction(
        self, positions: list[TopicPartition], metadata: Metadata, timeout: float
    ) -> None:
        self._call(
            "send_offsets_to_transaction",
            lambda: super(FaultyProducer, self).send_offsets_to_transaction(positions, metadata, timeout),
        )

    def commit_transaction(self, timeout: float) -> None:
        offsets = dict(self.offsets)
        if self._unheard is not None:
            offsets, self._unheard = self._unheard, None
        else:
            self._call("commit_transaction", lambda: super(FaultyProducer, self).commit_transaction(timeout))
        self.acknowledged.append(offsets)

    def abort_transaction(self, timeout: float) -> None:
        self._call("abort_transaction", lambda: super(FaultyProducer, self).abort_transaction(timeout))

    def _call(self, name: str, work: Callable[[], None]) -> None:
        fault = next((fault for fault in self.faults if fault.call == name), None)
        if fault is None:
            return work()
        self.faults.remove(fault)
        offsets = dict(self.offsets)
        if fault.done:
            work()
        trouble = fault.raises()
        if fault.deadly:
            self.deadly = fault
        elif fault.done:
            self._unheard = offsets
        if isinstance(trouble, KafkaException) and not fault.done:
            cause = trouble.args[0]
            if cause.fatal() or cause.txn_requires_abort():
                self.fail(trouble)
        raise trouble


class InterruptedConsumer(FakeConsumer):
    """A consumer during whose next polls things happen: each entry just after a poll has looked for records."""

    def __init__(self, kafka: FakeKafka, group: str, member: str) -> None:
        super().__init__(kafka, group, member)
        self.interruptions: deque[Callable[[], None]] = deque()

    def poll(self, timeout: float) -> FakeRecord | None:
        found = super().poll(timeout)
        if found is not None and self.interruptions:
            self.interruptions.popleft()()
        return found
