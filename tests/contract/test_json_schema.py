"""The published schemas say what the codec does: who keeps to them is understood, who does not is refused."""

import json
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
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
from tests.fakes.odd import ODD

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


# One value for every way in which a field goes right or wrong.
_TEXTS = [
    "",
    "a",
    "好",
    "a" * 200,
    "a" * 201,
    "a" * 2000,
    "a" * 2001,
    "a" * 100_000,
    "a" * 100_001,
    "a\tb",
    "a\n",
    "\x7f",
]
_TIMES = [
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
]
_NUMBERS = [
    0, 1, 2, -1, 1.5, True, False, 2**53 - 1, 2**53, 2**70, 1_500_000_000_000.5, 10**30,
    946_684_800_000, 946_684_799_999, 4_102_444_799_999, 4_102_444_800_000,
]  # fmt: skip
_PARTS = [
    "a",
    "a" * 100_001,
    1,
    None,
    [],
    {},
    {"ocr_text": "a"},
    {"ocr_text": None},
    {"ocr_text": 1},
    {"other": 1},
]
_LISTS = [
    [], {}, {"a": 1}, [{}] * 50, [{}] * 51, ["a"] * 200, ["a"] * 201,
    *([part] for part in _PARTS), *([{}, part] for part in _PARTS), *(["a", part] for part in _PARTS),
]  # fmt: skip
VALUES: list[Any] = [None, *_TEXTS, *_TIMES, *_NUMBERS, *_LISTS, "created", "deleted", "Created"]
FIELDS = sorted(TicketEvent.model_fields)


def is_read(near: dict[str, Any]) -> bool:
    try:
        decode_ticket(json.dumps(near).encode(), LIMITS)
    except Unreadable:
        return False
    return True


@pytest.mark.parametrize("field", [*FIELDS, "custom"])
def test_schema_and_codec_agree_on_every_value_of_a_field(field: str) -> None:
    nears = [ticket(**{field: value}) for value in VALUES]
    assert [TICKET.is_valid(near) for near in nears] == [is_read(near) for near in nears]


@given(
    st.dictionaries(st.sampled_from(FIELDS), st.sampled_from(VALUES), max_size=3),
    st.sets(st.sampled_from([*FIELDS]), max_size=2),
)
def test_schema_and_codec_agree_on_near_tickets(changes: dict[str, Any], absent: set[str]) -> None:
    near = {name: value for name, value in ticket(**changes).items() if name not in absent}
    assert TICKET.is_valid(near) is is_read(near)


@pytest.mark.parametrize("value", ODD.values(), ids=ODD)
def test_the_schema_allows_odd_tickets(value: bytes) -> None:
    TICKET.validate(json.loads(value))


ACT = {"feedback_id": "f-1", "at": "2026-03-02T09:30:00Z"}
NAMED = {
    "ticket_id": "T-1",
    "cluster_id": "c-1",
    "owner": "mobile",
    "into_cluster_id": "c-2",
    "until": "2026-03-02T12:00:00Z",
}


def is_act(act: dict[str, Any]) -> bool:
    try:
        decode(Feedback, json.dumps(act).encode())
    except Unreadable:
        return False
    return True


@pytest.mark.parametrize("kind", FeedbackKind)
@pytest.mark.parametrize("null", [True, False], ids=["null", "absent"])
def test_schema_and_codec_agree_on_what_feedback_names(kind: FeedbackKind, null: bool) -> None:
    for count in range(len(NAMED) + 1):
        for names in combinations(NAMED, count):
            act = ACT | {"kind": kind.value} | (dict.fromkeys(NAMED) if null else {})
            act |= {name: NAMED[name] for name in names}
            assert FEEDBACK.is_valid(act) is is_act(act), act


@pytest.mark.parametrize(
    ("kind", "needed"),
    [
        ("assigned", {"ticket_id", "owner"}),
        ("reassigned", {"ticket_id", "owner"}),
        ("resolved", {"ticket_id"}),
        ("labelled", {"ticket_id", "owner"}),
        ("escalated", {"ticket_id"}),
        ("merged", {"cluster_id", "into_cluster_id"}),
        ("split", {"cluster_id"}),
        ("bound", {"cluster_id", "owner"}),
        ("acknowledged", {"cluster_id"}),
        ("silenced", {"cluster_id", "until"}),
        ("unsilenced", {"cluster_id"}),
    ],
)
def test_what_an_act_cannot_do_without(kind: str, needed: set[str]) -> None:
    whole = ACT | {"kind": kind} | NAMED
    assert is_act(whole)
    assert {name for name in NAMED if not is_act(whole | {name: None})} == needed


@pytest.mark.parametrize("field", ["owner", "resolution", "kb_article_id", "actor", "at", "until", "custom"])
def test_schema_and_codec_agree_on_every_value_of_a_field_of_feedback(field: str) -> None:
    acts = [ACT | NAMED | {"kind": "resolved", field: value} for value in VALUES]
    assert [FEEDBACK.is_valid(act) for act in acts] == [is_act(act) for act in acts]
