"""Settings: read once from `SLUICE_*` and a TOML file, checked together, frozen."""

import os
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from models.errors import Fatal

_PREFIX = "SLUICE_"
_SECRETS = frozenset({"sasl_password", "alertmanager_url"})
_FILE_VARIABLE = "SLUICE_CONFIG"

Ratio = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[int, Field(ge=1)]


def _split(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
"""Several words; in the environment they are separated by commas."""


class Settings(BaseSettings):
    """Everything that can be set. A field's environment variable is `SLUICE_` and its name in capitals."""

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX, frozen=True, extra="forbid", hide_input_in_errors=True
    )

    # Kafka. Without a bootstrap address the local broker of `sluice broker start` is used.
    bootstrap: str | None = None
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = None
    sasl_username: str | None = None
    sasl_password: SecretStr | None = None
    ssl_ca_location: Path | None = None
    ssl_certificate_location: Path | None = None
    ssl_key_location: Path | None = None
    topic_prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{0,100}$")] = ""
    partitions: Annotated[int, Field(ge=1, le=1000)] = 6
    replication: Annotated[int, Field(ge=1, le=9)] = 1
    # How publishers place keys: murmur2 (Java, Faust) or crc32 (librdkafka's default). Set wrongly, every event is
    # moved once, which costs throughput and nothing else.
    partitioner: Literal["murmur2", "crc32"] = "murmur2"

    # The worker among its like. An instance name that outlives a restart takes its partitions back at once.
    group: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,100}$")] = "sluice"
    instance: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,100}$")] | None = None
    session_timeout_s: Annotated[float, Field(ge=1, le=300)] = 6.0
    transaction_timeout_s: Annotated[float, Field(ge=5, le=900)] = 15.0
    work_timeout_s: Annotated[float, Field(ge=5, le=3600)] = 120.0
    data_dir: Path = Path(".sluice")

    # Batches: how many records one transaction carries, and what one pass of the encoder holds.
    batch_records: Annotated[int, Field(ge=1, le=10_000)] = 1024
    batches_in_flight: Annotated[int, Field(ge=1, le=8)] = 2
    pack_max_tokens: Annotated[int, Field(ge=64, le=1_000_000)] = 4096
    pack_max_count: Annotated[int, Field(ge=1, le=4096)] = 64
    pack_max_age_ms: Annotated[int, Field(ge=0, le=10_000)] = 2

    # The encoder: the embedded one needs nothing; the others need a local folder or file.
    encoder: Literal["embedded", "onnx", "torch"] = "embedded"
    encoder_path: Path | None = None
    encoder_provider: Literal["cpu", "cuda", "tensorrt"] = "cpu"
    encoder_threads: Annotated[int, Field(ge=0, le=256)] = 0
    encoder_max_tokens: Annotated[int, Field(ge=8, le=32_768)] | None = None
    encoder_prefix: Annotated[str, Field(max_length=200)] = ""

    # What is accepted, and when too much of it is bad.
    max_record_bytes: Annotated[int, Field(ge=1_000, le=8_000_000)] = 1_000_000
    max_text_chars: Annotated[int, Field(ge=100, le=100_000)] = 8_000
    mask_also: Annotated[
        tuple[Literal["host", "name", "address"], ...], NoDecode, BeforeValidator(_split)
    ] = ("host",)
    dead_letter_max_consecutive: Positive = 200
    dead_letter_max_share: Ratio = 0.5
    dead_letter_window: Positive = 1_000

    # How the problems of a history are found.
    clusterer: Literal["graph", "hdbscan"] = "graph"

    # Reclustering: hours from one to the next by the leading worker (0: never), tickets that are clustered at most, and
    # the share of them that may get another owner by it.
    recluster_every_h: Annotated[float, Field(ge=0, le=720)] = 0.0
    recluster_tickets: Annotated[int, Field(ge=100, le=2_000_000)] = 200_000
    churn_budget: Ratio = 0.1

    # Tickets that make a new problem between two reclusterings (0: none is looked for).
    emerging_tickets: Annotated[int, Field(ge=0, le=50)] = 5

    # Surges of known problems: how they are told, how often by chance over all clusters, where their runbooks are (the
    # cluster's id in place of `{cluster}`, or behind it), and who is told beside the topic.
    surge_rule: Literal["model", "ratio"] = "model"
    surge_false_pages_per_week: Annotated[float, Field(ge=0.01, le=1000)] = 2.0
    surge_runbook: Annotated[str, Field(pattern=r"^https?://\S+$", max_length=500)] | None = None
    alertmanager_url: SecretStr | None = None

    # What a new generation's thresholds must hold, and for which share of tickets of problems that nobody has seen.
    target_error: Annotated[float, Field(ge=0.001, le=0.5)] = 0.05
    unknown_share: Annotated[float, Field(ge=0, le=0.5)] = 0.05

    # Decisions. The generation brings thresholds fitted on its own history; these override them.
    similarity_floor: Annotated[float, Field(ge=-1, le=1)] | None = None
    route_at: Ratio | None = None
    # A threshold on trial: decided by beside the ones in force, and compared in `tickets.shadow`.
    shadow_route_at: Ratio | None = None
    # Rules of escalation: who is called for urgent tickets, and what is done for those that sound so upset.
    escalate_priorities: Words = ("p0", "critical", "urgent", "紧急")
    sentiment_raise_at: Ratio | None = None
    sentiment_raise_to: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    priorities: Words = ("low", "normal", "high", "urgent")
    sentiment_senior_at: Ratio | None = None
    seniors: Words = ()
    sentiment_person_at: Ratio | None = None
    # Share of the decisions that bring a heat map of their text.
    explain: Ratio = 0.0

    # Open tickets that a new one may repeat: by what days of age, 0 for none, and from which score on.
    duplicate_horizon_days: Annotated[int, Field(ge=0, le=90)] = 14
    duplicate_at: Ratio | None = None

    # The worker's own web server: health, readiness, metrics. Port 0 takes a free one.
    web_host: str = "127.0.0.1"
    web_port: Annotated[int, Field(ge=0, le=65535)] = 0
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["json", "console"] = "json"

    @model_validator(mode="after")
    def _fit_together(self) -> "Settings":
        if self.encoder != "embedded" and self.encoder_path is None:
            raise ValueError(
                f"encoder_path: is needed for encoder {self.encoder}; a local folder or .onnx file"
            )
        if self.security_protocol.startswith("SASL") and not (
            self.sasl_mechanism and self.sasl_username and self.sasl_password
        ):
            raise ValueError("security_protocol: SASL needs sasl_mechanism, sasl_username and sasl_password")
        if self.work_timeout_s < self.transaction_timeout_s:
            raise ValueError("work_timeout_s: must not be shorter than transaction_timeout_s")
        self._check_alertmanager()
        self._check_escalation()
        return self

    def _check_alertmanager(self) -> None:
        if self.alertmanager_url is None:
            return
        try:
            url = urlsplit(self.alertmanager_url.get_secret_value())
            sound = url.scheme in {"http", "https"} and url.hostname and not url.query and url.port != 0
        except ValueError:  # a port that is no number
            sound = False
        if not sound:
            raise ValueError("alertmanager_url: must be http(s)://[name:password@]host[:port][/prefix]")

    def _check_escalation(self) -> None:
        if (self.sentiment_raise_at is None) != (self.sentiment_raise_to is None):
            raise ValueError(
                "sentiment_raise_to: is needed with sentiment_raise_at, and means nothing without it"
            )
        steps = [step.casefold() for step in self.priorities]
        if len(set(steps)) < len(steps):
            raise ValueError("priorities: none may stand twice")
        if self.sentiment_raise_to is not None and self.sentiment_raise_to.strip().casefold() not in steps:
            raise ValueError(f"sentiment_raise_to: must be one of priorities, {', '.join(self.priorities)}")
        if (self.sentiment_senior_at is None) != (not self.seniors):
            raise ValueError("seniors: are needed with sentiment_senior_at, and mean nothing without it")
        teams = [team for team, senior in self.senior_pairs if team and senior]
        if len(set(teams)) < len(self.seniors):
            raise ValueError("seniors: must be team=senior, each team once")

    @property
    def senior_pairs(self) -> list[tuple[str, str]]:
        """Each team that has a senior, and that senior."""
        parts = (pair.partition("=") for pair in self.seniors)
        return [(team.strip(), senior.strip()) for team, _, senior in parts]

    @property
    def hears_sentiment(self) -> bool:
        """Whether a rule asks how tickets sound."""
        limits = (self.sentiment_raise_at, self.sentiment_senior_at, self.sentiment_person_at)
        return any(limit is not None for limit in limits)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments win over the environment, which wins over the TOML file named by SLUICE_CONFIG."""
        path = os.environ.get(_FILE_VARIABLE)
        file = (TomlConfigSettingsSource(settings_cls, Path(path)),) if path else ()
        return (init_settings, env_settings, *file)


def load_settings(**overrides: Any) -> Settings:
    """The settings in force.

    Args:
        overrides: what the command line said; None means that it said nothing.

    Raises:
        Fatal: one line a mistake, each with the variable and what is allowed. The value is shown unless it
            may be a secret.
    """
    path = os.environ.get(_FILE_VARIABLE)
    if path and not Path(path).is_file():
        raise Fatal(f"{_FILE_VARIABLE}: no file at {path}")
    _refuse_unknown_variables()
    try:
        return Settings(**{name: value for name, value in overrides.items() if value is not None})
    except OSError as error:
        raise Fatal(f"{_FILE_VARIABLE}: {path} cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise Fatal(f"{_FILE_VARIABLE}: {path} is not TOML: it must be UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise Fatal(f"{_FILE_VARIABLE}: {path} is not TOML: {error}") from None
    except ValidationError as error:
        raise Fatal("\n".join(_line(item, path) for item in error.errors())) from None


def kafka_options(settings: Settings, bootstrap: str) -> dict[str, Any]:
    """What every librdkafka client of ours is configured with: where the cluster is and how to log in.

    Raises:
        Fatal: a file of certificates or keys is not there.
    """
    for name in ("ssl_ca_location", "ssl_certificate_location", "ssl_key_location"):
        path: Path | None = getattr(settings, name)
        if path is not None and not path.is_file():
            raise Fatal(f"{_PREFIX}{name.upper()}: no file at {path}")
    optional = {
        "sasl.mechanism": settings.sasl_mechanism,
        "sasl.username": settings.sasl_username,
        "sasl.password": settings.sasl_password.get_secret_value() if settings.sasl_password else None,
        "ssl.ca.location": settings.ssl_ca_location,
        "ssl.certificate.location": settings.ssl_certificate_location,
        "ssl.key.location": settings.ssl_key_location,
    }
    return {
        "bootstrap.servers": bootstrap,
        "security.protocol": settings.security_protocol,
        **{name: str(value) for name, value in optional.items() if value is not None},
    }


def _refuse_unknown_variables() -> None:
    """A misspelt variable would otherwise be ignored in silence."""
    known = {_PREFIX + name.upper() for name in Settings.model_fields} | {_FILE_VARIABLE}
    for name in sorted(os.environ):
        if name.startswith(_PREFIX) and not name.startswith("SLUICE_TEST_") and name not in known:
            raise Fatal(f"{name}: no such setting")


def _line(item: Any, path: str | None) -> str:
    if not item["loc"]:
        name, _, text = item["msg"].removeprefix("Value error, ").partition(": ")
        return f"{_PREFIX}{name.upper()}: {text}"
    name = str(item["loc"][0])
    if item["type"] == "extra_forbidden":  # only the file can; a password may stand under a misspelt name
        return f"{_FILE_VARIABLE}: {path}: {name}: no such setting"
    shown = "" if name in _SECRETS else f" (it is {item['input']!r})"
    return f"{_PREFIX}{name.upper()}: {item['msg'][0].lower()}{item['msg'][1:]}{shown}"
