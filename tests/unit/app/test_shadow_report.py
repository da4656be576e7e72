"""The report on a candidate: totals from the records, and who was right by what people did since."""

from collections.abc import Sequence
from typing import Any

import pytest

from app.cli import shadow as command
from app.shadow.report import Ledger
from schemas.codec import encode
from schemas.contract import time_of
from schemas.decision import OutcomeName
from schemas.examples import EXAMPLES
from schemas.feedback import FeedbackKind
from schemas.insight import Insight
from schemas.shadow import ShadowDifference, ShadowTally, Verdict
from tests.fakes.records import NOW_MS, record

Said = tuple[str, str | None]
"""An outcome and an owner."""


def difference(ticket_id: str, live: Said, shadow: Said, **more: object) -> ShadowDifference:
    fields: dict[str, object] = {
        "decision_id": f"d-{ticket_id}",
        "ticket_id": ticket_id,
        "ticket_version": "v1",
        "generation_id": "g-live",
        "shadow_generation_id": "g-new",
        "shadow_route_at": None,
        "revision": 0,
        "live": Verdict(outcome=OutcomeName(live[0]), owner=live[1], cluster_id="c-1", confidence=0.5),
        "shadow": Verdict(outcome=OutcomeName(shadow[0]), owner=shadow[1], cluster_id="c-2", confidence=0.5),
        "decided_at": time_of(NOW_MS),
    }
    return ShadowDifference.model_validate(fields | more)


def tally(decisions: int, differing: int, **more: object) -> ShadowTally:
    fields: dict[str, object] = {
        "generation_id": "g-live",
        "shadow_generation_id": "g-new",
        "shadow_route_at": None,
        "decisions": decisions,
        "differing": differing,
        "decided_at": time_of(NOW_MS),
    }
    return ShadowTally.model_validate(fields | more)


def insight(ticket_id: str, owner: str | None, kind: FeedbackKind = FeedbackKind.REASSIGNED) -> Insight:
    example = EXAMPLES[Insight]
    assert isinstance(example, Insight)
    return example.model_copy(update={"ticket_id": ticket_id, "owner": owner, "kind": kind})


def ledger(told: Sequence[ShadowDifference | ShadowTally], insights: Sequence[Insight] = ()) -> Ledger:
    found = Ledger()
    for event in told:
        key = event.ticket_id.encode() if isinstance(event, ShadowDifference) else None
        found.on_shadow(record(encode(event), key=key, topic="tickets.shadow"))
    for act in insights:
        found.on_insight(record(encode(act), key=act.ticket_id.encode(), topic="tickets.insights"))
    return found


def only(found: Ledger) -> dict[str, Any]:
    (figures,) = found.report()
    return figures


ROUTED, PROPOSED = ("route", "billing"), ("propose", "billing")
DIFFERENCES = [
    difference("t-1", ROUTED, ("route", "access")),
    difference("t-2", ROUTED, ("propose", "access")),
    difference("t-3", ROUTED, PROPOSED),
    difference("t-4", PROPOSED, ROUTED),
    difference("t-5", ROUTED, ("triage", None)),
    difference("t-6", ("triage", None), ("route", "access")),
    difference("t-7", ROUTED, ROUTED),  # another problem of the same owner
    difference("t-8", ("escalate", "billing"), ("escalate", "access")),
]
TALLIES = [tally(40, 5), tally(60, 3, decided_at=time_of(NOW_MS + 60_000)), tally(20, 0)]


def test_of_how_many_decisions_how_many_would_have_gone_elsewhere() -> None:
    figures = only(ledger([*DIFFERENCES, *TALLIES]))
    assert (figures["generation"], figures["candidate"], figures["route_at"]) == ("g-live", "g-new", None)
    assert (figures["decisions"], figures["differing"], figures["forgotten"]) == (120, 8, 0)
    assert figures["elsewhere"] == 7
    assert figures["to_another_owner"] == 3
    assert figures["automatic_to_person"] == 3
    assert figures["person_to_automatic"] == 2
    assert figures["to_another_cluster_only"] == 1
    assert (figures["from"], figures["to"]) == ("2026-09-21T14:13:20.000Z", "2026-09-21T14:14:20.000Z")


def test_by_which_owner_and_outcome() -> None:
    figures = only(ledger([*DIFFERENCES, *TALLIES]))
    owners = {(pair["in_force"], pair["candidate"]): pair["decisions"] for pair in figures["by_owner"]}
    assert owners == {("billing", "access"): 3, ("billing", None): 1, (None, "access"): 1}
    assert figures["by_owner"][0]["decisions"] == 3
    outcomes = {(pair["in_force"], pair["candidate"]): pair["decisions"] for pair in figures["by_outcome"]}
    assert outcomes == {
        ("route", "propose"): 2,
        ("propose", "route"): 1,
        ("route", "triage"): 1,
        ("triage", "route"): 1,
    }


def test_who_was_right_by_what_people_did_since() -> None:
    insights = [
        insight("t-1", "access"),
        insight("t-2", "billing"),
        insight("t-2", "access"),  # the last one counts
        insight("t-3", "billing"),
        insight("t-4", "else"),
        insight("t-5", "billing"),
        insight("t-6", "access"),
        insight("t-8", "access", FeedbackKind.ESCALATED),  # whom somebody called
        insight("t-99", "access"),  # nothing differed there
        insight("t-7", None),
    ]
    handled = only(ledger([*DIFFERENCES, *TALLIES], insights))["handled"]
    assert handled == {
        "tickets": 6,
        "both_right": 1,
        "neither_right": 1,
        "only_in_force_right": 1,
        "only_candidate_right": 3,
        "p_value": pytest.approx(0.625),
        "newly_automatic": {"tickets": 2, "right": 1},
        "no_longer_automatic": {"tickets": 3, "right": 2},
    }


def test_a_ticket_is_judged_once_by_its_last_difference() -> None:
    again = difference("t-1", ROUTED, ("route", "locks"), ticket_version="v2")
    figures = only(ledger([DIFFERENCES[0], again, tally(2, 2)], [insight("t-1", "locks")]))
    assert figures["to_another_owner"] == 2
    assert (figures["handled"]["tickets"], figures["handled"]["only_candidate_right"]) == (1, 1)


def test_each_candidate_and_threshold_by_itself_the_latest_last() -> None:
    later = {"decided_at": time_of(NOW_MS + 1)}
    found = ledger(
        [
            tally(3, 0, shadow_generation_id="g-live", shadow_route_at=0.9, **later),
            tally(5, 1),
            difference("t-1", ROUTED, ("route", "access")),
            tally(7, 0, generation_id="g-old"),
        ]
    ).report()
    pairs = [(one["generation"], one["candidate"], one["route_at"], one["decisions"]) for one in found]
    assert pairs == [("g-live", "g-new", None, 5), ("g-old", "g-new", None, 7), ("g-live", "g-live", 0.9, 3)]


def test_what_the_topic_has_forgotten_is_said() -> None:
    assert only(ledger([tally(10, 4), DIFFERENCES[0]]))["forgotten"] == 3
    assert ledger([DIFFERENCES[0]]).report() == []  # of how many is not known any more


def test_the_report_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    insights = [insight("t-1", "access"), insight("t-4", "billing"), insight("t-3", "billing")]
    command._print(only(ledger([*DIFFERENCES, *TALLIES], insights)))
    said = " ".join(capsys.readouterr().out.split())
    assert "g-new beside g-live, 2026-09-21T14:13:20.000Z to 2026-09-21T14:14:20.000Z" in said
    assert "of 120 decisions, 7 would have gone elsewhere: 3 to another owner" in said
    assert (
        "the candidate alone was right on 1, the one in force alone on 0 (exact McNemar test: p = 1)" in said
    )
    assert "newly automatic: 1, 1 of them with the right owner" in said


def test_the_report_before_anybody_has_acted(capsys: pytest.CaptureFixture[str]) -> None:
    command._print(only(ledger([tally(10, 0)])))
    said = capsys.readouterr().out
    assert "of 10 decisions, 0 would have gone elsewhere" in said
    assert "nobody has handled" in said
