"""Connect: where the cluster is, whether it lets us in, and how Faust's own client logs in to it."""

import ssl
import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from app.broker import running_bootstrap
from app.settings import Settings, kafka_options
from models.errors import Fatal, Transient

if TYPE_CHECKING:
    from faust.types.auth import CredentialsT

_LOGIN_TIMEOUT_S = 15.0
_ASK_S = 0.5


def bootstrap_of(settings: Settings) -> str:
    """The bootstrap address in force: the setting, or the local broker that runs under `data_dir`.

    Raises:
        Transient: neither is there.
    """
    found = settings.bootstrap or running_bootstrap(settings.data_dir / "broker")
    if found is None:
        raise Transient(
            "no Kafka to talk to: set SLUICE_BOOTSTRAP to your cluster's address, or run `sluice broker start`"
        )
    return found


def logged_in(settings: Settings) -> dict[str, Any]:
    """Options of a client of the cluster in force, which has let us in.

    Raises:
        Fatal, Transient: as `bootstrap_of` and `check_login`.
    """
    kafka = kafka_options(settings, bootstrap_of(settings))
    check_login(kafka)
    return kafka


def check_login(
    kafka: Mapping[str, Any], seconds: float = _LOGIN_TIMEOUT_S, given_up: threading.Event | None = None
) -> None:
    """See that a broker answers and lets us in, before anything is built on it.

    A client that is refused tries again for ever, and says so only in passing. A login that is refused counts as
    a wrong setting (a worker ends with 2), since trying again does not change it; one that is refused later, while
    the worker runs, ends it with 75 and the next start says which it is.

    Args:
        kafka: what `kafka_options` gives.
        given_up: set where nobody waits for the answer any more.

    Raises:
        Fatal: the login is refused, TLS with the broker fails, or a setting is not one that a client can use.
        Transient: no broker answers within `seconds`, or before it was given up.
    """
    said: set[int] = set()
    try:
        client = AdminClient(
            {
                **kafka,
                "log_level": 0,
                "reconnect.backoff.max.ms": 200,  # its own 10 s would be waited out by whoever waits for the broker
                "error_cb": lambda error: said.add(error.code()),
            }
        )
    except KafkaException as error:
        raise Fatal(f"Kafka's client refuses its settings: {error.args[0].str()}") from None
    deadline = time.monotonic() + seconds
    while True:
        try:
            client.list_topics(timeout=_ASK_S)
            return
        except KafkaException:
            client.poll(0)
        if KafkaError._AUTHENTICATION in said:
            raise Fatal(
                "Kafka refuses the login: check SLUICE_SASL_USERNAME, SLUICE_SASL_PASSWORD and SLUICE_SASL_MECHANISM"
            )
        if KafkaError._SSL in said:
            raise Fatal(
                "TLS with Kafka fails: check SLUICE_SECURITY_PROTOCOL, SLUICE_SSL_CA_LOCATION"
                " and the client's own certificate"
            )
        if time.monotonic() > deadline or (given_up is not None and given_up.is_set()):
            raise Transient(
                f"no Kafka broker answers at {kafka['bootstrap.servers']}: does it run, and are the address and"
                " SLUICE_SECURITY_PROTOCOL right?"
            )


def faust_credentials(settings: Settings) -> "CredentialsT | None":
    """How Faust's client logs in; the same as `kafka_options` says to librdkafka.

    Raises:
        Fatal: a file of certificates or keys cannot be used.
    """
    from faust.auth import SASLCredentials, SSLCredentials  # slow: a command without a worker goes without

    context = _tls(settings) if settings.security_protocol.endswith("SSL") else None
    if settings.security_protocol.startswith("SASL"):
        assert settings.sasl_password is not None  # the settings do not fit together without it
        return SASLCredentials(
            username=settings.sasl_username,
            password=settings.sasl_password.get_secret_value(),
            mechanism=settings.sasl_mechanism,
            ssl_context=context,
        )
    return SSLCredentials(context) if context else None


def _tls(settings: Settings) -> ssl.SSLContext:
    name = "SLUICE_SSL_CA_LOCATION"
    try:
        context = ssl.create_default_context(cafile=settings.ssl_ca_location)
        if settings.ssl_certificate_location:
            name = "SLUICE_SSL_CERTIFICATE_LOCATION, SLUICE_SSL_KEY_LOCATION"
            # Without a password given here, an encrypted key would be asked for on the terminal.
            context.load_cert_chain(
                settings.ssl_certificate_location, settings.ssl_key_location, password=lambda: ""
            )
    except OSError as error:  # ssl.SSLError is one
        reason = error.reason if isinstance(error, ssl.SSLError) else error.strerror
        raise Fatal(f"{name}: cannot be used ({reason})") from None
    return context
