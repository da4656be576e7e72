"""A decision: what Sluice says of one ticket version, published to `tickets.routed`, keyed by ticket_id."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from schemas.contract import Contract, Cosine, Event, Identifier, Share, Time

MAX_ALTERNATIVES = 5
MAX_SIMILAR = 3


class OutcomeName(StrEnum):
    """What the reader should do: route it, let a person confirm, let a person name it, or call a person now."""

    ROUTE = "route"
    PROPOSE = "propose"
    TRIAGE = "triage"
    ESCALATE = "escalate"


class ReasonName(StrEnum):
    """Why the outcome is what it is: a closed set, so that readers can switch on it."""

    CONFIDENT = "confident"  # route: the confidence reaches the generation's threshold
    AMBIGUOUS = "ambiguous"  # propose: an owner leads, not clearly enough
    UNLIKE_HISTORY = "unlike_history"  # triage: nothing in the history is similar enough
    NO_OWNER = "no_owner"  # triage: the cluster is known, nobody owns it
    PRIORITY = "priority"  # escalate: the ticket's priority asks for a person
    NEGATIVE_SENTIMENT = "negative_sentiment"  # escalate: how upset the ticket sounds asks for a person


class Sla(Contract):
    """The owner's promise for this ticket: minutes from `created_at`, and the instant that makes."""

    minutes: Annotated[int, Field(ge=1)]
    due_at: Time


class ClusterMatch(Contract):
    """The cluster chosen. `similarity` is the cosine to its centroid, `margin` the owner's lead over the second in
    probability, `confidence` the calibrated probability that the owner is right."""

    id: Identifier
    name: str
    similarity: Cosine
    margin: float
    confidence: Share


class Alternative(Contract):
    """A cluster that was considered; the list is ordered, best first, and the choice itself is not in it.
    `confidence` is its owner's share of the evidence."""

    id: Identifier
    name: str
    owner: str | None
    similarity: Cosine
    confidence: Share


class SimilarTicket(Contract):
    """A solved ticket near this one, with what solved it (personal data masked)."""

    ticket_id: Identifier
    title: str
    resolution: str
    owner: str | None = None
    kb_article_id: str | None = None
    similarity: Cosine


class Sentiment(Contract):
    """How upset the ticket sounds, 0 to 1, and the band that the score falls in: calm, upset or very_upset."""

    label: str
    score: Share


class EscalationAction(StrEnum):
    """What an operator's rule did."""

    RAISE = "raise"  # the priority, to `priority`
    SENIOR = "senior"  # the owner: `owner` is the senior of `senior_of`
    PERSON = "person"  # the outcome is escalate


class EscalationReason(StrEnum):
    """Why it did so."""

    NEGATIVE_SENTIMENT = "negative_sentiment"
    PRIORITY = "priority"


class Escalation(Contract):
    """What one of the operator's rules did to the ticket, and why."""

    action: EscalationAction
    reason: EscalationReason


class HeatPiece(Contract):
    """Part of the ticket's masked text, and how much it speaks for the cluster: the cosine of its own vector with the
    cluster's centroid. Null where it was not weighed: words that tell nothing, and what the encoder cut off."""

    text: str
    weight: Cosine | None


class Overrides(Contract):
    """What an operator had fixed in place of the generation's own thresholds when a decision was made."""

    similarity_floor: Annotated[float, Field(ge=-1, le=1)] | None
    route_at: Share | None


class Decision(Event):
    """One decision a ticket version. `decision_id` follows from ticket, version, generation and revision,
    so a repeated computation has the same id.

    `heat_map` is the ticket's whole text in order, towards the cluster chosen or, without one, the first alternative;
    null unless the worker explains this decision (see SLUICE_EXPLAIN). `overrides` is null where the generation's own
    thresholds held.

    `proposed_owner` is who may own the cluster where the reason is `no_owner`: a proposal for whoever names one.

    `sentiment` is null where the worker's encoder is not the one that the sentiment head was made for. `escalation`
    says what the operator's rules did: where they give the ticket to a senior, `owner` is that senior and `senior_of`
    the team in whose place; `priority` is the one that they raised it to, null where they did not.

    `similar` and `duplicate_of`, with its score, are live: what the worker saw of other tickets at that moment, and no
    part of what a repeated computation gives again. `duplicate_of` is an open ticket that reports the same thing, the
    first of several; nothing is merged by it.
    """

    decision_id: Identifier
    ticket_id: Identifier
    ticket_version: Identifier
    outcome: OutcomeName
    reason: ReasonName
    owner: str | None
    proposed_owner: str | None = None
    sla: Sla | None
    cluster: ClusterMatch | None
    alternatives: Annotated[list[Alternative], Field(max_length=MAX_ALTERNATIVES)]
    similar: Annotated[list[SimilarTicket], Field(max_length=MAX_SIMILAR)]
    duplicate_of: Identifier | None = None
    duplicate_score: Share | None = None
    sentiment: Sentiment | None = None
    senior_of: str | None = None
    priority: str | None = None
    escalation: list[Escalation] = Field(default_factory=list)
    explanation: str
    heat_map: list[HeatPiece] | None = None
    overrides: Overrides | None = None
    generation_id: Identifier
    revision: Annotated[int, Field(ge=0)]
    encoder: Identifier
    decided_at: Time
