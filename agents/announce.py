"""Announce: records that belong to no batch, written by themselves. Beside the wire, for who leads."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from agents.wire import Output
from models.errors import Transient

_TIMEOUT_S = 10.0


class Announcer:
    """Writes records, each once in its partition however often the client has to try. Not for several threads.

    Args:
        kafka: options of a client of the cluster.
        build: makes a producer of its options; the first record asks for one.
    """

    def __init__(self, kafka: Mapping[str, Any], build: Callable[[dict[str, Any]], Any] = Producer) -> None:
        self._kafka, self._build = kafka, build
        self._producer: Any = None

    def send(self, outputs: Sequence[Output]) -> None:
        """Write the records and wait until they are there.

        Raises:
            Transient: the cluster did not take one of them; the others may be there.
        """
        if self._producer is None:
            self._producer = self._build(
                {
                    **self._kafka,
                    "enable.idempotence": True,
                    "partitioner": "murmur2_random",  # as Java producers and Faust place keys
                    "message.timeout.ms": round(_TIMEOUT_S * 1000),
                    "log_level": 3,
                }
            )
        refused: list[KafkaError] = []

        def delivered(error: KafkaError | None, _: Message) -> None:
            if error is not None:
                refused.append(error)

        try:
            for output in outputs:
                self._producer.produce(
                    output.topic,
                    key=output.key,
                    value=output.value,
                    headers=list(output.headers),
                    on_delivery=delivered,
                )
            waiting = self._producer.flush(_TIMEOUT_S)
        except KafkaException as error:
            raise Transient(f"a record could not be written: {error.args[0].name()}") from error
        if refused or waiting:
            why = refused[0].name() if refused else "no answer in time"
            raise Transient(f"a record could not be written: {why}")
