"""Records that stand by themselves are there once `send` is back, or it says so."""

from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from agents.announce import Announcer
from agents.wire import Output
from models.errors import Transient

OUTPUTS = [Output("surges", b"s-1", b"one", ()), Output("surges", b"s-2", b"two", [("a", b"b")])]


class Client:
    """A producer that delivers, refuses, or says nothing."""

    def __init__(self, error: KafkaError | None = None, silent: bool = False) -> None:
        self.error, self.silent = error, silent
        self.written: list[tuple[str, bytes, bytes, list[Any]]] = []
        self._waiting: list[Any] = []

    def produce(self, topic: str, key: bytes, value: bytes, headers: list[Any], on_delivery: Any) -> None:
        self.written.append((topic, key, value, headers))
        self._waiting.append(on_delivery)

    def flush(self, _: float) -> int:
        if self.silent:
            return len(self._waiting)
        while self._waiting:
            self._waiting.pop()(self.error, None)
        return 0


class Full(Client):
    """A producer whose queue is full."""

    def produce(self, *_: Any, **__: Any) -> None:
        raise KafkaException(KafkaError(KafkaError._QUEUE_FULL))


def test_all_are_written_by_one_client_that_the_first_asks_for() -> None:
    made: list[dict[str, Any]] = []
    client = Client()

    def connect(options: dict[str, Any]) -> Client:
        made.append(options)
        return client

    announcer = Announcer({"bootstrap.servers": "x"}, connect)
    assert made == []
    announcer.send(OUTPUTS)
    announcer.send(OUTPUTS[:1])
    assert [key for _, key, _, _ in client.written] == [b"s-1", b"s-2", b"s-1"]
    assert client.written[1] == ("surges", b"s-2", b"two", [("a", b"b")])
    assert len(made) == 1
    assert made[0]["enable.idempotence"] is True


@pytest.mark.parametrize(
    ("client", "why"),
    [
        pytest.param(Client(KafkaError(KafkaError._MSG_TIMED_OUT)), "_MSG_TIMED_OUT", id="refused"),
        pytest.param(Client(silent=True), "no answer in time", id="silent"),
        pytest.param(Full(), "_QUEUE_FULL", id="full"),
    ],
)
def test_what_is_not_written_is_said(client: Client, why: str) -> None:
    with pytest.raises(Transient, match=why):
        Announcer({}, lambda _: client).send(OUTPUTS)
