"""Intake: a record becomes a ticket to work on, a dead letter, or nothing to do. First step of the routing agent."""

import hashlib
from dataclasses import dataclass, replace

from agents.home import Homes
from agents.tables import Known, Place, Remembered, TicketTable
from agents.wire import Record
from models.errors import Invalid
from models.routing.clean import CleanPolicy, CleanTicket, Ticket, clean
from schemas.codec import Limits, decode_ticket, encode
from schemas.contract import epoch_ms_of
from schemas.headers import Trace, read_trace
from schemas.state import TicketStatus
from schemas.ticket import TicketEvent, TicketEventKind
from schemas.unreadable import Unreadable

FIRST_MS, LAST_MS = 946_684_800_000, 4_102_444_799_999
"""The instants that a contract can hold: the years 2000 to 2099."""

_ASKS_FOR_DECISION = frozenset({TicketEventKind.CREATED, TicketEventKind.UPDATED})
ENDS = {TicketEventKind.RESOLVED: TicketStatus.SOLVED, TicketEventKind.CLOSED: TicketStatus.CLOSED}
"""The events that end a ticket, and what it is then."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A ticket event to be worked on. `ticket.text` is empty only if the ticket is to be deleted.

    Attributes:
        before: what was known of the ticket when it was read.
        named_team: the team that the event itself names; `ticket` has an earlier one's where it names none.
        at_ms: when it happened, as far as that is told.
    """

    record: Record
    place: Place
    kind: TicketEventKind
    version: str
    order: int
    ticket: CleanTicket
    trace: Trace | None
    before: Known | None = None
    named_team: str | None = None
    at_ms: int = 0

    @property
    def asks_for_decision(self) -> bool:
        return self.kind in _ASKS_FOR_DECISION

    @property
    def asks_first(self) -> bool:
        """Whether it asks for the first decision on a ticket that nothing was known of."""
        return self.asks_for_decision and self.before is None


@dataclass(frozen=True, slots=True)
class Refused:
    """A record that can never be processed: a dead letter."""

    record: Record
    error: Invalid
    trace: Trace | None


@dataclass(frozen=True, slots=True)
class Misplaced:
    """An event that stands outside its ticket's home partition: to be moved there."""

    record: Record
    home: int


@dataclass(frozen=True, slots=True)
class Skipped:
    """An event that changes nothing: a version known already, one that came late, or news without news."""

    why: str


@dataclass(frozen=True, slots=True)
class Intake:
    """Reads records against what is known of their tickets."""

    limits: Limits
    policy: CleanPolicy
    table: TicketTable
    homes: Homes

    def read(self, record: Record) -> Accepted | Refused | Misplaced | Skipped:
        """What is to be done with one record; an accepted version is staged, so that the next one sees it."""
        trace = read_trace(record.headers())
        try:
            event = decode_ticket(record.value(), self.limits)
            version, order = version_of(event, record.timestamp()[1])
            home = self.homes.of(event.ticket_id)
            if record.partition() != home:
                return Misplaced(record, home)
            place = (home, event.ticket_id)
            known = self.table.get(place)
            if known is not None and (version == known.version or order < known.order):
                return Skipped("repeated" if version == known.version else "late")
            ticket = _with_remembered(clean(ticket_of(event, version), self.policy), known)
            if ticket is None:
                return Skipped("no_news")
        except Unreadable as error:
            return Refused(record, Invalid(error.reason, error.field, error.detail), trace)
        except Invalid as error:
            return Refused(record, error, trace)
        except Exception as error:  # a defect of ours that this record meets must not stop those behind it
            detail = f"reading fails on this record ({type(error).__name__})"
            return Refused(record, Invalid("internal", None, detail), trace)
        accepted = Accepted(
            record,
            place,
            event.event,
            version,
            order,
            ticket,
            trace,
            known,
            event.assigned_team or None,
            happened_ms(event, record.timestamp()[1]),
        )
        self.table.stage(place, known_after(accepted))
        return accepted


def version_of(event: TicketEvent, timestamp_ms: int) -> tuple[str, int]:
    """Name and rank of the event among its ticket's versions.

    By the CRM's own count where it has one. Else the name is a digest of what the event says, however it is spelt, so
    that the same event sent twice is the same version and two changes within the same second are two; the rank is
    `updated_at`, or failing that the time it was published.
    """
    if event.version is not None:
        return f"v{event.version}", event.version
    name = "h" + hashlib.sha256(encode(event)).hexdigest()[:16]
    return name, max(0, timestamp_ms if event.updated_at is None else epoch_ms_of(event.updated_at))


def happened_ms(event: TicketEvent, timestamp_ms: int) -> int:
    """When an event happened: by its own word, or failing that when it was published, or the ticket created."""
    if event.updated_at is not None:
        return epoch_ms_of(event.updated_at)
    return timestamp_ms if FIRST_MS <= timestamp_ms <= LAST_MS else epoch_ms_of(event.created_at)


def ticket_of(event: TicketEvent, version: str) -> Ticket:
    """The contract as the core's own value."""
    return Ticket(
        ticket_id=event.ticket_id,
        version=version,
        event=event.event.value,
        title=event.title,
        description=event.description,
        ocr_texts=tuple(attachment.ocr_text for attachment in event.attachments),
        device=event.device,
        os=event.os,
        app_version=event.app_version,
        steps=(event.steps,) if isinstance(event.steps, str) else tuple(event.steps),
        product=event.product,
        channel=event.channel,
        language=event.language,
        customer_id=event.customer_id,
        priority=event.priority,
        created_at_ms=epoch_ms_of(event.created_at),
        updated_at_ms=epoch_ms_of(event.updated_at or event.created_at),
        assigned_team=event.assigned_team,
        assigned_agent=event.assigned_agent,
        resolution=event.resolution,
        kb_article_id=event.kb_article_id,
    )


def _with_remembered(ticket: CleanTicket, known: Known | None) -> CleanTicket | None:
    """The ticket with what earlier events of it brought and this one leaves out: its text, whose it is, who has it,
    and, where it is solved or closed, what solved it.

    Returns:
        None where the event brings no text and the ticket was deleted: nothing is left to change.

    Raises:
        Invalid: the event brings no text and the ticket was never seen.
    """
    if ticket.event == TicketEventKind.DELETED:
        return ticket
    earlier = None if known is None else known.remembered
    if earlier is None:
        if ticket.text:
            return ticket
        if known is None:
            raise Invalid("unknown_ticket", "description", "the first event of a ticket must bring its text")
        return None
    if not ticket.text:
        ticket = replace(ticket, title=earlier.title, text=earlier.text)
    ticket = replace(
        ticket,
        customer_id=ticket.customer_id or earlier.customer_id,
        product=ticket.product or earlier.product,
        assigned_team=ticket.assigned_team or earlier.assigned_team,
    )
    if ticket.event not in ENDS:
        return ticket
    return replace(
        ticket,
        resolution=ticket.resolution or earlier.resolution,
        kb_article_id=ticket.kb_article_id or earlier.kb_article_id,
    )


def known_after(accepted: Accepted) -> Known:
    """What is known of the ticket once the event is read: all but what is decided of it and done with it."""
    if accepted.kind is TicketEventKind.DELETED:
        return Known(accepted.version, accepted.order, None)
    ticket = accepted.ticket
    remembered = Remembered(
        ticket.title,
        ticket.text,
        ticket.customer_id,
        ticket.product,
        ticket.assigned_team,
        ticket.resolution,
        ticket.kb_article_id,
        ENDS.get(accepted.kind, TicketStatus.OPEN),
        ticket.created_at_ms,
    )
    return Known(accepted.version, accepted.order, remembered)
