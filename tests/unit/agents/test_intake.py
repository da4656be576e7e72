"""Intake: what becomes of a record, by its own words and by what is known of its ticket."""

import hashlib
from typing import Any

import pytest

from agents.intake import Accepted, Intake, Misplaced, Refused, Skipped, known_after
from agents.tables import Remembered
from models.errors import Invalid
from models.routing.clean import CleanPolicy
from models.routing.masking.span import Kind
from schemas.codec import Limits, decode_ticket
from schemas.headers import Trace
from schemas.state import TicketStatus
from schemas.ticket import TicketEventKind
from tests.fakes.kafka import FakeKafka
from tests.fakes.path import NAMES, intake, table_of
from tests.fakes.records import NOW_MS, record, state, state_record, ticket

TEXT, OTHER = "the app crashes", "the lock is offline"
LATER, LATER_MS = "2026-09-21T20:00:00Z", 1_790_020_800_000


def read(reader: Intake, value: bytes | None, **more: Any) -> str:
    """What became of one record, in a word or two."""
    match reader.read(record(value, **more)):
        case Accepted() as found:
            return f"{found.kind} {found.version}"
        case Refused() as found:
            return found.error.reason
        case Skipped() as found:
            return found.why
        case Misplaced() as found:
            return f"home {found.home}"


def accept(reader: Intake, value: bytes, **more: Any) -> Accepted:
    result = reader.read(record(value, **more))
    assert isinstance(result, Accepted)
    return result


def event(kind: str, text: str = "", **more: object) -> bytes:
    return ticket("t-1", kind, text, **more)


def digest(value: bytes) -> str:
    """The name of a version that nobody counted: of what the event says, however it is spelt."""
    said = decode_ticket(value, Limits()).model_dump_json()
    return "h" + hashlib.sha256(said.encode()).hexdigest()[:16]


def solved_by(found: Accepted) -> tuple[str | None, str | None, str | None]:
    return found.ticket.assigned_team, found.ticket.resolution, found.ticket.kb_article_id


@pytest.fixture
def reader() -> Intake:
    made = intake()
    made.table.begin(1)
    return made


# -- versions and their order


@pytest.mark.parametrize(
    ("value", "version", "order"),
    [
        pytest.param(event("updated", TEXT, version=7), "v7", 7, id="the CRM's own count"),
        pytest.param(event("updated", TEXT, version=0, updated_at=LATER), "v0", 0, id="even beside a time"),
    ],
)
def test_the_count_of_the_crm_is_name_and_rank(
    reader: Intake, value: bytes, version: str, order: int
) -> None:
    found = accept(reader, value, timestamp_ms=5)
    assert (found.version, found.order) == (version, order)
    assert found.ticket.version == version


@pytest.mark.parametrize(
    ("value", "timestamp_ms", "order"),
    [
        pytest.param(event("updated", TEXT, updated_at=LATER), 5, LATER_MS, id="updated"),
        pytest.param(event("resolved", TEXT, updated_at=LATER_MS), 5, LATER_MS, id="updated, in ms"),
        pytest.param(event("created", TEXT), 5, 5, id="published"),
        pytest.param(event("created", TEXT), -1, 0, id="at no known time"),
    ],
)
def test_without_a_count_what_is_said_names_the_version_and_its_time_ranks_it(
    reader: Intake, value: bytes, timestamp_ms: int, order: int
) -> None:
    found = accept(reader, value, timestamp_ms=timestamp_ms)
    assert (found.version, found.order) == (digest(value), order)
    assert found.ticket.version == digest(value)


FIRST = [
    pytest.param({"version": 3}, {"version": 3}, "repeated", id="counted: the same"),
    pytest.param({"version": 3}, {"version": 2}, "late", id="counted: an older"),
    pytest.param({"version": 3}, {"version": 4}, "updated v4", id="counted: the next"),
    pytest.param({"version": 3}, {"version": 9}, "updated v9", id="counted: a gap is no matter"),
    pytest.param({"updated_at": LATER_MS}, {"updated_at": LATER_MS - 1}, "late", id="timed: an older"),
    pytest.param(
        {"updated_at": LATER_MS},
        {"updated_at": LATER_MS + 1},
        f"updated {digest(event('updated', OTHER, updated_at=LATER_MS + 1))}",
        id="timed: the next",
    ),
]


@pytest.mark.parametrize(("first", "second", "became"), FIRST)
def test_a_version_after_another(
    reader: Intake, first: dict[str, object], second: dict[str, object], became: str
) -> None:
    accept(reader, event("updated", TEXT, **first))
    assert read(reader, event("updated", OTHER, **second)) == became


SAME_MOMENT = [
    pytest.param(event("updated", TEXT, updated_at=LATER_MS), "repeated", id="the same"),
    pytest.param(event("updated", OTHER, updated_at=LATER_MS), None, id="another text"),
    pytest.param(event("updated", TEXT, updated_at=LATER_MS, customer_id="c-1"), None, id="another field"),
    pytest.param(event("resolved", updated_at=LATER_MS), None, id="another kind"),
    pytest.param(event("updated", TEXT, updated_at=LATER), "repeated", id="the moment in another spelling"),
    pytest.param(event("updated", TEXT, updated_at=LATER_MS) + b" \n", "repeated", id="other white space"),
]


@pytest.mark.parametrize(("second", "skipped"), SAME_MOMENT)
def test_at_the_same_moment_the_same_is_repeated_and_any_other_is_a_version(
    reader: Intake, second: bytes, skipped: str | None
) -> None:
    first = accept(reader, event("updated", TEXT, updated_at=LATER_MS), timestamp_ms=10)
    result = reader.read(record(second, timestamp_ms=20))
    if skipped:
        assert result == Skipped(skipped)
    else:
        assert isinstance(result, Accepted)
        assert (result.version, result.order) == (digest(second), first.order)


def test_by_digest_the_same_bytes_are_repeated_whenever_they_come_and_others_are_new(reader: Intake) -> None:
    accept(reader, event("created", TEXT), timestamp_ms=10)
    assert read(reader, event("created", TEXT), timestamp_ms=20) == "repeated"
    assert read(reader, event("updated", OTHER), timestamp_ms=5) == "late"
    assert read(reader, event("updated", OTHER), timestamp_ms=10).startswith("updated h")


def test_tickets_do_not_know_of_each_other(reader: Intake) -> None:
    accept(reader, ticket("t-1", text=TEXT, version=5))
    assert read(reader, ticket("t-2", text=TEXT, version=1)) == "created v1"


def test_what_was_skipped_leaves_no_trace(reader: Intake) -> None:
    accept(reader, event("created", TEXT, version=3))
    assert read(reader, event("updated", OTHER, version=2)) == "late"
    assert accept(reader, event("updated", version=4)).ticket.text == TEXT


# -- text that an event may leave out


@pytest.mark.parametrize("kind", ["updated", "resolved", "closed"])
def test_the_text_of_an_earlier_event_is_remembered(reader: Intake, kind: str) -> None:
    accept(reader, event("created", TEXT, title="Crash", version=1, customer_id="c-1", product="Nimbo"))
    found = accept(reader, event(kind, version=2, resolution="reinstall", assigned_team="mobile"))
    assert found.ticket.title == "Crash"
    assert TEXT in found.ticket.text
    assert (found.ticket.customer_id, found.ticket.product) == ("c-1", "Nimbo")
    assert (found.ticket.resolution, found.ticket.assigned_team) == ("reinstall", "mobile")


def test_what_a_later_event_says_itself_goes_before_what_is_remembered(reader: Intake) -> None:
    accept(reader, event("created", TEXT, version=1, customer_id="c-1", product="Nimbo"))
    bare = accept(reader, event("updated", version=2, customer_id="c-2", product="Lock"))
    assert (bare.ticket.text, bare.ticket.customer_id, bare.ticket.product) == (
        accept(reader, event("updated", version=3)).ticket.text,
        "c-2",
        "Lock",
    )
    told = accept(reader, event("updated", OTHER, version=4))
    assert told.ticket.text == OTHER
    assert (told.ticket.customer_id, told.ticket.product) == ("c-2", "Lock")  # that it says nothing of
    assert accept(reader, event("resolved", version=5)).ticket.text == OTHER


def test_remembered_text_is_masked(reader: Intake) -> None:
    found = accept(reader, event("created", "call me at 13812345678, the app crashes", version=1))
    assert found.ticket.masked == {Kind.PHONE: 1}
    assert "13812345678" not in repr(known_after(found))
    assert "[PHONE]" in accept(reader, event("resolved", version=2)).ticket.text


@pytest.mark.parametrize("kind", ["created", "updated", "resolved", "closed"])
def test_who_has_a_ticket_has_it_until_an_event_says_otherwise(reader: Intake, kind: str) -> None:
    accept(reader, event("created", TEXT, version=1, assigned_team="mobile"))
    silent = accept(reader, event(kind, TEXT, version=2))
    assert (silent.ticket.assigned_team, silent.named_team) == ("mobile", None)
    telling = accept(reader, event(kind, TEXT, version=3, assigned_team="locks"))
    assert (telling.ticket.assigned_team, telling.named_team) == ("locks", "locks")
    empty = accept(reader, event(kind, TEXT, version=4, assigned_team=""))
    assert (empty.ticket.assigned_team, empty.named_team) == ("locks", None)


@pytest.mark.parametrize(
    ("more", "timestamp_ms", "at_ms"),
    [
        pytest.param({"updated_at": LATER}, NOW_MS + 1, LATER_MS, id="by its own word"),
        pytest.param({}, NOW_MS + 1, NOW_MS + 1, id="when it was published"),
        pytest.param({}, -1, NOW_MS, id="no time of publishing: when the ticket was created"),
        pytest.param({}, 1_790_000_000, NOW_MS, id="published in seconds"),
        pytest.param({}, 2**62, NOW_MS, id="published beyond all years"),
    ],
)
def test_when_an_event_happened(
    reader: Intake, more: dict[str, object], timestamp_ms: int, at_ms: int
) -> None:
    found = accept(reader, event("created", TEXT, **more), timestamp_ms=timestamp_ms)
    assert found.at_ms == at_ms


def test_an_event_is_handed_on_with_what_was_known_before_it(reader: Intake) -> None:
    first = accept(reader, event("created", TEXT, version=1))
    second = accept(reader, event("updated", OTHER, version=2))
    assert (first.before, second.before) == (None, known_after(first))


@pytest.mark.parametrize("kind", ["updated", "resolved", "closed"])
def test_without_text_of_its_own_or_earlier_it_is_refused(reader: Intake, kind: str) -> None:
    assert read(reader, event(kind, version=1)) == "unknown_ticket"
    assert read(reader, event("created", TEXT, version=1)) == "created v1"  # nothing was staged


@pytest.mark.parametrize("last", ["resolved", "closed"])
def test_a_solved_ticket_that_is_updated_without_text_is_decided_again(reader: Intake, last: str) -> None:
    created = accept(
        reader, event("created", TEXT, title="Crash", version=1, customer_id="c-1", product="Nimbo")
    )
    accept(reader, event(last, version=2, resolution="reinstall", kb_article_id="kb-1"))
    found = accept(reader, event("updated", version=3))
    assert found.asks_for_decision
    assert (found.ticket.title, found.ticket.text) == ("Crash", created.ticket.text)
    assert (found.ticket.customer_id, found.ticket.product) == ("c-1", "Nimbo")
    assert (found.ticket.resolution, found.ticket.kb_article_id) == (None, None)  # it did not last
    again = accept(reader, event(last, version=4))
    assert (again.ticket.resolution, again.ticket.kb_article_id) == (None, None)


def test_a_solved_ticket_that_is_updated_with_text_goes_by_it_from_then_on(reader: Intake) -> None:
    accept(reader, event("created", TEXT, version=1))
    accept(reader, event("resolved", version=2))
    assert accept(reader, event("updated", OTHER, version=3)).ticket.text == OTHER
    assert accept(reader, event("closed", version=4)).ticket.text == OTHER


@pytest.mark.parametrize("kind", ["updated", "resolved", "closed"])
def test_a_deleted_ticket_has_no_news_without_text(reader: Intake, kind: str) -> None:
    accept(reader, event("created", TEXT, version=1))
    accept(reader, event("deleted", version=2))
    assert read(reader, event(kind, version=3)) == "no_news"
    assert accept(reader, event(kind, OTHER, version=3)).ticket.text == OTHER  # with text it is there again


# -- what solved a ticket

BY_ALL = {"assigned_team": "mobile", "resolution": "reinstall", "kb_article_id": "kb-1"}
ENDS = [
    pytest.param({}, BY_ALL, ("mobile", "reinstall", "kb-1"), id="the later says all"),
    pytest.param(BY_ALL, {}, ("mobile", "reinstall", "kb-1"), id="the later says nothing"),
    pytest.param(
        {"assigned_team": "mobile"}, {"resolution": "restart"}, ("mobile", "restart", None), id="half each"
    ),
    pytest.param(
        BY_ALL,
        {"assigned_team": "locks", "resolution": "restart", "kb_article_id": "kb-2"},
        ("locks", "restart", "kb-2"),
        id="the later says otherwise",
    ),
    pytest.param(BY_ALL, {"resolution": "restart"}, ("mobile", "restart", "kb-1"), id="in part otherwise"),
    pytest.param({}, {}, (None, None, None), id="neither says anything"),
]


@pytest.mark.parametrize("kinds", [("resolved", "closed"), ("closed", "resolved")], ids=" then ".join)
@pytest.mark.parametrize(("first", "second", "expected"), ENDS)
def test_what_solved_a_ticket_is_kept_where_a_later_end_does_not_say_it(
    reader: Intake,
    kinds: tuple[str, str],
    first: dict[str, str],
    second: dict[str, str],
    expected: tuple[str | None, str | None, str | None],
) -> None:
    created = accept(reader, event("created", TEXT, title="Crash", version=1))
    earlier = accept(reader, event(kinds[0], version=2, **first))
    assert solved_by(earlier) == tuple(first.get(name) for name in BY_ALL)
    later = accept(reader, event(kinds[1], version=3, **second))
    assert solved_by(later) == expected
    assert (later.ticket.title, later.ticket.text) == ("Crash", created.ticket.text)


def test_the_team_that_held_the_open_ticket_solved_it_unless_said_otherwise(reader: Intake) -> None:
    accept(reader, event("created", TEXT, version=1, assigned_team="mobile"))
    assert solved_by(accept(reader, event("resolved", version=2))) == ("mobile", None, None)


def test_a_ticket_is_deleted_without_text_even_if_never_seen(reader: Intake) -> None:
    found = accept(reader, event("deleted", version=1))
    assert (found.ticket.text, found.asks_for_decision) == ("", False)


def test_a_deleted_ticket_may_be_created_anew_and_remembers_nothing(reader: Intake) -> None:
    accept(reader, event("created", TEXT, version=1, customer_id="c-1"))
    accept(reader, event("deleted", version=2))
    assert read(reader, event("created", TEXT, version=1)) == "late"
    found = accept(reader, event("created", OTHER, version=3))
    assert (found.ticket.text, found.ticket.customer_id) == (OTHER, None)


@pytest.mark.parametrize("kind", list(TicketEventKind))
def test_only_created_and_updated_ask_for_a_decision(reader: Intake, kind: TicketEventKind) -> None:
    found = accept(reader, event(kind.value, TEXT, version=1))
    assert found.kind is kind
    assert found.asks_for_decision == (kind in {TicketEventKind.CREATED, TicketEventKind.UPDATED})


@pytest.mark.parametrize("kind", list(TicketEventKind))
def test_every_ticket_is_remembered_but_a_deleted_one(reader: Intake, kind: TicketEventKind) -> None:
    value = event(kind.value, TEXT, title="Crash", version=1, customer_id="c-1", product="Nimbo", **BY_ALL)
    found = accept(reader, value)
    status = {"resolved": TicketStatus.SOLVED, "closed": TicketStatus.CLOSED}.get(kind, TicketStatus.OPEN)
    expected = Remembered(
        "Crash", found.ticket.text, "c-1", "Nimbo", "mobile", "reinstall", "kb-1", status, NOW_MS
    )
    known = known_after(found)
    assert (known.version, known.order) == ("v1", 1)
    assert known.remembered == (None if kind is TicketEventKind.DELETED else expected)


# -- staged, settled, forgotten


def test_a_staged_version_is_seen_by_the_batch_in_flight_behind_it(reader: Intake) -> None:
    accept(reader, event("created", TEXT, version=1))
    reader.table.begin(1)  # the next batch of the same epoch; the first is not committed yet
    assert read(reader, event("created", TEXT, version=1)) == "repeated"
    assert accept(reader, event("resolved", version=2)).ticket.text == TEXT


def test_a_new_epoch_forgets_what_was_only_staged(reader: Intake) -> None:
    accept(reader, event("created", TEXT, version=1))
    reader.table.begin(2)
    assert read(reader, event("resolved", version=2)) == "unknown_ticket"
    assert read(reader, event("created", TEXT, version=1)) == "created v1"


def test_a_new_epoch_keeps_what_was_committed(reader: Intake) -> None:
    first = accept(reader, event("created", TEXT, version=1))
    accept(reader, event("updated", OTHER, version=2))
    reader.table.settle({first.place: known_after(first)})
    reader.table.begin(2)
    assert read(reader, event("created", TEXT, version=1)) == "repeated"
    assert accept(reader, event("updated", version=2)).ticket.text == TEXT


@pytest.mark.parametrize("status", list(TicketStatus))
def test_what_was_restored_counts_like_what_was_read(status: TicketStatus) -> None:
    kafka = FakeKafka()
    kafka.make(NAMES.state, 1)
    said = {"title": "Crash", "text": TEXT, "customer_id": "c-1"} | BY_ALL
    held = state_record(state("t-1", version="v4", order=4, status=status, **said))
    kafka.append(NAMES.state, 0, held.key(), held.value())
    table = table_of(kafka)
    table.restore([0])
    table.begin(1)
    reader = intake(table)
    assert read(reader, event("created", TEXT, version=4)) == "repeated"
    assert read(reader, event("created", TEXT, version=3)) == "late"
    found = accept(reader, event("resolved", version=5))
    assert (found.ticket.title, found.ticket.text, found.ticket.customer_id) == ("Crash", TEXT, "c-1")
    assert solved_by(found) == ("mobile", "reinstall", "kb-1")


# -- refused and moved


@pytest.mark.parametrize(
    ("value", "reason", "field"),
    [
        pytest.param(None, "no_value", None, id="tombstone"),
        pytest.param(b"{", "not_json", None, id="no JSON"),
        pytest.param(
            event("created", TEXT, created_at=None), "missing_field", "created_at", id="field missing"
        ),
        pytest.param(event("mended", TEXT), "bad_field", "event", id="no such event"),
        pytest.param(event("created", " . "), "empty_text", "description", id="nothing to understand"),
        pytest.param(event("created", "x" * 400), "too_large", None, id="too large"),
    ],
)
def test_a_record_that_can_never_be_read(value: bytes | None, reason: str, field: str | None) -> None:
    given = record(value)
    result = intake(limits=Limits(max_bytes=300)).read(given)
    assert isinstance(result, Refused)
    assert (result.error.reason, result.error.field) == (reason, field)
    assert result.record is given


class Broken(frozenset[Kind]):
    """Kinds to mask that make our own code fail."""

    def __contains__(self, kind: object) -> bool:
        raise RecursionError


def test_a_record_that_our_own_code_fails_on_is_refused_without_its_words() -> None:
    sound = intake()
    failing = Intake(sound.limits, CleanPolicy(mask=Broken()), sound.table, sound.homes)
    result = failing.read(record(event("created", "Zaphod at https://example.org cannot log in")))
    assert isinstance(result, Refused)
    assert result.error.reason == "internal"
    assert "RecursionError" in result.error.detail
    assert "Zaphod" not in str(result.error)


def test_an_event_outside_its_home_is_moved_and_changes_nothing_here() -> None:
    reader = intake(partitions=2)
    reader.table.begin(1)
    value = event("created", TEXT, version=1)
    home = reader.homes.of("t-1")
    assert read(reader, value, partition=1 - home) == f"home {home}"
    assert read(reader, value, partition=home) == "created v1"


def test_a_record_that_cannot_be_read_dies_where_it_stands() -> None:
    reader = intake(partitions=2)
    assert [read(reader, b"{", partition=number) for number in (0, 1)] == ["not_json"] * 2


@pytest.mark.parametrize(
    ("headers", "trace"),
    [
        pytest.param([], None, id="none"),
        pytest.param([("traceparent", b"nonsense")], None, id="broken"),
        pytest.param(
            [("traceparent", b"00-" + b"a" * 32 + b"-" + b"b" * 16 + b"-01"), ("tracestate", b"x=1")],
            Trace(f"00-{'a' * 32}-{'b' * 16}-01", "x=1"),
            id="whole",
        ),
    ],
)
def test_the_trace_goes_with_what_is_accepted_and_what_is_refused(
    reader: Intake, headers: list[tuple[str, bytes | None]], trace: Trace | None
) -> None:
    assert accept(reader, event("created", TEXT, version=1), headers=headers).trace == trace
    refused = reader.read(record(b"{", headers=headers))
    assert isinstance(refused, Refused)
    assert refused.trace == trace
    assert isinstance(refused.error, Invalid)


def test_every_field_reaches_the_ticket(reader: Intake) -> None:
    value = event(
        "created",
        TEXT,
        title="Crash",
        version=1,
        attachments=[{"ocr_text": "error 500"}],
        device="iPhone 14 Pro",
        os="iOS 17.5",
        app_version="3.2",
        steps=["open it", "tap pay"],
        product="Nimbo",
        channel="web",
        language="en",
        customer_id="c-1",
        priority="high",
        updated_at=LATER,
        assigned_team="mobile",
        assigned_agent="Ford",
        resolution="reinstall",
        kb_article_id="kb-1",
    )
    found = accept(reader, value).ticket
    for part in (
        "Crash",
        TEXT,
        "error 500",
        "iPhone 14 Pro",
        "iOS 17.5",
        "3.2",
        "open it",
        "tap pay",
        "Nimbo",
    ):
        assert part in found.text
    assert (found.created_at_ms, found.updated_at_ms) == (NOW_MS, LATER_MS)
    assert (found.channel, found.language, found.customer_id, found.priority) == ("web", "en", "c-1", "high")
    assert (found.assigned_team, found.resolution, found.kb_article_id) == ("mobile", "reinstall", "kb-1")
    assert found.assigned_agent == "Ford"


def test_steps_may_be_one_text(reader: Intake) -> None:
    assert "open it" in accept(reader, event("created", TEXT, steps="open it")).ticket.text
