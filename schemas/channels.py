"""The topics as one table: what stands in each, under which key, kept how, and who writes and reads it.

The names are the defaults; a deployment may rename or prefix them. `schemas.asyncapi` publishes this table.
"""

from dataclasses import dataclass

from schemas.contract import SCHEMA_VERSION, Event
from schemas.dead_letter import DeadLetter
from schemas.decision import Decision
from schemas.feedback import Correction, Feedback
from schemas.generation import GenerationManifest, GenerationPart
from schemas.insight import Insight
from schemas.knowledge import Article
from schemas.shadow import ShadowDifference, ShadowTally
from schemas.state import TicketState
from schemas.surge import Count, Surge, SurgeCourse, SurgeDay
from schemas.ticket import TicketEvent

NAMES: dict[type[Event], str] = {
    TicketEvent: "ticket",
    Decision: "decision",
    Surge: "surge",
    Count: "count",
    SurgeDay: "surge-day",
    SurgeCourse: "surge-course",
    Feedback: "feedback",
    Correction: "correction",
    Article: "article",
    Insight: "insight",
    GenerationPart: "generation-part",
    GenerationManifest: "generation-manifest",
    ShadowDifference: "shadow-difference",
    ShadowTally: "shadow-tally",
    TicketState: "state",
    DeadLetter: "dead-letter",
}

FROM_OTHERS: frozenset[type[Event]] = frozenset({TicketEvent, Feedback, Article})
"""Contracts that others write too, so that their schema says all that is read, not just what Sluice writes."""


def versioned(contract: type[Event]) -> str:
    """The contract's name with its version, as files and types carry it: `decision.v1`."""
    return f"{NAMES[contract]}.v{SCHEMA_VERSION}"


def event_type(contract: type[Event]) -> str:
    """CloudEvents' `type` of the contract: `sluice.decision.v1`."""
    return f"sluice.{versioned(contract)}"


@dataclass(frozen=True, slots=True)
class Channel:
    """A topic.

    Attributes:
        topic: its default name.
        contracts: what its values are; more than one only where the key tells them apart.
        key: what a record's key is, in UTF-8.
        cleanup: Kafka's `cleanup.policy`.
        receives: a running Sluice reads it.
        sends: a running Sluice writes it; the command line is a client like any other.
        says: what it is for, and what a null value means where there can be one.
    """

    topic: str
    contracts: tuple[type[Event], ...]
    key: str
    cleanup: tuple[str, ...]
    receives: bool
    sends: bool
    says: str

    @property
    def id(self) -> str:
        """The last word of its name."""
        return self.topic.rpartition(".")[2]


CHANNELS = (
    Channel(
        "tickets",
        (TicketEvent,),
        "ticket_id, so that the events of one ticket keep their order",
        ("delete",),
        receives=True,
        sends=False,
        says="Ticket events from the CRM. A null value is refused: a deletion is an event of kind `deleted`.",
    ),
    Channel(
        "tickets.routed",
        (Decision,),
        "ticket_id",
        ("delete",),
        receives=False,
        sends=True,
        says="One decision a ticket version, written in transactions: read it with isolation.level=read_committed.",
    ),
    Channel(
        "tickets.surges",
        (Surge,),
        "surge_id; the last record of a key is the surge's state",
        ("compact", "delete"),
        receives=True,
        sends=True,
        says="Problems that spread faster than their own past explains, and new ones that no cluster holds yet. Read "
        "it with isolation.level=read_committed.",
    ),
    Channel(
        "tickets.feedback",
        (Feedback,),
        "ticket_id of an act on a ticket, cluster_id of an act on a cluster",
        ("delete",),
        receives=True,
        sends=False,
        says="What people did with tickets and clusters; the CRM, the console and the command line write it. As many "
        "partitions as the tickets, keys placed alike.",
    ),
    Channel(
        "tickets.insights",
        (Insight,),
        "ticket_id",
        ("delete",),
        receives=False,
        sends=True,
        says="What people made of decisions: one record for each act on a ticket, to be added up. Read it with "
        "isolation.level=read_committed.",
    ),
    Channel(
        "tickets.shadow",
        (ShadowDifference, ShadowTally),
        "ticket_id of a difference; null of a tally",
        ("delete",),
        receives=False,
        sends=True,
        says="What a candidate would have decided otherwise, and of how many decisions that is; written while one "
        "runs. `sluice shadow report` adds it up. Read it with isolation.level=read_committed.",
    ),
    Channel(
        "tickets.state",
        (TicketState,),
        "ticket_id",
        ("compact",),
        receives=True,
        sends=True,
        says="The last known state of every ticket, masked. A null value: the ticket was deleted.",
    ),
    Channel(
        "tickets.generations",
        (GenerationPart, GenerationManifest),
        "`<generation_id>/<number>` of a part, `<generation_id>` of a manifest",
        ("compact",),
        receives=True,
        sends=True,
        says="Generations in parts; a manifest follows its parts in the same transaction. A null value: retired.",
    ),
    Channel(
        "tickets.corrections",
        (Correction,),
        "feedback_id of the act",
        ("compact",),
        receives=True,
        sends=True,
        says="Corrections on top of a generation, applied by every worker in their order: a record's revision is its "
        "offset + 1. A null value: its ticket was deleted, or a generation has learnt it.",
    ),
    Channel(
        "tickets.knowledge",
        (Article,),
        "article_id",
        ("compact",),
        receives=True,
        sends=False,
        says="Articles of the knowledge base, whose titles name the clusters that they are about. A null value: the "
        "article is gone.",
    ),
    Channel(
        "tickets.counts",
        (Count,),
        "cluster_id",
        ("delete",),
        receives=True,
        sends=True,
        says="One record for each ticket that counts for a cluster: what surges are found in. One partition, since all "
        "clusters are judged together.",
    ),
    Channel(
        "tickets.surge-state",
        (SurgeDay, SurgeCourse),
        "`<cluster_id>/<day>` of a day's counts, `<surge_id>` of a course",
        ("compact",),
        receives=True,
        sends=True,
        says="What the surge path goes on from after a restart. A null value: the day is older than the history that "
        "is kept, or its cluster is gone; the surge has come to its end.",
    ),
    Channel(
        "tickets.dead",
        (DeadLetter,),
        "the key of the record that died, byte for byte; null where it had none",
        ("delete",),
        receives=False,
        sends=True,
        says="Records that can never be processed as they stand, whole. Holds personal data: restrict who reads it.",
    ),
)
