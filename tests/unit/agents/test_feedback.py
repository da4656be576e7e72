"""Feedback: how an act is read, which ticket event is one, and what is known of the ticket then."""

from dataclasses import replace
from typing import Any

import pytest

from agents.feedback import (
    Judged,
    Told,
    ToldOfCluster,
    act_of,
    after_event,
    implied_id,
    judge,
    read_act,
    said_after,
)
from agents.intake import Accepted, Intake, Misplaced, Refused, Skipped
from agents.tables import Known
from models.generation import Cluster
from models.learn.acts import Act, ActKind, Handling, Lesson, Said
from models.routing.decide import Decision, Outcome, Reason
from models.routing.masking.span import Kind
from models.routing.match import Candidate
from schemas.codec import Limits
from schemas.insight import InsightSource
from schemas.state import TicketStatus
from tests.fakes.path import NAMES, intake
from tests.fakes.records import NOW_MS, feedback, record, ticket

TEXT = "the app crashes"
PLACE = (0, "t-1")
SAID = Said("mobile", "c-1", "g-1", "d-1", "route", 0.95, 3, NOW_MS)
GIVEN = Handling("locks", NOW_MS, False, 0, NOW_MS, ("f-0",), ("f-0",))


def told(reader: Intake, value: bytes | None, **more: Any) -> Told | ToldOfCluster | Refused | Misplaced:
    return read_act(record(value, topic=NAMES.feedback, **more), reader)


CALM = frozenset[str]()


@pytest.fixture
def reader() -> Intake:
    made = intake()
    made.table.begin(1)
    return made


def accept(reader: Intake, kind: str, text: str = "", **more: Any) -> Accepted:
    result = reader.read(record(ticket("t-1", kind, text, **more)))
    assert isinstance(result, Accepted)
    return result


def known(reader: Intake, said: Said | None = SAID, **more: Any) -> Known:
    """An open ticket that was decided on, staged."""
    result = accept(reader, "created", TEXT, version=1, **more)
    found = reader.table.get(result.place)
    assert found is not None
    found = replace(found, said=said)
    reader.table.stage(result.place, found)
    return found


def decision(owner: str | None = "mobile", outcome: Outcome = Outcome.ROUTE) -> Decision:
    chosen = Candidate(Cluster("c-9", "problem", owner, 9), owner, 0.9, 0.8, 0.5) if owner else None
    return Decision(
        decision_id="d-9",
        ticket_id="t-1",
        version="v2",
        outcome=outcome,
        reason=Reason.CONFIDENT,
        owner=owner,
        sla=None,
        cluster=chosen,
        margin=0.1,
        nearest=0.9,
        scope=0.7,
        alternatives=(),
        explanation="So.",
        generation_id="g-9",
        revision=7,
    )


# -- reading


@pytest.mark.parametrize("kind", ActKind)
def test_an_act_on_a_ticket_is_read(reader: Intake, kind: ActKind) -> None:
    found = told(reader, feedback(kind.value, "locks"))
    assert isinstance(found, Told)
    assert found.act == Act("f-1", kind, "locks", NOW_MS)
    assert found.place == PLACE


@pytest.mark.parametrize("kind", ["bound", "merged", "split"])
def test_an_act_on_a_cluster_is_taken_where_it_stands(kind: str) -> None:
    reader = intake(partitions=4)
    value = feedback(kind, "locks", ticket_id=None, cluster_id="c-1", into_cluster_id="c-2")
    for partition in range(4):
        found = told(reader, value, partition=partition)
        assert isinstance(found, ToldOfCluster)
        assert (found.event.cluster_id, found.event.into_cluster_id) == ("c-1", "c-2")


def test_the_words_of_an_added_cluster_are_masked(reader: Intake) -> None:
    words = {"name": "lock offline", "description": "tell a.b@example.com that the lock is offline"}
    found = told(reader, feedback("added", "locks", ticket_id=None, cluster_id="c-1", **words))
    assert isinstance(found, ToldOfCluster)
    assert found.event.name == "lock offline"
    assert found.event.description is not None
    assert found.event.description.startswith("lock offline. tell [")
    assert "example.com" not in found.event.description


def test_an_added_cluster_that_nobody_can_understand_is_refused(reader: Intake) -> None:
    value = feedback("added", "locks", ticket_id=None, cluster_id="c-1", name="…", description="!!")
    found = told(reader, value)
    assert isinstance(found, Refused)
    assert found.error.reason == "empty_text"


def test_an_act_on_a_ticket_elsewhere_is_moved_to_its_home() -> None:
    reader = intake(partitions=2)
    home = reader.homes.of("t-1")
    strayed = record(feedback("assigned", "locks"), partition=1 - home, topic=NAMES.feedback)
    assert read_act(strayed, reader) == Misplaced(strayed, home)
    assert isinstance(told(reader, feedback("assigned", "locks"), partition=home), Told)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        pytest.param(None, "no_value", id="null"),
        pytest.param(b"{", "not_json", id="no JSON"),
        pytest.param(b"{}", "missing_field", id="nothing said"),
        pytest.param(feedback("invented"), "bad_field", id="no such kind"),
        pytest.param(feedback("assigned"), "bad_field", id="given to nobody"),
        pytest.param(feedback("bound", "locks"), "bad_field", id="no cluster"),
        pytest.param(feedback("assigned", "locks", at="yesterday"), "bad_field", id="no time"),
        pytest.param(feedback("resolved", resolution="x" * 400), "too_large", id="too large"),
        pytest.param(feedback("resolved", schema_version=2), "unknown_schema_version", id="later schema"),
    ],
)
def test_what_is_no_act_dies(value: bytes | None, reason: str) -> None:
    found = told(intake(limits=Limits(max_bytes=300)), value)
    assert isinstance(found, Refused)
    assert found.error.reason == reason


def test_what_solved_it_is_masked_and_what_was_masked_is_counted(reader: Intake) -> None:
    found = told(reader, feedback("resolved", resolution="called 13812345678 back", kb_article_id="kb-1"))
    assert isinstance(found, Told)
    assert (found.resolution, found.kb_article_id) == ("called [PHONE] back", "kb-1")
    assert found.masked == {Kind.PHONE: 1}


def test_a_defect_of_ours_costs_its_record_only_and_quotes_nothing(reader: Intake) -> None:
    class Broken(frozenset[Kind]):
        def __contains__(self, kind: object) -> bool:
            raise RecursionError

    failing = replace(reader, policy=replace(reader.policy, mask=Broken()))
    found = told(failing, feedback("resolved", resolution="Zaphod at https://example.org"))
    assert isinstance(found, Refused)
    assert found.error.reason == "internal"
    assert "Zaphod" not in str(found.error)


# -- judging


def judged(reader: Intake, value: bytes) -> Judged | Refused | Skipped:
    act = told(reader, value)
    assert isinstance(act, Told)
    return judge(act, reader.table, CALM)


def test_an_act_is_held_against_the_decision_and_staged(reader: Intake) -> None:
    before = known(reader)
    found = judged(reader, feedback("reassigned", "locks"))
    assert isinstance(found, Judged)
    assert (found.said, found.source) == (SAID, InsightSource.FEEDBACK)
    assert (found.effect.lesson, found.effect.is_first) == (Lesson.CORRECTED, True)
    assert found.ticket.assigned_team == "locks"
    assert reader.table.get(PLACE) == found.known
    assert (found.known.version, found.known.order) == (before.version, before.order)
    assert found.known.said == SAID


@pytest.mark.parametrize(
    ("values", "why"),
    [
        pytest.param([feedback("assigned", "locks")] * 2, "repeated", id="repeated"),
        pytest.param(
            [feedback("assigned", "locks"), feedback("assigned", "mobile", feedback_id="f-2", at=NOW_MS - 1)],
            "late",
            id="late",
        ),
    ],
)
def test_an_act_that_is_no_news_is_skipped(reader: Intake, values: list[bytes], why: str) -> None:
    known(reader)
    *_, last = values
    for value in values[:-1]:
        assert isinstance(judged(reader, value), Judged)
    before = reader.table.get(PLACE)
    assert judged(reader, last) == Skipped(why)
    assert reader.table.get(PLACE) == before


def test_an_act_on_a_ticket_that_nobody_knows_dies(reader: Intake) -> None:
    found = judged(reader, feedback("assigned", "locks"))
    assert isinstance(found, Refused)
    assert (found.error.reason, found.error.field) == ("unknown_ticket", "ticket_id")
    assert reader.table.get(PLACE) is None


def test_an_act_on_a_deleted_ticket_changes_nothing(reader: Intake) -> None:
    known(reader)
    accept(reader, "deleted", version=2)
    assert judged(reader, feedback("assigned", "locks")) == Skipped("no_news")


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("assigned", TicketStatus.OPEN),
        ("reassigned", TicketStatus.OPEN),
        ("labelled", TicketStatus.OPEN),
        ("escalated", TicketStatus.OPEN),
        ("resolved", TicketStatus.SOLVED),
    ],
)
def test_only_a_resolved_ticket_is_solved(reader: Intake, kind: str, status: TicketStatus) -> None:
    known(reader)
    found = judged(reader, feedback(kind, "locks", resolution="reinstall", kb_article_id="kb-1"))
    assert isinstance(found, Judged)
    solved = status is TicketStatus.SOLVED
    expected = (status, "reinstall" if solved else None, "kb-1" if solved else None)
    assert (found.ticket.status, found.ticket.resolution, found.ticket.kb_article_id) == expected


def test_a_closed_ticket_that_is_resolved_stays_closed_and_keeps_its_cure(reader: Intake) -> None:
    known(reader)
    accept(reader, "closed", version=2, resolution="reinstall", kb_article_id="kb-1")
    found = judged(reader, feedback("resolved"))
    assert isinstance(found, Judged)
    assert (found.ticket.status, found.ticket.resolution) == (TicketStatus.CLOSED, "reinstall")
    assert found.ticket.kb_article_id == "kb-1"


@pytest.mark.parametrize("contested", [True, False])
def test_a_confirmation_depends_on_whether_the_cluster_decided_is_contested(
    reader: Intake, contested: bool
) -> None:
    known(reader)
    act = told(reader, feedback("assigned", "mobile"))
    assert isinstance(act, Told)
    found = judge(act, reader.table, {"c-1"} if contested else {"c-2"})
    assert isinstance(found, Judged)
    assert found.effect.lesson == (Lesson.CONFIRMED if contested else None)


# -- ticket events that are acts


def known_by(said: Said | None = SAID, handling: Handling | None = None, **more: Any) -> Known:
    found = known(intake(), said)
    assert found.remembered is not None
    return replace(found, handling=handling, remembered=replace(found.remembered, **more))


def event(kind: str, **more: Any) -> Accepted:
    """An event of a ticket, as it is read where nothing is known."""
    return accept(intake(), kind, TEXT, version=2, **more)


NEVER = replace(SAID, decision_id=None)
PROPOSED = replace(SAID, outcome="propose")
IMPLIED = [
    pytest.param("updated", {"assigned_team": "locks"}, known_by(), "reassigned", id="taken from the routed"),
    pytest.param("updated", {"assigned_team": "mobile"}, known_by(), "assigned", id="given as routed"),
    pytest.param(
        "updated", {"assigned_team": "locks"}, known_by(PROPOSED), "assigned", id="given to another"
    ),
    pytest.param(
        "updated",
        {"assigned_team": "mobile"},
        known_by(handling=GIVEN, assigned_team="locks"),
        "reassigned",
        id="passed on",
    ),
    pytest.param("resolved", {}, known_by(), "resolved", id="solved"),
    pytest.param("closed", {"assigned_team": "locks"}, known_by(), "resolved", id="closed by another"),
    pytest.param(
        "closed",
        {"assigned_team": "locks"},
        known_by(status=TicketStatus.SOLVED, assigned_team="mobile"),
        "reassigned",
        id="closed after it was solved, under another name",
    ),
]
SILENT = [
    pytest.param("updated", {}, known_by(), id="names no team"),
    pytest.param("updated", {"assigned_team": "desk"}, known_by(assigned_team="desk"), id="names it again"),
    pytest.param("closed", {}, known_by(status=TicketStatus.SOLVED), id="closed after it was solved"),
    pytest.param("created", {"assigned_team": "locks"}, known_by(), id="created"),
    pytest.param("updated", {"assigned_team": "locks"}, known_by(NEVER), id="never decided on"),
    pytest.param("resolved", {"assigned_team": "locks"}, known_by(None), id="never matched"),
    pytest.param("deleted", {}, known_by(), id="deleted"),
]


@pytest.mark.parametrize(("kind", "says", "before", "act"), IMPLIED)
def test_an_event_that_is_an_act(kind: str, says: dict[str, Any], before: Known, act: str) -> None:
    done = event(kind, updated_at=NOW_MS + 5, **says)
    expected = Act(implied_id("t-1", "v2"), ActKind(act), says.get("assigned_team"), NOW_MS + 5)
    assert act_of(done, before) == expected


@pytest.mark.parametrize(("kind", "says", "before"), SILENT)
def test_an_event_that_is_none(kind: str, says: dict[str, Any], before: Known) -> None:
    assert act_of(event(kind, **says), before) is None


def test_the_id_of_an_implied_act_follows_from_ticket_and_version() -> None:
    assert implied_id("t-1", "v2") == implied_id("t-1", "v2")
    assert len({implied_id(*names) for names in (("t-1", "v2"), ("t-1", "v3"), ("t-2", "v2"))}) == 3
    assert implied_id("t-1", "v2").startswith("e-")


def test_an_event_that_is_an_act_gives_the_ticket_and_is_told() -> None:
    before = known_by()
    after, act = after_event(
        event("updated", assigned_team="locks"), before, decision("payments"), NOW_MS + 9, CALM
    )
    assert act is not None
    assert (act.source, act.said, act.effect.lesson) == (InsightSource.TICKET, SAID, Lesson.CORRECTED)
    assert act.known == after
    assert act.ticket.assigned_team == "locks"
    assert after.handling is not None
    assert (after.handling.first_owner, after.handling.first_right) == ("locks", False)
    # the event asked for a decision, which the next act is held against
    assert after.said == Said("payments", "c-9", "g-9", "d-9", "route", 0.8, 7, NOW_MS + 9)


@pytest.mark.parametrize(
    ("says", "team"),
    [
        pytest.param({}, "locks", id="it names nobody"),
        pytest.param({"assigned_team": "mobile", "updated_at": NOW_MS - 1}, "locks", id="it came late"),
        pytest.param({"assigned_team": "mobile", "updated_at": NOW_MS + 1}, "mobile", id="it is newer"),
    ],
)
@pytest.mark.parametrize("kind", ["updated", "resolved", "closed"])
def test_whom_people_gave_it_to_has_it_until_they_say_otherwise(
    kind: str, says: dict[str, Any], team: str
) -> None:
    before = known_by(handling=GIVEN, assigned_team="locks")
    after, _ = after_event(event(kind, **says), before, decision(), NOW_MS, CALM)
    assert after.remembered is not None
    assert after.remembered.assigned_team == team
    assert after.handling is not None
    assert after.handling.first_owner == "locks"


def test_a_team_is_noted_where_nothing_was_decided() -> None:
    after, act = after_event(
        event("resolved", assigned_team="locks"), known_by(NEVER), decision(), NOW_MS, CALM
    )
    assert act is None
    assert after.remembered is not None
    assert (after.remembered.assigned_team, after.handling) == ("locks", None)


def test_a_deleted_ticket_leaves_nothing_and_a_new_one_begins_anew() -> None:
    gone, act = after_event(event("deleted"), known_by(handling=GIVEN), decision(), NOW_MS, CALM)
    assert (gone.remembered, gone.said, gone.handling, act) == (None, None, None, None)
    back, act = after_event(event("created", assigned_team="locks"), gone, decision(), NOW_MS, CALM)
    assert (back.handling, act) == (None, None)


# -- what the last decision said

DECIDED = Said("mobile", "c-9", "g-9", "d-9", "route", 0.8, 7, NOW_MS)


@pytest.mark.parametrize(
    ("kind", "before", "expected"),
    [
        pytest.param("created", None, DECIDED, id="the first"),
        pytest.param("updated", known_by(), DECIDED, id="decided anew"),
        pytest.param("resolved", known_by(), SAID, id="solved: what was decided stays"),
        pytest.param("closed", known_by(), SAID, id="closed: it stays too"),
        pytest.param("resolved", None, Said("mobile", "c-9", "g-9"), id="solved and never decided on"),
        pytest.param("closed", known_by(NEVER), Said("mobile", "c-9", "g-9"), id="found anew, not decided"),
        pytest.param("deleted", known_by(), None, id="deleted"),
    ],
)
def test_what_was_said_last(kind: str, before: Known | None, expected: Said | None) -> None:
    assert said_after(event(kind), before, decision(), NOW_MS) == expected


def test_a_decision_for_triage_names_nobody() -> None:
    found = said_after(event("created"), None, decision(None, Outcome.TRIAGE), NOW_MS)
    assert found == Said(None, None, "g-9", "d-9", "triage", None, 7, NOW_MS)
