"""Feedback (`tickets.feedback`): what people did; and the numbered corrections that follow (`tickets.corrections`)."""

from enum import StrEnum
from typing import Annotated

from pydantic import ConfigDict, Field, model_validator
from pydantic.config import JsonDict

from schemas.contract import Event, Identifier, Time


class FeedbackKind(StrEnum):
    ASSIGNED = "assigned"
    REASSIGNED = "reassigned"
    RESOLVED = "resolved"
    LABELLED = "labelled"
    ESCALATED = "escalated"
    MERGED = "merged"
    SPLIT = "split"
    BOUND = "bound"


# On what each kind acts: a ticket, or a cluster.
_ON_CLUSTER = frozenset({FeedbackKind.MERGED, FeedbackKind.SPLIT, FeedbackKind.BOUND})


# `_names_its_object` for those who have the JSON Schema only.
_NAMES_ITS_OBJECT: JsonDict = {
    "if": {"required": ["kind"], "properties": {"kind": {"enum": [*sorted(_ON_CLUSTER)]}}},
    "then": {"required": ["cluster_id"], "properties": {"cluster_id": {"type": "string"}}},
    "else": {"required": ["ticket_id"], "properties": {"ticket_id": {"type": "string"}}},
}


class Feedback(Event):
    """One act of one person on a ticket or on a cluster."""

    model_config = ConfigDict(json_schema_extra=_NAMES_ITS_OBJECT)

    feedback_id: Identifier
    kind: FeedbackKind
    ticket_id: Identifier | None = None
    cluster_id: Identifier | None = None
    owner: str | None = None
    into_cluster_id: Identifier | None = None
    actor: str | None = None
    at: Time

    @model_validator(mode="after")
    def _names_its_object(self) -> "Feedback":
        field = "cluster_id" if self.kind in _ON_CLUSTER else "ticket_id"
        if getattr(self, field) is None:
            raise ValueError(f"feedback of kind {self.kind} needs {field}")
        return self


class Correction(Event):
    """A revision: the n-th correction on top of a generation, keyed by its number, applied by all in order."""

    revision: Annotated[int, Field(ge=1)]
    generation_id: Identifier
    feedback_id: Identifier
    ticket_id: Identifier | None = None
    cluster_id: Identifier
    owner: str | None = None
    vector: str | None = None
    at: Time
