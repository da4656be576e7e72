"""A ticket event: what a CRM publishes to `tickets`, keyed by ticket_id."""

from enum import StrEnum
from typing import Annotated

from pydantic import ConfigDict, Field

from schemas.contract import NO_NUL, Contract, Event, Identifier, Time

MAX_TITLE_CHARS = 2_000
MAX_TEXT_CHARS = 100_000
MAX_ATTACHMENTS = 50
MAX_STEPS = 200

Short = Annotated[str, Field(max_length=200, json_schema_extra=NO_NUL)]
Title = Annotated[str, Field(max_length=MAX_TITLE_CHARS, json_schema_extra=NO_NUL)]
Text = Annotated[str, Field(max_length=MAX_TEXT_CHARS, json_schema_extra=NO_NUL)]


class TicketEventKind(StrEnum):
    """What happened to the ticket. `created` and `updated` ask for a decision; the others change its state."""

    CREATED = "created"
    UPDATED = "updated"
    RESOLVED = "resolved"
    CLOSED = "closed"
    DELETED = "deleted"


class Attachment(Contract):
    """A file on the ticket, of which only the text read out of it matters here."""

    ocr_text: Text = ""


class TicketEvent(Event):
    """One change of one ticket. Unknown fields are kept aside, not refused.

    `version` orders the events of one ticket where the CRM counts them; without it `updated_at`,
    and failing that the record's timestamp, does.
    """

    model_config = ConfigDict(extra="allow", strict=True, use_enum_values=False)

    ticket_id: Identifier
    event: Annotated[TicketEventKind, Field(strict=False)]
    version: Annotated[int, Field(ge=0, lt=2**53)] | None = None
    title: Title = ""
    description: Text = ""
    attachments: Annotated[list[Attachment], Field(max_length=MAX_ATTACHMENTS)] = Field(default_factory=list)
    device: Short | None = None
    os: Short | None = None
    app_version: Short | None = None
    steps: Text | Annotated[list[Text], Field(max_length=MAX_STEPS)] = ""
    product: Short | None = None
    channel: Short | None = None
    language: Short | None = None
    customer_id: Identifier | None = None
    priority: Short | None = None
    created_at: Annotated[Time, Field(strict=False)]
    updated_at: Annotated[Time, Field(strict=False)] | None = None
    assigned_team: Short | None = None
    assigned_agent: Short | None = None
    resolution: Text | None = None
    kb_article_id: Short | None = None
