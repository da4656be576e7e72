"""A surge (`tickets.surges`), the counts it is found in (`tickets.counts`), and its state (`tickets.surge-state`)."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from schemas.contract import Contract, Event, Identifier, Share, Time


class SurgeStatus(StrEnum):
    FIRING = "firing"
    RESOLVED = "resolved"


class Window(Contract):
    """Half-open span of event time, [start, end)."""

    start: Time
    end: Time


class SurgeCluster(Contract):
    id: Identifier
    name: str


class Surge(Event):
    """A cluster that grows faster than its own past explains; keyed by surge_id, last state wins."""

    surge_id: Identifier
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
