"""A surge (`tickets.surges`), the counts it is found in (`tickets.counts`), and its state (`tickets.surge-state`).

A record of the state is told from the other kind by its key: that of a course has no `/`.
"""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from schemas.contract import Contract, Event, Identifier, Share, Time


class SurgeStatus(StrEnum):
    FIRING = "firing"
    RESOLVED = "resolved"


class SurgeKind(StrEnum):
    """What spreads."""

    GROWING = "growing"  # a cluster faster than its own past explains
    EMERGING = "emerging"  # tickets of a problem that no cluster holds yet


class EmergingVerdict(StrEnum):
    """What the next reclustering made of an emerging problem."""

    CONFIRMED = "confirmed"  # a cluster, under the same id
    DROPPED = "dropped"


class SurgeNotice(StrEnum):
    """Why a record of a growing surge was written. Only `firing` asks for a person; the others are of what is known."""

    FIRING = "firing"
    JOINED = "joined"  # another cluster rises with it
    GREW = "grew"  # twice the tickets beyond those expected since the last record that told its size
    ACKNOWLEDGED = "acknowledged"
    SILENCED = "silenced"
    UNSILENCED = "unsilenced"
    RESOLVED = "resolved"


class ResolvedReason(StrEnum):
    """How a growing surge came to its end."""

    ENDED = "ended"  # its clusters are back to what their past explains
    MERGED = "merged"  # it is the same as `merged_into`, which goes on


class Window(Contract):
    """Half-open span of event time, [start, end)."""

    start: Time
    end: Time


class SurgeCluster(Contract):
    id: Identifier
    name: str


class Chart(Contract):
    """Tickets of a surge's clusters by the hour, of the last 7 days as a rule; the last hour may not be over yet."""

    start: Time
    hours: Annotated[list[Annotated[int, Field(ge=0)]], Field(max_length=7 * 24)]


class Surge(Event):
    """A problem that spreads; keyed by surge_id, last state wins.

    One that grows is a cluster of the generation, or several that rise together: `cluster` is the one that it was first
    seen in, `members` are all of them, that one first. `observed` tickets came in `window`, where their own past
    (season, trend, spread) explains `expected`; `ratio` is of the two, and `q_value` is how likely so many would be by
    chance: the tail of the expected distribution, corrected for all clusters that are looked at (Benjamini-Hochberg).
    Once it is resolved, they are those of the last time that it was still seen, and `resolved_at` is when it no longer
    was. `customers_affected` counts those of its tickets since it started, of the last day at most, one without a
    customer as one of its own; `ticket_ids` are the latest hundred of these.

    One that emerges has a provisional cluster, which the next reclustering confirms or drops: it is resolved then, and
    `verdict` says how. Its `observed` tickets are those in `ticket_ids` (the latest hundred), `expected` is how many of
    so many tickets would be as near by chance, by the generation's own history, and `q_value` how likely as many would
    be.

    `cluster` and `owner` are what holds now: a reclustering or a person's act may change them while it goes on.
    `first_cluster` and `first_owner` are what they were when it was first told, and stay so in all its records.
    """

    surge_id: Identifier
    kind: SurgeKind = SurgeKind.GROWING
    status: SurgeStatus
    cluster: SurgeCluster
    owner: str | None
    started_at: Time
    updated_at: Time
    resolved_at: Time | None = None
    observed: Annotated[int, Field(ge=0)]
    expected: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    ratio: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    q_value: Share
    window: Window
    customers_affected: Annotated[int, Field(ge=0)]
    descriptions: Annotated[list[str], Field(max_length=5)]
    generation_id: Identifier
    runbook: str | None = None
    ticket_ids: Annotated[list[Identifier], Field(max_length=100)] = Field(default_factory=list)
    verdict: EmergingVerdict | None = None
    notice: SurgeNotice | None = None
    members: list[SurgeCluster] = Field(default_factory=list)
    product: str | None = None
    sla_minutes: Annotated[int, Field(ge=0)] | None = None
    chart: Chart | None = None
    acknowledged_until: Time | None = None
    silenced_until: Time | None = None
    resolved_reason: ResolvedReason | None = None
    merged_into: Identifier | None = None
    first_cluster: Identifier | None = None
    first_owner: str | None = None

    @property
    def cluster_ids(self) -> tuple[str, ...]:
        """Ids of its clusters, the lead first."""
        return tuple(dict.fromkeys((self.cluster.id, *(member.id for member in self.members))))

    @property
    def first_told(self) -> tuple[str, str | None]:
        """The cluster and its owner as they were first told; of a record of before that was kept, those that it has."""
        if self.first_cluster is None:
            return self.cluster.id, self.owner
        return self.first_cluster, self.first_owner


class Count(Event):
    """One ticket counted once for one cluster, at the event time of its creation; keyed by cluster_id."""

    ticket_id: Identifier
    cluster_id: Identifier
    generation_id: Identifier
    customer_id: str | None
    product: str | None
    occurred_at: Time


class SurgeDay(Event):
    """What was counted for a cluster on one UTC day; keyed by `<cluster_id>/<day>`, last state wins.

    `day` is in days since 1970. `buckets` has the number of a bucket in its day, as text, and its count, where that is
    not 0.
    """

    cluster_id: Identifier
    day: Annotated[int, Field(ge=0)]
    bucket_s: Annotated[int, Field(ge=1)]
    buckets: dict[Annotated[str, Field(pattern=r"^[0-9]{1,5}$")], Annotated[int, Field(ge=0)]]
    updated_at: Time


class SurgeEvidence(Contract):
    """What the last evaluation at which a surge was still seen said of it."""

    enters: bool
    stays: bool
    observed: Annotated[int, Field(ge=0)]
    expected: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    q_value: Share
    window_s: Annotated[int, Field(ge=1)]
    started_at: Time


class CourseState(StrEnum):
    """Where a surge is in its life (see models/surge/lifecycle)."""

    PENDING = "pending"
    FIRING = "firing"
    RESOLVED = "resolved"
    ENDED = "ended"


class SurgeCourse(Event):
    """Everything of one surge that must survive a restart, a day beyond its end; keyed by surge_id, last state wins.

    `told` says that its firing was told and its end was not; `told_excess` and `told_members` are what was told last,
    `first_cluster` and `first_owner` its lead and whose that was when it was told first.
    """

    surge_id: Identifier
    state: CourseState
    clusters: Annotated[list[Identifier], Field(min_length=1)]
    started_at: Time
    since: Time
    last: SurgeEvidence
    told: bool
    told_excess: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    told_members: Annotated[int, Field(ge=0)]
    acknowledged_until: Time | None = None
    silenced_until: Time | None = None
    product: str | None = None
    first_cluster: Identifier | None = None
    first_owner: str | None = None
    generation_id: Identifier
    updated_at: Time
