"""Emit: what was worked out becomes records. Last step of the routing agent; pure, the clock is given to it."""

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from agents.intake import FIRST_MS, LAST_MS, Accepted, Misplaced, Refused
from agents.live import Solved
from agents.open_tickets import Original
from agents.state import text_of
from agents.tables import Known, Place
from agents.topics import TopicNames
from agents.wire import Output
from models.learn.acts import UNTOUCHED
from models.routing.decide import DecidePolicy
from models.routing.decide import Decision as Decided
from models.routing.escalate import Step
from models.routing.heat import Part
from models.routing.match import Candidate
from models.routing.sentiment import Sentiment as Heard
from models.vote import Vectors
from schemas.channels import event_type
from schemas.codec import encode
from schemas.contract import time_of
from schemas.dead_letter import DeadLetter, DeadReason, Source
from schemas.decision import (
    MAX_SIMILAR,
    Alternative,
    ClusterMatch,
    Decision,
    Escalation,
    EscalationAction,
    EscalationReason,
    HeatPiece,
    OutcomeName,
    Overrides,
    ReasonName,
    Sentiment,
    SimilarTicket,
    Sla,
)
from schemas.headers import Trace, event_headers
from schemas.state import TicketState
from schemas.surge import Count
from schemas.ticket import TicketEventKind

_SOURCE = "/sluice/routing"
_DECISION = event_type(Decision)
_STATE = event_type(TicketState)
_COUNT = event_type(Count)
_DEAD_LETTER = event_type(DeadLetter)


@dataclass(frozen=True, slots=True)
class Stamp:
    """What marks every record of a batch: where they go, who writes them with which encoder, when, and which of the
    thresholds were fixed."""

    names: TopicNames
    worker: str
    encoder: str
    now_ms: int
    overrides: Overrides | None = None


def records_of(
    accepted: Accepted,
    known: Known,
    vector: Vectors,
    decided: Decided,
    similar: Sequence[tuple[Solved, float]],
    stamp: Stamp,
    heat: Sequence[Part] | None = None,
    original: Original | None = None,
    *,
    counts: bool,
) -> Iterator[Output]:
    """Everything that follows from one ticket event, in the order in which it must be written.

    Args:
        known: of the ticket from now on.
        heat: the heat map, if this decision is explained.
        original: the open ticket that it repeats, if it does.
        counts: this decision is the first that names a cluster.
    """
    if accepted.kind is TicketEventKind.DELETED:
        yield _tombstone(accepted, stamp)
        return
    if accepted.asks_for_decision:
        yield decision_record(accepted, decided, similar, stamp, heat, original)
    yield state_record(accepted.place, known, vector, stamp, accepted.trace)
    if counts and decided.cluster is not None:
        yield count_record(accepted, decided.cluster.cluster.id, decided.generation_id, stamp)


def decision_record(
    accepted: Accepted,
    decided: Decided,
    similar: Sequence[tuple[Solved, float]],
    stamp: Stamp,
    heat: Sequence[Part] | None = None,
    original: Original | None = None,
) -> Output:
    """The decision, for `tickets.routed`."""
    event = decision_of(decided, similar, stamp, heat, original)
    headers = event_headers(
        _DECISION, event.decision_id, _SOURCE, event.ticket_id, event.decided_at, accepted.trace
    )
    return Output(stamp.names.routed, event.ticket_id.encode(), encode(event), headers)


def decision_of(
    decided: Decided,
    similar: Sequence[tuple[Solved, float]],
    stamp: Stamp,
    heat: Sequence[Part] | None = None,
    original: Original | None = None,
) -> Decision:
    """The decision as it is written."""
    others = [(solved, score) for solved, score in similar if solved.ticket_id != decided.ticket_id]
    return Decision(
        decision_id=decided.decision_id,
        ticket_id=decided.ticket_id,
        ticket_version=decided.version,
        outcome=OutcomeName(decided.outcome),
        reason=ReasonName(decided.reason),
        owner=decided.senior or decided.owner,
        proposed_owner=decided.proposed,
        sla=Sla(minutes=decided.sla.minutes, due_at=at_most_last(decided.sla.due_at_ms))
        if decided.sla
        else None,
        cluster=_cluster(decided.cluster, decided.margin) if decided.cluster else None,
        alternatives=[_alternative(candidate) for candidate in decided.alternatives],
        similar=[_similar(solved, score) for solved, score in others[:MAX_SIMILAR]],
        duplicate_of=original.ticket_id if original else None,
        duplicate_score=original.score if original else None,
        sentiment=_sentiment(decided.sentiment) if decided.sentiment else None,
        senior_of=decided.owner if decided.senior else None,
        priority=decided.priority,
        escalation=[_escalation(step) for step in decided.steps],
        explanation=decided.explanation,
        heat_map=None if heat is None else [HeatPiece(text=part.text, weight=part.weight) for part in heat],
        overrides=stamp.overrides,
        generation_id=decided.generation_id,
        revision=decided.revision,
        encoder=stamp.encoder,
        decided_at=time_of(stamp.now_ms),
    )


def overrides_of(policy: DecidePolicy) -> Overrides | None:
    """What an operator fixed in place of the generation's thresholds; None where the generation's hold."""
    if policy.floor is None and policy.route_at is None:
        return None
    return Overrides(similarity_floor=policy.floor, route_at=policy.route_at)


def state_record(place: Place, known: Known, vector: Vectors, stamp: Stamp, trace: Trace | None) -> Output:
    """The state of a ticket that is not deleted, for the partition of `tickets.state` that belongs to its events'
    partition; `agents.tables.known_of` reads it."""
    partition, ticket_id = place
    ticket, said, handling = known.remembered, known.said, known.handling or UNTOUCHED
    assert ticket is not None
    assert said is not None
    decided = said.decision_id is not None
    event = TicketState(
        ticket_id=ticket_id,
        version=known.version,
        order=known.order,
        status=ticket.status,
        title=ticket.title,
        text=ticket.text,
        vector=text_of(vector),
        encoder=stamp.encoder,
        cluster_id=said.cluster_id,
        owner=said.owner,
        assigned_team=ticket.assigned_team,
        resolution=ticket.resolution,
        kb_article_id=ticket.kb_article_id,
        customer_id=ticket.customer_id,
        product=ticket.product,
        generation_id=said.generation_id,
        decision_id=said.decision_id,
        outcome=OutcomeName(said.outcome) if said.outcome else None,
        confidence=said.confidence,
        revision=said.revision,
        decided_at=at_most_last(said.at_ms) if decided else None,
        duplicate_of=said.duplicate_of,
        priority=said.priority,
        senior=said.senior,
        counted=known.counted,
        first_owner=handling.first_owner,
        first_assigned_at=None if handling.first_at_ms is None else time_of(handling.first_at_ms),
        first_assignment_right=handling.first_right,
        reassigned=handling.reassigned,
        feedback_ids=list(handling.last_ids),
        feedback_at=time_of(handling.last_at_ms) if known.handling else None,
        correction_ids=list(handling.correction_ids),
        created_at=at_most_last(ticket.created_at_ms),
        updated_at=time_of(stamp.now_ms),
    )
    headers = event_headers(
        _STATE, f"{ticket_id}/{event.version}", _SOURCE, ticket_id, event.updated_at, trace
    )
    return Output(stamp.names.state, ticket_id.encode(), encode(event), headers, partition)


def count_record(accepted: Accepted, cluster_id: str, generation_id: str, stamp: Stamp) -> Output:
    """The ticket counted once for its cluster, at the time of its creation."""
    ticket = accepted.ticket
    event = Count(
        ticket_id=ticket.ticket_id,
        cluster_id=cluster_id,
        generation_id=generation_id,
        customer_id=ticket.customer_id,
        product=ticket.product,
        occurred_at=at_most_last(ticket.created_at_ms),
    )
    headers = event_headers(
        _COUNT, event.ticket_id, _SOURCE, event.cluster_id, event.occurred_at, accepted.trace
    )
    return Output(stamp.names.counts, event.cluster_id.encode(), encode(event), headers)


def dead_letter_record(refused: Refused, stamp: Stamp, source: str = _SOURCE) -> Output:
    """The record whole, with why, under its own key; `source` is the path that says so."""
    record, error = refused.record, refused.error
    kind, timestamp = record.timestamp()
    event = DeadLetter(
        reason=DeadReason(error.reason),
        field=error.field,
        detail=error.detail,
        source=Source(
            topic=record.topic(),
            partition=record.partition(),
            offset=record.offset(),
            timestamp=time_of(timestamp) if kind and FIRST_MS <= timestamp <= LAST_MS else None,
        ),
        original_key=_base64(record.key()),
        original_value=_base64(record.value()),
        original_headers=[(name, _base64(value)) for name, value in record.headers() or ()],
        died_at=time_of(stamp.now_ms),
        worker=stamp.worker,
    )
    place = f"{record.topic()}/{record.partition()}/{record.offset()}"
    headers = event_headers(_DEAD_LETTER, place, source, None, event.died_at, refused.trace)
    return Output(stamp.names.dead, record.key(), encode(event), headers)


def _tombstone(accepted: Accepted, stamp: Stamp) -> Output:
    """The end of a deleted ticket's state."""
    return Output(stamp.names.state, accepted.ticket.ticket_id.encode(), None, [], accepted.place[0])


def moved_record(misplaced: Misplaced) -> Output:
    """The record as it is, with the time at which it was first published, for its home partition of its topic."""
    record = misplaced.record
    kind, timestamp = record.timestamp()
    return Output(
        record.topic(),
        record.key(),
        record.value(),
        list(record.headers() or ()),
        misplaced.home,
        timestamp if kind else None,
    )


def _cluster(candidate: Candidate, margin: float) -> ClusterMatch:
    return ClusterMatch(
        id=candidate.cluster.id,
        name=candidate.cluster.name,
        similarity=round(candidate.similarity, 6),
        margin=round(margin, 6),
        confidence=candidate.confidence,
    )


def _alternative(candidate: Candidate) -> Alternative:
    return Alternative(
        id=candidate.cluster.id,
        name=candidate.cluster.name,
        owner=candidate.owner,
        similarity=round(candidate.similarity, 6),
        confidence=candidate.confidence,
    )


def _sentiment(heard: Heard) -> Sentiment:
    return Sentiment(label=heard.band.value, score=heard.score)


def _escalation(step: Step) -> Escalation:
    return Escalation(action=EscalationAction(step.action), reason=EscalationReason(step.cause))


def _similar(solved: Solved, score: float) -> SimilarTicket:
    return SimilarTicket(
        ticket_id=solved.ticket_id,
        title=solved.title,
        resolution=solved.resolution,
        owner=solved.owner,
        kb_article_id=solved.kb_article_id,
        similarity=round(score, 6),
    )


def at_most_last(epoch_ms: int) -> datetime:
    """The instant, or the last that can be written: a ticket may say that it was created at the end of 2099, and
    neither its promise nor the rounding of a fraction may make a record of it that cannot be."""
    return time_of(min(epoch_ms, LAST_MS))


def _base64(value: bytes | None) -> str | None:
    return None if value is None else base64.b64encode(value).decode()
