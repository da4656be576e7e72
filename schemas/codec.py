"""The codec: bytes to contract and back, the only user of orjson. First step of every path in, last of every path out.

What arrives is judged in one order, cheapest first, so that each malformed record has one reason: value, size,
nesting, encoding and JSON, object, repeated keys and U+0000, schema version, fields. The quick pass below only finds
that something is wrong; `schemas.unreadable` then says what.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import orjson
from pydantic import ValidationError

from schemas.contract import SCHEMA_VERSION, Contract, Event
from schemas.dead_letter import DeadReason
from schemas.ticket import TicketEvent
from schemas.unreadable import Unreadable, explain_fields, explain_text, keys_written, levels

__all__ = ["Limits", "Unreadable", "decode", "decode_ticket", "encode"]

C = TypeVar("C", bound=Contract)


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of a record.

    Attributes:
        max_bytes: size of the value. Kafka's own default for a record batch (`message.max.bytes`) is near it.
        max_depth: objects and lists inside each other, the outermost counted; a ticket event needs 3.
    """

    max_bytes: int = 1_048_576
    max_depth: int = 16


# Our own topics: what Sluice wrote is bounded by the producer, not here.
_OWN = Limits(max_bytes=256 * 1_048_576)


def decode_ticket(value: bytes | None, limits: Limits) -> TicketEvent:
    """The ticket event in a record's value.

    Raises:
        Unreadable: the record can never be a ticket event as it stands.
    """
    return _contract(TicketEvent, value, limits)


def decode(contract: type[C], value: bytes | None, limits: Limits | None = None) -> C:
    """The contract in a value of Sluice's own topics; a tombstone is the caller's to see first.

    Args:
        limits: where others write the topic too; what Sluice writes is bounded by its producer.

    Raises:
        Unreadable: the value is not one, by the same rules as a ticket event but for its size.
    """
    return _contract(contract, value, limits or _OWN)


def encode(event: Contract) -> bytes:
    """The event as JSON, its fields in the order that its contract declares them, times in RFC 3339.

    By pydantic's own writer: on a decision of 1.7 kB it takes 0.9 of the time of `model_dump` and orjson.
    """
    return event.model_dump_json().encode()


def _contract(contract: type[C], value: bytes | None, limits: Limits) -> C:
    document = _document(contract, value, limits)
    if issubclass(contract, Event):
        _check_version(document)
    try:
        return contract.model_validate(document)
    except ValidationError as error:
        blame = explain_fields(contract, error)
    raise blame  # outside the handler: a traceback must not carry pydantic's, which holds the input


def _document(contract: type[Contract], value: bytes | None, limits: Limits) -> dict[str, Any]:
    """The value as one JSON object without repeated keys, lone surrogates or U+0000."""
    if value is None:
        raise Unreadable(DeadReason.NO_VALUE, None, "the record has no value")
    if len(value) > limits.max_bytes:
        raise Unreadable(DeadReason.TOO_LARGE, None, f"at most {limits.max_bytes} bytes are allowed")
    objects = value.count(b"{")
    # Every level opens a bracket, so few brackets cannot be deep; only crowded records pay for the exact scan.
    if objects + value.count(b"[") > limits.max_depth and levels(value) > limits.max_depth:
        raise explain_text(contract, value, limits.max_depth) or _not_json()
    try:
        document = orjson.loads(value)
    except orjson.JSONDecodeError:
        document = _BROKEN
    if document is _BROKEN:
        raise explain_text(contract, value, limits.max_depth) or _not_json()
    if type(document) is not dict:
        raise Unreadable(DeadReason.NOT_AN_OBJECT, None, "the value must be one JSON object")
    if b"\\u0000" in value or _may_repeat_a_key(value, document, objects):
        blame = explain_text(contract, value, limits.max_depth)
        if blame is not None:
            raise blame
    return document


_BROKEN = object()
_WHITE_SPACE = b" \t\n\r"


def _not_json() -> Unreadable:
    return Unreadable(DeadReason.NOT_JSON, None, "the value must be JSON by RFC 8259")


def _may_repeat_a_key(value: bytes, document: dict[str, Any], objects: int) -> bool:
    """False where no key can stand twice; True is rare, costs a slower look, and does not yet mean that one does.

    Without white space every key is written as `":`, so there are at least as many of those as keys were written,
    and orjson kept as many keys as differ: if the two numbers are equal, none was dropped.
    """
    kept = len(document) if objects == 1 else _count_keys(document)
    return value.translate(None, _WHITE_SPACE).count(b'":') != kept and keys_written(value) != kept


def _count_keys(node: dict[str, Any] | list[Any]) -> int:
    is_object = isinstance(node, dict)
    children = node.values() if isinstance(node, dict) else node
    return len(node) * is_object + sum(
        _count_keys(child) for child in children if type(child) in (dict, list)
    )


def _check_version(document: Mapping[str, Any]) -> None:
    """Before any field, so that an event of a later version is not blamed for fields that changed since.

    Absent means 1. `1.0`, `"1"`, `true` and null are none: a writer that gets the one field wrong by which formats
    are told apart is not to be trusted with the rest.
    """
    version = document.get("schema_version", SCHEMA_VERSION)
    if type(version) is not int or version != SCHEMA_VERSION:
        raise Unreadable(
            DeadReason.UNKNOWN_SCHEMA_VERSION,
            "schema_version",
            f"the integer {SCHEMA_VERSION}, or no schema_version at all, is allowed",
        )
