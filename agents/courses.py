"""Courses of surges as they stand in `tickets.surge-state`, beside the counts of days, and as far as what was told of a
surge tells its course too. Under the surge path.
"""

from datetime import datetime

from models.surge.lifecycle import Course, Evidence, State
from schemas.contract import epoch_ms_of, time_of
from schemas.surge import (
    CourseState,
    ResolvedReason,
    Surge,
    SurgeCourse,
    SurgeEvidence,
    SurgeKind,
    SurgeStatus,
)


def event_of(course: Course, now_s: int) -> SurgeCourse:
    """The course as it is written at `now_s`."""
    return SurgeCourse(
        surge_id=course.surge_id,
        state=CourseState(course.state.value),
        clusters=list(course.clusters),
        started_at=time_of(course.started_s * 1000),
        since=time_of(course.since_s * 1000),
        last=SurgeEvidence(
            enters=course.last.enters,
            stays=course.last.stays,
            observed=course.last.observed,
            expected=course.last.expected,
            q_value=course.last.q,
            window_s=course.last.window_s,
            started_at=time_of(course.last.started_s * 1000),
        ),
        told=course.told,
        told_excess=course.told_excess,
        told_members=course.told_members,
        acknowledged_until=_time(course.acknowledged_until_s),
        silenced_until=_time(course.silenced_until_s),
        product=course.product,
        first_cluster=course.first_cluster,
        first_owner=course.first_owner,
        generation_id=course.generation_id,
        updated_at=time_of(now_s * 1000),
    )


def course_of(event: SurgeCourse) -> Course:
    """The course that was written."""
    last = event.last
    return Course(
        surge_id=event.surge_id,
        state=State(event.state.value),
        clusters=tuple(event.clusters),
        started_s=_seconds(event.started_at),
        since_s=_seconds(event.since),
        last=Evidence(
            enters=last.enters,
            stays=last.stays,
            observed=last.observed,
            expected=last.expected,
            q=last.q_value,
            window_s=last.window_s,
            started_s=_seconds(last.started_at),
        ),
        told=event.told,
        told_excess=event.told_excess,
        told_members=event.told_members,
        acknowledged_until_s=_seconds(event.acknowledged_until),
        silenced_until_s=_seconds(event.silenced_until),
        product=event.product,
        generation_id=event.generation_id,
        first_cluster=event.first_cluster,
        first_owner=event.first_owner,
    )


def course_told(surge: Surge) -> Course | None:
    """The course of a growing surge by the last record that was told of it: firing, whatever it was since, or ended.
    None of one that went into another, whose course has its clusters, and of one that is no known problem."""
    if surge.kind is not SurgeKind.GROWING or surge.resolved_reason is ResolvedReason.MERGED:
        return None
    fires = surge.status is SurgeStatus.FIRING
    clusters = surge.cluster_ids
    first_cluster, first_owner = surge.first_told
    started_s = _seconds(surge.started_at)
    last = Evidence(
        enters=fires,
        stays=fires,
        observed=surge.observed,
        expected=surge.expected,
        q=surge.q_value,
        window_s=max(1, _seconds(surge.window.end) - _seconds(surge.window.start)),
        started_s=started_s,
    )
    return Course(
        surge_id=surge.surge_id,
        state=State.FIRING if fires else State.ENDED,
        clusters=clusters,
        started_s=started_s,
        since_s=_seconds(surge.updated_at if surge.resolved_at is None else surge.resolved_at),
        last=last,
        told=fires,
        told_excess=last.excess,
        told_members=len(clusters),
        acknowledged_until_s=_seconds(surge.acknowledged_until),
        silenced_until_s=_seconds(surge.silenced_until),
        product=surge.product,
        generation_id=surge.generation_id,
        first_cluster=first_cluster,
        first_owner=first_owner,
    )


def _seconds(moment: datetime | None) -> int:
    return 0 if moment is None else epoch_ms_of(moment) // 1000


def _time(at_s: int) -> datetime | None:
    return time_of(at_s * 1000) if at_s else None
