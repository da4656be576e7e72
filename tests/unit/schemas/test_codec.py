"""decode_ticket refuses every record of the zoo for its one reason, and reads what only looks odd."""

import json
import traceback
from typing import Any

import pytest

from schemas.codec import Limits, decode, decode_ticket, encode
from schemas.dead_letter import DeadReason
from schemas.examples import EXAMPLES
from schemas.feedback import Feedback
from schemas.ticket import TicketEvent
from schemas.unreadable import Unreadable
from tests.fakes.malformed import MALFORMED, MAX_BYTES, MAX_DEPTH, MalformedRecord, ticket
from tests.fakes.odd import ODD

LIMITS = Limits(max_bytes=MAX_BYTES, max_depth=MAX_DEPTH)
OF_CODEC = [record for record in MALFORMED if record.stage == "codec"]
OF_CLEAN = [record for record in MALFORMED if record.stage == "clean"]


def name_of(record: MalformedRecord) -> str:
    return record.name


@pytest.mark.parametrize("record", OF_CODEC, ids=name_of)
def test_a_malformed_record_has_one_reason_and_names_its_field(record: MalformedRecord) -> None:
    with pytest.raises(Unreadable) as caught:
        decode_ticket(record.value, LIMITS)
    assert (caught.value.reason, caught.value.field) == (record.reason, record.field)
    assert caught.value.detail


@pytest.mark.parametrize("record", OF_CLEAN, ids=name_of)
def test_what_the_clean_step_refuses_is_a_ticket_to_the_codec(record: MalformedRecord) -> None:
    assert decode_ticket(record.value, LIMITS).ticket_id == "T-1"


def test_the_zoo_has_no_two_of_a_name_and_every_reason_of_its_stages() -> None:
    names = [record.name for record in MALFORMED]
    assert len(set(names)) == len(names) >= 30
    assert {record.reason for record in MALFORMED} == set(DeadReason) - {
        DeadReason.UNKNOWN_TICKET,
        DeadReason.AHEAD,
        DeadReason.INTERNAL,
    }


@pytest.mark.parametrize("value", ODD.values(), ids=ODD)
def test_an_odd_record_is_a_ticket(value: bytes) -> None:
    event = decode_ticket(value, LIMITS)
    assert event.created_at.isoformat() == "2026-03-02T09:30:00+00:00"
    assert (event.ticket_id, event.schema_version) == ("T-1", 1)


def test_unknown_fields_are_kept_aside() -> None:
    event = decode_ticket(json.dumps(ticket(custom={"a": [1, None]})).encode(), LIMITS)
    assert event.model_extra == {"custom": {"a": [1, None]}}
    assert json.loads(encode(event))["custom"] == {"a": [1, None]}


@pytest.mark.parametrize(("size", "fits"), [(200, True), (201, False)])
def test_the_size_limit_is_the_last_size_that_fits(size: int, fits: bool) -> None:
    value = json.dumps(ticket()).encode().ljust(size)
    if fits:
        assert decode_ticket(value, Limits(max_bytes=200)).ticket_id == "T-1"
    else:
        with pytest.raises(Unreadable, match="at most 200 bytes"):
            decode_ticket(value, Limits(max_bytes=200))


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        ({"title": "a" * 2001}, "2000"),
        ({"attachments": [{}] * 51}, "50"),
        ({"event": "opened"}, "'created', 'updated', 'resolved', 'closed' or 'deleted'"),
        ({"version": -1}, "0"),
        ({"created_at": 1}, "2000 to 2099"),
        ({"schema_version": 2}, "integer 1"),
    ],
    ids=["text", "list", "kind", "number", "time", "version"],
)
def test_the_detail_says_what_is_allowed(change: dict[str, Any], detail: str) -> None:
    with pytest.raises(Unreadable) as caught:
        decode_ticket(json.dumps(ticket(**change)).encode(), LIMITS)
    assert detail in caught.value.detail


SECRET = "Zażółć-QWERTZ-987654321"


@pytest.mark.parametrize(
    "value",
    [
        json.dumps(ticket(**change), ensure_ascii=False).encode() + tail
        for change, tail in (
            ({"title": 1, SECRET: SECRET}, b""),
            ({"event": SECRET}, b""),
            ({"created_at": SECRET}, b""),
            ({"schema_version": SECRET}, b""),
            ({"steps": [SECRET, 1, SECRET]}, b""),
            ({"attachments": [{SECRET: 1, "ocr_text": [SECRET]}]}, b""),
            ({"attachments": SECRET}, b""),
            ({"title": SECRET}, b","),
        )
    ],
    ids=["unknown key", "kind", "time", "version", "list", "nested", "type", "syntax"],
)
def test_neither_the_error_nor_its_traceback_quotes_the_record(value: bytes) -> None:
    with pytest.raises(Unreadable) as caught:
        decode_ticket(value, LIMITS)
    told = "".join(traceback.format_exception(caught.value))
    assert not any(SECRET[start : start + 8] in told for start in range(len(SECRET) - 7))
    assert caught.value.__context__ is None


@pytest.mark.parametrize("contract", EXAMPLES, ids=lambda contract: contract.__name__)
def test_an_event_of_ours_comes_back_as_it_went(contract: type[Any]) -> None:
    event = EXAMPLES[contract]
    assert decode(contract, encode(event)) == event


def test_fields_are_written_in_the_order_of_the_contract() -> None:
    assert list(json.loads(encode(EXAMPLES[TicketEvent])))[: len(TicketEvent.model_fields)] == list(
        TicketEvent.model_fields
    )


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, DeadReason.NO_VALUE),
        (b"{", DeadReason.NOT_JSON),
        (b'{"kind":"merged","kind":"split"}', DeadReason.DUPLICATE_KEY),
        (b'{"schema_version":2}', DeadReason.UNKNOWN_SCHEMA_VERSION),
        (b"{}", DeadReason.MISSING_FIELD),
        (b'{"feedback_id":"f","kind":"merged","ticket_id":"T","at":1772443800000}', DeadReason.BAD_FIELD),
    ],
    ids=["null", "syntax", "repeated key", "version", "missing", "merge of no cluster"],
)
def test_our_own_topics_are_read_by_the_same_rules(value: bytes | None, reason: DeadReason) -> None:
    with pytest.raises(Unreadable) as caught:
        decode(Feedback, value)
    assert caught.value.reason is reason
