"""Lessons: what people did, as the records that others read. After feedback and emit on the routing path.

An insight says what became of a decision, once for each act on a ticket; a correction is what every worker learns of
it. Both go with the ticket's new state, in the transaction of the act.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from agents.emit import Stamp, at_most_last, state_record
from agents.feedback import Judged, Told, ToldOfCluster, judge
from agents.intake import Refused, Skipped
from agents.live import InForce, Live
from agents.state import text_of
from agents.tables import Known, Place, TicketTable
from agents.wire import Output
from models.errors import Invalid
from models.learn.acts import ActKind, Handling, Lesson, seconds_to_assign
from models.vote import Vectors
from schemas import insight
from schemas.channels import event_type
from schemas.codec import encode
from schemas.contract import epoch_ms_of, time_of
from schemas.decision import OutcomeName
from schemas.feedback import ACKNOWLEDGED_FOR_S, Correction, CorrectionKind, Feedback, FeedbackKind
from schemas.headers import Trace, event_headers
from schemas.insight import Insight

Bear = Callable[[list[str]], tuple[Vectors, dict[int, Invalid]]]
"""Vectors of the texts that the encoder can bear, in their order, and what is said of each other one."""

_SOURCE = "/sluice/routing"
_INSIGHT = event_type(Insight)
_CORRECTION = event_type(Correction)


@dataclass(slots=True)
class Lessons:
    """What came of a batch's acts: records to write, and what is counted once they are committed."""

    outputs: list[Output] = field(default_factory=list)
    places: dict[Place, Known] = field(default_factory=dict)
    judged: list[Judged] = field(default_factory=list)
    of_clusters: list[ToldOfCluster] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)


def learn(
    told: list[Told],
    of_clusters: list[ToldOfCluster],
    table: TicketTable,
    live: Live,
    in_force: InForce,
    bear: Bear,
    stamp: Stamp,
) -> Lessons:
    """What follows from the acts of a batch, in their order, once its ticket events are worked: a ticket and the first
    act on it may come together.

    Raises:
        Transient: the encoder can bear no text at all.
    """
    lessons = Lessons()
    vectors, unborne = _vectors_of(told, table, bear)
    for act in told:
        error = unborne.get(act.place)
        judged = Refused(act.record, error, act.trace) if error else judge(act, table, in_force.contested)
        if isinstance(judged, Refused):
            lessons.refused.append(judged)
        elif isinstance(judged, Skipped):
            lessons.skipped.append(judged)
        else:
            lessons.judged.append(judged)
            lessons.places[judged.place] = judged.known
            lessons.outputs += records_of_act(judged, vectors[judged.place], stamp)
    for act_on_cluster in of_clusters:
        _learn_of_cluster(act_on_cluster, live, in_force.id, bear, stamp, lessons)
    return lessons


def _vectors_of(
    told: list[Told], table: TicketTable, bear: Bear
) -> tuple[dict[Place, Vectors], dict[Place, Invalid]]:
    """The vectors [dim] of the tickets acted on: nobody holds them, so they are made again of the texts."""
    known = {act.place: table.get(act.place) for act in told}
    texts = {place: held.remembered.text for place, held in known.items() if held and held.remembered}
    if not texts:
        return {}, {}
    rows, unborne = bear(list(texts.values()))
    errors = {place: unborne[number] for number, place in enumerate(texts) if number in unborne}
    return dict(zip((place for place in texts if place not in errors), rows, strict=True)), errors


def _learn_of_cluster(
    told: ToldOfCluster, live: Live, generation_id: str, bear: Bear, stamp: Stamp, lessons: Lessons
) -> None:
    """An act on a cluster is known for a repeated one by what has been read of the corrections, and by its batch. One
    that adds a cluster is encoded here, once for all workers."""
    act = told.event
    why = live.stale(act.feedback_id, CorrectionKind(act.kind.value), act.cluster_id, epoch_ms_of(act.at))
    if why is None and act.feedback_id in {other.event.feedback_id for other in lessons.of_clusters}:
        why = "repeated"
    if why is not None:
        lessons.skipped.append(Skipped(why))
        return
    vector = None
    if act.kind is FeedbackKind.ADDED:
        rows, unborne = bear([act.description or ""])
        if unborne:
            lessons.refused.append(Refused(told.record, unborne[0], told.trace))
            return
        vector = rows[0]
    lessons.of_clusters.append(told)
    lessons.outputs.append(cluster_record(told, vector, generation_id, stamp))


def records_of_act(judged: Judged, vector: Vectors, stamp: Stamp) -> Iterator[Output]:
    """All that follows from an act on a ticket: its state, and what is learnt."""
    yield state_record(judged.place, judged.known, vector, stamp, judged.trace)
    yield from records_of_lesson(judged, vector, stamp)


def records_of_lesson(judged: Judged, vector: Vectors, stamp: Stamp) -> Iterator[Output]:
    """What is learnt from an act on a ticket whose state is written already."""
    yield insight_record(judged, stamp)
    if judged.effect.lesson is not None:
        yield correction_record(judged, judged.effect.lesson, vector, stamp)


def insight_record(judged: Judged, stamp: Stamp) -> Output:
    """The act beside the decision that it was made on, for `tickets.insights`."""
    act, said, effect, ticket = judged.act, judged.said, judged.effect, judged.ticket
    ticket_id = judged.place[1]
    ended_s = max(0, act.at_ms - ticket.created_at_ms) / 1000 if act.kind is ActKind.RESOLVED else None
    event = Insight(
        feedback_id=act.feedback_id,
        ticket_id=ticket_id,
        kind=FeedbackKind(act.kind.value),
        source=judged.source,
        decision_id=said.decision_id,
        outcome=OutcomeName(said.outcome) if said.outcome else None,
        confidence=said.confidence,
        cluster_id=said.cluster_id,
        decided_owner=said.owner,
        owner=effect.team,
        lesson=insight.Lesson(effect.lesson.value) if effect.lesson else None,
        is_first_assignment=effect.is_first,
        first_assignment_right=effect.handling.first_right,
        is_reassignment=effect.is_reassignment,
        reassigned=effect.handling.reassigned,
        seconds_to_assign=seconds_to_assign(ticket.created_at_ms, said, effect.handling),
        seconds_to_resolve=ended_s,
        generation_id=said.generation_id,
        revision=said.revision,
        at=at_most_last(act.at_ms),
    )
    headers = event_headers(_INSIGHT, act.feedback_id, _SOURCE, ticket_id, event.at, judged.trace)
    return Output(stamp.names.insights, ticket_id.encode(), encode(event), headers)


def correction_record(judged: Judged, lesson: Lesson, vector: Vectors, stamp: Stamp) -> Output:
    """What an act on a ticket teaches, for `tickets.corrections`; a confirmation brings no text."""
    corrected = lesson is Lesson.CORRECTED
    event = Correction(
        feedback_id=judged.act.feedback_id,
        kind=CorrectionKind(lesson.value),
        ticket_id=judged.place[1],
        cluster_id=judged.said.cluster_id,
        decided_owner=judged.said.owner,
        owner=judged.effect.owner,
        generation_id=judged.said.generation_id,
        text=judged.ticket.text if corrected else None,
        vector=text_of(vector) if corrected else None,
        encoder=stamp.encoder if corrected else None,
        at=at_most_last(judged.act.at_ms),
    )
    return _correction(event, judged.place[1], judged.trace, stamp)


def cluster_record(told: ToldOfCluster, vector: Vectors | None, generation_id: str, stamp: Stamp) -> Output:
    """An act on a cluster, as every worker learns of it; `vector` [dim] is that of a description."""
    act = told.event
    event = Correction(
        feedback_id=act.feedback_id,
        kind=CorrectionKind(act.kind.value),
        cluster_id=act.cluster_id,
        into_cluster_id=act.into_cluster_id,
        owner=act.owner,
        generation_id=generation_id,
        text=None if vector is None else act.description,
        vector=None if vector is None else text_of(vector),
        encoder=None if vector is None else stamp.encoder,
        name=act.name,
        examples=act.examples,
        until=_until(act),
        at=act.at,
    )
    return _correction(event, act.cluster_id or "", told.trace, stamp)


def _until(act: Feedback) -> datetime | None:
    """Until when the act holds, where it is one that ends."""
    if act.kind is FeedbackKind.ACKNOWLEDGED and act.until is None:
        return at_most_last(epoch_ms_of(act.at) + ACKNOWLEDGED_FOR_S * 1000)
    return act.until if act.kind in {FeedbackKind.ACKNOWLEDGED, FeedbackKind.SILENCED} else None


def forgotten(handling: Handling | None, stamp: Stamp) -> Iterator[Output]:
    """The ends of all corrections that a deleted ticket made: they hold its text."""
    for feedback_id in handling.correction_ids if handling else ():
        yield Output(stamp.names.corrections, feedback_id.encode(), None, [])


def _correction(event: Correction, subject: str, trace: Trace | None, stamp: Stamp) -> Output:
    now = time_of(stamp.now_ms)
    headers = event_headers(_CORRECTION, event.feedback_id, _SOURCE, subject, now, trace)
    return Output(stamp.names.corrections, event.feedback_id.encode(), encode(event), headers)
