"""The report's figures, each worked out by hand on a few decisions."""

from collections.abc import Sequence

import orjson
import pytest

from app.demo.replay import Collected
from app.demo.report import Truth, first_owner, score
from schemas.contract import time_of
from schemas.dead_letter import DeadLetter
from schemas.decision import Decision

TRUTHS = {
    "a": Truth("mobile", "crash"),
    "b": Truth("mobile", "crash"),
    "c": Truth("payments", "refund"),
    "d": Truth("payments", "refund"),
    "e": Truth("locks", "offline"),
    "x": Truth(None),
    "y": Truth(None),
}


_REASONS = {"route": "confident", "propose": "ambiguous", "triage": "unlike_history"}


def decision(
    ticket_id: str, outcome: str, owner: str | None = None, proposed: Sequence[str | None] = ()
) -> Decision:
    return Decision.model_validate(
        {
            "decision_id": f"d-{ticket_id}",
            "ticket_id": ticket_id,
            "ticket_version": "v1",
            "outcome": outcome,
            "reason": _REASONS[outcome],
            "owner": owner,
            "sla": None,
            "cluster": None,
            "alternatives": [
                {"id": f"c-{n}", "name": "", "owner": name, "similarity": 0.5, "confidence": 0.1}
                for n, name in enumerate(proposed)
            ],
            "similar": [],
            "explanation": "",
            "generation_id": "g-1",
            "revision": 0,
            "encoder": "e",
            "decided_at": time_of(1_790_000_000_000),
        }
    )


def letter(reason: str) -> DeadLetter:
    return DeadLetter.model_validate(
        {
            "reason": reason,
            "field": None,
            "detail": "",
            "source": {"topic": "tickets", "partition": 0, "offset": 1, "timestamp": None},
            "original_key": None,
            "original_value": None,
            "original_headers": [],
            "worker": "w",
            "died_at": time_of(1_790_000_000_000),
        }
    )


def test_every_figure_by_hand() -> None:
    """Of five tickets with an owner, `e` has no decision; `b` is wrong; `c` is right by its first proposal."""
    collected = Collected(
        decisions=[
            decision("a", "route", owner="mobile"),
            decision("b", "route", owner="payments"),
            decision("c", "propose", proposed=["payments", "mobile"]),
            decision("d", "triage"),
            decision("x", "triage"),
            decision("y", "route", owner="locks"),
        ],
        dead_letters=[letter("not_json"), letter("empty_text"), letter("not_json")],
        latency_ms={"a": 10.0, "b": 20.0, "c": 30.0, "d": 40.0, "x": 50.0, "y": 160.0},
        seconds=1.26,
    )
    report = score(collected, TRUTHS, records_in=10)
    assert report == {
        "tickets_in": 10,
        "decisions": 6,
        "tickets_decided": 6,
        "dead_letters": 3,
        "accuracy": 0.4,  # a and c of a to e
        "triage_share": 0.3333,  # d and x of six
        "routed_share": 0.5,  # a, b and y of six
        "precision_routed": 0.3333,  # a of those three: off topic should not have been routed
        "off_topic_held_back": 0.5,  # x, not y
        "latency_ms": {"p50": 35.0, "p99": 154.5},  # 50 + 0.95 * (160 - 50)
        "outcomes": {"propose": 1, "route": 3, "triage": 2},
        "reasons": {"ambiguous": 1, "confident": 3, "unlike_history": 2},
        "dead_letter_reasons": {"empty_text": 1, "not_json": 2},
        "seconds": 1.3,
    }


def test_a_repeated_decision_is_counted_and_judged_once() -> None:
    collected = Collected([decision("a", "route", owner="mobile")] * 2 + [decision("c", "triage")])
    report = score(collected, {"a": Truth("mobile"), "c": Truth("payments")}, 2)
    assert (report["decisions"], report["tickets_decided"]) == (3, 2)
    assert (report["accuracy"], report["routed_share"], report["triage_share"]) == (0.5, 0.5, 0.5)
    assert report["outcomes"] == {"route": 1, "triage": 1}


def test_missing_decisions_count_as_wrong_and_off_topic_ones_not_at_all() -> None:
    report = score(Collected([decision("a", "route", owner="mobile")]), TRUTHS, 7)
    assert (report["accuracy"], report["precision_routed"]) == (0.2, 1.0)
    assert report["off_topic_held_back"] is None


def test_a_ticket_whose_truth_is_unknown_is_decided_but_not_judged() -> None:
    report = score(Collected([decision("z", "route", owner="mobile")]), {}, 1)
    assert (report["tickets_decided"], report["routed_share"]) == (1, 1.0)
    assert (report["accuracy"], report["precision_routed"], report["off_topic_held_back"]) == (
        None,
        None,
        None,
    )


def test_nothing_collected_is_said_in_json() -> None:
    report = score(Collected(), TRUTHS, 7)
    assert (report["accuracy"], report["triage_share"], report["routed_share"]) == (0.0, None, None)
    assert report["latency_ms"] == {"p50": None, "p99": None}
    assert orjson.loads(orjson.dumps(report)) == report


@pytest.mark.parametrize(
    ("made", "owner"),
    [
        pytest.param(decision("a", "route", owner="mobile", proposed=["locks"]), "mobile", id="named"),
        pytest.param(decision("a", "propose", proposed=["locks", "mobile"]), "locks", id="proposed-first"),
        pytest.param(decision("a", "propose", proposed=[None, "mobile"]), "mobile", id="first-with-an-owner"),
        pytest.param(decision("a", "propose", proposed=[None]), None, id="nobody-owns-it"),
        pytest.param(decision("a", "triage"), None, id="nothing-proposed"),
    ],
)
def test_the_first_owner(made: Decision, owner: str | None) -> None:
    assert first_owner(made) == owner
