"""Contenders: processes that move tickets from one topic to another, each in its own way, on one core.

    python -m app.bench.contender wire|confluent|faust|path

Settings come from `SLUICE_*`, as a worker's do. Each runs until SIGTERM.
"""

import logging
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import faust
from confluent_kafka import Consumer, Producer, TopicPartition

from agents.exits import die
from agents.feed import BatchChannel, Feed
from agents.pulse import Pulse
from agents.topics import TopicNames
from agents.wire import Batch, Output, Wire
from app.bench.tickets import NoOpEncoder
from app.settings import Settings, kafka_options, load_settings
from app.wires import consumer_options, producer_options, wire_policy
from app.worker import Parts, build_worker, faust_app


def run_confluent(settings: Settings, bootstrap: str) -> None:
    """Bare confluent-kafka: the shortest loop that consumes and produces in transactions."""
    kafka, names = kafka_options(settings, bootstrap), TopicNames(settings.topic_prefix)
    consumer = Consumer(consumer_options(settings, kafka))
    producer = Producer(producer_options(settings, kafka, "bare"))
    producer.init_transactions(30)
    consumer.subscribe([names.tickets])
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    while not stopping.is_set():
        records = consumer.consume(settings.batch_records, 0.1)
        if not records:
            continue
        ends = {(r.topic(), r.partition()): r.offset() + 1 for r in records}
        producer.begin_transaction()
        for record in records:
            producer.produce(names.routed, key=record.key(), value=record.value())
        producer.send_offsets_to_transaction(
            [TopicPartition(*place, end) for place, end in ends.items()],
            consumer.consumer_group_metadata(),
            30,
        )
        producer.commit_transaction(30)
    consumer.close()


def run_faust(settings: Settings, bootstrap: str) -> None:
    """Plain Faust: `async for` over the topic, its own producer."""
    names = TopicNames(settings.topic_prefix)
    app = faust_app(settings, bootstrap)
    incoming = app.topic(
        names.tickets, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw"
    )
    outgoing = app.topic(
        names.routed, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw"
    )

    @app.agent(incoming)
    async def copy(events: Any) -> None:
        async for key, value in events.items():
            await outgoing.send(key=key, value=value)

    _run(app)


def run_wire(settings: Settings, bootstrap: str) -> None:
    """The wire under a Faust agent that passes every record on."""
    kafka, names = kafka_options(settings, bootstrap), TopicNames(settings.topic_prefix)
    app = faust_app(settings, bootstrap)
    channel = BatchChannel(app)
    pulse = Pulse()

    @app.agent(channel)
    async def copy(batches: AsyncIterator[Batch]) -> None:
        async for batch in batches:
            async with batch:
                for record in batch.records:
                    batch.send(Output(names.routed, record.key(), record.value(), ()))

    def build(deliver: Callable[[Batch], None]) -> Wire:
        consumer = Consumer(consumer_options(settings, kafka))
        producer = Producer(producer_options(settings, kafka, "wire"))
        return Wire(consumer, producer, [names.tickets], deliver, Unwatched(), wire_policy(settings), pulse)

    feed = Feed(build, channel, die, pulse, still_s=60.0)

    @app.task
    async def boot() -> None:
        feed.start()

    @app.on_before_shutdown.connect
    async def leave(*_: Any, **__: Any) -> None:
        await feed.stop(5.0)

    _run(app)


class Unwatched:
    """A watcher that looks at nothing."""

    def gained(self, partitions: list[TopicPartition]) -> None:
        pass

    def lost(self, partitions: list[TopicPartition]) -> None:
        pass

    def committed(self, batch: Batch, seconds: float) -> None:
        pass

    def dropped(self, batch: Batch, why: str) -> None:
        pass

    def rewound(self, why: str) -> None:
        pass


def run_path(settings: Settings, bootstrap: str) -> None:
    """The whole worker, with an encoder that costs nothing."""
    _run(build_worker(settings, bootstrap, Parts(encoder=lambda _: NoOpEncoder())))


def _run(app: faust.App) -> None:
    faust.Worker(
        app, loglevel=logging.WARNING, override_logging=False, quiet=True, redirect_stdouts=False
    ).execute_from_commandline()


CONTENDERS = {"wire": run_wire, "confluent": run_confluent, "faust": run_faust, "path": run_path}


def main() -> None:
    """Run one contender on the last of the cores that this process may use."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    settings = load_settings()
    assert settings.bootstrap is not None
    CONTENDERS[sys.argv[1]](settings, settings.bootstrap)


if __name__ == "__main__":
    main()
