"""Every metric of a worker, declared once. Labels come from bounded sets: no text, no ticket, no customer."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

# From a single short ticket on an idle worker to a backlog of minutes.
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.087, 0.15, 0.3, 0.6, 1.2, 2.5, 5, 10, 30, 60, 300)
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
    """Records between a partition's committed position and its end."""
    in_work: InWork
    """Age of the oldest record in work, 0 when idle: how far behind the queue is."""
    generation_created: Gauge
    """When the generation in force was made, as epoch seconds; its age is `time() -` this."""
    generation_swaps: Counter
    """Generations read, by what became of them."""
    solved_tickets: Gauge
    """Solved tickets that can be shown as similar."""
    known_tickets: Gauge
    """Tickets of this worker's partitions whose last version is known."""
    state_unreadable: Counter
    """Records of the state passed over because they cannot be read, by which of its readers met them."""


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

    return Metrics(
        decisions=counter("decisions", "Decisions by outcome and reason", "outcome", "reason"),
        events=counter("events", "Ticket events without a decision of their own", "handled"),
        dead_letters=counter("dead_letters", "Records put aside by reason", "reason"),
        masked=counter("masked_spans", "Spans of personal data masked by type", "type"),
        step_seconds=histogram("step_seconds", "Seconds a step took for a batch", _SECONDS, "step"),
        end_to_end_seconds=histogram(
            "end_to_end_seconds", "Seconds from record timestamp to committed decision", _SECONDS
        ),
        batch_fill=histogram("batch_fill_share", "Records of a batch over the most it may hold", _SHARES),
        rewinds=counter("rewinds", "Batches begun again by cause", "cause"),
        dropped=counter("batches_dropped", "Batches dropped before their transaction", "cause"),
        lag=gauge("lag_records", "Records not yet committed", "partition"),
        in_work=InWork(gauge("oldest_ticket_seconds", "Age of the oldest record in work"), now_ms),
        generation_created=gauge("generation_created_seconds", "When the generation in force was made"),
        generation_swaps=counter("generations_read", "Generations read by result", "result"),
        solved_tickets=gauge("solved_tickets", "Solved tickets that can be shown as similar"),
        known_tickets=gauge("known_tickets", "Tickets of own partitions whose last version is known"),
        state_unreadable=counter("state_unreadable", "Records of the state that cannot be read", "reader"),
    )
