"""Feedback: what people did becomes what is known of a ticket from then on. Beside intake on the routing path.

A record of `tickets.feedback` is read here, and a ticket event that names a team or an end is an act too, so that a
CRM that publishes no feedback still teaches. Both are judged by one rule (`models/learn/acts.py`).
"""

import hashlib
import json
from collections.abc import Mapping, Set
from dataclasses import dataclass, replace

from agents.home import Homes
from agents.intake import ENDS, Accepted, Intake, Misplaced, Refused, Skipped, known_after
from agents.tables import Known, Place, Remembered, TicketTable
from agents.wire import Record
from models.errors import Invalid
from models.learn.acts import UNTOUCHED, Act, ActKind, Effect, Said, stale, take
from models.routing.clean import CleanPolicy, Ticket, clean
from models.routing.decide import Decision
from models.routing.masking.span import Kind
from schemas.codec import decode
from schemas.contract import epoch_ms_of
from schemas.feedback import Feedback, FeedbackKind
from schemas.headers import Trace, read_trace
from schemas.insight import InsightSource
from schemas.state import TicketStatus
from schemas.ticket import TicketEventKind
from schemas.unreadable import Unreadable

Contested = Set[str]
"""The clusters that have been corrected since the generation in force was made."""


@dataclass(frozen=True, slots=True)
class Told:
    """An act on a ticket, as its publisher told it; texts are masked."""

    record: Record
    place: Place
    act: Act
    resolution: str | None
    kb_article_id: str | None
    masked: Mapping[Kind, int]
    trace: Trace | None


@dataclass(frozen=True, slots=True)
class ToldOfCluster:
    """An act on a cluster; a name is masked, and the description of one that is added is all of its text, masked."""

    record: Record
    event: Feedback
    trace: Trace | None


@dataclass(frozen=True, slots=True)
class Judged:
    """An act held against what was decided of its ticket.

    Attributes:
        said: the decision that it was made on.
        known: of the ticket from now on.
    """

    place: Place
    act: Act
    source: InsightSource
    said: Said
    effect: Effect
    known: Known
    trace: Trace | None

    @property
    def ticket(self) -> Remembered:
        """What is known of the ticket itself: nobody judges an act on one that was deleted."""
        assert self.known.remembered is not None
        return self.known.remembered


def read_act(record: Record, intake: Intake) -> Told | ToldOfCluster | Refused | Misplaced:
    """One record of `tickets.feedback`. An act on a cluster is taken where it stands, one on a ticket at its home."""
    trace = read_trace(record.headers())
    try:
        event = decode(Feedback, record.value(), intake.limits)
        if event.kind not in _ON_TICKET:
            return ToldOfCluster(record, _masked(event, intake.policy), trace)
        return _told(record, event, intake.homes, intake.policy, trace)
    except Unreadable as error:
        return Refused(record, Invalid(error.reason, error.field, error.detail), trace)
    except Invalid as error:
        return Refused(record, error, trace)
    except Exception as error:  # a defect of ours that this record meets must not stop those behind it
        detail = f"reading fails on this record ({type(error).__name__})"
        return Refused(record, Invalid("internal", None, detail), trace)


_ON_TICKET = frozenset(kind.value for kind in ActKind)


def _masked(event: Feedback, policy: CleanPolicy) -> Feedback:
    """The act with the words of people masked; raises Invalid where nothing in a new cluster's can be understood."""
    if event.name is None:
        return event
    at_ms, words = epoch_ms_of(event.at), (event.name, event.description or "")
    cleaned = clean(Ticket("", "", TicketEventKind.CREATED, at_ms, at_ms, *words), policy)
    description = cleaned.text if event.kind is FeedbackKind.ADDED else event.description
    return event.model_copy(update={"name": cleaned.title, "description": description})


def _told(
    record: Record, event: Feedback, homes: Homes, policy: CleanPolicy, trace: Trace | None
) -> Told | Misplaced:
    assert event.ticket_id is not None  # the contract sees to it
    home = homes.of(event.ticket_id)
    if record.partition() != home:
        return Misplaced(record, home)
    at_ms = epoch_ms_of(event.at)
    cleaned = clean(
        Ticket(event.ticket_id, "", TicketEventKind.RESOLVED, at_ms, at_ms, resolution=event.resolution),
        policy,
    )
    act = Act(event.feedback_id, ActKind(event.kind.value), event.owner, at_ms)
    place = (home, event.ticket_id)
    return Told(record, place, act, cleaned.resolution, event.kb_article_id, cleaned.masked, trace)


def judge(told: Told, table: TicketTable, contested: Contested) -> Judged | Refused | Skipped:
    """An act against what is known of its ticket, which is staged as it is from then on."""
    known = table.get(told.place)
    if known is None:
        detail = "no event of this ticket has been read"
        return Refused(told.record, Invalid("unknown_ticket", "ticket_id", detail), told.trace)
    ticket, said, handling = known.remembered, known.said or _NOTHING, known.handling or UNTOUCHED
    if ticket is None:
        return Skipped("no_news")
    why = stale(told.act, handling)
    if why is not None:
        return Skipped(why)
    effect = take(told.act, said, handling, ticket.assigned_team, said.cluster_id in contested)
    ticket = replace(ticket, assigned_team=effect.team)
    if told.act.kind is ActKind.RESOLVED:
        ticket = replace(
            ticket,
            status=TicketStatus.SOLVED if ticket.status is TicketStatus.OPEN else ticket.status,
            resolution=told.resolution or ticket.resolution,
            kb_article_id=told.kb_article_id or ticket.kb_article_id,
        )
    after = replace(known, remembered=ticket, handling=effect.handling)
    table.stage(told.place, after)
    return Judged(told.place, told.act, InsightSource.FEEDBACK, said, effect, after, told.trace)


_NOTHING = Said(None, None, None)


def after_event(
    event: Accepted,
    before: Known | None,
    decided: Decision,
    now_ms: int,
    contested: Contested,
    duplicate_of: str | None = None,
) -> tuple[Known, Judged | None]:
    """What is known of a ticket after an event and the decision on it, and the act that the event was, if it was one.

    Args:
        before: what was known of it.
        duplicate_of: the open ticket that the decision says it repeats.
    """
    known = replace(
        known_after(event),
        said=said_after(event, before, decided, now_ms, duplicate_of),
        counted=counted_after(event, before, decided),
    )
    ticket = known.remembered
    if ticket is None or before is None or before.remembered is None:
        return known, None
    team, handling = before.remembered.assigned_team, before.handling or UNTOUCHED
    act = act_of(event, before)
    if act is None or stale(act, handling):
        # One that came late does not take the ticket from whom it was given to since.
        team = event.named_team if event.named_team is not None and act is None else team
        return replace(known, remembered=replace(ticket, assigned_team=team), handling=before.handling), None
    said = before.said or _NOTHING
    effect = take(act, said, handling, team, said.cluster_id in contested)
    known = replace(known, remembered=replace(ticket, assigned_team=effect.team), handling=effect.handling)
    return known, Judged(event.place, act, InsightSource.TICKET, said, effect, known, event.trace)


def said_after(
    event: Accepted, before: Known | None, decided: Decision, now_ms: int, duplicate_of: str | None = None
) -> Said | None:
    """What the last decision said, once the event is worked; of a ticket that was never decided on, where it was
    found to belong."""
    if event.kind is TicketEventKind.DELETED:
        return None
    if not event.asks_for_decision:
        earlier = None if before is None else before.said
        if earlier is not None and earlier.decision_id is not None:
            return earlier
    chosen = decided.cluster
    found = Said(decided.owner, chosen.cluster.id if chosen else None, decided.generation_id)
    if not event.asks_for_decision:
        return found
    return replace(
        found,
        decision_id=decided.decision_id,
        outcome=decided.outcome.value,
        confidence=chosen.confidence if chosen else None,
        revision=decided.revision,
        at_ms=now_ms,
        priority=event.ticket.priority,
        duplicate_of=duplicate_of,
        senior=decided.senior,
    )


def counted_after(event: Accepted, before: Known | None, decided: Decision) -> bool:
    """Whether the ticket is counted once the event is worked: by its first decision that names a cluster, be it that of
    a later version."""
    if event.kind is TicketEventKind.DELETED:
        return False
    counted = before is not None and before.counted
    return counted or (event.asks_for_decision and decided.cluster is not None)


def act_of(event: Accepted, before: Known) -> Act | None:
    """The act that a ticket event is: it names a team that did not have the ticket, or it ends the ticket, after a
    decision. Its id follows from ticket and version, so that the same event is the same act."""
    ticket, said = before.remembered, before.said
    if ticket is None or said is None or said.decision_id is None or event.kind is TicketEventKind.CREATED:
        return None
    team = event.named_team
    if event.kind in ENDS and ticket.status is TicketStatus.OPEN:
        kind = ActKind.RESOLVED
    elif team is None or team == ticket.assigned_team:
        return None
    else:
        given = before.handling is not None and before.handling.first_owner is not None
        kind = (
            ActKind.REASSIGNED
            if given or (said.routed and said.team(team) != said.owner)
            else ActKind.ASSIGNED
        )
    return Act(implied_id(event.place[1], event.version), kind, team, event.at_ms)


def implied_id(ticket_id: str, version: str) -> str:
    """`e-` and 24 hex digits of a SHA-256 over the two."""
    basis = json.dumps([ticket_id, version], ensure_ascii=True).encode()
    return "e-" + hashlib.sha256(basis).hexdigest()[:24]
