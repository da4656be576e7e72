"""The ground every contract stands on: frozen models, strict numbers, UTC times, one schema version."""

import re
from datetime import UTC, datetime
from typing import Annotated, Final, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
)

SCHEMA_VERSION: Final = 1
SchemaVersion = Literal[1]

# Years that a helpdesk can have lived in; anything outside is a unit mistake (seconds for milliseconds).
_EARLIEST_MS = 946_684_800_000  # 2000-01-01T00:00:00Z
_LATEST_MS = 4_102_444_800_000  # 2100-01-01T00:00:00Z
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_LATEST = datetime(2100, 1, 1, tzinfo=UTC)

# RFC 3339 section 5.6, less leap seconds, which neither Python nor a due time can hold. `fromisoformat` alone reads
# far more (week dates, hours without minutes), which no JSON Schema could say to a publisher.
RFC3339_PATTERN = (
    "^20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    "[Tt]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]+)?"
    "([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$"
)
_RFC3339 = re.compile(RFC3339_PATTERN.strip("^$"))
_A_TIME = "a time is RFC 3339 text with its offset, or epoch milliseconds, of the years 2000 to 2099"


def _read_time(value: object) -> object:
    """Epoch milliseconds or RFC 3339 text, as an aware datetime.

    Raises:
        ValueError: a bool, a text that is no RFC 3339, or an instant outside 2000 to 2099.
    """
    if isinstance(value, str):
        if _RFC3339.fullmatch(value) is None:
            raise ValueError(_A_TIME)
        try:
            return datetime.fromisoformat(value.upper())
        except ValueError:  # a day that its month does not have
            raise ValueError(_A_TIME) from None
    if isinstance(value, bool):
        raise ValueError(_A_TIME)
    if isinstance(value, int | float):
        if not _EARLIEST_MS <= value < _LATEST_MS:
            raise ValueError(_A_TIME)
        return datetime.fromtimestamp(value / 1000, UTC)
    if not isinstance(value, datetime):
        raise ValueError(_A_TIME)
    return value


def _in_utc(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError(_A_TIME)
    try:
        moment = value.astimezone(UTC)
    except OverflowError:
        raise ValueError(_A_TIME) from None
    if not _EARLIEST <= moment < _LATEST:
        raise ValueError(_A_TIME)
    return moment


def write_time(moment: datetime) -> str:
    """An instant in UTC as RFC 3339 with milliseconds; what is finer is cut off."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


_TIME_TEXT = {"type": "string", "format": "date-time", "pattern": RFC3339_PATTERN}
_TIME_NUMBER = {"type": "number", "minimum": _EARLIEST_MS, "exclusiveMaximum": _LATEST_MS}

Time = Annotated[
    datetime,
    BeforeValidator(_read_time),
    AfterValidator(_in_utc),
    PlainSerializer(write_time, return_type=str, when_used="json-unless-none"),
    WithJsonSchema(
        {"anyOf": [_TIME_TEXT, {**_TIME_NUMBER, "description": "epoch milliseconds"}]}, mode="validation"
    ),
    WithJsonSchema({**_TIME_TEXT, "description": "UTC, milliseconds"}, mode="serialization"),
]
"""An instant in UTC; read from RFC 3339 or epoch milliseconds, written as RFC 3339 with milliseconds."""

NO_NUL = {"pattern": r"^[^\u0000]*$"}
"""JSON Schema of what the codec holds for every text: PostgreSQL and C readers downstream cannot store U+0000."""

Identifier = Annotated[
    str,
    Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$"),
    WithJsonSchema(
        {"type": "string", "minLength": 1, "maxLength": 200, "not": {"pattern": r"[\u0000-\u001f\u007f]"}}
    ),
]
"""A name that a machine chose: 1 to 200 characters, none of them a control character."""

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Cosine = Annotated[float, Field(ge=-1.001, le=1.001, allow_inf_nan=False)]


class Contract(BaseModel):
    """An event that Sluice publishes: frozen; a reader ignores fields that a newer writer added."""

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        allow_inf_nan=False,  # JSON has neither
        hide_input_in_errors=True,  # a message must never quote a customer's words
    )


class Event(Contract):
    """A contract that stands alone in a record and therefore says which schema it follows."""

    schema_version: SchemaVersion = SCHEMA_VERSION


def time_of(epoch_ms: int) -> datetime:
    """The instant `epoch_ms` milliseconds after 1970, in UTC."""
    return datetime.fromtimestamp(epoch_ms / 1000, UTC)


def epoch_ms_of(moment: datetime) -> int:
    """Whole milliseconds since 1970."""
    return round(moment.timestamp() * 1000)
