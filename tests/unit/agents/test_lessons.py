"""Lessons: every field of every record that an act leads to."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from agents import lessons
from agents.emit import Stamp
from agents.feedback import Judged, ToldOfCluster
from agents.state import text_of
from agents.tables import Known, Remembered
from agents.topics import TopicNames
from agents.wire import Output
from models.learn.acts import UNTOUCHED, Act, ActKind, Said, take
from schemas.codec import decode
from schemas.contract import epoch_ms_of, time_of
from schemas.decision import OutcomeName
from schemas.feedback import Correction, CorrectionKind, Feedback, FeedbackKind
from schemas.headers import Trace
from schemas.insight import Insight, InsightSource, Lesson
from schemas.state import TicketState, TicketStatus
from tests.fakes.generations import unit_rows
from tests.fakes.records import NOW_MS, record

TRACE = Trace(f"00-{'a' * 32}-{'b' * 16}-01", "x=1")
STAMP = Stamp(TopicNames(prefix="acme."), "worker-1", "hashing:1", NOW_MS + 500)
VECTOR = unit_rows(1, 16, 0)[0]
CREATED_MS = NOW_MS - 60_000
SAID = Said("mobile", "c-1", "g-1", "d-1", "route", 0.875, 3, NOW_MS - 50_000)
TICKET = Remembered(
    "Crash", "My card [CARD] was charged", "c-9", "Nimbo", None, None, None, TicketStatus.OPEN, CREATED_MS
)


def judged(kind: str, owner: str | None, said: Said = SAID, *, contested: bool = False) -> Judged:
    act = Act("f-1", ActKind(kind), owner, NOW_MS)
    effect = take(act, said, UNTOUCHED, None, contested)
    known = Known("v7", 7, replace(TICKET, assigned_team=effect.team), said, effect.handling)
    return Judged((3, "t-1"), act, InsightSource.FEEDBACK, said, effect, known, TRACE)


def outputs(act: Judged) -> list[Output]:
    return list(lessons.records_of_act(act, VECTOR, STAMP))


def insight(act: Judged) -> Insight:
    return decode(Insight, lessons.insight_record(act, STAMP).value)


def topics(found: list[Output]) -> list[str]:
    return [output.topic.removeprefix("acme.tickets.") for output in found]


@pytest.mark.parametrize(
    ("act", "expected"),
    [
        pytest.param(judged("reassigned", "locks"), ["state", "insights", "corrections"], id="corrected"),
        pytest.param(judged("assigned", "mobile"), ["state", "insights"], id="right"),
        pytest.param(
            judged("assigned", "mobile", contested=True),
            ["state", "insights", "corrections"],
            id="right, in a contested cluster",
        ),
        pytest.param(judged("escalated", "oncall"), ["state", "insights"], id="escalated"),
    ],
)
def test_what_follows_from_an_act_in_order(act: Judged, expected: list[str]) -> None:
    assert topics(outputs(act)) == expected
    assert topics(list(lessons.records_of_lesson(act, VECTOR, STAMP))) == expected[1:]


def test_the_state_that_an_act_leaves() -> None:
    state = decode(TicketState, outputs(judged("reassigned", "locks"))[0].value)
    assert (state.assigned_team, state.owner, state.version) == ("locks", "mobile", "v7")
    assert (state.first_owner, state.first_assignment_right) == ("locks", False)
    assert (state.feedback_ids, state.correction_ids) == (["f-1"], ["f-1"])
    assert state.vector == text_of(VECTOR)


def test_every_field_of_an_insight() -> None:
    found = insight(judged("reassigned", "locks"))
    assert (found.feedback_id, found.ticket_id) == ("f-1", "t-1")
    assert (found.kind, found.source) == (FeedbackKind.REASSIGNED, InsightSource.FEEDBACK)
    assert (found.decision_id, found.outcome, found.confidence) == ("d-1", OutcomeName.ROUTE, 0.875)
    assert (found.cluster_id, found.decided_owner, found.owner) == ("c-1", "mobile", "locks")
    assert found.lesson is Lesson.CORRECTED
    assert (found.is_first_assignment, found.first_assignment_right) == (True, False)
    assert (found.is_reassignment, found.reassigned) == (True, 1)
    assert (found.seconds_to_assign, found.seconds_to_resolve) == (10.0, None)
    assert (found.generation_id, found.revision) == ("g-1", 3)
    assert epoch_ms_of(found.at) == NOW_MS


def test_an_insight_of_a_ticket_that_was_solved_says_how_long_it_took() -> None:
    found = insight(judged("resolved", None))
    assert (found.owner, found.first_assignment_right, found.seconds_to_resolve) == ("mobile", True, 60.0)


@pytest.mark.parametrize(
    ("said", "right"),
    [
        pytest.param(replace(SAID, owner=None, outcome="triage"), None, id="the decision named nobody"),
        pytest.param(Said("mobile", "c-1", "g-1"), None, id="never decided on"),
        pytest.param(replace(SAID, outcome=None), False, id="decided before outcomes were kept"),
    ],
)
def test_an_insight_says_what_it_can(said: Said, right: bool | None) -> None:
    found = insight(judged("assigned", "locks", said))
    assert (found.decision_id, found.first_assignment_right) == (said.decision_id, right)
    assert found.seconds_to_assign == 60.0


def correction(act: Judged) -> Correction:
    *_, output = outputs(act)
    return decode(Correction, output.value)


def test_every_field_of_a_correction() -> None:
    found = correction(judged("reassigned", "locks"))
    assert (found.feedback_id, found.kind) == ("f-1", CorrectionKind.CORRECTED)
    assert (found.ticket_id, found.cluster_id, found.into_cluster_id) == ("t-1", "c-1", None)
    assert (found.decided_owner, found.owner, found.generation_id) == ("mobile", "locks", "g-1")
    assert (found.text, found.vector, found.encoder) == (TICKET.text, text_of(VECTOR), "hashing:1")
    assert epoch_ms_of(found.at) == NOW_MS


def test_a_confirmation_brings_no_text() -> None:
    found = correction(judged("resolved", None, contested=True))
    assert (found.kind, found.owner, found.decided_owner) == (CorrectionKind.CONFIRMED, "mobile", "mobile")
    assert (found.text, found.vector, found.encoder) == (None, None, None)


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("bound", {"owner": "locks"}),
        ("merged", {"into_cluster_id": "c-2"}),
        ("split", {}),
        ("split", {"examples": [["t-1"], ["t-2", "t-3"]]}),
        ("renamed", {"name": "Lost cards"}),
        ("pinned", {}),
        ("unpinned", {}),
        ("acknowledged", {"until": time_of(NOW_MS + 60_000)}),
        ("silenced", {"until": time_of(NOW_MS + 60_000)}),
        ("unsilenced", {}),
    ],
)
def test_an_act_on_a_cluster_is_written_through(kind: str, more: dict[str, Any]) -> None:
    act = Feedback.model_validate(
        {"feedback_id": "f-1", "kind": kind, "cluster_id": "c-1", "at": time_of(NOW_MS), **more}
    )
    output = lessons.cluster_record(ToldOfCluster(record(b""), act, TRACE), None, "g-2", STAMP)
    found = decode(Correction, output.value)
    assert (found.kind.value, found.cluster_id, found.generation_id) == (kind, "c-1", "g-2")
    assert (found.owner, found.into_cluster_id) == (more.get("owner"), more.get("into_cluster_id"))
    assert (found.name, found.examples) == (more.get("name"), more.get("examples"))
    assert found.until == more.get("until")
    assert (found.ticket_id, found.text, found.vector) == (None, None, None)
    assert (output.key, dict(output.headers)["ce_subject"]) == (b"f-1", b"c-1")


@pytest.mark.parametrize(
    ("at", "until"),
    [
        ("2026-03-02T09:30:00Z", "2026-03-02T13:30:00Z"),
        ("2099-12-31T23:30:00Z", "2099-12-31T23:59:59.999Z"),  # there is no later time that could be written
    ],
    ids=["four hours", "at the end of time"],
)
def test_an_acknowledgement_ends_by_itself(at: str, until: str) -> None:
    act = Feedback.model_validate(
        {"feedback_id": "f-1", "kind": "acknowledged", "cluster_id": "c-1", "at": at}
    )
    output = lessons.cluster_record(ToldOfCluster(record(b""), act, TRACE), None, "g-2", STAMP)
    assert decode(Correction, output.value).until == datetime.fromisoformat(until)


def test_keys_partitions_and_headers() -> None:
    state, told, learnt = outputs(judged("reassigned", "locks"))
    assert [(o.key, o.partition) for o in (state, told, learnt)] == [
        (b"t-1", 3),
        (b"t-1", None),
        (b"f-1", None),
    ]
    for output, kind in ((told, b"sluice.insight.v1"), (learnt, b"sluice.correction.v1")):
        headers = dict(output.headers)
        assert (headers["ce_type"], headers["ce_id"], headers["ce_subject"]) == (kind, b"f-1", b"t-1")
        assert headers["traceparent"] == TRACE.traceparent.encode()


def test_a_deleted_ticket_takes_back_whatever_it_taught() -> None:
    handling = replace(UNTOUCHED, correction_ids=("f-1", "f-2"))
    assert list(lessons.forgotten(handling, STAMP)) == [
        Output("acme.tickets.corrections", key, None, []) for key in (b"f-1", b"f-2")
    ]
    assert list(lessons.forgotten(None, STAMP)) == []
