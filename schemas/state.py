"""A ticket's state (`tickets.state`, compacted, keyed by ticket_id): what reclustering, similar tickets and restarts
need. Text is masked before it gets here; a deleted ticket is a tombstone."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from schemas.contract import Event, Identifier, Share, Time
from schemas.decision import OutcomeName


class TicketStatus(StrEnum):
    OPEN = "open"
    SOLVED = "solved"
    CLOSED = "closed"


class TicketState(Event):
    """The last known state of one ticket.

    `version` names the event that it stems from, `order` ranks the versions of one ticket. `vector` is base64 of
    little-endian float16: the text's vector as it was compared, of about unit length.

    `decision_id`, `outcome`, `confidence`, `revision`, `decided_at` and `duplicate_of` are of the last decision sent,
    `priority` is the ticket's as that decision knew it, and `senior` whom it gave it to in the place of `owner`.
    `cluster_id`, `owner` and `generation_id` are of that decision too, or, of a ticket that was never decided on, of
    where its text was found to belong. `assigned_team` is who has it now. The rest is what people did: whom they gave
    it to first and whether that was the owner decided, how often it changed hands, the last act's time with the ids of
    all acts of that moment, and the ids of the corrections that were made of it, which go when it is deleted.
    `counted` says whether it was counted for a cluster (`tickets.counts`), which it is once; null in states of before
    that was kept.
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
    outcome: OutcomeName | None = None
    confidence: Share | None = None
    revision: Annotated[int, Field(ge=0)] = 0
    decided_at: Time | None = None
    duplicate_of: Identifier | None = None
    priority: str | None = None
    senior: str | None = None
    counted: bool | None = None
    first_owner: str | None = None
    first_assigned_at: Time | None = None
    first_assignment_right: bool | None = None
    reassigned: Annotated[int, Field(ge=0)] = 0
    feedback_ids: list[Identifier] = Field(default_factory=list)
    feedback_at: Time | None = None
    correction_ids: list[Identifier] = Field(default_factory=list)
    created_at: Time
    updated_at: Time
