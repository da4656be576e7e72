"""An insight (`tickets.insights`, keyed by ticket_id): what people made of a decision, told once for each act."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from schemas.contract import Event, Identifier, Share, Time
from schemas.decision import OutcomeName
from schemas.feedback import FeedbackKind


class InsightSource(StrEnum):
    """Where the act was told."""

    FEEDBACK = "feedback"  # tickets.feedback
    TICKET = "ticket"  # a ticket event that names another team, or an end


class Lesson(StrEnum):
    """What the act says of the decision, written to `tickets.corrections`."""

    CORRECTED = "corrected"
    CONFIRMED = "confirmed"


class Insight(Event):
    """One act on one ticket beside the decision that it was made on. Written once for each act, so that a reader may
    add them up by owner, cluster, outcome or generation: `is_first_assignment` and `is_reassignment` mark the acts
    that count, `first_assignment_right` and `reassigned` say where the ticket stands after this one.

    `decision_id` and what follows from it are null where the ticket was never decided on. `first_assignment_right`
    is null until a person has given the ticket to somebody, and where the decision named nobody. `seconds_to_assign`
    runs from the ticket's creation to the decision that routed it, or else to the first act that named a team;
    `seconds_to_resolve` from its creation to this act, where it is `resolved`.
    """

    feedback_id: Identifier
    ticket_id: Identifier
    kind: FeedbackKind
    source: InsightSource
    decision_id: Identifier | None
    outcome: OutcomeName | None
    confidence: Share | None
    cluster_id: Identifier | None
    decided_owner: str | None
    owner: str | None
    lesson: Lesson | None
    is_first_assignment: bool
    first_assignment_right: bool | None
    is_reassignment: bool
    reassigned: Annotated[int, Field(ge=0)]
    seconds_to_assign: Annotated[float, Field(ge=0)] | None
    seconds_to_resolve: Annotated[float, Field(ge=0)] | None
    generation_id: Identifier | None
    revision: Annotated[int, Field(ge=0)]
    at: Time
