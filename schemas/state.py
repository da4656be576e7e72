"""A ticket's state (`tickets.state`, compacted, keyed by ticket_id): what reclustering, similar tickets and restarts
need. Text is masked before it gets here; a deleted ticket is a tombstone."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from schemas.contract import Event, Identifier, Time


class TicketStatus(StrEnum):
    OPEN = "open"
    SOLVED = "solved"
    CLOSED = "closed"


class TicketState(Event):
    """The last known state of one ticket.

    `version` names the event that it stems from, `order` ranks the versions of one ticket. `vector` is base64 of
    little-endian float16: the text's vector as it was compared, of about unit length.
    """

    ticket_id: Identifier
    version: Identifier
    order: Annotated[int, Field(ge=0)]
    status: TicketStatus
    title: str
    text: str
    vector: str
    encoder: Identifier
    cluster_id: Identifier | None = None
    owner: str | None = None
    assigned_team: str | None = None
    resolution: str | None = None
    kb_article_id: str | None = None
    customer_id: str | None = None
    product: str | None = None
    generation_id: Identifier | None = None
    decision_id: Identifier | None = None
    created_at: Time
    updated_at: Time
