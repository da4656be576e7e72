"""Ticket events out of labelled texts, whose label stands for the team that solved them. After labelled."""

from collections.abc import Callable

from pydantic import ValidationError

from app.files.labelled import LabelledText
from app.files.lines import BadRow
from schemas.contract import time_of
from schemas.ticket import TicketEvent, TicketEventKind
from schemas.unreadable import explain_fields

_ANY_TIME_MS = 1_790_000_000_000


def is_ticket(row: LabelledText, report: Callable[[BadRow], None]) -> bool:
    """Whether the row has a label and the contract takes it; `report` is told of what it does not take."""
    if row.label is None:
        return False
    try:
        past_ticket(row, f"{row.line}", _ANY_TIME_MS)
    except ValidationError as error:
        blame = explain_fields(TicketEvent, error)
        report(BadRow(row.line, f"{blame.field}: {blame.detail}"))
        return False
    return True


def past_ticket(row: LabelledText, ticket_id: str, at_ms: int) -> TicketEvent:
    """The row as a ticket that its label's team has closed; epoch milliseconds."""
    return _event(row, ticket_id, at_ms, TicketEventKind.CLOSED, row.label)


def new_ticket(row: LabelledText, ticket_id: str, at_ms: int) -> TicketEvent:
    """The row as a ticket that nobody has seen: without its label; epoch milliseconds."""
    return _event(row, ticket_id, at_ms, TicketEventKind.CREATED, None)


def _event(
    row: LabelledText, ticket_id: str, at_ms: int, kind: TicketEventKind, owner: str | None
) -> TicketEvent:
    return TicketEvent(
        ticket_id=ticket_id,
        event=kind,
        description=row.text,
        language=row.lang,
        assigned_team=owner,
        created_at=time_of(at_ms),
    )
