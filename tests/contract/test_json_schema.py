"""The published schemas say what the codec does: who keeps to them is understood, who does not is refused."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from schemas.asyncapi import payload_schema
from schemas.channels import NAMES
from schemas.codec import Limits, decode, decode_ticket, encode
from schemas.contract import Event
from schemas.dead_letter import DeadReason
from schemas.examples import EXAMPLES
from schemas.feedback import Feedback, FeedbackKind
from schemas.ticket import TicketEvent
from schemas.unreadable import Unreadable
from tests.fakes.malformed import MALFORMED, MalformedRecord, ticket

LIMITS = Limits()
TICKET = Draft202012Validator(payload_schema(TicketEvent))
FEEDBACK = Draft202012Validator(payload_schema(Feedback))


@pytest.mark.parametrize("contract", NAMES, ids=lambda contract: NAMES[contract])
def test_what_is_written_keeps_to_its_schema(contract: type[Event]) -> None:
    schema = payload_schema(contract)
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(json.loads(encode(EXAMPLES[contract])))


# What JSON Schema cannot see: bytes, spelling, repeated keys, nesting, and texts in fields that it does not list.
UNSEEN = {
    DeadReason.NO_VALUE,
    DeadReason.TOO_LARGE,
    DeadReason.NOT_UTF8,
    DeadReason.NOT_JSON,
    DeadReason.DUPLICATE_KEY,
    DeadReason.TOO_DEEP,
    DeadReason.BAD_UNICODE,
    DeadReason.EMPTY_TEXT,
}
UNSEEN_NAMES = {
    "schema_version_float",  # 1.0 is the integer 1 to JSON Schema
    "version_float",
    "created_at_no_such_day",  # a matter of `format`, which a validator may ignore
    "created_at_line_break",  # Python's `$` matches before a last line break, ECMA's does not
    "unknown_number_beyond_a_double",
}
SEEN = [record for record in MALFORMED if record.reason not in UNSEEN and record.name not in UNSEEN_NAMES]


@pytest.mark.parametrize("record", SEEN, ids=lambda record: record.name)
def test_the_schema_refuses_what_the_codec_refuses(record: MalformedRecord) -> None:
    parsed = json.loads(
        record.value or b"", parse_int=lambda digits: int(digits) if len(digits) < 4000 else 1e400
    )
    assert not TICKET.is_valid(parsed)


# Near valid: every field right or wrong in one of the ways in which fields go wrong.
_NAMES = sorted(TicketEvent.model_fields)
_texts = st.sampled_from(
    ["", "a", "T-1", "好", "a" * 200, "a" * 201, "a" * 2000, "a" * 2001, "a\tb", "\x7f", "1"]
)
_times = st.sampled_from(
    [
        "2026-03-02T09:30:00Z",
        "2026-03-02t09:30:00.5z",
        "2026-03-02T09:30:00.123456789+14:00",
        "2026-03-02T09:30:00",
        "2026-03-02 09:30:00Z",
        "2026-03-02T24:00:00Z",
        "2026-13-02T09:30:00Z",
        "2026-03-02T09:30Z",
        "20260302T093000Z",
        "1999-06-01T00:00:00Z",
        "2100-06-01T00:00:00Z",
        "",
    ]
) | st.sampled_from(
    [946_684_800_000, 946_684_799_999, 4_102_444_799_999, 4_102_444_800_000, 1, -1, 1.5e12, 2**70]
)
_numbers = st.integers(-3, 3) | st.sampled_from([2**53 - 1, 2**53, 1.5, 10**30, True, False])
_lists = st.lists(
    st.sampled_from(["a", 1, None, {}, {"ocr_text": "a"}, {"ocr_text": None}, {"ocr_text": 1}, {"other": 1}]),
    max_size=3,
) | st.sampled_from([[{}] * 50, [{}] * 51, ["a"] * 200, ["a"] * 201, {}, {"a": 1}])
_anything = (
    st.none() | _texts | _times | _numbers | _lists | st.sampled_from(["created", "deleted", "Created"])
)


@given(
    st.dictionaries(st.sampled_from(_NAMES), _anything, max_size=3),
    st.sets(st.sampled_from(["ticket_id", "event", "created_at", "schema_version", "title"]), max_size=1),
)
@example({"steps": ["a"] * 200}, set())
@example({"attachments": [{"ocr_text": "a"}] * 50}, set())
@example({"version": 2**53 - 1, "updated_at": 1.5e12}, set())
def test_schema_and_codec_agree_on_near_tickets(changes: dict[str, Any], absent: set[str]) -> None:
    near = {name: value for name, value in ticket(**changes).items() if name not in absent}
    # 1.0 is an integer to JSON Schema and none to the codec.
    near = {
        name: value for name, value in near.items() if not (isinstance(value, float) and name == "version")
    }
    try:
        decode_ticket(json.dumps(near).encode(), LIMITS)
        read = True
    except Unreadable:
        read = False
    assert TICKET.is_valid(near) is read


@pytest.mark.parametrize("kind", FeedbackKind)
@pytest.mark.parametrize("named", ["ticket_id", "cluster_id", None])
@pytest.mark.parametrize("null", [True, False], ids=["null", "absent"])
def test_schema_and_codec_agree_on_what_feedback_names(
    kind: FeedbackKind, named: str | None, null: bool
) -> None:
    act: dict[str, Any] = {"feedback_id": "f-1", "kind": kind.value, "at": "2026-03-02T09:30:00Z"}
    act |= {"ticket_id": None, "cluster_id": None} if null else {}
    act |= {named: "x-1"} if named else {}
    try:
        decode(Feedback, json.dumps(act).encode())
        read = True
    except Unreadable:
        read = False
    assert FEEDBACK.is_valid(act) is read
