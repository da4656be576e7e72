"""Decide: every outcome and reason, what is promised, what is said."""

import re
from dataclasses import replace

import numpy as np
import pytest

from models.generation import Cluster, Generation, Owner
from models.routing.decide import DecidePolicy, Decision, Facts, Outcome, Reason, decide, decision_id
from models.routing.escalate import Action, EscalatePolicy, Rule
from models.routing.match import Candidate, Match
from models.routing.sentiment import Band, Sentiment
from tests.fakes.generations import generation

_GENERATION = generation(
    ["billing", "access", None], np.eye(3, dtype=np.float32), [], scope=0.5, route_at=0.8
)
_STRICTER = replace(
    _GENERATION, thresholds=replace(_GENERATION.thresholds, owners=(("access", 0.97), ("billing", 0.95)))
)
_PROMISING = replace(_GENERATION, owners=(Owner("access", 240), Owner("billing", 60)))
_FACTS = Facts("T-1", "v1", None, 1_700_000_000_000)


def _match(
    owner: str | None = "billing",
    confidence: float = 0.9,
    scope: float = 0.7,
    nearest: float = 0.6,
    others: int = 1,
    taught: bool = False,
) -> Match:
    """The first candidate's cluster was "before"'s in the generation; people gave it to `owner`."""
    chosen = Candidate(Cluster("c-0", "refund · card", "before", 9), owner, 0.75, confidence, 1.0)
    rest = [
        Candidate(Cluster(f"c-{n}", f"login {n}", "access", 9), "access", 0.4, 1 - confidence, 0.0)
        for n in range(1, others + 1)
    ]
    return Match((chosen, *rest), nearest, 0.35, scope, taught)


def _proposing(owner: str | None, scope: float = 0.7) -> Match:
    """The cluster is nobody's in the generation, which proposes "access"; people gave it to `owner`."""
    found = _match(owner, scope=scope)
    chosen = found.candidates[0]
    cluster = replace(chosen.cluster, owner=None, proposed="access")
    return replace(found, candidates=(replace(chosen, cluster=cluster), *found.candidates[1:]))


def _calling(priority: str) -> EscalatePolicy:
    return EscalatePolicy(rules=(Rule(Action.PERSON, priorities=frozenset({priority})),))


def _decide(
    match: Match,
    facts: Facts = _FACTS,
    policy: DecidePolicy | None = None,
    made: Generation = _GENERATION,
) -> Decision:
    return decide(match, made, facts, policy or DecidePolicy(), generation_id="g-1", revision=2)


@pytest.mark.parametrize(
    ("match", "priority", "policy", "outcome", "reason", "owner"),
    [
        pytest.param(_match(), None, {}, "route", "confident", "billing", id="clear"),
        pytest.param(
            _match(confidence=0.8), None, {}, "route", "confident", "billing", id="at the threshold"
        ),
        pytest.param(_match(confidence=0.799), None, {}, "propose", "ambiguous", "billing", id="under it"),
        pytest.param(_match(scope=0.5), None, {}, "route", "confident", "billing", id="like the history"),
        pytest.param(_match(scope=0.49), None, {}, "triage", "unlike_history", None, id="unlike it"),
        pytest.param(
            _match(scope=0.49, taught=True),
            None,
            {},
            "route",
            "confident",
            "billing",
            id="unlike it, like what people corrected",
        ),
        pytest.param(_match(nearest=-1.0), None, {}, "route", "confident", "billing", id="no cosine asked"),
        pytest.param(_match(owner=None), None, {}, "triage", "no_owner", None, id="nobody's"),
        pytest.param(_match(), "low", {}, "route", "confident", "billing", id="calm"),
        pytest.param(_match(), " URGENT ", {}, "escalate", "priority", "billing", id="urgent"),
        pytest.param(_match(), "紧急", {}, "escalate", "priority", "billing", id="urgent in Chinese"),
        pytest.param(_match(scope=0.1), "p0", {}, "escalate", "priority", None, id="urgent and unknown"),
        pytest.param(
            _match(owner=None), "critical", {}, "escalate", "priority", None, id="urgent and nobody's"
        ),
        pytest.param(
            _match(),
            "VIP",
            {"escalate": _calling("Vip")},
            "escalate",
            "priority",
            "billing",
            id="own word for urgent",
        ),
        pytest.param(
            _match(nearest=0.64), None, {"floor": 0.65}, "triage", "unlike_history", None, id="fixed floor"
        ),
        pytest.param(
            _match(nearest=0.65, scope=0.1),
            None,
            {"floor": 0.65},
            "route",
            "confident",
            "billing",
            id="a fixed floor in place of the test of likeness",
        ),
        pytest.param(
            _match(), None, {"route_at": 0.95}, "propose", "ambiguous", "billing", id="fixed confidence"
        ),
    ],
)
def test_outcome_reason_and_owner(
    match: Match, priority: str | None, policy: dict[str, float], outcome: str, reason: str, owner: str | None
) -> None:
    given = _decide(match, replace(_FACTS, priority=priority), DecidePolicy(**policy))  # type: ignore[arg-type]
    assert (given.outcome, given.reason, given.owner) == (Outcome(outcome), Reason(reason), owner)


@pytest.mark.parametrize(
    ("owner", "confidence", "policy", "outcome"),
    [
        pytest.param("billing", 0.949, {}, "propose", id="under its own"),
        pytest.param("billing", 0.95, {}, "route", id="at its own"),
        pytest.param("access", 0.95, {}, "propose", id="another's is another's"),
        pytest.param("locks", 0.8, {}, "route", id="one without is held to the common one"),
        pytest.param("billing", 0.7, {"route_at": 0.7}, "route", id="a fixed one holds for all"),
    ],
)
def test_an_owner_may_ask_for_more(
    owner: str, confidence: float, policy: dict[str, float], outcome: str
) -> None:
    given = _decide(_match(owner, confidence), policy=DecidePolicy(**policy), made=_STRICTER)  # type: ignore[arg-type]
    assert (given.outcome, given.owner) == (Outcome(outcome), owner)


def test_all_that_was_measured_is_said() -> None:
    given = _decide(_match())
    assert (given.margin, given.nearest, given.scope) == (0.35, 0.6, 0.7)
    assert (given.generation_id, given.revision) == ("g-1", 2)


_UPSET = Sentiment(0.8, Band.UPSET)
_RULES = EscalatePolicy(
    rules=(
        Rule(Action.RAISE, sentiment_at=0.5, to="high"),
        Rule(Action.SENIOR, sentiment_at=0.5),
        Rule(Action.PERSON, sentiment_at=0.9),
    ),
    seniors={"billing": "access", "access": "elders"},
)


@pytest.mark.parametrize(
    ("match", "score", "outcome", "reason", "owner", "senior", "minutes"),
    [
        pytest.param(_match(), 0.4, "route", "confident", "billing", None, 60, id="calm"),
        pytest.param(
            _match(), 0.8, "route", "confident", "billing", "access", 240, id="to a senior, by his promise"
        ),
        pytest.param(
            _match("access"), 0.8, "route", "confident", "access", "elders", 240, id="who has made no promise"
        ),
        pytest.param(
            _match(confidence=0.5),
            0.8,
            "propose",
            "ambiguous",
            "billing",
            "access",
            240,
            id="to be confirmed",
        ),
        pytest.param(_match(owner=None), 0.8, "triage", "no_owner", None, None, None, id="nobody's"),
        pytest.param(
            _match(), 0.95, "escalate", "negative_sentiment", "billing", "access", 240, id="to a person"
        ),
        pytest.param(
            _match(scope=0.1),
            0.95,
            "escalate",
            "negative_sentiment",
            None,
            None,
            None,
            id="unknown to a person",
        ),
    ],
)
def test_what_becomes_of_a_ticket_that_sounds_upset(
    match: Match,
    score: float,
    outcome: str,
    reason: str,
    owner: str | None,
    senior: str | None,
    minutes: int | None,
) -> None:
    sounds = Sentiment(score, Band.UPSET)
    given = _decide(match, replace(_FACTS, sentiment=sounds), DecidePolicy(_RULES), made=_PROMISING)
    assert (given.outcome, given.reason) == (Outcome(outcome), Reason(reason))
    assert (given.owner, given.senior, given.sentiment) == (owner, senior, sounds)
    assert (None if given.sla is None else given.sla.minutes) == minutes
    assert (
        (given.priority is not None)
        == (Action.RAISE in {step.action for step in given.steps})
        == (score > 0.5)
    )


def test_the_rules_are_said_before_the_match() -> None:
    given = _decide(_match(), replace(_FACTS, sentiment=_UPSET), DecidePolicy(_RULES))
    assert given.explanation.startswith(
        "Its priority is raised to high: it sounds upset (0.8, and 0.5 is enough); access takes it for billing: it"
        " sounds upset (0.8, and 0.5 is enough); nearest to “refund · card” (billing), right"
    )


def test_without_rules_a_sentiment_is_told_and_changes_nothing() -> None:
    heard = _decide(_match(), replace(_FACTS, sentiment=Sentiment(1.0, Band.VERY_UPSET)))
    assert replace(heard, sentiment=None) == _decide(_match())


def test_an_owner_that_only_people_named_has_made_no_promise() -> None:
    assert _decide(_match(owner="locks")).sla is None


def test_the_promise_counts_from_creation() -> None:
    sla = _decide(_match()).sla
    assert sla is not None
    assert (sla.minutes, sla.due_at_ms) == (60, 1_700_000_000_000 + 60 * 60_000)


@pytest.mark.parametrize("match", [_match(owner=None), _match(scope=0.1)], ids=["no owner", "unlike history"])
def test_nobody_promises_for_a_ticket_without_owner(match: Match) -> None:
    assert _decide(match).sla is None


def test_alternatives_leave_the_choice_out_and_keep_order() -> None:
    given = _decide(_match(others=5))
    assert given.cluster is not None
    assert given.cluster.cluster.id == "c-0"
    assert [a.cluster.id for a in given.alternatives] == ["c-1", "c-2", "c-3", "c-4", "c-5"]


def test_what_is_unlike_the_history_lists_its_best_guess_first() -> None:
    given = _decide(_match(scope=0.1, others=5))
    assert given.cluster is None
    assert [a.cluster.id for a in given.alternatives] == ["c-0", "c-1", "c-2", "c-3", "c-4"]


@pytest.mark.parametrize(
    ("match", "policy", "said"),
    [
        pytest.param(
            _match(),
            {},
            "Nearest to “refund · card” (billing), right with a confidence of 90.0%, then “login 1” (access) with"
            " 10.0% of the evidence; 80.0% is needed to route without a person.",
            id="clear",
        ),
        pytest.param(
            _match(taught=True, scope=0.1, others=0),
            {},
            "Nearest to “refund · card” (billing), right with a confidence of 90.0%, after a ticket like it that"
            " people assigned; 80.0% is needed to route without a person.",
            id="corrected",
        ),
        pytest.param(
            _match(owner="access"),
            {},
            "Nearest to “refund · card” (access), right with a confidence of 90.0%; 80.0% is needed to route"
            " without a person.",
            id="no other owner",
        ),
        pytest.param(
            _match(scope=0.31),
            {},
            "Unlike the history: it scores 0.31 and 0.50 is needed to count as known; the most similar past"
            " ticket reaches 0.60.",
            id="unlike",
        ),
        pytest.param(
            _match(),
            {"floor": 0.65},
            "The most similar past ticket reaches 0.60, and 0.65 is needed to count as known.",
            id="under a fixed floor",
        ),
        pytest.param(
            _match(),
            {"route_at": 0.955},
            "Nearest to “refund · card” (billing), right with a confidence of 90.0%, then “login 1” (access) with"
            " 10.0% of the evidence; 95.5% is needed to route without a person.",
            id="a fixed confidence",
        ),
        pytest.param(
            _match(owner=None, confidence=1.0),
            {},
            "Nearest to “refund · card” (no owner yet), right with a confidence of 100.0%; nobody is bound to this"
            " cluster.",
            id="nobody's",
        ),
        pytest.param(
            _match(scope=0.31),
            {"escalate": _calling("high")},
            "A person is called at once: its priority asks for it; unlike the history: it scores 0.31 and 0.50 is"
            " needed to count as known; the most similar past ticket reaches 0.60.",
            id="urgent",
        ),
    ],
)
def test_the_explanation_is_one_sentence_of_facts(match: Match, policy: dict[str, float], said: str) -> None:
    given = _decide(match, replace(_FACTS, priority="high"), DecidePolicy(**policy))  # type: ignore[arg-type]
    assert given.explanation == said


def test_a_generation_that_never_routes_says_so() -> None:
    never = replace(_GENERATION, thresholds=replace(_GENERATION.thresholds, route_at=1.01))
    given = _decide(_match(confidence=1.0), made=never)
    assert given.reason is Reason.AMBIGUOUS
    assert "no confidence was reliable enough" in given.explanation


def test_ids_follow_from_what_is_decided_and_from_nothing_else() -> None:
    basis = ("T-1", "v1", "g-1", 2)
    changed = [
        ("T-2", "v1", "g-1", 2),
        ("T-1", "v2", "g-1", 2),
        ("T-1", "v1", "g-2", 2),
        ("T-1", "v1", "g-1", 3),
    ]
    ids = {decision_id(*basis), *(decision_id(*other) for other in changed)}
    assert len(ids) == 5
    assert decision_id("a", "bc", "g", 0) != decision_id("ab", "c", "g", 0)
    assert _decide(_match()).decision_id == _decide(_match(confidence=0.1)).decision_id == decision_id(*basis)
    assert all(re.fullmatch(r"d-[0-9a-f]{24}", identity) for identity in ids)


@pytest.mark.parametrize("alternatives", [-1, 6])
def test_more_alternatives_than_the_wire_carries_are_refused(alternatives: int) -> None:
    with pytest.raises(ValueError, match="between 0 and 5"):
        DecidePolicy(alternatives=alternatives)


@pytest.mark.parametrize(
    ("match", "priority", "proposed", "said"),
    [
        pytest.param(
            _proposing(None),
            None,
            "access",
            "nobody is bound to this cluster, access is proposed.",
            id="nobody's",
        ),
        pytest.param(
            _match(owner=None), None, None, "nobody is bound to this cluster.", id="nobody to propose"
        ),
        pytest.param(
            _proposing("billing"), None, None, "without a person.", id="people gave it to somebody since"
        ),
        pytest.param(_proposing(None, scope=0.1), None, None, "reaches 0.60.", id="unlike the history"),
        pytest.param(_proposing(None), "urgent", None, "without a person.", id="a person is called"),
    ],
)
def test_who_is_proposed_for_what_nobody_owns(
    match: Match, priority: str | None, proposed: str | None, said: str
) -> None:
    given = _decide(match, replace(_FACTS, priority=priority))
    assert given.proposed == proposed
    assert given.explanation.endswith(said)
    assert given.owner == match.candidates[0].owner or given.reason is Reason.UNLIKE_HISTORY
