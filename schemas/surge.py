"""A surge (`tickets.surges`), the counts it is found in (`tickets.counts`), and its state (`tickets.surge-state`)."""

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


class Window(Contract):
    """Half-open span of event time, [start, end)."""

    start: Time
    end: Time


class SurgeCluster(Contract):
    id: Identifier
    name: str


class Surge(Event):
    """A problem that spreads; keyed by surge_id, last state wins.

    One that grows is a cluster of the generation. One that emerges has a provisional cluster, which the next
    reclustering confirms or drops: it is resolved then, and `verdict` says how. Its `observed` tickets are those in
    `ticket_ids` (the latest hundred), `expected` is how many of so many tickets would be as near by chance, by the
    generation's own history, and `q_value` how likely as many would be.
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


class Count(Event):
    """One ticket counted once for one cluster, at the event time of its creation; keyed by cluster_id."""

    ticket_id: Identifier
    cluster_id: Identifier
    generation_id: Identifier
    customer_id: str | None
    product: str | None
    occurred_at: Time


class SurgeState(Event):
    """What the surge path needs to go on after a restart; keyed by cluster_id."""

    cluster_id: Identifier
    bucket_s: Annotated[int, Field(ge=1)]
    buckets: dict[str, Annotated[int, Field(ge=0)]]
    open_surge_id: str | None = None
    updated_at: Time
