"""Connect: where the cluster is, and how Faust's own client logs in to it."""

import ssl

from faust.auth import SASLCredentials, SSLCredentials
from faust.types.auth import CredentialsT

from app.broker import running_bootstrap
from app.settings import Settings
from models.errors import Transient


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


def faust_credentials(settings: Settings) -> CredentialsT | None:
    """How Faust's client logs in; the same as `kafka_options` says to librdkafka."""
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
    context = ssl.create_default_context(cafile=settings.ssl_ca_location)
    if settings.ssl_certificate_location:
        context.load_cert_chain(settings.ssl_certificate_location, settings.ssl_key_location)
    return context
