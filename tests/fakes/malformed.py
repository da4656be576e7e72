"""The zoo: one record for every way in which a ticket event is malformed, and why the product must say it died.

Values are bytes as a broker would hold them, made the same way in every run.
"""

import json
from dataclasses import dataclass
from typing import Any, Literal

from schemas.dead_letter import DeadReason
from schemas.ticket import MAX_ATTACHMENTS, MAX_STEPS, MAX_TEXT_CHARS, MAX_TITLE_CHARS

MAX_BYTES = 1_048_576
"""Size limit under which the zoo's reasons hold; only `five_megabytes` is beyond it."""

MAX_DEPTH = 16


@dataclass(frozen=True, slots=True)
class MalformedRecord:
    """A record's value with its one right reason.

    Attributes:
        name: unique, also good as a record's key.
        field: what is to blame, None where the whole record is.
        stage: who refuses it: the codec, or the clean step behind it.
    """

    name: str
    value: bytes | None
    reason: DeadReason
    field: str | None = None
    stage: Literal["codec", "clean"] = "codec"


def ticket(**changes: Any) -> dict[str, Any]:
    """A valid ticket event with some of its fields changed."""
    return {
        "schema_version": 1,
        "ticket_id": "T-1",
        "event": "created",
        "title": "Camera does not start",
        "description": "It stays black.",
        "created_at": "2026-03-02T09:30:00Z",
        **changes,
    }


def _changed(**changes: Any) -> bytes:
    return json.dumps(ticket(**changes)).encode()


def _without(name: str) -> bytes:
    return json.dumps({key: value for key, value in ticket().items() if key != name}).encode()


def _spelled(tail: bytes) -> bytes:
    """A valid ticket event with more JSON behind its last field, spelled byte for byte."""
    return _changed()[:-1] + b", " + tail + b"}"


_VALID = _changed()
_ACCENTED = '{"ticket_id": "é"}'

_BYTES = (
    MalformedRecord("null_value", None, DeadReason.NO_VALUE),
    MalformedRecord("five_megabytes", _changed(description="a" * 5_000_000), DeadReason.TOO_LARGE),
    MalformedRecord("latin_1", _ACCENTED.encode("latin-1"), DeadReason.NOT_UTF8),
    MalformedRecord("byte_order_mark", b"\xef\xbb\xbf" + _VALID, DeadReason.NOT_UTF8),
    MalformedRecord(
        "utf_16_with_mark", b"\xff\xfe" + _VALID.decode().encode("utf-16-le"), DeadReason.NOT_UTF8
    ),
    MalformedRecord("utf_16_little_endian", _VALID.decode().encode("utf-16-le"), DeadReason.NOT_UTF8),
    MalformedRecord("utf_16_big_endian", _VALID.decode().encode("utf-16-be"), DeadReason.NOT_UTF8),
    MalformedRecord("utf_32_little_endian", _VALID.decode().encode("utf-32-le"), DeadReason.NOT_UTF8),
    MalformedRecord("encoded_surrogate", _spelled(b'"title": "\xed\xa0\x80"'), DeadReason.NOT_UTF8),
    MalformedRecord("cut_inside_a_character", "é".encode()[:1], DeadReason.NOT_UTF8),
    MalformedRecord("schema_registry_frame", b"\x00\x00\x00\x00\x2a" + _VALID, DeadReason.NOT_UTF8),
    MalformedRecord("latin_1_in_deep_nesting", b"[" * 50 + b"\xe9", DeadReason.NOT_UTF8),
)

_JSON = (
    MalformedRecord("empty", b"", DeadReason.NOT_JSON),
    MalformedRecord("white_space", b" \n\t", DeadReason.NOT_JSON),
    MalformedRecord("plain_text", b"my camera is broken", DeadReason.NOT_JSON),
    MalformedRecord("truncated", _VALID[:-20], DeadReason.NOT_JSON),
    MalformedRecord("trailing_comma", _VALID[:-1] + b",}", DeadReason.NOT_JSON),
    MalformedRecord("single_quotes", _VALID.replace(b'"', b"'"), DeadReason.NOT_JSON),
    MalformedRecord("bare_keys", b"{ticket_id: 1}", DeadReason.NOT_JSON),
    MalformedRecord("comment", b"/* a ticket */ " + _VALID, DeadReason.NOT_JSON),
    MalformedRecord("nan", _spelled(b'"score": NaN'), DeadReason.NOT_JSON),
    MalformedRecord("infinity", _spelled(b'"score": Infinity'), DeadReason.NOT_JSON),
    MalformedRecord("minus_infinity", _spelled(b'"score": -Infinity'), DeadReason.NOT_JSON),
    MalformedRecord("leading_zero", _spelled(b'"version": 01'), DeadReason.NOT_JSON),
    MalformedRecord("two_documents", _VALID + b"\n" + _VALID, DeadReason.NOT_JSON),
    MalformedRecord("raw_line_break_in_text", _spelled(b'"os": "a\nb"'), DeadReason.NOT_JSON),
    MalformedRecord("bad_escape", _spelled(b'"os": "\\x41"'), DeadReason.NOT_JSON),
    MalformedRecord("brackets_in_an_open_string", b'{"os": "' + b"[" * 50, DeadReason.NOT_JSON),
    MalformedRecord("zero_after_the_end", _VALID + b"\x00", DeadReason.NOT_JSON),
)

_SHAPE = (
    MalformedRecord("list", b"[" + _VALID + b"]", DeadReason.NOT_AN_OBJECT),
    MalformedRecord("string", b'"ticket"', DeadReason.NOT_AN_OBJECT),
    MalformedRecord("string_with_surrogate", b'"\\ud800"', DeadReason.NOT_AN_OBJECT),
    MalformedRecord("number", b"42", DeadReason.NOT_AN_OBJECT),
    MalformedRecord("json_null", b"null", DeadReason.NOT_AN_OBJECT),
    MalformedRecord("json_false", b"false", DeadReason.NOT_AN_OBJECT),
    MalformedRecord("repeated_key", _spelled(b'"title": "other"'), DeadReason.DUPLICATE_KEY, "title"),
    MalformedRecord(
        "repeated_key_same_value", _spelled(b'"ticket_id": "T-1"'), DeadReason.DUPLICATE_KEY, "ticket_id"
    ),
    MalformedRecord(
        "repeated_key_escaped", _spelled(b'"\\u0065vent": "deleted"'), DeadReason.DUPLICATE_KEY, "event"
    ),
    MalformedRecord(
        "repeated_key_spaced", _spelled(b'"os" :":", "os"\n: "b"'), DeadReason.DUPLICATE_KEY, "os"
    ),
    MalformedRecord(
        "repeated_key_in_a_list",
        _spelled(b'"attachments": [{}, {"ocr_text": "", "ocr_text": ""}]'),
        DeadReason.DUPLICATE_KEY,
        "attachments[1].ocr_text",
    ),
    MalformedRecord(
        "repeated_unknown_key", _spelled(b'"custom": {"a": {"b": 1, "b": 2}}'), DeadReason.DUPLICATE_KEY
    ),
    MalformedRecord("hundred_thousand_lists", b"[" * 100_000, DeadReason.TOO_DEEP),
    MalformedRecord("hundred_thousand_objects", b'{"a":' * 100_000, DeadReason.TOO_DEEP),
    MalformedRecord(
        "one_level_too_deep",
        _spelled(b'"custom": ' + b"[" * MAX_DEPTH + b"]" * MAX_DEPTH),
        DeadReason.TOO_DEEP,
    ),
    MalformedRecord("lone_high_surrogate", _spelled(b'"os": "a\\ud83d"'), DeadReason.BAD_UNICODE, "os"),
    MalformedRecord("lone_low_surrogate", _spelled(b'"os": "\\ude00"'), DeadReason.BAD_UNICODE, "os"),
    MalformedRecord(
        "surrogate_in_an_attachment",
        _spelled(b'"attachments": [{}, {}, {"ocr_text": "\\udfff"}]'),
        DeadReason.BAD_UNICODE,
        "attachments[2].ocr_text",
    ),
    MalformedRecord("surrogate_in_a_key", _spelled(b'"\\ud800": 1'), DeadReason.BAD_UNICODE),
    MalformedRecord(
        "surrogate_in_an_unknown_field", _spelled(b'"custom": "\\ud800"'), DeadReason.BAD_UNICODE
    ),
    MalformedRecord(
        "zero_character", _spelled(b'"steps": ["a", "b\\u0000"]'), DeadReason.BAD_UNICODE, "steps[1]"
    ),
    MalformedRecord(
        "zero_character_in_an_unknown_field", _spelled(b'"custom": "\\u0000"'), DeadReason.BAD_UNICODE
    ),
)

_VERSIONS = tuple(
    MalformedRecord(
        f"schema_version_{name}", _changed(schema_version=value, created_at=[]),
        DeadReason.UNKNOWN_SCHEMA_VERSION, "schema_version",
    )
    for name, value in {"2": 2, "0": 0, "text": "1", "float": 1.0, "true": True, "null": None}.items()
)  # fmt: skip

_MISSING = tuple(
    MalformedRecord(f"no_{name}", _without(name), DeadReason.MISSING_FIELD, name)
    for name in ("ticket_id", "event", "created_at")
)

_TIMES: dict[str, Any] = {
    "null": None,
    "true": True,
    "list": [2026, 3, 2],
    "word": "yesterday",
    "empty": "",
    "without_offset": "2026-03-02T09:30:00",
    "date_only": "2026-03-02",
    "week_date": "2026-W10-1T09:30:00Z",
    "offset_without_colon": "2026-03-02T09:30:00+0100",
    "no_such_day": "2026-02-30T09:30:00Z",
    "leap_second": "2016-12-31T23:59:60Z",
    "before_2000": "1999-12-31T23:59:59Z",
    "year_2100": "2100-01-01T00:00:00Z",
    "year_9999_west": "9999-12-31T23:59:59-12:00",
    "seconds": 1_772_443_800,
    "microseconds": 1_772_443_800_000_000,
    "negative": -1,
    "huge": 10**300,
    "digits": "1772443800000",
    "line_break": "2026-03-02T09:30:00Z\n",
}
_FIELDS: dict[str, tuple[dict[str, Any], DeadReason, str]] = {
    **{
        f"created_at_{name}": ({"created_at": value}, DeadReason.BAD_FIELD, "created_at")
        for name, value in _TIMES.items()
    },
    "updated_at_word": ({"updated_at": "soon"}, DeadReason.BAD_FIELD, "updated_at"),
    "ticket_id_empty": ({"ticket_id": ""}, DeadReason.BAD_FIELD, "ticket_id"),
    "ticket_id_number": ({"ticket_id": 7}, DeadReason.BAD_FIELD, "ticket_id"),
    "ticket_id_null": ({"ticket_id": None}, DeadReason.BAD_FIELD, "ticket_id"),
    "ticket_id_tab": ({"ticket_id": "T\t1"}, DeadReason.BAD_FIELD, "ticket_id"),
    "ticket_id_line_break_at_end": ({"ticket_id": "T-1\n"}, DeadReason.BAD_FIELD, "ticket_id"),
    "ticket_id_delete_character": ({"ticket_id": "T\x7f"}, DeadReason.BAD_FIELD, "ticket_id"),
    "ticket_id_long": ({"ticket_id": "T" * 201}, DeadReason.TOO_LONG, "ticket_id"),
    "customer_id_empty": ({"customer_id": ""}, DeadReason.BAD_FIELD, "customer_id"),
    "event_unknown": ({"event": "exploded"}, DeadReason.BAD_FIELD, "event"),
    "event_capitals": ({"event": "Created"}, DeadReason.BAD_FIELD, "event"),
    "event_number": ({"event": 1}, DeadReason.BAD_FIELD, "event"),
    "version_negative": ({"version": -1}, DeadReason.BAD_FIELD, "version"),
    "version_true": ({"version": True}, DeadReason.BAD_FIELD, "version"),
    "version_float": ({"version": 1.0}, DeadReason.BAD_FIELD, "version"),
    "version_text": ({"version": "1"}, DeadReason.BAD_FIELD, "version"),
    "version_beyond_javascript": ({"version": 2**53}, DeadReason.BAD_FIELD, "version"),
    "version_beyond_64_bits": ({"version": 2**70}, DeadReason.BAD_FIELD, "version"),
    "version_of_400_digits": ({"version": 10**400}, DeadReason.BAD_FIELD, "version"),
    "title_number": ({"title": 5}, DeadReason.BAD_FIELD, "title"),
    "title_list": ({"title": ["a"]}, DeadReason.BAD_FIELD, "title"),
    "title_long": ({"title": "a" * (MAX_TITLE_CHARS + 1)}, DeadReason.TOO_LONG, "title"),
    "description_true": ({"description": True}, DeadReason.BAD_FIELD, "description"),
    "description_long": ({"description": "好" * (MAX_TEXT_CHARS + 1)}, DeadReason.TOO_LONG, "description"),
    "priority_number": ({"priority": 1}, DeadReason.BAD_FIELD, "priority"),
    "os_object": ({"os": {"name": "iOS"}}, DeadReason.BAD_FIELD, "os"),
    "device_long": ({"device": "a" * 201}, DeadReason.TOO_LONG, "device"),
    "steps_number": ({"steps": 3}, DeadReason.BAD_FIELD, "steps"),
    "steps_hold_a_number": ({"steps": ["open", 2]}, DeadReason.BAD_FIELD, "steps[1]"),
    "steps_too_many": ({"steps": ["tap"] * (MAX_STEPS + 1)}, DeadReason.TOO_LONG, "steps"),
    "steps_long": ({"steps": "a" * (MAX_TEXT_CHARS + 1)}, DeadReason.TOO_LONG, "steps"),
    "attachments_object": ({"attachments": {}}, DeadReason.BAD_FIELD, "attachments"),
    "attachments_text": ({"attachments": ["scan.png"]}, DeadReason.BAD_FIELD, "attachments[0]"),
    "attachments_too_many": ({"attachments": [{}] * (MAX_ATTACHMENTS + 1)}, DeadReason.TOO_LONG, "attachments"),
    "ocr_text_number": (
        {"attachments": [{}, {}, {}, {"ocr_text": 1}]}, DeadReason.BAD_FIELD, "attachments[3].ocr_text",
    ),
    "ocr_text_long": (
        {"attachments": [{"ocr_text": "a" * (MAX_TEXT_CHARS + 1)}]},
        DeadReason.TOO_LONG, "attachments[0].ocr_text",
    ),
}  # fmt: skip

_NUMBERS = (
    MalformedRecord("number_beyond_a_double", _spelled(b'"version": 1e400'), DeadReason.BAD_FIELD, "version"),
    MalformedRecord("unknown_number_beyond_a_double", _spelled(b'"custom": [-1e400]'), DeadReason.BAD_FIELD),
    MalformedRecord(
        "digits_beyond_python", _spelled(b'"version": ' + b"9" * 5_000), DeadReason.BAD_FIELD, "version"
    ),
)

_CLEAN = tuple(
    MalformedRecord(
        name, _changed(title=title, description=description), DeadReason.EMPTY_TEXT, "description", "clean"
    )
    for name, title, description in (
        ("no_words", "", ""),
        ("only_white_space", " \t", "\u00a0\u3000\n"),
        ("only_invisible_characters", "\u200b\u200d", "\ufeff"),
    )
)

MALFORMED: list[MalformedRecord] = [
    *_BYTES,
    *_JSON,
    *_SHAPE,
    *_VERSIONS,
    *_MISSING,
    *(
        MalformedRecord(name, _changed(**change), reason, field)
        for name, (change, reason, field) in _FIELDS.items()
    ),
    *_NUMBERS,
    *_CLEAN,
]
