"""A ticket event: what a CRM publishes to `tickets`, keyed by ticket_id."""

from enum import StrEnum
from typing import Annotated

from pydantic import BeforeValidator, ConfigDict, Field

from schemas.contract import NO_NUL, Contract, Event, Identifier, Time

MAX_TITLE_CHARS = 2_000
MAX_TEXT_CHARS = 100_000
MAX_ATTACHMENTS = 50
MAX_STEPS = 200

Short = Annotated[str, Field(max_length=200, json_schema_extra=NO_NUL)]
Title = Annotated[str, Field(max_length=MAX_TITLE_CHARS, json_schema_extra=NO_NUL)]
Text = Annotated[str, Field(max_length=MAX_TEXT_CHARS, json_schema_extra=NO_NUL)]
Steps = Text | Annotated[list[Text], Field(max_length=MAX_STEPS)]


def _empty_for_null(value: object) -> object:
    """Helpdesks write null where a ticket has no title, text or steps; that is no reason to refuse it."""
    return "" if value is None else value


def _none_for_null(value: object) -> object:
    return [] if value is None else value


# What is read is what `Title` and `Text` say, or null; what is held is a text.
_TitleOrNull = Annotated[
    str,
    Field(max_length=MAX_TITLE_CHARS),
    BeforeValidator(_empty_for_null, json_schema_input_type=Title | None),
]
_TextOrNull = Annotated[
    str,
    Field(max_length=MAX_TEXT_CHARS),
    BeforeValidator(_empty_for_null, json_schema_input_type=Text | None),
]


class TicketEventKind(StrEnum):
    """What happened to the ticket. `created` and `updated` ask for a decision; the others change its state."""

    CREATED = "created"
    UPDATED = "updated"
    RESOLVED = "resolved"
    CLOSED = "closed"
    DELETED = "deleted"


class Attachment(Contract):
    """A file on the ticket, of which only the text read out of it matters here."""

    ocr_text: _TextOrNull = ""


Attachments = Annotated[list[Attachment], Field(max_length=MAX_ATTACHMENTS)]


class TicketEvent(Event):
    """One change of one ticket. Unknown fields are kept aside, not refused.

    `version` orders the events of one ticket where the CRM counts them; without it `updated_at`,
    and failing that the record's timestamp, does.
    """

    model_config = ConfigDict(extra="allow", strict=True, use_enum_values=False)

    ticket_id: Identifier
    event: Annotated[TicketEventKind, Field(strict=False)]
    version: Annotated[int, Field(ge=0, lt=2**53)] | None = None
    title: _TitleOrNull = ""
    description: _TextOrNull = ""
    attachments: Annotated[
        Attachments, BeforeValidator(_none_for_null, json_schema_input_type=Attachments | None)
    ] = Field(default_factory=list)
    device: Short | None = None
    os: Short | None = None
    app_version: Short | None = None
    steps: Annotated[Steps, BeforeValidator(_empty_for_null, json_schema_input_type=Steps | None)] = ""
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
