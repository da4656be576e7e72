"""Feedback (`tickets.feedback`): what people did; and the corrections that follow from it (`tickets.corrections`)."""

from enum import StrEnum
from typing import Annotated, Any

from pydantic import ConfigDict, Field, model_validator

from schemas.contract import NO_NUL, Event, Identifier, Time
from schemas.ticket import Short, Text


class FeedbackKind(StrEnum):
    """What was done: five acts on a ticket, the others on a cluster."""

    ASSIGNED = "assigned"  # the ticket was given to `owner`
    REASSIGNED = "reassigned"  # it was taken from whoever had it and given to `owner`
    RESOLVED = "resolved"  # it was solved, by `owner` where that is said
    LABELLED = "labelled"  # a person says whose it is, e.g. of a ticket in triage
    ESCALATED = "escalated"  # a person was called; `owner` has it now where that is said
    MERGED = "merged"  # the cluster is the same problem as `into_cluster_id`
    SPLIT = "split"  # the cluster is several problems, of which `examples` may say the tickets
    BOUND = "bound"  # the cluster belongs to `owner` from now on
    RENAMED = "renamed"  # the cluster is called `name`
    PINNED = (
        "pinned"  # the cluster stays as it is: nothing is taken out of it or joined to it by reclustering
    )
    UNPINNED = "unpinned"
    ADDED = "added"  # a new cluster of `owner`, known by its `name` and `description` alone
    ACKNOWLEDGED = "acknowledged"  # somebody looks at the surge of the cluster, `until` then
    SILENCED = "silenced"  # nothing is to be told of the cluster's surges `until` then
    UNSILENCED = "unsilenced"


ACKNOWLEDGED_FOR_S = 4 * 3600
"""How long an acknowledgement holds that says no `until`: half a shift, so that the next one is told again."""

ON_CLUSTER = frozenset(
    {
        FeedbackKind.MERGED,
        FeedbackKind.SPLIT,
        FeedbackKind.BOUND,
        FeedbackKind.RENAMED,
        FeedbackKind.PINNED,
        FeedbackKind.UNPINNED,
        FeedbackKind.ADDED,
        FeedbackKind.ACKNOWLEDGED,
        FeedbackKind.SILENCED,
        FeedbackKind.UNSILENCED,
    }
)
_NAMES_OWNER = frozenset(
    {
        FeedbackKind.ASSIGNED,
        FeedbackKind.REASSIGNED,
        FeedbackKind.LABELLED,
        FeedbackKind.BOUND,
        FeedbackKind.ADDED,
    }
)


def _needed(kind: FeedbackKind) -> list[str]:
    """The fields that an act of this kind cannot do without, beside those of every act."""
    needed = ["cluster_id" if kind in ON_CLUSTER else "ticket_id"]
    needed += ["owner"] if kind in _NAMES_OWNER else []
    needed += ["into_cluster_id"] if kind is FeedbackKind.MERGED else []
    needed += ["name"] if kind in {FeedbackKind.RENAMED, FeedbackKind.ADDED} else []
    needed += ["description"] if kind is FeedbackKind.ADDED else []
    needed += ["until"] if kind is FeedbackKind.SILENCED else []
    return needed


def _needs_for_schema(schema: dict[str, Any]) -> None:
    """`_needed` for those who have the JSON Schema only."""
    schema["allOf"] = [
        {
            "if": {"required": ["kind"], "properties": {"kind": {"const": kind.value}}},
            "then": {
                "required": _needed(kind),
                "properties": {
                    name: {"type": ["string", "number"] if name == "until" else "string"}
                    for name in _needed(kind)
                },
            },
        }
        for kind in FeedbackKind
    ]


Team = Annotated[str, Field(min_length=1, max_length=200, json_schema_extra=NO_NUL)]
"""A team's name, as the generation and the CRM write it."""

ClusterName = Annotated[str, Field(min_length=1, max_length=200, json_schema_extra=NO_NUL)]
"""A cluster's name, as people gave it."""

Examples = Annotated[
    list[Annotated[list[Identifier], Field(min_length=1, max_length=100)]], Field(min_length=2, max_length=20)
]
"""Ids of tickets, a list for each of the problems that a cluster is split into."""


class Feedback(Event):
    """One act of one person on a ticket or on a cluster.

    `feedback_id` is the publisher's own and tells a repeated act; `at` is when it was done, and an act that is older
    than the last one on its ticket changes nothing. `resolution` and `kb_article_id` belong to `resolved`, `examples`
    to `split`, `description` to `added`; what is added gets the `cluster_id` that its publisher chose. `until` belongs
    to `silenced` and `acknowledged`; one that was acknowledged without it is so for 4 hours after `at`.
    """

    model_config = ConfigDict(json_schema_extra=_needs_for_schema)

    feedback_id: Identifier
    kind: FeedbackKind
    ticket_id: Identifier | None = None
    cluster_id: Identifier | None = None
    owner: Team | None = None
    into_cluster_id: Identifier | None = None
    resolution: Text | None = None
    kb_article_id: Short | None = None
    name: ClusterName | None = None
    description: Text | None = None
    examples: Examples | None = None
    until: Time | None = None
    actor: Short | None = None
    at: Time

    @model_validator(mode="after")
    def _names_what_it_needs(self) -> "Feedback":
        for name in _needed(self.kind):
            if getattr(self, name) is None:
                raise ValueError(f"feedback of kind {self.kind} needs {name}")
        return self


class CorrectionKind(StrEnum):
    """What a correction says."""

    CORRECTED = "corrected"  # the ticket belongs to `owner`, which is not what was decided
    CONFIRMED = "confirmed"  # it does belong to whom it was decided to
    BOUND = "bound"  # the cluster belongs to `owner`
    MERGED = "merged"
    SPLIT = "split"
    RENAMED = "renamed"
    PINNED = "pinned"
    UNPINNED = "unpinned"
    ADDED = "added"
    ACKNOWLEDGED = "acknowledged"
    SILENCED = "silenced"
    UNSILENCED = "unsilenced"


class Correction(Event):
    """What every worker learns at once from one act, keyed by `feedback_id`.

    The topic has one partition and a record's *revision* is its offset + 1: all readers see the same order, and
    nobody has to number it. Of one ticket the last record counts. A null value: the ticket was deleted.

    `cluster_id`, `decided_owner` and `generation_id` are what the decision named (of an act on a cluster: that
    cluster, and the generation in force); null where it named none. `text` (masked), `vector` and `encoder` are those
    of the ticket, as in its state, and stand in a `corrected`; in an `added` they are those of its name and
    description. `examples` are the tickets that a `split` names. `until` stands in an `acknowledged` and a `silenced`.
    """

    feedback_id: Identifier
    kind: CorrectionKind
    ticket_id: Identifier | None = None
    cluster_id: Identifier | None = None
    into_cluster_id: Identifier | None = None
    decided_owner: str | None = None
    owner: str | None = None
    generation_id: Identifier | None = None
    text: str | None = None
    vector: str | None = None
    encoder: Identifier | None = None
    name: str | None = None
    examples: list[list[Identifier]] | None = None
    until: Time | None = None
    at: Time
