"""Every metric of a worker, declared once. Labels come from bounded sets: no text, no ticket, no customer."""

import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from schemas.dead_letter import DeadReason

# From a single short ticket on an idle worker to a backlog of minutes.
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.087, 0.15, 0.3, 0.6, 1.2, 2.5, 5, 10, 30, 60, 300)
# From a decision on an idle worker to a ticket that lay for a week.
_WAITS = (1, 5, 30, 120, 600, 1_800, 3_600, 4 * 3_600, 8 * 3_600, 86_400, 3 * 86_400, 7 * 86_400)
# A share of 0.9 is then known to 2 points (twice the standard error of a proportion), by a worker of its own tickets.
_RECENT = 1_000
_SHARES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0)


class InWork:
    """The batches in work, by their oldest record. The gauge asks for its age whenever it is read, so that it grows
    while a batch takes long, and does not fall to 0 while another is in work behind one that is committed.

    Args:
        now_ms: the clock of the records' timestamps.
    """

    def __init__(self, gauge: Gauge, now_ms: Callable[[], int]) -> None:
        self._since: dict[int, int] = {}
        self._now_ms = now_ms
        gauge.set_function(self._age_s)

    def begin(self, batch: object, oldest_ms: int) -> None:
        self._since[id(batch)] = oldest_ms

    def end(self, batch: object) -> None:
        """It is committed or dropped."""
        self._since.pop(id(batch), None)

    def _age_s(self) -> float:
        now_ms = self._now_ms()
        return max(0, now_ms - min(list(self._since.values()), default=now_ms)) / 1000


class Recent:
    """The share of yes among the last answers, as a gauge that has no number before the first.

    Args:
        count: how many answers are kept.
    """

    def __init__(self, gauge: Gauge, count: int = _RECENT) -> None:
        self._answers, self._count = deque[bool](), count
        self._yes = 0
        self._share = math.nan
        gauge.set_function(lambda: self._share)

    def add(self, answer: bool) -> None:
        self._answers.append(answer)
        self._yes += answer
        if len(self._answers) > self._count:
            self._yes -= self._answers.popleft()
        self._share = self._yes / len(self._answers)


@dataclass(frozen=True, slots=True)
class Metrics:
    """Metrics of one worker, on the registry that it was given."""

    decisions: Counter
    """Decisions by outcome and reason."""
    events: Counter
    """Ticket events that needed no decision, by what was done with them."""
    dead_letters: Counter
    """Dead letters by reason."""
    masked: Counter
    """Spans of personal data masked, by type."""
    step_seconds: Histogram
    """Seconds that a step took for one batch."""
    end_to_end_seconds: Histogram
    """Seconds from a record's timestamp to its committed decision."""
    batch_fill: Histogram
    """Records of a batch as a share of the most that it may hold."""
    rewinds: Counter
    """Batches begun again, by what failed."""
    dropped: Counter
    """Batches dropped before their transaction, by why."""
    lag: Gauge
    """Records between a partition's committed position and its end, by topic."""
    in_work: InWork
    """Age of the oldest record in work, 0 when idle: how far behind the queue is."""
    generation_created: Gauge
    """When the generation in force was made, as epoch seconds; its age is `time() -` this."""
    generation_swaps: Counter
    """Generations read, by what became of them."""
    solved_tickets: Gauge
    """Solved tickets that can be shown as similar."""
    open_tickets: Gauge
    """Open tickets that a new one may repeat."""
    duplicates: Counter
    """Decisions on new tickets that name one which they repeat."""
    known_tickets: Gauge
    """Tickets of this worker's partitions whose last version is known."""
    state_unreadable: Counter
    """Records of the state and of corrections passed over because they cannot be read, by which reader met them."""
    feedback: Counter
    """Acts on tickets and clusters by kind, and by where they were told."""
    lessons: Counter
    """Corrections and confirmations written, by kind."""
    first_assignments: Counter
    """First assignments by the owner decided, and whether people gave the ticket to that owner."""
    reassignments: Counter
    """Tickets that changed hands, by who lost them."""
    time_to_assign: Histogram
    """Seconds from a ticket's creation to its first owner, by who gave it: a route, or people."""
    accuracy: Recent
    """Share of right ones among the last first assignments."""
    reassigned: Recent
    """Share of the last tickets resolved that had changed hands."""
    triage: Recent
    """Share of triage among the last decisions."""
    revision: Gauge
    """Revision of the last correction read."""
    drift: Gauge
    """Population stability index of the last tickets against the history, by measure; absent while they are too few."""
    triage_pool: Gauge
    """Tickets that no cluster explains and that wait for others like them; at the worker that leads."""
    emerging: Counter
    """Records of emerging problems announced, by their status."""
    shadow: Counter
    """Decisions made beside those of the generation in force, by what they differ in."""
    counts: Counter
    """Counts read by the surge path, by where they were placed, or why they were not."""
    surge_clusters: Gauge
    """Clusters with a count in the history that is kept; at the worker that has the counts, as the next three."""
    surges: Gauge
    """Open surges of known problems, by state."""
    surge_evaluation_seconds: Histogram
    """Seconds that one look at all clusters took."""
    surge_evaluated: Gauge
    """Up to when the counts were last looked at, as epoch seconds."""
    surge_failures: Counter
    """Looks at the counts that failed, by the error, or that a wrong clock forbids: the counts are kept."""
    notices: Counter
    """Records of surges of known problems, by why they were written."""
    alerts: Counter
    """Alerts sent to Alertmanager, by what became of them."""
    alert_age: Gauge
    """Age of the oldest record of a surge that Alertmanager has yet to take, 0 where there is none."""


def declare(
    registry: CollectorRegistry, now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000
) -> Metrics:
    """All metrics, registered on `registry`; `now_ms` is what ages are told by."""

    def counter(name: str, text: str, *labels: str) -> Counter:
        return Counter(f"sluice_{name}", text, labels, registry=registry)

    def gauge(name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"sluice_{name}", text, labels, registry=registry)

    def histogram(name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(f"sluice_{name}", text, labels, registry=registry, buckets=buckets)

    dead_letters = counter("dead_letters", "Records put aside by reason", "reason")
    for reason in DeadReason:  # a series that begins with its first letter has not increased, to an alert
        dead_letters.labels(reason.value)
    return Metrics(
        decisions=counter("decisions", "Decisions by outcome and reason", "outcome", "reason"),
        events=counter("events", "Ticket events without a decision of their own", "handled"),
        dead_letters=dead_letters,
        masked=counter("masked_spans", "Spans of personal data masked by type", "type"),
        step_seconds=histogram("step_seconds", "Seconds a step took for a batch", _SECONDS, "step"),
        end_to_end_seconds=histogram(
            "end_to_end_seconds", "Seconds from record timestamp to committed decision", _SECONDS
        ),
        batch_fill=histogram("batch_fill_share", "Records of a batch over the most it may hold", _SHARES),
        rewinds=counter("rewinds", "Batches begun again by cause", "cause"),
        dropped=counter("batches_dropped", "Batches dropped before their transaction", "cause"),
        lag=gauge("lag_records", "Records not yet committed", "topic", "partition"),
        in_work=InWork(gauge("oldest_ticket_seconds", "Age of the oldest record in work"), now_ms),
        generation_created=gauge("generation_created_seconds", "When the generation in force was made"),
        generation_swaps=counter("generations_read", "Generations read by result", "result"),
        solved_tickets=gauge("solved_tickets", "Solved tickets that can be shown as similar"),
        open_tickets=gauge("open_tickets", "Open tickets that a new one may repeat"),
        duplicates=counter("duplicates", "New tickets said to repeat an open one"),
        known_tickets=gauge("known_tickets", "Tickets of own partitions whose last version is known"),
        state_unreadable=counter(
            "state_unreadable", "Records of state and corrections that cannot be read", "reader"
        ),
        feedback=counter("feedback", "Acts by kind and by where they were told", "kind", "source"),
        lessons=counter("lessons", "Corrections and confirmations written", "kind"),
        first_assignments=counter(
            "first_assignments", "First assignments by decided owner and result", "owner", "result"
        ),
        reassignments=counter("reassignments", "Tickets that changed hands by who lost them", "owner"),
        time_to_assign=histogram("time_to_assign_seconds", "From creation to a first owner", _WAITS, "by"),
        accuracy=Recent(gauge("live_accuracy_share", "Right ones among the last first assignments")),
        reassigned=Recent(
            gauge("live_reassigned_share", "Tickets that changed hands among the last resolved")
        ),
        triage=Recent(gauge("live_triage_share", "Triage among the last decisions")),
        revision=gauge("corrections_revision", "Revision of the last correction read"),
        drift=gauge("drift_psi", "Population stability index of the last tickets by measure", "of"),
        triage_pool=gauge("triage_pool_tickets", "Tickets that no cluster explains, at the leader"),
        emerging=counter("emerging", "Records of emerging problems announced by status", "status"),
        shadow=counter("shadow_decisions", "Decisions of a candidate by what they differ in", "differs"),
        counts=counter("surge_counts", "Counts read by where they were placed", "placement"),
        surge_clusters=gauge("surge_clusters", "Clusters with counts, at the worker that has them"),
        surges=gauge("surges", "Open surges of known problems by state", "state"),
        surge_evaluation_seconds=histogram(
            "surge_evaluation_seconds", "Seconds that one look at all clusters took", _SECONDS
        ),
        surge_evaluated=gauge("surge_evaluated_seconds", "Up to when counts were last looked at"),
        surge_failures=counter("surge_failures", "Looks at the counts that failed", "error"),
        notices=counter("surge_notices", "Records of surges of known problems by why", "kind"),
        alerts=counter("alertmanager_alerts", "Alerts sent to Alertmanager by result", "result"),
        alert_age=gauge("alertmanager_oldest_seconds", "Age of the oldest surge record not taken yet"),
    )
