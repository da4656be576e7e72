"""A dead letter (`tickets.dead`): a record that cannot be processed, whole, with why and where it came from.

This topic alone holds original bytes, so that a record can be repaired and sent again; it has its own access list
and a short retention.
"""

from enum import StrEnum
from typing import Annotated

from pydantic import Field, WithJsonSchema

from schemas.contract import Contract, Event, Time


class DeadReason(StrEnum):
    """Why a record can never succeed as it stands: a closed set."""

    NO_VALUE = "no_value"  # a null value: tickets are deleted by an event, not by a tombstone
    TOO_LARGE = "too_large"  # the record is larger than the settings allow
    NOT_UTF8 = "not_utf8"  # bytes that are no UTF-8, a byte order mark, or UTF-16
    NOT_JSON = "not_json"  # no JSON by RFC 8259 (NaN and Infinity included)
    NOT_AN_OBJECT = "not_an_object"  # JSON, not an object
    DUPLICATE_KEY = "duplicate_key"  # an object names one key twice
    TOO_DEEP = "too_deep"  # nesting beyond the limit
    BAD_UNICODE = "bad_unicode"  # a lone surrogate, or U+0000
    UNKNOWN_SCHEMA_VERSION = "unknown_schema_version"
    MISSING_FIELD = "missing_field"
    BAD_FIELD = "bad_field"  # a field of the wrong type or outside its range
    TOO_LONG = "too_long"  # a text or list beyond its limit
    EMPTY_TEXT = "empty_text"  # nothing to understand once cleaned
    UNKNOWN_TICKET = "unknown_ticket"  # an event without text for a ticket never seen
    AHEAD = "ahead"  # a count of a time that has not come yet when it is written
    INTERNAL = "internal"  # this record makes our own code fail


# A pair, said so that every draft of JSON Schema since 4 can hold a reader to it.
_PAIR = {"type": "array", "items": {"type": ["string", "null"]}, "minItems": 2, "maxItems": 2}
Header = Annotated[tuple[str, str | None], WithJsonSchema(_PAIR)]
"""A Kafka header: its name, and base64 of its value or null."""


class Source(Contract):
    """Where the record stood."""

    topic: str
    partition: Annotated[int, Field(ge=0)]
    offset: Annotated[int, Field(ge=0)]
    timestamp: Time | None


class DeadLetter(Event):
    """`original_value` and `original_key` are base64 of the record's own bytes; null where it had none."""

    reason: DeadReason
    field: str | None
    detail: str
    source: Source
    original_key: str | None
    original_value: str | None
    original_headers: list[Header]
    died_at: Time
    worker: str
