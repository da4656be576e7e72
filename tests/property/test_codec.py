"""Laws of the codec: nothing is lost on the way, nothing but Unreadable comes out, nothing of the record is told."""

import json
import re
import traceback
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from schemas.codec import Limits, decode, decode_ticket, encode
from schemas.contract import Contract, time_of
from schemas.dead_letter import DeadLetter
from schemas.decision import Decision
from schemas.feedback import Feedback
from schemas.ticket import Attachment, TicketEvent, TicketEventKind
from schemas.unreadable import Unreadable, keys_written, levels
from tests.fakes.malformed import MALFORMED, ticket

LIMITS = Limits()

_SHORT_OF_ZERO = st.characters(exclude_characters="\0", codec="utf-8")
texts = st.text(_SHORT_OF_ZERO, max_size=40)
shorts = st.none() | texts
identifiers = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40)
times = st.integers(946_684_800_000, 4_102_444_799_999).map(time_of)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=8,
)
unknown = st.dictionaries(
    texts.filter(lambda name: name not in TicketEvent.model_fields), json_values, max_size=3
)


@st.composite
def ticket_events(draw: st.DrawFn) -> TicketEvent:
    more: dict[str, Any] = draw(unknown)
    return TicketEvent(
        **more,
        ticket_id=draw(identifiers),
        event=draw(st.sampled_from(TicketEventKind)),
        version=draw(st.none() | st.integers(0, 2**53 - 1)),
        title=draw(texts),
        description=draw(texts),
        attachments=[Attachment(ocr_text=text) for text in draw(st.lists(texts, max_size=3))],
        device=draw(shorts),
        os=draw(shorts),
        steps=draw(texts | st.lists(texts, max_size=3)),
        customer_id=draw(st.none() | identifiers),
        created_at=draw(times),
        updated_at=draw(st.none() | times),
        resolution=draw(shorts),
    )


@given(ticket_events())
def test_a_ticket_event_comes_back_as_it_went(event: TicketEvent) -> None:
    assert decode_ticket(encode(event), LIMITS) == event


def _told(contract: type[Contract], value: bytes) -> str | None:
    """What an operator would see of the refusal, None where there is none; any other exception escapes."""
    try:
        decode(contract, value)
    except Unreadable as error:
        return "".join(traceback.format_exception(error)) + repr((error.reason, error.field, error.detail))
    return None


def _windows(text: str) -> set[str]:
    return {text[start : start + 8] for start in range(len(text) - 7)}


contracts = st.sampled_from([TicketEvent, Feedback, Decision, DeadLetter])


@given(contracts, st.binary(max_size=300))
@example(TicketEvent, b"\xff")
@example(TicketEvent, b'{"\\ud800":{"\\udc00":"\\u0000"}}')
@example(TicketEvent, b'{"a":1' + b"0" * 400 + b"}")
@example(TicketEvent, b'"\\')
def test_arbitrary_bytes_raise_nothing_else_and_are_not_told(contract: type[Contract], value: bytes) -> None:
    told = _told(contract, value)
    assert told is not None
    assert not any(window in told for window in _windows(value.decode("latin-1")))


# No sentence, field name or source line of ours has eight of these in a row, so any eight told are a leak.
SECRET_LETTERS = "ЖЩЮЯДФЫЭ0123456789"
secrets = st.text(st.sampled_from(SECRET_LETTERS), min_size=8, max_size=24)
leaky_values = st.recursive(
    secrets | st.integers(10**9, 10**15) | st.none() | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(secrets, inner, max_size=3),
    max_leaves=6,
)


@given(
    st.dictionaries(
        st.sampled_from(sorted(TicketEvent.model_fields)) | secrets, leaky_values, min_size=1, max_size=4
    ),
    st.sampled_from(["", ",", "}", "\\ud800"]),
)
def test_a_near_ticket_is_not_told(changes: dict[str, Any], tail: str) -> None:
    value = (json.dumps(ticket(**changes), ensure_ascii=False) + tail).encode()
    told = _told(TicketEvent, value)
    held = re.findall(f"[{SECRET_LETTERS}]+", value.decode())
    assert told is None or not any(window in told for text in held for window in _windows(text))


@given(json_values)
def test_levels_counts_the_deepest_nesting(value: object) -> None:
    def deep(node: object) -> int:
        children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else None
        return 0 if children is None else 1 + max(map(deep, children), default=0)

    assert levels(json.dumps(value).encode()) == deep(value)


@given(st.binary(max_size=200) | st.sampled_from([record.value or b"" for record in MALFORMED]))
def test_levels_takes_any_bytes(value: bytes) -> None:
    assert 0 <= levels(value) <= value.count(b"{") + value.count(b"[")


pairs = st.lists(st.tuples(st.sampled_from(["a", "b", ":", '"', '":', "é", "\\"]), texts), max_size=6)


@given(pairs, st.sampled_from(["", " ", "\n\t"]), st.booleans())
def test_a_repeated_key_is_seen_however_it_is_spelled(
    written: list[tuple[str, str]], space: str, ascii_only: bool
) -> None:
    spell = json.JSONEncoder(ensure_ascii=ascii_only).encode
    inner = ("," + space).join(f"{spell(key)}{space}:{space}{spell(value)}" for key, value in written)
    value = f'{json.dumps(ticket())[:-1]},"custom":{{{inner}}}}}'.encode()
    told = _told(TicketEvent, value)
    repeated = len({key for key, _ in written}) < len(written)
    assert (told is not None and "duplicate_key" in told) is repeated
    assert keys_written(value) == len(ticket()) + 1 + len(written)
