"""Topics: what each is called and how it must be set, as data.

Before everything else on the edge: the other pages take their topics' names from here, `admin.py` makes the topics.
"""

from dataclasses import dataclass, fields
from typing import Literal

Rule = Literal["equal", "at_least", "at_most"]
Cleanup = Literal["delete", "compact", "compact,delete"]
Wanted = str | int | float

_MIB = 1024 * 1024
_HOUR_MS = 3_600_000
_DAY_MS = 24 * _HOUR_MS

# Every name that can be seen is the prefix and one of these, unless it is given whole.
_DEFAULTS = {
    "tickets": "tickets",
    "routed": "tickets.routed",
    "surges": "tickets.surges",
    "feedback": "tickets.feedback",
    "insights": "tickets.insights",
    "shadow": "tickets.shadow",
    "state": "tickets.state",
    "generations": "tickets.generations",
    "corrections": "tickets.corrections",
    "knowledge": "tickets.knowledge",
    "counts": "tickets.counts",
    "surge_state": "tickets.surge-state",
    "dead": "tickets.dead",
}


@dataclass(frozen=True, slots=True)
class TopicNames:
    """Full names of all topics. One that is not given is `prefix` and the usual name; one that is given stands as
    it is, without the prefix (a CRM may publish to a topic with a name of its own)."""

    prefix: str = ""
    tickets: str = ""
    routed: str = ""
    surges: str = ""
    feedback: str = ""
    insights: str = ""
    shadow: str = ""
    state: str = ""
    generations: str = ""
    corrections: str = ""
    knowledge: str = ""
    counts: str = ""
    surge_state: str = ""
    dead: str = ""

    def __post_init__(self) -> None:
        for field, name in _DEFAULTS.items():
            if not getattr(self, field):
                object.__setattr__(self, field, self.prefix + name)

    def all(self) -> tuple[str, ...]:
        """All names, in the order of the table in the design."""
        return tuple(getattr(self, field.name) for field in fields(self) if field.name != "prefix")


@dataclass(frozen=True, slots=True)
class Setting:
    """A topic's setting and how much of it is enough; -1 is Kafka's way to write "without end"."""

    name: str
    wanted: Wanted
    rule: Rule

    def holds(self, found: str) -> bool:
        """Whether a broker's value is good enough."""
        if isinstance(self.wanted, str):
            return set(found.split(",")) == set(self.wanted.split(","))
        value, wanted = (float("inf") if number == -1 else number for number in (float(found), self.wanted))
        match self.rule:
            case "equal":
                return value == wanted
            case "at_least":
                return value >= wanted
            case "at_most":
                return value <= wanted


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """One topic as it must be.

    Attributes:
        key: what its records are keyed by.
        cleanup: Kafka's cleanup.policy.
        retention_ms: None where records are only ever replaced by their key's next one.
        exact_partitions: whether more partitions are wrong too; so where a key's place must not move.
        follows: the topic whose partition count this one must have, found on the broker.
        settings: every setting that is checked; those of Kafka's that matter and differ from its own.
    """

    name: str
    key: str
    cleanup: Cleanup
    partitions: int
    replication: int
    retention_ms: int | None
    max_message_bytes: int
    exact_partitions: bool
    follows: str | None
    settings: tuple[Setting, ...]


_TABLE = (
    # A reader restores from the beginning, so what is superseded costs every restart: clean at 1 part in 5.
    Setting("min.cleanable.dirty.ratio", 0.2, "at_most"),
    # The segment that is written to is never cleaned; Kafka's own week would keep a quiet topic as it is for that long.
    Setting("segment.ms", _HOUR_MS, "at_most"),
    # A deleted ticket's text is gone within a day, however little is written beside it.
    Setting("max.compaction.lag.ms", _DAY_MS, "at_most"),
    # A reader that was away for less than a week still learns what was deleted.
    Setting("delete.retention.ms", 7 * _DAY_MS, "at_least"),
)


def topic_specs(names: TopicNames, partitions: int, replication: int) -> tuple[TopicSpec, ...]:
    """All topics.

    Args:
        partitions: of every topic that grows with the tickets: the most workers that can share the work.
        replication: copies of every partition; with 3, writes need 2 of them.
    """

    def stream(
        name: str,
        key: str,
        days: int,
        mib: int = 2,
        *,
        short: bool = False,
        follows: str | None = None,
        alone: bool = False,
    ) -> TopicSpec:
        retention = Setting("retention.ms", days * _DAY_MS, "equal" if short else "at_least")
        size = (1 if alone else partitions, replication)
        return _spec(name, key, "delete", size, mib, retention, follows=follows, exact=alone)

    def table(name: str, key: str, count: int, follows: str | None = None) -> TopicSpec:
        return _spec(name, key, "compact", (count, replication), 2, *_TABLE, follows=follows)

    surges_kept = Setting("retention.ms", 90 * _DAY_MS, "at_least")
    return (
        # A worker may stand still over a week-end and the days that it takes to notice. 6 MiB: a long ticket with
        # the text of 50 attachments; what Sluice accepts of it is a setting of the worker.
        stream(names.tickets, "ticket_id", days=7, mib=6),
        stream(names.routed, "ticket_id", days=7),
        _spec(names.surges, "surge_id", "compact,delete", (partitions, replication), 2, surges_kept, *_TABLE),
        # What is done with a ticket is read by the worker that knows it: partition n beside partition n.
        stream(names.feedback, "ticket_id or cluster_id", days=30, follows=names.tickets),
        stream(names.insights, "ticket_id", days=90),
        # A candidate is promoted or dropped within weeks; what people do with its tickets takes a while too.
        stream(names.shadow, "ticket_id, or none of a tally", days=30),
        table(names.state, "ticket_id", partitions, follows=names.tickets),
        # One partition: all parts of a generation, and all corrections, are read in the order they were written.
        table(names.generations, "generation_id or generation_id/part", 1),
        table(names.corrections, "feedback_id", 1),
        table(names.knowledge, "article_id", 1),
        # One partition: all clusters are judged together, by one worker. Five weeks: a surge detector that lost its
        # state can learn four of every hour of the week again.
        stream(names.counts, "cluster_id", days=35, alone=True),
        table(names.surge_state, "cluster_id/day of counts, surge_id of a course", 1),
        # Original bytes, in base64: 4/3 of 6 MiB, and what stands around. Kept no longer than said (personal data).
        stream(names.dead, "source key", days=7, mib=12, short=True),
    )


def _spec(
    name: str,
    key: str,
    cleanup: Cleanup,
    size: tuple[int, int],
    mib: int,
    *more: Setting,
    follows: str | None = None,
    exact: bool = False,
) -> TopicSpec:
    partitions, replication = size
    settings = (
        Setting("cleanup.policy", cleanup, "equal"),
        Setting("max.message.bytes", mib * _MIB, "at_least"),
        Setting("compression.type", "producer", "equal"),  # the broker never packs a batch anew
        Setting("min.insync.replicas", 2 if replication >= 3 else 1, "at_least"),
        *more,
    )
    retention = next((int(s.wanted) for s in more if s.name == "retention.ms"), None)
    exact = exact or cleanup == "compact" or follows is not None
    return TopicSpec(
        name, key, cleanup, partitions, replication, retention, mib * _MIB, exact, follows, settings
    )
