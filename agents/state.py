"""State: how a vector stands in a record of ours, and what becomes of a record of `tickets.state` or
`tickets.corrections` that cannot be read. For the readers of both, `tables`, `live` and `corrections`.

Only Sluice writes these topics, so such a record is a breach that people must hear of. It ends nobody: it would do so
again at every start, and the whole queue would stand still for one ticket.
"""

import base64
from typing import Literal

import numpy as np
import structlog

from agents.metrics import Metrics
from agents.wire import Record
from models.errors import Fatal
from models.vote import Vectors, settle
from schemas.dead_letter import DeadReason
from schemas.unreadable import Unreadable

_log = structlog.get_logger(__name__)


def pass_over(
    record: Record, why: str, reader: Literal["table", "similar", "corrections", "surges"], metrics: Metrics
) -> None:
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


def end_if_newer(record: Record, error: Unreadable) -> None:
    """Raise Fatal where another version of Sluice wrote the record: it is sound, may say anything, and is hardly the
    only one."""
    if error.reason is DeadReason.UNKNOWN_SCHEMA_VERSION:
        raise Fatal(f"{record.topic()} was written by another version of Sluice: run that one") from error


def text_of(vector: Vectors) -> str:
    """A vector [dim] as the state keeps it: settled, which is how it was matched and what float16 holds exactly;
    base64, little-endian."""
    return base64.b64encode(settle(vector[None, :])[0].astype("<f2").tobytes()).decode()


def vector_of(text: str) -> Vectors:
    """The vector that `text_of` wrote, [dim] float32."""
    return np.frombuffer(base64.b64decode(text), dtype="<f2").astype(np.float32)
