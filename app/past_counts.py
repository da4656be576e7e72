"""Past counts: what a history says of how often each problem comes, so that surges are judged from the first hour.
Under bootstrap.

A ticket of the last four weeks, which is what the surge path keeps, becomes the count that a worker would have
written when it was created: its record bears that time, and the surge path places a count by when its record was
written. They are written in the order of their times, so that its clock passes through the history.

A ticket that is counted for its cluster is not counted again, by whom it ever was: the topic itself is asked before. A
bootstrap that was ended in between goes on where it stopped, one of the same tickets adds nothing, and one that finds
other clusters counts its tickets for those.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

from confluent_kafka import Producer

from agents.follower import Lookup
from agents.state import end_if_newer
from agents.wire import Output, Record
from app.publisher import write
from models.surge.window import DAY_S, WindowPolicy
from schemas.channels import event_type
from schemas.codec import decode, encode
from schemas.contract import time_of
from schemas.headers import event_headers
from schemas.surge import Count
from schemas.unreadable import Unreadable

_DAY_MS = DAY_S * 1000
_CHUNK = 2_000


@dataclass(frozen=True, slots=True, order=True)
class PastCount:
    """A ticket of the history that is counted once for a cluster; in the order of their times, epoch milliseconds."""

    at_ms: int
    ticket_id: str
    cluster_id: str
    customer_id: str | None
    product: str | None


def write_counts(
    producer: Producer,
    lookup: Lookup,
    counts: Iterable[PastCount],
    generation_id: str,
    topic: str,
    now_ms: int,
) -> int:
    """Write the counts of the time that is kept and that are not in the topic; in several transactions.

    Returns:
        How many were written.

    Raises:
        Transient: the topic cannot be read.
        KafkaException: it cannot be written.
        Fatal: another version of Sluice wrote counts of these clusters.
    """
    kept = {(one.ticket_id, one.cluster_id): one for one in counts if is_kept(one.at_ms, now_ms)}
    if kept:
        _drop_known(kept, lookup, topic)
    ordered = iter(sorted(kept.values(), key=lambda one: (one.at_ms, one.ticket_id)))
    while chunk := list(islice(ordered, _CHUNK)):
        write(producer, [_record(one, generation_id, topic) for one in chunk])
    return len(kept)


def is_kept(at_ms: int, now_ms: int) -> bool:
    """Whether the surge path keeps counts of this time, also if midnight passes before it reads them."""
    first_day = now_ms // _DAY_MS - 7 * WindowPolicy().weeks + 1
    return first_day * _DAY_MS <= at_ms <= now_ms


def _drop_known(kept: dict[tuple[str, str], PastCount], lookup: Lookup, topic: str) -> None:
    """Take out of `kept`, by ticket and cluster, what the topic counts already. Nothing else is held of the topic,
    which has every ticket of five weeks."""
    clusters = frozenset(one.cluster_id for one in kept.values())

    def take(record: Record) -> None:
        if (record.key() or b"").decode(errors="replace") not in clusters:
            return
        try:
            count = decode(Count, record.value())
        except Unreadable as error:
            end_if_newer(record, error)
            return  # nobody counts it
        kept.pop((count.ticket_id, count.cluster_id), None)

    lookup.read(topic, range(lookup.count(topic)), take)


def _record(one: PastCount, generation_id: str, topic: str) -> Output:
    event = Count(
        ticket_id=one.ticket_id,
        cluster_id=one.cluster_id,
        generation_id=generation_id,
        customer_id=one.customer_id,
        product=one.product,
        occurred_at=time_of(one.at_ms),
    )
    headers = event_headers(
        event_type(Count), one.ticket_id, "/sluice/bootstrap", one.cluster_id, event.occurred_at, None
    )
    return Output(topic, one.cluster_id.encode(), encode(event), headers, None, one.at_ms)
