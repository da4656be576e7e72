"""Decide: what becomes of a ticket, with a named reason. After match; the last step before the wire."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from models.generation import Generation
from models.routing.escalate import Escalated, EscalatePolicy, Step, escalate
from models.routing.match import Candidate, Match
from models.routing.sentiment import Sentiment

_MINUTE_MS = 60_000


class Outcome(StrEnum):
    """What the reader should do."""

    ROUTE = "route"
    PROPOSE = "propose"
    TRIAGE = "triage"
    ESCALATE = "escalate"


class Reason(StrEnum):
    """Why; a closed set."""

    CONFIDENT = "confident"
    AMBIGUOUS = "ambiguous"
    UNLIKE_HISTORY = "unlike_history"
    NO_OWNER = "no_owner"
    PRIORITY = "priority"
    NEGATIVE_SENTIMENT = "negative_sentiment"


@dataclass(frozen=True, slots=True)
class DecidePolicy:
    """What an operator may set.

    Attributes:
        escalate: rules about priority and sentiment.
        floor: a fixed cosine to the nearest past ticket, e.g. 0.65, in place of the generation's own test of whether
            a ticket is like its history; None keeps that. A cosine does not carry over from one encoder to the next.
        route_at: a fixed confidence in place of the generation's own; None keeps the generation's.
        alternatives: clusters listed beside the choice, at most 5 (the wire's limit).
    """

    escalate: EscalatePolicy = field(default_factory=EscalatePolicy)
    floor: float | None = None
    route_at: float | None = None
    alternatives: int = 5

    def __post_init__(self) -> None:
        if not 0 <= self.alternatives <= 5:
            raise ValueError("alternatives must lie between 0 and 5")


@dataclass(frozen=True, slots=True)
class Facts:
    """What a decision needs to know of a ticket beside its vector; sentiment is None where nothing hears it."""

    ticket_id: str
    version: str
    priority: str | None
    created_at_ms: int
    sentiment: Sentiment | None = None


@dataclass(frozen=True, slots=True)
class Sla:
    """The owner's promise: minutes from the ticket's creation, and the epoch milliseconds that makes."""

    minutes: int
    due_at_ms: int


@dataclass(frozen=True, slots=True)
class Decision:
    """What Sluice says of one ticket version. `cluster` is None where nothing in the history is similar enough;
    its owner then stays None too, and the candidates all stand among the alternatives.

    `senior` takes the ticket in place of `owner`, where one does, and `priority` is the one that it was raised to; the
    steps say why, as they say why a person is called. `proposed` is who may own a cluster that nobody is bound to.
    """

    decision_id: str
    ticket_id: str
    version: str
    outcome: Outcome
    reason: Reason
    owner: str | None
    sla: Sla | None
    cluster: Candidate | None
    margin: float
    nearest: float
    scope: float
    alternatives: tuple[Candidate, ...]
    explanation: str
    generation_id: str
    revision: int
    sentiment: Sentiment | None = None
    senior: str | None = None
    priority: str | None = None
    steps: tuple[Step, ...] = ()
    proposed: str | None = None


def decide(
    match: Match,
    generation: Generation,
    facts: Facts,
    policy: DecidePolicy,
    *,
    generation_id: str,
    revision: int = 0,
) -> Decision:
    """The decision on one ticket; the same arguments always give the same one.

    A ticket that the rules call a person for escalates whatever the match says, and keeps the owner where there is
    one. Then, in this order: unlike the history, known but nobody's, clear enough to route, else to be confirmed.
    """
    chosen = match.candidates[0] if match.candidates and is_known(match, generation, policy) else None
    owner = chosen.owner if chosen else None
    described = chosen is not None and chosen.cluster.described
    route_at = threshold_of(owner, generation, policy, described=described)
    found = escalate(owner, facts.priority, facts.sentiment, policy.escalate)
    outcome, reason = _outcome(chosen, found, route_at)
    others = match.candidates[1:] if chosen else match.candidates
    return Decision(
        decision_id=decision_id(facts.ticket_id, facts.version, generation_id, revision),
        ticket_id=facts.ticket_id,
        version=facts.version,
        outcome=outcome,
        reason=reason,
        owner=owner,
        sla=_sla(found.senior, facts.created_at_ms, generation)
        or _sla(owner, facts.created_at_ms, generation),
        cluster=chosen,
        margin=match.margin,
        nearest=match.nearest,
        scope=match.scope,
        alternatives=others[: policy.alternatives],
        explanation=_explain(match, chosen, found.words, reason, generation, policy, route_at),
        generation_id=generation_id,
        revision=revision,
        sentiment=facts.sentiment,
        senior=found.senior,
        priority=found.priority,
        steps=found.steps,
        proposed=chosen.cluster.proposed if chosen and reason is Reason.NO_OWNER else None,
    )


def is_known(match: Match, generation: Generation, policy: DecidePolicy) -> bool:
    """Whether a ticket is like the history, like one that people have corrected since, or as people described a
    cluster; a description stands for the past tickets that the cluster does not have."""
    if policy.floor is not None:
        return match.nearest >= policy.floor or (
            match.described and match.candidates[0].similarity >= policy.floor
        )
    return match.taught or match.described or match.scope >= generation.thresholds.scope


def threshold_of(
    owner: str | None, generation: Generation, policy: DecidePolicy, *, described: bool
) -> float:
    """The confidence from which on a ticket is routed to this owner without a person; of a described cluster that too
    which descriptions need."""
    if policy.route_at is not None:
        return policy.route_at
    thresholds = generation.thresholds
    at = next((at for name, at in thresholds.owners if name == owner), thresholds.route_at)
    return max(at, generation.describing.route_at) if described else at


def decision_id(ticket_id: str, version: str, generation_id: str, revision: int) -> str:
    """`d-` and 24 hex digits of a SHA-256 over the four: a decision computed again has the same id."""
    basis = json.dumps([ticket_id, version, generation_id, revision], ensure_ascii=True).encode()
    return "d-" + hashlib.sha256(basis).hexdigest()[:24]


def _outcome(chosen: Candidate | None, found: Escalated, route_at: float) -> tuple[Outcome, Reason]:
    if found.person is not None:
        return Outcome.ESCALATE, Reason(found.person)
    if chosen is None:
        return Outcome.TRIAGE, Reason.UNLIKE_HISTORY
    if chosen.owner is None:
        return Outcome.TRIAGE, Reason.NO_OWNER
    if chosen.confidence >= route_at:
        return Outcome.ROUTE, Reason.CONFIDENT
    return Outcome.PROPOSE, Reason.AMBIGUOUS


def _sla(owner: str | None, created_at_ms: int, generation: Generation) -> Sla | None:
    minutes = next((team.sla_minutes for team in generation.owners if team.name == owner), None)
    return None if minutes is None else Sla(minutes, created_at_ms + minutes * _MINUTE_MS)


def _explain(
    match: Match,
    chosen: Candidate | None,
    escalated: Sequence[str],
    reason: Reason,
    generation: Generation,
    policy: DecidePolicy,
    route_at: float,
) -> str:
    """One sentence of facts: names, probabilities and thresholds, never the ticket's own words."""
    if chosen is None:
        found = _unlike(match, generation, policy)
    else:
        who = chosen.owner or "no owner yet"
        found = (
            f"nearest to “{chosen.cluster.name}” ({who}), right with a confidence of {chosen.confidence:.1%}"
        )
        if chosen.cluster.described:
            found += ", known by its description alone"
        if match.taught:
            found += ", after a ticket like it that people assigned"
        rival = next((other for other in match.candidates[1:] if other.owner != chosen.owner), None)
        if rival is not None and rival.confidence > 0:
            whose = rival.owner or "no owner yet"
            found += f", then “{rival.cluster.name}” ({whose}) with {rival.confidence:.1%} of the evidence"
        found += f"; {_needed(reason, route_at, chosen.cluster.proposed)}"
    sentence = "; ".join((*escalated, found))
    return f"{sentence[0].upper()}{sentence[1:]}."


def _unlike(match: Match, generation: Generation, policy: DecidePolicy) -> str:
    if policy.floor is not None:
        reaches = f"the most similar past ticket reaches {match.nearest:.2f}"
        return f"{reaches}, and {policy.floor:.2f} is needed to count as known"
    needed = generation.thresholds.scope
    return (
        f"unlike the history: it scores {match.scope:.2f} and {needed:.2f} is needed to count as known; the most"
        f" similar past ticket reaches {match.nearest:.2f}"
    )


def _needed(reason: Reason, route_at: float, proposed: str | None) -> str:
    if reason is Reason.NO_OWNER:
        return "nobody is bound to this cluster" + (f", {proposed} is proposed" if proposed else "")
    if route_at > 1:
        return "no confidence was reliable enough in this history to route without a person"
    return f"{route_at:.1%} is needed to route without a person"
