"""Points: a worker's real clients and encoder, with the places around a transaction at which it ends itself.

Nothing of the product knows of them: the worker is built with these parts in place of its own.
"""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition

from app.worker import Parts
from models.engines.encoders import EncoderSpec, load_encoder
from tests.fault.diary import Diary, Order, OrderFile


class Point(StrEnum):
    """Where a worker can be ended, in the order in which a batch passes them."""

    TAKEN = "taken"  # records read, the agent has not seen them
    WORKING = "working"  # while the encoder works on them
    BEGUN = "begun"  # the transaction holds nothing
    PRODUCED = "produced"  # some of its outputs are at the broker
    OFFSETS_SENT = "offsets_sent"  # all of them, and the input's offsets
    BEFORE_COMMIT = "before_commit"  # the same, when the commit is about to be asked for
    COMMITTING = "committing"  # while the commit is asked for
    AFTER_COMMIT = "after_commit"  # committed at the broker, the worker has not noted it


class Executioner:
    """Carries an order out at its point, once."""

    def __init__(self, orders: OrderFile, diary: Diary) -> None:
        self._orders, self._diary = orders, diary

    def at(self, point: Point, nth: int = 1, before: Callable[[], Any] = lambda: None) -> None:
        """Pass a point.

        Args:
            before: what makes the moment a hard one; called only where the order is carried out.
        """
        order = self._due(point)
        if order is not None and order.nth == nth:
            before()
            self._carry_out(order)

    @contextmanager
    def within(self, point: Point) -> Iterator[None]:
        """Pass a piece of work, in whose middle an order is carried out; at its end where it is too short."""
        order = self._due(point)
        if order is None:
            yield
            return
        timer = threading.Timer(order.delay_s, self._carry_out, (order,))
        timer.daemon = True
        timer.start()
        yield
        timer.join()

    def _due(self, point: Point) -> Order | None:
        order = self._orders.look()
        return order if order is not None and order.point == point else None

    def _carry_out(self, order: Order) -> None:
        self._orders.take()
        self._diary.note("fault", order.point)
        os.kill(os.getpid(), order.signal)


class WatchedConsumer:
    """confluent-kafka's consumer, with the point at which a batch is taken."""

    def __init__(self, options: dict[str, Any], executioner: Executioner, diary: Diary) -> None:
        self._client, self._executioner, self._diary = Consumer(options), executioner, diary

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def subscribe(self, topics: list[str], **callbacks: Callable[..., None]) -> None:
        def noted(client: Any, partitions: list[TopicPartition]) -> None:
            self._diary.note("assigned", " ".join(str(place.partition) for place in partitions))
            callbacks["on_assign"](client, partitions)
            self._diary.note("restored")

        self._diary.note("subscribed")
        self._client.subscribe(topics, **{**callbacks, "on_assign": noted})

    def consume(self, num_messages: int, timeout: float) -> Any:
        """The rest of a batch, after its first record."""
        records = self._client.consume(num_messages, timeout)
        self._executioner.at(Point.TAKEN)
        return records


class WatchedProducer:
    """confluent-kafka's transactional producer, with the points of a transaction."""

    def __init__(self, options: dict[str, Any], executioner: Executioner, diary: Diary) -> None:
        self._client, self._executioner, self._diary = Producer(options), executioner, diary
        self._outputs = 0
        self._committed = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def init_transactions(self, timeout: float) -> None:
        self._client.init_transactions(timeout)
        self._diary.note("fenced")

    def begin_transaction(self) -> None:
        self._client.begin_transaction()
        self._outputs = 0
        self._executioner.at(Point.BEGUN)

    def produce(self, topic: str, **record: Any) -> None:
        self._client.produce(topic, **record)
        self._outputs += 1
        self._executioner.at(Point.PRODUCED, self._outputs, before=lambda: self._client.flush(1))

    def send_offsets_to_transaction(self, *arguments: Any) -> None:
        self._client.send_offsets_to_transaction(*arguments)
        self._executioner.at(Point.OFFSETS_SENT)

    def commit_transaction(self, timeout: float) -> None:
        self._executioner.at(Point.BEFORE_COMMIT)
        with self._executioner.within(Point.COMMITTING):
            self._client.commit_transaction(timeout)
        self._executioner.at(Point.AFTER_COMMIT)
        if not self._committed:
            self._committed = True
            self._diary.note("first_commit")


class WatchedEncoder:
    """The worker's own encoder, with the point at which it works."""

    def __init__(self, spec: EncoderSpec, executioner: Executioner, diary: Diary) -> None:
        diary.note("imported")
        self._encoder, self._executioner = load_encoder(spec), executioner
        diary.note("encoder_loaded")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._encoder, name)

    def forward(self, batch: Any) -> Any:
        with self._executioner.within(Point.WORKING):
            return self._encoder.forward(batch)


def watched_parts(executioner: Executioner, diary: Diary) -> Parts:
    """The parts of a worker that can be ended at every point."""
    return Parts(
        encoder=lambda spec: WatchedEncoder(spec, executioner, diary),
        consumer=lambda options: WatchedConsumer(options, executioner, diary),
        producer=lambda options: WatchedProducer(options, executioner, diary),
    )
