"""Scores: what a committed batch's acts of people say of the decisions, as metrics. At the end of the routing path.

Owners are those of the generation in force, everybody else is `other`, so that no label grows without bound; what is
asked by cluster is answered by `tickets.insights`.
"""

from collections.abc import Sequence

from agents.feedback import Judged, Told
from agents.lessons import Lessons
from agents.metrics import Metrics
from models.learn.acts import ActKind, seconds_to_assign
from schemas.feedback import CorrectionKind
from schemas.insight import InsightSource


def count_acts(metrics: Metrics, judged: Sequence[Judged], owners: frozenset[str]) -> None:
    """Count acts on tickets, wherever they were told."""
    for act in judged:
        said, effect = act.said, act.effect
        metrics.feedback.labels(act.act.kind.value, act.source.value).inc()
        if effect.lesson is not None:
            metrics.lessons.labels(effect.lesson.value).inc()
        if effect.is_first and not said.routed:  # else it was assigned when it was decided, and counted then
            waited_s = seconds_to_assign(act.ticket.created_at_ms, said, effect.handling)
            metrics.time_to_assign.labels("people").observe(waited_s or 0)
        right = effect.handling.first_right
        if effect.is_first and right is not None:
            result = "right" if right else "wrong"
            metrics.first_assignments.labels(_label(said.owner, owners), result).inc()
            metrics.accuracy.add(right)
        if effect.is_reassignment:
            metrics.reassignments.labels(_label(effect.left, owners)).inc()
        if act.act.kind is ActKind.RESOLVED:
            metrics.reassigned.add(effect.handling.reassigned > 0)


def count_told(metrics: Metrics, told: Sequence[Told], lessons: Lessons) -> None:
    """Count what else was read of `tickets.feedback`."""
    for act in told:
        for personal, number in act.masked.items():
            metrics.masked.labels(personal.value).inc(number)
    for news in lessons.skipped:
        metrics.events.labels(news.why).inc()
    for of_cluster in lessons.of_clusters:
        kind = of_cluster.event.kind.value
        metrics.feedback.labels(kind, InsightSource.FEEDBACK.value).inc()
        metrics.lessons.labels(CorrectionKind(kind).value).inc()


def _label(owner: str | None, owners: frozenset[str]) -> str:
    return owner if owner is not None and owner in owners else "other"
