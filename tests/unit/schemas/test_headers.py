"""Traces are read by the W3C grammar, and output headers are CloudEvents in binary mode."""

from datetime import UTC, datetime

import pytest

from schemas.headers import Trace, event_headers, read_trace

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
LATER = "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-ff"

PARENTS: dict[str, tuple[bytes | None, str | None]] = {
    "version 00": (PARENT.encode(), PARENT),
    "not sampled": (PARENT[:-1].encode() + b"0", PARENT[:-1] + "0"),
    "later version": (LATER.encode(), PARENT),
    "later version that says more": (f"{LATER}-what-comes".encode(), PARENT),
    "later version without a dash": (f"{LATER}0".encode(), None),
    "version 00 that says more": (f"{PARENT}-more".encode(), None),
    "version ff": (b"ff" + PARENT[2:].encode(), None),
    "capitals": (PARENT.upper().encode(), None),
    "zero trace id": (b"00-" + b"0" * 32 + PARENT[35:].encode(), None),
    "zero parent id": (PARENT[:36].encode() + b"0" * 16 + b"-01", None),
    "short": (PARENT[:-1].encode(), None),
    "line break": (PARENT.encode() + b"\n", None),
    "white space": (b" " + PARENT.encode(), None),
    "not ASCII": (PARENT[:-1].encode() + "é".encode(), None),
    "not UTF-8": (b"\xff" * 55, None),
    "empty": (b"", None),
    "null": (None, None),
}


@pytest.mark.parametrize(("value", "expected"), PARENTS.values(), ids=PARENTS)
def test_traceparent(value: bytes | None, expected: str | None) -> None:
    assert read_trace([("traceparent", value)]) == (expected and Trace(expected))


STATES: dict[str, tuple[list[bytes | None], str | None]] = {
    "none": ([], None),
    "one member": ([b"congo=t61rcWkgMzE"], "congo=t61rcWkgMzE"),
    "order is kept": ([b"rojo=00f067,congo=t61"], "rojo=00f067,congo=t61"),
    "tenant": ([b"4fw529a3039@dt=FfAz;gh"], "4fw529a3039@dt=FfAz;gh"),
    "white space around and empty members": ([b" a=1 ,\t,, b=2"], "a=1,b=2"),
    "several headers": ([b"a=1", b"b=2"], "a=1,b=2"),
    "only empty members": ([b" , ,"], None),
    "512 characters": ([b"a=" + b"x" * 254 + b",b=" + b"y" * 253], "a=" + "x" * 254 + ",b=" + "y" * 253),
    "513 characters": ([b"a=" + b"x" * 254 + b",b=" + b"y" * 254], None),
    "32 members": ([b",".join(b"k%d=v" % n for n in range(32))], ",".join(f"k{n}=v" for n in range(32))),
    "33 members": ([b",".join(b"k%d=v" % n for n in range(33))], None),
    "repeated key": ([b"a=1,a=2"], None),
    "capital in a key": ([b"A=1"], None),
    "no value": ([b"a="], None),
    "no key": ([b"=1"], None),
    "equals sign in a value": ([b"a=1=2"], None),
    "not ASCII": (["a=é".encode()], None),
    "null": ([None], None),
}


@pytest.mark.parametrize(("values", "expected"), STATES.values(), ids=STATES)
def test_tracestate(values: list[bytes | None], expected: str | None) -> None:
    headers = [("traceparent", PARENT.encode()), *(("tracestate", value) for value in values)]
    assert read_trace(headers) == Trace(PARENT, expected)


@pytest.mark.parametrize(
    "headers",
    [
        None,
        [],
        [("other", b"1")],
        [("tracestate", b"a=1")],
        [("traceparent", b"broken"), ("tracestate", b"a=1")],
        [("traceparent", PARENT.encode()), ("traceparent", PARENT.encode())],
        [("Traceparent", PARENT.encode())],
    ],
    ids=["none", "empty", "others", "state alone", "state of a broken parent", "two parents", "another name"],
)
def test_no_trace(headers: list[tuple[str, bytes | None]] | None) -> None:
    assert read_trace(headers) is None


MOMENT = datetime(2026, 3, 2, 9, 30, 0, 123_999, tzinfo=UTC)
PLAIN = [
    ("content-type", b"application/json"),
    ("ce_specversion", b"1.0"),
    ("ce_id", b"d-1"),
    ("ce_type", b"sluice.decision.v1"),
    ("ce_source", b"/sluice/routing"),
    ("ce_time", b"2026-03-02T09:30:00.123Z"),
]


@pytest.mark.parametrize(
    ("subject", "trace", "more"),
    [
        (None, None, []),
        ("T-é", None, [("ce_subject", "T-é".encode())]),
        (None, Trace(PARENT), [("traceparent", PARENT.encode())]),
        ("T-1", Trace(PARENT, "a=1"),
         [("ce_subject", b"T-1"), ("traceparent", PARENT.encode()), ("tracestate", b"a=1")]),
    ],
    ids=["plain", "subject", "trace", "all"],
)  # fmt: skip
def test_event_headers(subject: str | None, trace: Trace | None, more: list[tuple[str, bytes]]) -> None:
    headers = event_headers(
        type="sluice.decision.v1",
        id="d-1",
        source="/sluice/routing",
        subject=subject,
        time=MOMENT,
        trace=trace,
    )
    assert headers == PLAIN + more
    assert read_trace(list(headers)) == trace
