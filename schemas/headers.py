"""Kafka headers: W3C trace context in, CloudEvents 1.0 (binary mode) and the same trace out. Beside the codec.

Sources: W3C Trace Context, Recommendation of 23 November 2021, sections 3.2 and 3.3; CloudEvents 1.0.2 and its Kafka
protocol binding, section 3.2.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from schemas.contract import write_time

Headers = Iterable[tuple[str, bytes | None]]

MAX_TRACESTATE_CHARS = 512  # what every participant must be able to carry (3.3.1.5)
_MAX_MEMBERS = 32  # (3.3.1.1)

TRACEPARENT_PATTERN = "^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$"

# Version ff is forbidden; a later version may say more after the four fields that version 00 has (3.2.4).
_TRACEPARENT = re.compile(r"(?!ff)([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_MEMBER = re.compile(
    r"([a-z][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13})"
    r"=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]"
)
_SAMPLED = 0x01


@dataclass(frozen=True, slots=True)
class Trace:
    """The trace that a record belongs to, carried on as it came: Sluice opens no spans of its own.

    Attributes:
        traceparent: of version 00, valid.
        tracestate: at most 512 characters, or None where there was none or a broken one.
    """

    traceparent: str
    tracestate: str | None = None


def read_trace(headers: Headers | None) -> Trace | None:
    """The trace in a record's headers; None where there is none, or none that the grammar allows.

    A broken `traceparent`, or two of them, ends the trace and drops `tracestate` too; a broken or long `tracestate`
    is dropped alone. Neither is ever an error: a ticket does not fail for its tracing.
    """
    parents: list[bytes | None] = []
    states: list[bytes | None] = []
    for name, value in headers or ():
        if name == "traceparent":
            parents.append(value)
        elif name == "tracestate":
            states.append(value)
    traceparent = _read_traceparent(parents[0]) if len(parents) == 1 else None
    return None if traceparent is None else Trace(traceparent, _read_tracestate(states))


def _read_traceparent(value: bytes | None) -> str | None:
    found = _TRACEPARENT.fullmatch(_ascii(value))
    if found is None:
        return None
    version, trace_id, parent_id, flags, more = found.groups()
    if not trace_id.strip("0") or not parent_id.strip("0"):
        return None
    if version == "00":
        return None if more else found[0]
    return f"00-{trace_id}-{parent_id}-{int(flags, 16) & _SAMPLED:02x}"  # of a later version only this flag is known


def _read_tracestate(values: Sequence[bytes | None]) -> str | None:
    """Several headers are one list, in their order; empty members are allowed and not passed on (3.3.1)."""
    joined = ",".join(_ascii(value) for value in values)
    members = [member.strip(" \t") for member in joined.split(",")]
    members = [member for member in members if member]
    keys = {member.partition("=")[0] for member in members}
    state = ",".join(members)
    fits = 0 < len(members) <= _MAX_MEMBERS and len(state) <= MAX_TRACESTATE_CHARS
    return state if fits and len(keys) == len(members) and all(map(_MEMBER.fullmatch, members)) else None


def _ascii(value: bytes | None) -> str:
    """The header as text; what is not ASCII becomes a character that no grammar here allows."""
    return (value or b"").decode("ascii", errors="replace")


def event_headers(
    type: str,
    id: str,
    source: str,
    subject: str | None,
    time: datetime,
    trace: Trace | None,
) -> list[tuple[str, bytes]]:
    """Headers of a record that Sluice writes.

    Args:
        type: what happened, e.g. `sluice.decision.v1` (`schemas.channels.event_type`).
        id: the event's own id; with `source` unique, so a repeated event repeats it.
        source: who says so, a URI reference, e.g. `/sluice/routing`.
        subject: what it is about within the source, e.g. the ticket's id; None leaves the header out.
        time: when it happened, in UTC.
        trace: of the input record, passed on.
    """
    headers = [
        ("content-type", b"application/json"),
        ("ce_specversion", b"1.0"),
        ("ce_id", id.encode()),
        ("ce_type", type.encode()),
        ("ce_source", source.encode()),
        ("ce_time", write_time(time).encode()),
    ]
    if subject is not None:
        headers.append(("ce_subject", subject.encode()))
    if trace is not None:
        headers.append(("traceparent", trace.traceparent.encode()))
        if trace.tracestate is not None:
            headers.append(("tracestate", trace.tracestate.encode()))
    return headers
