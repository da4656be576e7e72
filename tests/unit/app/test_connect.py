"""Connect: what is said where no broker answers, or not as we ask, and that nobody waits for it in vain."""

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from app.connect import check_login
from models.errors import Fatal, Transient

NOBODY = {"bootstrap.servers": "127.0.0.1:1"}
FOR_EVER_S = 1e9


@pytest.fixture
def stranger() -> Iterator[str]:
    """Address of a server that answers whatever is said with words that are neither Kafka's nor TLS's."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with suppress(OSError):  # closed at the end of the test
                while True:
                    client, _ = server.accept()
                    with client:
                        client.sendall(b"220 mail.example ESMTP\r\n" * 10)
                        client.recv(1000)

        threading.Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)


def test_nobody_there_is_said_with_the_address_once_the_time_is_over() -> None:
    with pytest.raises(Transient, match=r"^no Kafka broker answers at 127\.0\.0\.1:1: does it run, "):
        check_login(NOBODY, seconds=0)


def test_nobody_is_waited_for_who_is_given_up() -> None:
    given_up = threading.Event()
    given_up.set()
    with pytest.raises(Transient):
        check_login(NOBODY, FOR_EVER_S, given_up)


def test_tls_that_fails_is_said_however_long_a_broker_may_take(stranger: str) -> None:
    with pytest.raises(
        Fatal, match=r"^TLS with Kafka fails: check SLUICE_SECURITY_PROTOCOL, SLUICE_SSL_CA_LOC"
    ):
        check_login({"bootstrap.servers": stranger, "security.protocol": "SSL"}, FOR_EVER_S)


def test_a_setting_that_the_client_does_not_know_is_said_at_once() -> None:
    with pytest.raises(Fatal, match=r"^Kafka's client refuses its settings: "):
        check_login({**NOBODY, "security.protocol": "words"}, FOR_EVER_S)
