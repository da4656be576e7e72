"""Young states: the tickets decided on lately, each state decoded once for all who look at them. Between the follower
and those, `emerging` and `surge_texts`.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from agents.state import vector_of
from agents.wire import Record
from models.vote import Vectors
from schemas.codec import decode
from schemas.contract import epoch_ms_of
from schemas.state import TicketState
from schemas.unreadable import Unreadable

# As our own writer puts it, and as no text in a JSON document can read (its quotes are escaped): a start need not
# decode the states of all tickets to find those of the last day.
_DECIDED = re.compile(rb'"decided_at":"([0-9TZ:.-]+)"')


@dataclass(frozen=True, slots=True)
class Young:
    """A ticket decided on at `at_ms`, with the vector [dim] float32 of its text."""

    state: TicketState
    vector: Vectors
    at_ms: int


class Taker(Protocol):
    """Somebody who looks at young tickets; called in the follower's thread."""

    def take(self, young: Young) -> None: ...
    def forget(self, ticket_id: str) -> None:
        """The ticket was deleted."""


class YoungStates:
    """Finds the young tickets among the records of `tickets.state`.

    Args:
        encoder: fingerprint of this worker's encoder, the only one whose vectors it can compare.
        window_ms: how long a ticket is young.
        now_ms: the clock of the decisions.
    """

    def __init__(
        self, encoder: str, dim: int, window_ms: int, now_ms: Callable[[], int], *takers: Taker
    ) -> None:
        self._encoder, self._dim, self._window_ms, self._now_ms = encoder, dim, window_ms, now_ms
        self._takers = takers

    def on_state(self, record: Record) -> None:
        """Take one record. What cannot be read others complain of."""
        value = record.value()
        if value is None:
            ticket_id = (record.key() or b"").decode(errors="replace")
            for taker in self._takers:
                taker.forget(ticket_id)
            return
        young = self._young(value)
        if young is not None:
            for taker in self._takers:
                taker.take(young)

    def _young(self, value: bytes) -> Young | None:
        found = _DECIDED.search(value)
        if found is None:
            return None
        at_ms = epoch_ms_of(datetime.fromisoformat(found[1].decode().replace("Z", "+00:00")))
        if at_ms < self._now_ms() - self._window_ms:
            return None
        try:
            state = decode(TicketState, value)
            vector = vector_of(state.vector)
        except (Unreadable, ValueError):
            return None
        if state.encoder != self._encoder or vector.shape != (self._dim,) or not state.text:
            return None
        return Young(state, vector, at_ms)
