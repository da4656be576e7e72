"""The ground every contract stands on: frozen models, strict numbers, UTC times, one schema version."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

SCHEMA_VERSION = 1
SchemaVersion = Literal[1]

# RFC 3339 years that a helpdesk can have lived in; anything outside is a unit mistake (seconds for milliseconds).
_EARLIEST_MS = 946_684_800_000  # 2000-01-01T00:00:00Z
_LATEST_MS = 4_102_444_800_000  # 2100-01-01T00:00:00Z


def _read_time(value: object) -> object:
    """Epoch milliseconds or RFC 3339 text, as an aware datetime.

    Raises:
        ValueError: a bool, a naive time, or an instant outside 2000 to 2100.
    """
    if isinstance(value, bool):
        raise ValueError("a time is RFC 3339 text or epoch milliseconds, not a boolean")
    if isinstance(value, int | float):
        if not _EARLIEST_MS <= value < _LATEST_MS:
            raise ValueError("epoch milliseconds must lie between the years 2000 and 2100")
        return datetime.fromtimestamp(value / 1000, UTC)
    if isinstance(value, str):
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            raise ValueError("a time is RFC 3339 text or epoch milliseconds") from None
    return value


def _in_utc(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError("a time needs its offset from UTC (RFC 3339)")
    try:
        moment = value.astimezone(UTC)
    except OverflowError:
        raise ValueError("a time must lie between the years 2000 and 2100") from None
    if not _EARLIEST_MS <= moment.timestamp() * 1000 < _LATEST_MS:
        raise ValueError("a time must lie between the years 2000 and 2100")
    return moment


def _write_time(value: datetime) -> str:
    return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")


Time = Annotated[
    datetime,
    BeforeValidator(_read_time, json_schema_input_type=str | int | float),
    AfterValidator(_in_utc),
    PlainSerializer(_write_time, return_type=str, when_used="json-unless-none"),
]
"""An instant in UTC; read from RFC 3339 or epoch milliseconds, written as RFC 3339 with milliseconds."""

Identifier = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
"""A name that a machine chose: 1 to 200 characters, none of them a control character."""

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Cosine = Annotated[float, Field(ge=-1.001, le=1.001, allow_inf_nan=False)]


class Contract(BaseModel):
    """An event that Sluice publishes: frozen; a reader ignores fields that a newer writer added."""

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        ser_json_inf_nan="null",
        hide_input_in_errors=True,  # a message must never quote a customer's words
    )


class Event(Contract):
    """A contract that stands alone in a record and therefore says which schema it follows."""

    schema_version: SchemaVersion = SCHEMA_VERSION


def json_schema(contract: type[BaseModel]) -> dict[str, Any]:
    """The contract as JSON Schema 2020-12, as a reader on the wire sees it."""
    return contract.model_json_schema(mode="validation")
