"""Watch: what the wire tells of itself, turned into metrics, restored tables and log lines."""

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import structlog
from confluent_kafka import TopicPartition

from agents.home import Homes
from agents.metrics import Metrics
from agents.tables import TicketTable
from agents.wire import Batch
from models.surge.lifecycle import OPEN

_log = structlog.get_logger(__name__)


class RoutingWatcher:
    """The wire's watcher on the routing path; called in the wire's thread.

    Args:
        consumer: the wire's own, for the ends of its partitions (read from the client's cache).
        count: partitions of a topic, asked by another client: confluent-kafka aborts the process if a consumer that
            was asked for metadata in one of its own callbacks has another callback to serve in the same call.
        homes: told how many partitions there are, which may have grown when the assignment changes.
        records: most records of a batch.
        tickets: name of the topic whose partitions have a state beside them.
    """

    def __init__(
        self,
        consumer: Any,
        count: Callable[[str], int],
        table: TicketTable,
        homes: Homes,
        metrics: Metrics,
        records: int,
        joined: threading.Event,
        tickets: str,
    ) -> None:
        self._consumer, self._count, self._table, self._homes = consumer, count, table, homes
        self._metrics, self._records, self._joined = metrics, records, joined
        self._tickets = tickets

    def gained(self, partitions: list[TopicPartition]) -> None:
        numbers = self._of_tickets(partitions)
        _log.info("partitions_gained", partitions=sorted(numbers))
        if numbers:
            self._homes.partitions = self._count(self._tickets)
            self._table.restore(numbers)
        self._metrics.known_tickets.set(len(self._table))
        self._joined.set()

    def lost(self, partitions: list[TopicPartition]) -> None:
        numbers = self._of_tickets(partitions)
        _log.info("partitions_lost", partitions=sorted(numbers))
        self._table.forget(numbers)
        for place in partitions:
            self._metrics.lag.remove(place.topic, str(place.partition))

    def _of_tickets(self, partitions: list[TopicPartition]) -> list[int]:
        """The numbers by which state is kept: what people did comes with the tickets that they did it to."""
        return [place.partition for place in partitions if place.topic == self._tickets]

    def committed(self, batch: Batch, seconds: float) -> None:
        metrics = self._metrics
        metrics.step_seconds.labels("commit").observe(seconds)
        metrics.batch_fill.observe(len(batch.records) / self._records)
        metrics.in_work.end(batch)
        metrics.known_tickets.set(len(self._table))
        _tell_lag(self._consumer, batch, metrics)

    def dropped(self, batch: Batch, why: str) -> None:
        self._metrics.dropped.labels(why).inc()
        self._metrics.in_work.end(batch)
        _log.info("batch_dropped", why=why, records=len(batch.records))

    def rewound(self, why: str) -> None:
        self._metrics.rewinds.labels(why).inc()
        _log.warning("rewound", why=why)


class SurgeWatcher:
    """The wire's watcher on the surge path; called in the wire's thread. What the path knows it reads itself, with the
    first batch of an epoch.

    Args:
        consumer: as that of the other.
    """

    def __init__(self, consumer: Any, metrics: Metrics) -> None:
        self._consumer, self._metrics = consumer, metrics

    def gained(self, partitions: list[TopicPartition]) -> None:
        if partitions:
            _log.info("counts_gained")

    def lost(self, partitions: list[TopicPartition]) -> None:
        metrics = self._metrics
        for place in partitions:
            _log.info("counts_lost")
            with suppress(KeyError):  # nothing was committed of it
                metrics.lag.remove(place.topic, str(place.partition))
        metrics.surge_clusters.set(0)
        for state in OPEN:
            metrics.surges.labels(state.value).set(0)

    def committed(self, batch: Batch, seconds: float) -> None:
        _tell_lag(self._consumer, batch, self._metrics)

    def dropped(self, batch: Batch, why: str) -> None:
        self._metrics.dropped.labels(why).inc()
        _log.info("counts_dropped", why=why, records=len(batch.records))

    def rewound(self, why: str) -> None:
        self._metrics.rewinds.labels(why).inc()
        _log.warning("rewound", why=why, path="surge")


def _tell_lag(consumer: Any, batch: Batch, metrics: Metrics) -> None:
    for place in batch.positions:
        _, end = consumer.get_watermark_offsets(place, cached=True)
        metrics.lag.labels(place.topic, str(place.partition)).set(max(0, end - place.offset))
