"""Surge content: what a record of `tickets.surges` says of a surge of known problems. Last step of the surge path."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from agents.live import InForce
from agents.surge_state import SurgeState
from models.surge.examples import MOST, Described, examples_of
from models.surge.grouping import Recent
from models.surge.lifecycle import Course, Notice, State
from models.surge.window import HOUR_S
from schemas.contract import time_of
from schemas.surge import (
    Chart,
    ResolvedReason,
    Surge,
    SurgeCluster,
    SurgeKind,
    SurgeNotice,
    SurgeStatus,
    Window,
)

_CHART_HOURS = 7 * 24
_MOST_IDS = 100
# What a ratio is told against where next to nothing is expected: it has to be a number.
_LEAST_EXPECTED = 1e-3


@dataclass(frozen=True, slots=True)
class Told:
    """A surge of which something is to be told.

    Attributes:
        course: as it stands; of one that is resolved, as it last stood.
        into: the surge that it went into, where it did.
    """

    course: Course
    notice: Notice
    into: str | None = None


def surge_of(
    told: Told,
    state: SurgeState,
    recent: Sequence[Recent],
    described: Sequence[Described],
    in_force: InForce,
    runbook: str | None,
) -> Surge:
    """The record's value.

    Args:
        recent: the counts of the last day, their clusters as the generation has them.
        described: tickets of its clusters since it started.
        runbook: where runbooks are (see `link_of`).
    """
    course, now_s = told.course, state.now_s
    last, resolved = course.last, told.notice is Notice.RESOLVED
    names = {cluster.id: cluster.name for cluster in in_force.ready.clusters}
    members = [SurgeCluster(id=one, name=names.get(one, one)) for one in course.clusters]
    own = [one for one in recent if one.cluster_id in course.clusters and one.at_s >= course.started_s]
    owner = owner_of(course.clusters[0], in_force)
    promises = {one.name: one.sla_minutes for one in in_force.generation.owners}
    # A course that is resolved has been so since the first look that saw no more of it.
    seen_s = course.since_s if course.state in (State.RESOLVED, State.ENDED) else now_s
    end_s = seen_s - seen_s % state.policy.bucket_s
    return Surge(
        surge_id=course.surge_id,
        kind=SurgeKind.GROWING,
        status=SurgeStatus.RESOLVED if resolved else SurgeStatus.FIRING,
        cluster=members[0],
        owner=owner,
        started_at=time_of(course.started_s * 1000),
        updated_at=time_of(now_s * 1000),
        resolved_at=time_of(seen_s * 1000) if resolved else None,
        observed=last.observed,
        expected=round(last.expected, 4),
        ratio=round(last.observed / max(last.expected, _LEAST_EXPECTED), 2),
        q_value=last.q,
        window=Window(start=time_of((end_s - last.window_s) * 1000), end=time_of(end_s * 1000)),
        customers_affected=len({one.customer or (one.ticket_id,) for one in own}),
        descriptions=[one.text for one in examples_of(described, MOST)],
        generation_id=in_force.id,
        runbook=link_of(runbook, course.clusters[0]),
        ticket_ids=[one.ticket_id for one in own[-_MOST_IDS:]],
        notice=SurgeNotice(told.notice.value),
        members=members,
        product=course.product,
        sla_minutes=None if owner is None else promises.get(owner),
        chart=_chart(course.clusters, state),
        acknowledged_until=time_of(course.acknowledged_until_s * 1000)
        if course.acknowledged(now_s)
        else None,
        silenced_until=time_of(course.silenced_until_s * 1000) if course.silenced(now_s) else None,
        resolved_reason=_reason(told),
        merged_into=told.into,
        first_cluster=course.first_cluster,
        first_owner=course.first_owner,
    )


def owner_of(cluster_id: str, in_force: InForce) -> str | None:
    """Who handles a cluster: by people's acts since the generation, where there were any, else by itself."""
    shares = in_force.corrections.clusters.get(cluster_id)
    if shares:
        return min(shares, key=lambda share: (-share[1], share[0]))[0]
    return next((one.owner for one in in_force.ready.clusters if one.id == cluster_id), None)


def link_of(runbook: str | None, cluster_id: str) -> str | None:
    """The cluster's runbook: `{cluster}` in the setting stands for its id; without it, its id comes behind a
    slash. People choose the ids of clusters that they add, so what no link may hold is quoted."""
    if runbook is None:
        return None
    name = quote(cluster_id, safe="")
    if "{cluster}" in runbook:
        return runbook.replace("{cluster}", name)
    return f"{runbook.rstrip('/')}/{name}"


def _reason(told: Told) -> ResolvedReason | None:
    if told.notice is not Notice.RESOLVED:
        return None
    return ResolvedReason.ENDED if told.into is None else ResolvedReason.MERGED


def _chart(clusters: Sequence[str], state: SurgeState) -> Chart:
    """Tickets of all the clusters by the hour of the last 7 days."""
    columns = zip(*(state.windows.hours(one, _CHART_HOURS) for one in clusters), strict=True)
    start_s = state.now_s - state.now_s % HOUR_S - (_CHART_HOURS - 1) * HOUR_S
    return Chart(start=time_of(start_s * 1000), hours=[sum(column) for column in columns])
