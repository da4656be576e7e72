"""Publisher: transactions of whoever publishes generations: bootstrap, reclustering, candidates."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from confluent_kafka import KafkaException, Producer

from agents.wire import Output
from app.settings import Settings
from models.errors import Transient


@contextmanager
def publisher(settings: Settings, kafka: dict[str, Any]) -> Iterator[Producer]:
    """A producer for the transactions of whoever publishes generations; one that was begun before is fenced.

    Raises:
        Transient: the cluster does not take what is written within.
    """
    producer = Producer(
        {
            **kafka,
            "transactional.id": f"{settings.topic_prefix}{settings.group}.bootstrap",
            # Readers of the topic wait for a transaction whose writer was killed until this is over.
            "transaction.timeout.ms": round(settings.transaction_timeout_s * 1000),
            "message.max.bytes": 2 << 20,
            "compression.type": "lz4",
            "log_level": 3,
        }
    )
    try:
        producer.init_transactions(30)
        yield producer
    except KafkaException as error:
        raise Transient(f"the generation could not be published: {error.args[0].name()}") from error


def write(producer: Producer, outputs: Sequence[Output]) -> None:
    """The records in one transaction."""
    producer.begin_transaction()
    for output in outputs:
        place = {} if output.partition is None else {"partition": output.partition}
        when = {} if output.timestamp_ms is None else {"timestamp": output.timestamp_ms}
        producer.produce(
            output.topic, key=output.key, value=output.value, headers=list(output.headers), **place, **when
        )
    producer.commit_transaction(30)
