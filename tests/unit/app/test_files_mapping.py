"""Rows as ticket events: which column is which field, how values are read, what is wrong with a row."""

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.files.lines import BadRow
from app.files.mapping import ColumnMapping, TicketRow, mapping_of, sources_of, ticket_row
from app.files.rows import Row
from models.errors import Fatal
from schemas.codec import Limits, decode_ticket

LIMITS = Limits()
NOW = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
GOOD: dict[str, object] = {"id": "1", "title": "Cannot log in", "created_at": "2024-03-01T12:00:00Z"}


def _event(values: dict[str, object], mapping: ColumnMapping = ColumnMapping()) -> dict[str, Any]:  # noqa: B008
    row = ticket_row(Row(9, values), mapping, "t.csv", LIMITS)
    assert isinstance(row, TicketRow), row
    assert row.line == 9
    event: dict[str, Any] = orjson.loads(row.value)
    assert decode_ticket(row.value, LIMITS).ticket_id == row.ticket_id == event["ticket_id"]
    return event


def _reason(values: dict[str, object], mapping: ColumnMapping = ColumnMapping()) -> str:  # noqa: B008
    row = ticket_row(Row(9, values), mapping, "t.csv", LIMITS)
    assert isinstance(row, BadRow), row
    assert row.line == 9
    return row.reason


@pytest.mark.parametrize(
    ("columns", "field", "column"),
    [
        pytest.param(("ID", "Subject"), "title", "Subject", id="usual-name"),
        pytest.param(("Ticket ID",), "ticket_id", "Ticket ID", id="space-and-capitals"),
        pytest.param(("createdAt",), "created_at", "createdAt", id="humps"),
        pytest.param(("created-time",), "created_at", "created-time", id="dash"),
        pytest.param(("id", "ticket_id"), "ticket_id", "ticket_id", id="own-name-first"),
        pytest.param(("label", "team"), "assigned_team", "team", id="better-name-first"),
        pytest.param(("summary", "short_description"), "title", "summary", id="jira"),
        pytest.param(("标题", "创建时间"), "created_at", "创建时间", id="chinese"),
        pytest.param(("state",), "status", "state", id="status"),
    ],
)
def test_columns_are_found_by_their_usual_names(columns: tuple[str, ...], field: str, column: str) -> None:
    found = {source.field: source for source in sources_of(ColumnMapping(), columns)}
    assert found[field].column == column
    assert found[field].is_usual


@pytest.mark.parametrize(
    ("mapping", "expected"),
    [
        pytest.param(
            ColumnMapping(), {"ticket_id": "1", "title": "a", "description": "b"}, id="nothing-said"
        ),
        pytest.param(
            ColumnMapping(columns=(("description", "title"),)),
            {"ticket_id": "1", "title": "a", "description": "a"},
            id="said",
        ),
        pytest.param(
            ColumnMapping(columns=(("title", ""),)), {"ticket_id": "1", "description": "b"}, id="left-out"
        ),
        pytest.param(
            ColumnMapping(constants=(("title", "z"), ("product", "shop"))),
            {"ticket_id": "1", "title": "z", "description": "b", "product": "shop"},
            id="constants",
        ),
    ],
)
def test_what_is_said_wins_over_usual_names(mapping: ColumnMapping, expected: dict[str, object]) -> None:
    event = _event({"id": "1", "title": "a", "body": "b", "created": "2024-03-01T12:00:00Z"}, mapping)
    assert event == expected | {"event": "created", "created_at": "2024-03-01T12:00:00.000Z"}


@pytest.mark.parametrize(
    ("more", "field", "expected"),
    [
        pytest.param({"id": 17}, "ticket_id", "17", id="number-as-id"),
        pytest.param({"id": "  A-1 "}, "ticket_id", "A-1", id="space-around-an-id"),
        pytest.param({"id": ""}, "ticket_id", "t.csv:9", id="empty-id"),
        pytest.param({"id": None}, "ticket_id", "t.csv:9", id="null-id"),
        pytest.param({"title": " as it is "}, "title", " as it is ", id="texts-stay-as-they-are"),
        pytest.param({"priority": 2}, "priority", "2", id="number-as-text"),
        pytest.param({"app_version": 1.2}, "app_version", "1.2", id="fraction-as-text"),
        pytest.param({"version": 3}, "version", 3, id="own-version"),
        pytest.param({"version": "3.1.4"}, "version", None, id="some-other-version"),
        pytest.param(
            {"attachments": [{"ocr_text": "x"}]}, "attachments", [{"ocr_text": "x"}], id="own-attachments"
        ),
        pytest.param({"attachments": "a.png"}, "attachments", None, id="file-names"),
        pytest.param({"ocr_text": "x"}, "attachments", [{"ocr_text": "x"}], id="text-of-attachments"),
        pytest.param(
            {"ocr_text": ["x", "y"]}, "attachments", [{"ocr_text": "x"}, {"ocr_text": "y"}], id="texts"
        ),
        pytest.param({"steps": ["a", 2]}, "steps", ["a", "2"], id="steps"),
        pytest.param({"event": " Updated "}, "event", "updated", id="event-in-capitals"),
        pytest.param({"schema_version": "1"}, "schema_version", 1, id="schema-version"),
        pytest.param({"colour": "red"}, "colour", None, id="unknown-column-left-out"),
        pytest.param({"os": "  "}, "os", None, id="nothing-but-space"),
    ],
)
def test_values_are_read(more: dict[str, object], field: str, expected: object) -> None:
    assert _event({**GOOD, **more}).get(field) == expected


@pytest.mark.parametrize(
    ("more", "kind"),
    [
        ({}, "created"),
        ({"status": "open"}, "created"),
        ({"status": "Resolved"}, "resolved"),
        ({"status": " DONE "}, "resolved"),
        ({"status": "已解决"}, "resolved"),
        ({"status": "closed"}, "closed"),
        ({"status": "已关闭"}, "closed"),
        ({"resolution": "Restarted it."}, "resolved"),
        ({"resolution": " "}, "created"),
        ({"status": "reopened", "resolution": "Restarted it."}, "created"),
        ({"status": "closed", "event": "updated"}, "updated"),
    ],
    ids=lambda value: (
        ",".join(f"{k}={v.strip()}" for k, v in value.items()) if isinstance(value, dict) else value
    ),
)
def test_the_event_is_told_by_the_row(more: dict[str, object], kind: str) -> None:
    assert _event({**GOOD, **more})["event"] == kind


@pytest.mark.parametrize(
    ("value", "form", "zone", "expected"),
    [
        pytest.param("2024-03-01T12:00:00Z", None, None, "2024-03-01T12:00:00.000Z", id="rfc3339"),
        pytest.param("2024-03-01 12:00:00+02:00", None, None, "2024-03-01T10:00:00.000Z", id="space-for-t"),
        pytest.param(
            "2024-03-01 12:00:00 +0200", None, None, "2024-03-01T10:00:00.000Z", id="space-before-offset"
        ),
        pytest.param("2024-03-01 12:00:00 UTC", None, None, "2024-03-01T12:00:00.000Z", id="utc"),
        pytest.param(1709294400000, None, None, "2024-03-01T12:00:00.000Z", id="milliseconds"),
        pytest.param("1709294400", None, None, "2024-03-01T12:00:00.000Z", id="seconds-as-text"),
        pytest.param(1709294400.5, None, None, "2024-03-01T12:00:00.500Z", id="seconds-with-fraction"),
        pytest.param("2024-03-01 12:00", None, "Europe/Berlin", "2024-03-01T11:00:00.000Z", id="winter"),
        pytest.param("2024-07-01 12:00", None, "Europe/Berlin", "2024-07-01T10:00:00.000Z", id="summer"),
        pytest.param(
            "2024-10-27 02:30", None, "Europe/Berlin", "2024-10-27T00:30:00.000Z", id="first-of-two-hours"
        ),
        pytest.param("2024-03-01", None, "Asia/Shanghai", "2024-02-29T16:00:00.000Z", id="day"),
        pytest.param(
            "2024-03-01T12:00:00Z", None, "Asia/Shanghai", "2024-03-01T12:00:00.000Z", id="own-offset-wins"
        ),
        pytest.param("01.03.2024 12:00", "%d.%m.%Y %H:%M", "UTC", "2024-03-01T12:00:00.000Z", id="format"),
        pytest.param(
            "01/Mar/2024 +0100", "%d/%b/%Y %z", None, "2024-02-29T23:00:00.000Z", id="format-with-offset"
        ),
    ],
)
def test_times_are_read(value: object, form: str | None, zone: str | None, expected: str) -> None:
    mapping = ColumnMapping(time_format=form, timezone=zone)
    assert _event({**GOOD, "created_at": value}, mapping)["created_at"] == expected


@pytest.mark.parametrize(
    ("more", "mapping", "reason"),
    [
        pytest.param(
            {"created_at": "2024-03-01 12:00"},
            {},
            "created_at: the time has no offset; say --timezone",
            id="naive",
        ),
        pytest.param({"created_at": "yesterday"}, {}, "created_at: allowed are ISO 8601", id="no-time"),
        pytest.param({"created_at": True}, {}, "created_at: allowed are ISO 8601", id="no-time-at-all"),
        pytest.param({"created_at": 12}, {}, "created_at: allowed are epoch", id="no-epoch"),
        pytest.param({"created_at": "1999-03-01T12:00:00Z"}, {}, "created_at: a time is", id="out-of-range"),
        pytest.param(
            {"created_at": "0001-01-01T00:00:00+14:00"},
            {},
            "created_at: allowed are ISO",
            id="before-all-time",
        ),
        pytest.param(
            {"created_at": ""}, {}, "created_at: this field is required; say --now", id="no-creation-time"
        ),
        pytest.param(
            {"updated_at": "x"},
            {"time_format": "%Y"},
            "_at: allowed is what --time-format %Y",
            id="not-the-format",
        ),
        pytest.param({"event": "exploded"}, {}, "event: Input should be 'created', 'updated'", id="event"),
        pytest.param({"id": 1.5}, {}, "ticket_id: allowed are text and whole numbers", id="fraction-as-id"),
        pytest.param({"id": "a" * 201}, {}, "ticket_id: String should have at most 200", id="long-id"),
        pytest.param({"id": "a\tb"}, {}, "ticket_id: String should match", id="control-character"),
        pytest.param({"title": "a\0b"}, {}, "title: texts may hold neither", id="nul"),
        pytest.param({"title": ["a"]}, {}, "title: Input should be a valid string", id="list-for-text"),
        pytest.param({"title": "x" * 2001}, {}, "title: String should have at most 2000", id="long-title"),
        pytest.param({"title": "", "body": " "}, {}, "description: a title, a description", id="no-text"),
        pytest.param({"body": "x" * 1_100_000}, {}, "at most", id="long-record"),
        pytest.param({"schema_version": 2}, {}, "schema_version: the integer 1", id="schema-version"),
    ],
)
def test_a_bad_row_names_the_field_and_what_is_allowed(
    more: dict[str, object], mapping: dict[str, Any], reason: str
) -> None:
    assert reason in _reason({**GOOD, **more}, ColumnMapping(**mapping))


def test_a_solved_ticket_needs_no_text() -> None:
    assert _event({**GOOD, "title": "", "status": "resolved"})["event"] == "resolved"


def test_now_stands_in_for_a_missing_time_alone() -> None:
    mapping = ColumnMapping(now=NOW)
    assert _event({**GOOD, "created_at": ""}, mapping)["created_at"] == "2024-05-06T07:08:09.000Z"
    assert _event(GOOD, mapping)["created_at"] == "2024-03-01T12:00:00.000Z"
    assert "created_at" in _reason({**GOOD, "created_at": "garbled"}, mapping)


@pytest.mark.parametrize(
    ("columns", "said", "message"),
    [
        pytest.param(
            GOOD,
            {"maps": {"colour": "id"}},
            "colour: no such field; the fields are: .*ticket_id",
            id="map-field",
        ),
        pytest.param(GOOD, {"sets": {"colour": "x"}}, "colour: no such field", id="set-field"),
        pytest.param(
            GOOD, {"maps": {"title": "Name"}}, "no column Name; .*: id, title, created_at", id="column"
        ),
        pytest.param(
            GOOD, {"maps": {"os": "id"}, "sets": {"os": "x"}}, "os: is given by --map and by --set", id="both"
        ),
        pytest.param(GOOD, {"timezone": "Berlin"}, "--timezone Berlin: no such zone", id="zone"),
        pytest.param(GOOD, {"timezone": "../etc"}, "--timezone ../etc: no such zone", id="zone-outside"),
        pytest.param(GOOD, {"time_format": "%Q"}, "--time-format %Q", id="format"),
        pytest.param(
            GOOD, {"time_format": "%H %Z"}, "%Z would be read and not heeded", id="format-with-a-zone's-name"
        ),
        pytest.param(GOOD, {"sets": {"event": "exploded"}}, "--set event: Input should be", id="constant"),
        pytest.param(
            GOOD, {"sets": {"created_at": "today"}}, "--set created_at: allowed are", id="constant-time"
        ),
        pytest.param(
            ("id", "title"), {}, "no column for created_at: say --map created_at=COLUMN", id="no-time"
        ),
        pytest.param(("id", "ts"), {}, "no column for a text: say --map description=COLUMN", id="no-text"),
        pytest.param((), {"now": NOW}, "the file's columns are: none", id="no-columns"),
    ],
)
def test_a_mapping_that_cannot_work_is_refused_at_once(
    columns: tuple[str, ...], said: dict[str, Any], message: str
) -> None:
    with pytest.raises(Fatal, match=message):
        mapping_of(tuple(columns), **{"maps": {}, "sets": {}, **said})


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        pytest.param(GOOD, {}, id="usual"),
        pytest.param(("id", "title"), {"now": NOW}, id="now"),
        pytest.param(("id", "title"), {"sets": {"created_at": "2024-01-01T00:00:00Z"}}, id="constant-time"),
        pytest.param(
            ("id", "title"),
            {"sets": {"created_at": "1.2.2024"}, "time_format": "%d.%m.%Y", "timezone": "UTC"},
            id="constant-time-in-format",
        ),
        pytest.param(("id", "ts"), {"sets": {"event": "deleted"}}, id="no-text-needed"),
        pytest.param(("a", "b", "c"), {"maps": {"title": "a", "created_at": "b"}}, id="said"),
    ],
)
def test_a_mapping_that_works_is_accepted(columns: tuple[str, ...], said: dict[str, Any]) -> None:
    mapping_of(tuple(columns), **{"maps": {}, "sets": {}, **said})


def test_the_digest_tells_mappings_apart_and_heeds_no_moment() -> None:
    mappings = [
        ColumnMapping(),
        ColumnMapping(columns=(("title", "a"),)),
        ColumnMapping(constants=(("title", "a"),)),
        ColumnMapping(time_format="%Y"),
        ColumnMapping(timezone="UTC"),
        ColumnMapping(now=NOW),
    ]
    assert len({mapping.digest() for mapping in mappings}) == len(mappings)
    assert ColumnMapping(now=NOW).digest() == ColumnMapping(now=datetime(2025, 1, 1, tzinfo=UTC)).digest()


_NAMES = st.sampled_from(
    [
        "id",
        "title",
        "body",
        "created_at",
        "updated_at",
        "event",
        "status",
        "os",
        "version",
        "steps",
        "attachments",
        "x",
    ]
)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(_NAMES, _VALUES), st.booleans())
def test_every_row_becomes_an_event_of_the_contract_or_a_bad_row(
    values: dict[str, object], with_now: bool
) -> None:
    mapping = ColumnMapping(now=NOW if with_now else None)
    row = ticket_row(Row(3, values), mapping, "t.jsonl", LIMITS)
    if isinstance(row, TicketRow):
        assert decode_ticket(row.value, LIMITS).ticket_id == row.ticket_id
        assert ticket_row(Row(3, values), mapping, "t.jsonl", LIMITS) == row
    else:
        assert row.reason


@given(
    st.text(st.characters(categories=["L"], min_codepoint=0x3400), min_size=4, max_size=30),
    st.sampled_from(["created_at", "event", "version"]),
)
def test_a_reason_never_quotes_the_value(secret: str, field: str) -> None:
    reason = _reason({**GOOD, field: secret}, ColumnMapping(columns=((field, field),)))
    assert secret not in reason
