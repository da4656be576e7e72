"""Why a value is no contract: the slow look at a record that the codec has already refused or suspects.

No sentence here quotes the record, and a field is named only if it is one of the contract's own, since anything else
in a path was written by a customer's system.
"""

import json
import re
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import accumulate
from math import isinf
from typing import Any

from pydantic import ValidationError

from schemas.contract import Contract
from schemas.dead_letter import DeadReason

Path = tuple[str | int, ...]


class Unreadable(Exception):
    """A value that can never be read as the contract asked for.

    Args:
        reason: why, of the closed set.
        field: the contract's field at fault, dotted with indexes, or None where the whole record is.
        detail: what is allowed; never a quotation of the record.
    """

    def __init__(self, reason: DeadReason, field: str | None, detail: str) -> None:
        super().__init__(f"{reason}: {field or 'record'}: {detail}")
        self.reason, self.field, self.detail = reason, field, detail


# A string of JSON, closed or cut off by the end of the value; possessive, so linear in its length.
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', re.DOTALL)
_NOT_BRACKETS = bytes(set(range(256)) - set(b"{}[]"))
_STEP = {ord("{"): 1, ord("["): 1, ord("}"): -1, ord("]"): -1}


def levels(value: bytes) -> int:
    """How deep the brackets outside strings nest, found without recursion in one pass over any bytes."""
    brackets = _STRING.sub(b"", value).translate(None, _NOT_BRACKETS)
    return max(accumulate(map(_STEP.__getitem__, brackets), initial=0))


def keys_written(value: bytes) -> int:
    """How many keys a valid JSON value writes, repeated ones counted each time: one colon outside strings each."""
    return _STRING.sub(b"", value).count(b":")


def explain_text(contract: type[Contract], value: bytes, max_depth: int) -> Unreadable | None:
    """What is wrong with the bytes, their JSON, or the texts and numbers in it; None where nothing is."""
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        text = None
    # UTF-16 and UTF-32 without a mark are valid UTF-8 as long as they hold ASCII, but JSON starts with no NUL near.
    if text is None or text.startswith("\ufeff") or b"\0" in value[:4]:
        return Unreadable(DeadReason.NOT_UTF8, None, "the value must be UTF-8 without a byte order mark")
    if levels(value) > max_depth:
        return Unreadable(DeadReason.TOO_DEEP, None, f"at most {max_depth} levels of nesting are allowed")
    try:
        tree = json.loads(text, object_pairs_hook=_Pairs, parse_int=float, parse_constant=_no_constant)
    except ValueError:
        return Unreadable(DeadReason.NOT_JSON, None, "the value must be JSON by RFC 8259")
    if type(tree) is not _Pairs:
        return Unreadable(DeadReason.NOT_AN_OBJECT, None, "the value must be one JSON object")
    return next(_faults(contract, tree, ()), None)


class _Pairs(list[tuple[str, Any]]):
    """An object as written: every key with its value, repeated ones too."""


def _no_constant(_: str) -> float:
    raise ValueError("NaN and Infinity are no JSON")


def _faults(contract: type[Contract], node: object, path: Path) -> Iterator[Unreadable]:
    """Faults below `path`, in the order in which they stand in the record."""
    if isinstance(node, _Pairs):
        seen: set[str] = set()
        for key, child in node:
            if not _storable(key):
                yield _bad_unicode(contract, path)
            if key in seen:
                yield Unreadable(
                    DeadReason.DUPLICATE_KEY, _own(contract, (*path, key)), "an object may name a key once"
                )
            seen.add(key)
            yield from _faults(contract, child, (*path, key))
    elif isinstance(node, list):
        for index, child in enumerate(node):
            yield from _faults(contract, child, (*path, index))
    elif isinstance(node, str):
        if not _storable(node):
            yield _bad_unicode(contract, path)
    elif isinstance(node, float) and isinf(node):
        yield Unreadable(DeadReason.BAD_FIELD, _own(contract, path), "a number must fit a double (IEEE 754)")


def _storable(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return "\0" not in text


def _bad_unicode(contract: type[Contract], path: Path) -> Unreadable:
    return Unreadable(
        DeadReason.BAD_UNICODE, _own(contract, path), "texts may hold neither lone surrogates nor U+0000"
    )


def explain_fields(contract: type[Contract], error: ValidationError) -> Unreadable:
    """The first field at fault, in the contract's order, with pydantic's word for what is allowed.

    A field that may be of several types fails once a type: the failure that reaches deepest, and there one that is
    not about the type itself, speaks of the alternative that the writer meant.
    """
    failures = error.errors(include_url=False, include_context=False, include_input=False)
    first = [failure for failure in failures if failure["loc"][:1] == failures[0]["loc"][:1]]
    meant = max(
        first,
        key=lambda failure: (len(_named(contract, failure["loc"])), not failure["type"].endswith("_type")),
    )
    field = _dotted(_named(contract, meant["loc"])) or None
    if meant["type"] == "missing":
        return Unreadable(DeadReason.MISSING_FIELD, field, "this field is required")
    reason = DeadReason.TOO_LONG if meant["type"].endswith("too_long") else DeadReason.BAD_FIELD
    return Unreadable(reason, field, meant["msg"].removeprefix("Value error, "))


def _own(contract: type[Contract], path: Path) -> str | None:
    """A path in a record as the contract calls it: cut before the first name that is not the contract's."""
    names = _names(contract)
    end = next((i for i, part in enumerate(path) if isinstance(part, str) and part not in names), len(path))
    return _dotted(path[:end]) or None


def _named(contract: type[Contract], location: Iterable[str | int]) -> Path:
    """A location without what is neither index nor field: the names pydantic gives to alternatives, free keys."""
    names = _names(contract)
    return tuple(part for part in location if isinstance(part, int) or part in names)


def _dotted(path: Path) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


@cache
def _names(contract: type[Contract]) -> frozenset[str]:
    """Names of the contract's fields and of those of the objects in it."""
    schema = contract.model_json_schema()
    objects = [schema, *schema.get("$defs", {}).values()]
    return frozenset(name for described in objects for name in described.get("properties", {}))
