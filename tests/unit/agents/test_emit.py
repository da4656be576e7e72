"""Emit: every field of every record that a ticket event leads to."""

import base64
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from agents import emit
from agents.emit import Stamp
from agents.intake import Accepted, Misplaced, Refused, known_after
from agents.live import Solved
from agents.open_tickets import Original
from agents.state import vector_of
from agents.tables import Known, known_of
from agents.topics import TopicNames
from agents.wire import Output
from models.errors import Invalid
from models.generation import Cluster
from models.learn.acts import Handling, Said
from models.routing.clean import CleanTicket
from models.routing.decide import Decision as Decided
from models.routing.decide import Outcome, Reason, Sla
from models.routing.match import Candidate
from models.vote import settle
from schemas.codec import decode
from schemas.contract import epoch_ms_of
from schemas.dead_letter import DeadLetter, DeadReason
from schemas.decision import Alternative, ClusterMatch, Decision, OutcomeName, ReasonName, SimilarTicket
from schemas.headers import Trace
from schemas.state import TicketState, TicketStatus
from schemas.surge import Count
from schemas.ticket import TicketEventKind
from tests.fakes.generations import unit_rows
from tests.fakes.records import NOW_MS, Headers, record

TRACE = Trace(f"00-{'a' * 32}-{'b' * 16}-01", "x=1")
STAMP = Stamp(TopicNames(prefix="acme."), "worker-1", "hashing:1", NOW_MS + 500)
VECTOR = unit_rows(1, 16, 0)[0]
LAST_MS = 4_102_444_799_999  # of 2099
MINUTE_MS = 60_000


def candidate(number: int, owner: str | None = "billing") -> Candidate:
    """Of a cluster that people gave to another owner than the generation says."""
    cluster = Cluster(f"c-{number}", f"problem {number}", "before", 9)
    return Candidate(cluster, owner, 0.7512345678 - number / 10, 0.875 - number / 10, 0.5)


TICKET = CleanTicket(
    ticket_id="t-1",
    version="v7",
    event="created",
    created_at_ms=NOW_MS - 60_000,
    updated_at_ms=NOW_MS - 30_000,
    title="Refund",
    text="Refund. My card [CARD] was charged twice",
    masked={},
    product="Nimbo",
    channel="web",
    language="en",
    customer_id="c-1",
    priority="high",
    assigned_team="payments",
    assigned_agent="Ford",
    resolution="sent back",
    kb_article_id="kb-1",
)
ACCEPTED = Accepted(record(b"{}", partition=3), (3, "t-1"), TicketEventKind.CREATED, "v7", 7, TICKET, TRACE)
DECIDED = Decided(
    decision_id="d-1",
    ticket_id="t-1",
    version="v7",
    outcome=Outcome.ROUTE,
    reason=Reason.CONFIDENT,
    owner="billing",
    sla=Sla(90, TICKET.created_at_ms + 90 * MINUTE_MS),
    cluster=candidate(0),
    margin=0.1234567891,
    nearest=0.9,
    scope=0.8,
    alternatives=(candidate(1), candidate(2, owner=None)),
    explanation="Because.",
    generation_id="g-1",
    revision=4,
)
SAID = Said("billing", "c-0", "g-1", "d-1", "route", 0.875, 4, NOW_MS + 400)
HANDLED = Handling("locks", NOW_MS + 10, False, 1, NOW_MS + 20, ("f-1",), ("f-0",))
UNKNOWN = replace(
    DECIDED, outcome=Outcome.TRIAGE, reason=Reason.UNLIKE_HISTORY, owner=None, sla=None, cluster=None
)


def solved(number: int) -> tuple[Solved, float]:
    name = f"s-{number}"
    return Solved(
        name, f"title {number}", f"cure {number}", "locks", f"kb-{number}"
    ), 0.91234567 - number / 10


def of_kind(kind: TicketEventKind, **more: Any) -> Accepted:
    return replace(ACCEPTED, kind=kind, ticket=replace(TICKET, event=kind.value, **more))


def known(accepted: Accepted = ACCEPTED, said: Said | None = SAID, **more: Any) -> Known:
    return replace(known_after(accepted), said=said, **more)


def outputs(accepted: Accepted, decided: Decided = DECIDED, *, counts: bool = False) -> list[Output]:
    return list(emit.records_of(accepted, known(accepted), VECTOR, decided, [], STAMP, counts=counts))


def headers_of(output: Output) -> dict[str, bytes | None]:
    found = dict(output.headers)
    assert len(found) == len(output.headers)
    return found


def cloud_event(type: str, id: str, subject: str | None, at: str) -> dict[str, bytes]:
    headers = {
        "content-type": b"application/json",
        "ce_specversion": b"1.0",
        "ce_type": type.encode(),
        "ce_id": id.encode(),
        "ce_source": b"/sluice/routing",
        "ce_time": at.encode(),
        "traceparent": TRACE.traceparent.encode(),
        "tracestate": b"x=1",
    }
    return headers if subject is None else headers | {"ce_subject": subject.encode()}


# -- which records


@pytest.mark.parametrize(
    ("kind", "decided", "counts", "topics"),
    [
        pytest.param("created", DECIDED, True, ["routed", "state", "counts"], id="created"),
        pytest.param("created", UNKNOWN, False, ["routed", "state"], id="created, unlike the history"),
        pytest.param("updated", DECIDED, False, ["routed", "state"], id="updated: counted before"),
        pytest.param("updated", DECIDED, True, ["routed", "state", "counts"], id="updated: not counted yet"),
        pytest.param("resolved", DECIDED, False, ["state"], id="resolved"),
        pytest.param("closed", DECIDED, False, ["state"], id="closed"),
        pytest.param("deleted", DECIDED, False, ["state"], id="deleted"),
    ],
)
def test_what_follows_from_an_event_in_order(
    kind: str, decided: Decided, counts: bool, topics: list[str]
) -> None:
    found = [output.topic for output in outputs(of_kind(TicketEventKind(kind)), decided, counts=counts)]
    assert found == [f"acme.tickets.{name}" for name in topics]


def test_a_deleted_ticket_leaves_a_tombstone_in_its_own_partition() -> None:
    assert outputs(of_kind(TicketEventKind.DELETED)) == [
        Output("acme.tickets.state", b"t-1", None, [], partition=3)
    ]


# -- the decision


def decision(decided: Decided = DECIDED, near: list[tuple[Solved, float]] | None = None) -> Decision:
    return decode(Decision, emit.decision_record(ACCEPTED, decided, near or [], STAMP).value)


def test_who_is_proposed_for_what_nobody_owns_stands_beside_the_owner() -> None:
    found = decision(replace(DECIDED, owner=None, sla=None, proposed="billing"))
    assert (found.owner, found.proposed_owner) == (None, "billing")
    assert decision().proposed_owner is None


def test_every_field_of_a_decision() -> None:
    found = decision(near=[solved(1)])
    assert (found.decision_id, found.ticket_id, found.ticket_version) == ("d-1", "t-1", "v7")
    assert (found.outcome, found.reason) == (OutcomeName.ROUTE, ReasonName.CONFIDENT)
    assert found.owner == "billing"
    assert found.sla is not None
    assert (found.sla.minutes, epoch_ms_of(found.sla.due_at)) == (90, NOW_MS - 60_000 + 90 * MINUTE_MS)
    assert found.cluster == ClusterMatch(
        id="c-0", name="problem 0", similarity=0.751235, margin=0.123457, confidence=0.875
    )
    assert found.alternatives == [
        Alternative(id="c-1", name="problem 1", owner="billing", similarity=0.651235, confidence=0.775),
        Alternative(id="c-2", name="problem 2", owner=None, similarity=0.551235, confidence=0.675),
    ]
    assert found.similar == [
        SimilarTicket(
            ticket_id="s-1",
            title="title 1",
            resolution="cure 1",
            owner="locks",
            kb_article_id="kb-1",
            similarity=0.812346,
        )
    ]
    assert (found.explanation, found.generation_id, found.revision) == ("Because.", "g-1", 4)
    assert (found.encoder, epoch_ms_of(found.decided_at)) == ("hashing:1", NOW_MS + 500)
    assert (found.duplicate_of, found.duplicate_score, found.sentiment) == (None, None, None)


def test_a_decision_names_the_ticket_that_this_one_repeats() -> None:
    output = emit.decision_record(ACCEPTED, DECIDED, [], STAMP, original=Original("t-0", 0.93))
    found = decode(Decision, output.value)
    assert (found.duplicate_of, found.duplicate_score) == ("t-0", 0.93)


def test_a_decision_without_owner_promise_or_cluster() -> None:
    found = decision(UNKNOWN)
    assert (found.owner, found.sla, found.cluster) == (None, None, None)
    assert [alternative.id for alternative in found.alternatives] == ["c-1", "c-2"]


@pytest.mark.parametrize("outcome", list(Outcome))
@pytest.mark.parametrize("reason", list(Reason))
def test_every_outcome_and_reason_has_its_name_on_the_wire(outcome: Outcome, reason: Reason) -> None:
    found = decision(replace(DECIDED, outcome=outcome, reason=reason))
    assert (found.outcome.value, found.reason.value) == (outcome.value, reason.value)


@pytest.mark.parametrize(
    ("near", "shown"),
    [
        pytest.param([1, 2, 3, 4], ["s-1", "s-2", "s-3"], id="the three nearest"),
        pytest.param([1], ["s-1"], id="as many as there are"),
        pytest.param([0, 1, 2, 3], ["s-1", "s-2", "s-3"], id="never itself, and three all the same"),
        pytest.param([1, 0], ["s-1"], id="itself in any place"),
    ],
)
def test_similar_tickets(near: list[int], shown: list[str]) -> None:
    """Number 0 stands for the ticket's own solved past."""
    itself = replace(solved(0)[0], ticket_id="t-1"), 1.0
    found = decision(near=[solved(number) if number else itself for number in near])
    assert [similar.ticket_id for similar in found.similar] == shown


def test_key_and_headers_of_a_decision() -> None:
    output = emit.decision_record(ACCEPTED, DECIDED, [], STAMP)
    assert (output.topic, output.key, output.partition) == ("acme.tickets.routed", b"t-1", None)
    assert headers_of(output) == cloud_event("sluice.decision.v1", "d-1", "t-1", "2026-09-21T14:13:20.500Z")


def test_without_a_trace_there_are_no_trace_headers() -> None:
    for output in outputs(replace(ACCEPTED, trace=None)):
        assert not {"traceparent", "tracestate"} & headers_of(output).keys()


# -- the state


def state(held: Known) -> TicketState:
    return decode(TicketState, emit.state_record((3, "t-1"), held, VECTOR, STAMP, TRACE).value)


def test_every_field_of_a_state() -> None:
    found = state(known(handling=HANDLED))
    assert (found.ticket_id, found.version, found.order, found.status) == ("t-1", "v7", 7, TicketStatus.OPEN)
    assert (found.title, found.text) == (TICKET.title, TICKET.text)
    np.testing.assert_array_equal(vector_of(found.vector), settle(VECTOR[None, :])[0])
    assert (found.encoder, found.cluster_id, found.owner) == ("hashing:1", "c-0", "billing")
    assert (found.assigned_team, found.resolution, found.kb_article_id) == ("payments", "sent back", "kb-1")
    assert (found.customer_id, found.product) == ("c-1", "Nimbo")
    assert (found.generation_id, found.decision_id, found.revision) == ("g-1", "d-1", 4)
    assert (found.outcome, found.confidence) == (OutcomeName.ROUTE, 0.875)
    assert (found.first_owner, found.first_assignment_right, found.reassigned) == ("locks", False, 1)
    assert (found.feedback_ids, found.correction_ids) == (["f-1"], ["f-0"])
    times = (found.decided_at, found.first_assigned_at, found.feedback_at)
    assert [at and epoch_ms_of(at) for at in times] == [NOW_MS + 400, NOW_MS + 10, NOW_MS + 20]
    assert epoch_ms_of(found.created_at) == TICKET.created_at_ms
    assert epoch_ms_of(found.updated_at) == NOW_MS + 500


@pytest.mark.parametrize("handling", [None, HANDLED], ids=["untouched", "handled"])
@pytest.mark.parametrize("said", [SAID, Said(None, None, None), Said("a", "c", "g")], ids=repr)
def test_what_is_read_of_a_state_is_what_was_known(said: Said, handling: Handling | None) -> None:
    held = known(said=said, handling=handling, counted=handling is None)
    assert known_of(state(held)) == held


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("created", TicketStatus.OPEN),
        ("updated", TicketStatus.OPEN),
        ("resolved", TicketStatus.SOLVED),
        ("closed", TicketStatus.CLOSED),
    ],
)
def test_status_after_each_event(kind: str, status: TicketStatus) -> None:
    assert state(known(of_kind(TicketEventKind(kind)))).status == status


def test_a_state_without_decision_says_so() -> None:
    found = state(known(said=Said(None, None, "g-1")))
    assert (found.cluster_id, found.owner, found.decision_id) == (None, None, None)
    assert (found.outcome, found.confidence, found.decided_at) == (None, None, None)


def test_a_state_stands_in_the_partition_of_its_ticket() -> None:
    output = emit.state_record((3, "t-1"), known(), VECTOR, STAMP, TRACE)
    assert (output.topic, output.key, output.partition) == ("acme.tickets.state", b"t-1", 3)
    assert headers_of(output) == cloud_event("sluice.state.v1", "t-1/v7", "t-1", "2026-09-21T14:13:20.500Z")


# -- the count


def test_every_field_of_a_count() -> None:
    output = emit.count_record(ACCEPTED, "c-0", "g-1", STAMP)
    found = decode(Count, output.value)
    assert (found.ticket_id, found.cluster_id, found.generation_id) == ("t-1", "c-0", "g-1")
    assert (found.customer_id, found.product) == ("c-1", "Nimbo")
    assert epoch_ms_of(found.occurred_at) == TICKET.created_at_ms
    assert (output.topic, output.key, output.partition) == ("acme.tickets.counts", b"c-0", None)
    assert headers_of(output) == cloud_event("sluice.count.v1", "t-1", "c-0", "2026-09-21T14:12:20.000Z")


# -- times at the end of what can be written


@pytest.mark.parametrize("created_at_ms", [LAST_MS, LAST_MS + 1], ids=["last of 2099", "rounded up to 2100"])
def test_a_ticket_of_the_last_moment_can_be_written(created_at_ms: int) -> None:
    accepted = of_kind(TicketEventKind.CREATED, created_at_ms=created_at_ms)
    decided = replace(DECIDED, sla=Sla(90, created_at_ms + 90 * MINUTE_MS))
    routed, kept, counted = outputs(accepted, decided, counts=True)
    promise = decode(Decision, routed.value).sla
    assert promise is not None
    assert (promise.minutes, epoch_ms_of(promise.due_at)) == (90, LAST_MS)
    assert epoch_ms_of(decode(TicketState, kept.value).created_at) == LAST_MS
    assert epoch_ms_of(decode(Count, counted.value).occurred_at) == LAST_MS


# -- dead letters


def refused(reason: str = "bad_field", field: str | None = "priority", **more: Any) -> Refused:
    fields: dict[str, Any] = {"value": b"\xff{", "offset": 42, "partition": 5, "key": b"\x00k"} | more
    return Refused(record(**fields), Invalid(reason, field, "a text"), TRACE)


def letter(given: Refused) -> DeadLetter:
    return decode(DeadLetter, emit.dead_letter_record(given, STAMP).value)


def test_every_field_of_a_dead_letter() -> None:
    headers: Headers = [("b", b"\x01"), ("a", None), ("b", b"")]
    found = letter(refused(headers=headers))
    assert (found.reason, found.field, found.detail) == (DeadReason.BAD_FIELD, "priority", "a text")
    assert (found.source.topic, found.source.partition, found.source.offset) == ("tickets", 5, 42)
    assert found.source.timestamp is not None
    assert epoch_ms_of(found.source.timestamp) == NOW_MS
    assert base64.b64decode(found.original_key or "") == b"\x00k"
    assert base64.b64decode(found.original_value or "") == b"\xff{"
    assert found.original_headers == [("b", "AQ=="), ("a", None), ("b", "")]
    assert (epoch_ms_of(found.died_at), found.worker) == (NOW_MS + 500, "worker-1")


@pytest.mark.parametrize(
    ("key", "value"), [(None, None), (b"", b"")], ids=["neither key nor value", "both empty"]
)
def test_nothing_and_empty_are_told_apart(key: bytes | None, value: bytes | None) -> None:
    given = refused(key=key, value=value)
    found = letter(given)
    expected = None if key is None else ""
    assert (found.original_key, found.original_value) == (expected, expected)
    assert found.original_headers == []
    assert emit.dead_letter_record(given, STAMP).key == key


@pytest.mark.parametrize("reason", list(DeadReason))
def test_every_reason_can_be_told(reason: DeadReason) -> None:
    assert letter(refused(reason.value, None)).reason is reason


@pytest.mark.parametrize(
    ("timestamp_ms", "told"),
    [
        pytest.param(-1, False, id="none given"),
        pytest.param(0, False, id="1970"),
        pytest.param(1_790_000_000, False, id="seconds for milliseconds"),
        pytest.param(946_684_799_999, False, id="before 2000"),
        pytest.param(946_684_800_000, True, id="first of 2000"),
        pytest.param(LAST_MS, True, id="last of 2099"),
        pytest.param(LAST_MS + 1, False, id="2100"),
        pytest.param(NOW_MS * 1_000, False, id="microseconds for milliseconds"),
        pytest.param(2**63 - 1, False, id="all that fits"),
    ],
)
def test_a_time_that_cannot_be_written_is_left_out(timestamp_ms: int, told: bool) -> None:
    found = letter(refused(timestamp_ms=timestamp_ms)).source.timestamp
    assert (found is not None) == told
    assert found is None or epoch_ms_of(found) == timestamp_ms


def test_a_record_without_timestamp_dies_like_any_other() -> None:
    assert letter(refused(timestamp_ms=None)).source.timestamp is None


def test_topic_and_headers_of_a_dead_letter() -> None:
    output = emit.dead_letter_record(refused(), STAMP)
    assert (output.topic, output.key, output.partition) == ("acme.tickets.dead", b"\x00k", None)
    assert headers_of(output) == cloud_event(
        "sluice.dead-letter.v1", "tickets/5/42", None, "2026-09-21T14:13:20.500Z"
    )


# -- moved


@pytest.mark.parametrize("topic", ["acme.tickets", "acme.tickets.feedback"])
def test_a_record_is_moved_as_it_is_within_its_topic(topic: str) -> None:
    headers: Headers = [("traceparent", b"broken"), ("a", None)]
    given = record(b"value", partition=1, key=b"wrong", headers=headers, timestamp_ms=NOW_MS - 9, topic=topic)
    found = emit.moved_record(Misplaced(given, home=6))
    assert found == Output(topic, b"wrong", b"value", headers, 6, NOW_MS - 9)


def test_a_record_without_timestamp_is_moved_at_the_present_time() -> None:
    given = record(b"value", timestamp_ms=None)
    assert emit.moved_record(Misplaced(given, home=6)).timestamp_ms is None
