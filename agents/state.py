"""State: what becomes of a record of `tickets.state` that cannot be read. For its two readers, `tables` and `live`.

Only Sluice writes this topic, so such a record is a breach that people must hear of. It ends nobody: it would do so
again at every start, and the whole queue would stand still for one ticket.
"""

from typing import Literal

import structlog

from agents.metrics import Metrics
from agents.wire import Record

_log = structlog.get_logger(__name__)


def pass_over(record: Record, why: str, reader: Literal["table", "similar"], metrics: Metrics) -> None:
    """Tell where the record stands and what is wrong with it, never what is in it, and count it.

    Args:
        why: of the codec's closed set, or a word of the reader's own.
    """
    metrics.state_unreadable.labels(reader).inc()
    _log.error(
        "state_unreadable",
        reader=reader,
        topic=record.topic(),
        partition=record.partition(),
        offset=record.offset(),
        why=why,
    )
