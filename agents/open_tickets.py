"""Open tickets that a new one may repeat, as this worker sees them while they change. Part of live.

Fed by the follower's thread with the state of all tickets, and by the routing agent with those of its own batches,
which the follower has not read yet. Nothing here outlives the process; a decision says what was seen when it was made.
"""

import heapq
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agents.intake import Accepted
from agents.state import vector_of
from models.engines.vector_index import TicketIndex
from models.routing.duplicates import (
    BUCKETS,
    LEAST_TICKETS,
    DuplicatePolicy,
    Sketch,
    backdrop_of,
    evidence,
    plain,
    promising,
    scores,
    sketch,
    stand_out,
    terms_of,
)
from models.vote import Vectors, settle
from schemas.contract import epoch_ms_of, time_of
from schemas.state import TicketState
from schemas.ticket import TicketEventKind

# When so many tickets have been read, what they have in common is learnt anew, and for the last time from the most.
_LEARNT_AT = (LEAST_TICKETS, 256, 1_024, 4_096)

# Tickets put into the index at once: a row by itself takes ten times as long to be made to stand out.
_BLOCK = 256

# Open tickets up to which all are looked at: 5,000 take 0.4 ms for each new one, and one that is not found is no harm.
_EXACT_LIMIT = 5_000

# Tickets of a batch whose products with those before them are held at once.
_CHUNK = 256

# As our own writer puts it, and as no text in a JSON document can read (its quotes are escaped). To decode every
# open state would cost a start 20 s for a million; what is older than the horizon is told by these bytes.
_CREATED = b'"created_at":"'
_TO_THE_SECOND = 19


@dataclass(frozen=True, slots=True)
class Original:
    """The open ticket that another repeats, and how surely: a score between 0 and 1."""

    ticket_id: str
    score: float


@dataclass(frozen=True, slots=True)
class _Open:
    sketch: Sketch
    vector: NDArray[np.float16]  # settled, which it holds exactly
    duplicate_of: str | None

    @property
    def created_at_ms(self) -> int:
        return self.sketch.created_at_ms or 0


class OpenTickets:
    """Open tickets younger than the horizon. May be shared between threads.

    Args:
        dim: length of the encoder's vectors.
        now_ms: the clock that tickets' ages are told by.
    """

    def __init__(self, dim: int, policy: DuplicatePolicy, now_ms: Callable[[], int]) -> None:
        self._dim, self._policy, self._now_ms = dim, policy, now_ms
        self._changing = threading.Lock()  # held for every touch of the fields below
        self._held: dict[str, _Open] = {}
        self._by_age: list[tuple[int, str]] = []  # a heap; may name tickets that are gone
        self._waiting: list[str] = []  # held, and not in the index yet
        self._index = TicketIndex(dim, _EXACT_LIMIT)
        self._backdrop = plain(dim)
        self._oldest_at, self._oldest_until_ms = b"", 0
        self._read: list[Vectors] = []
        self._holding: NDArray[np.int64] = np.zeros(BUCKETS, dtype=np.int64)

    def __len__(self) -> int:
        with self._changing:
            return len(self._held)

    # -- the follower's side

    def wants(self, value: bytes) -> bool:
        """Whether the state of an open ticket can be of one that is held: it is young enough, or does not say."""
        at = value.rfind(_CREATED)
        if at < 0:
            return True
        start = at + len(_CREATED)
        return value[start : start + _TO_THE_SECOND] >= self._oldest()

    def on_open(self, state: TicketState) -> None:
        """Take the state of an open ticket.

        Raises:
            ValueError: its vector is none of this length.
        """
        vector = vector_of(state.vector)
        if len(vector) != self._dim:
            raise ValueError(f"a vector must have {self._dim} components")
        self.learn(state.text, vector)
        created_at_ms = epoch_ms_of(state.created_at)
        held = _Open(
            sketch(state.text, state.customer_id, state.product, created_at_ms),
            vector.astype(np.float16),
            state.duplicate_of,
        )
        with self._changing:
            if self._hold(state.ticket_id, held):
                self._waiting.append(state.ticket_id)
            if len(self._waiting) >= _BLOCK:
                self._put_in()
            index = self._index
        if index.retraining_due:
            index.retrain()

    def learn(self, text: str, vector: Vectors) -> None:
        """Let a ticket that is read, open or not, tell what all tickets have in common."""
        if self._policy.horizon_ms == 0 or len(self._read) >= _LEARNT_AT[-1]:
            return
        terms = terms_of(text)
        with self._changing:
            self._read.append(vector)
            self._holding[terms] += 1
            if len(self._read) in _LEARNT_AT:
                self._backdrop = backdrop_of(np.stack(self._read), self._holding)
                self._index, self._waiting = TicketIndex(self._dim, _EXACT_LIMIT), list(self._held)
                self._put_in()

    def drop(self, ticket_id: str) -> None:
        """Forget a ticket that is open no longer, if it is held."""
        with self._changing:
            self._drop(ticket_id)

    # -- the routing agent's side

    def originals(self, events: Sequence[Accepted], vectors: Vectors) -> list[Original | None]:
        """What each event's ticket repeats, in their order, and take them as seen: an open ticket may be repeated from
        now on, also by a later one of the batch; any other may not.

        A ticket does not repeat itself, nor one that repeats it; it repeats the ticket that an earlier one was said to
        repeat. An update does not make a ticket the duplicate of one that came after it.

        Args:
            vectors: [n, dim] of their texts.
        """
        if self._policy.horizon_ms == 0 or not len(events):
            return [None] * len(events)
        settled = settle(vectors)
        with self._changing:
            self._drop_old()
            self._put_in()
            apart = stand_out(settled, self._backdrop)
            near = self._index.search(
                apart, self._policy.candidates + 1
            )  # one more: a ticket may find itself
            return self._in_order(events, settled, apart, [dict(row) for row in near])

    def _in_order(
        self, events: Sequence[Accepted], settled: Vectors, apart: Vectors, near: list[dict[str, float]]
    ) -> list[Original | None]:
        """As `originals`, one event after the other; the caller holds the lock.

        Args:
            near: for each event the tickets nearest to it of those that were held before the batch.
        """
        found: list[Original | None] = []
        names = [event.place[1] for event in events]
        is_open = np.zeros(len(events), dtype=np.bool_)  # rows that stand for their tickets now
        row_of: dict[str, int] = {}
        for row, (event, cosines) in enumerate(zip(events, _cosines(apart), strict=True)):
            name, original = names[row], None
            is_open[row_of.get(name, row)] = False
            if event.asks_for_decision:
                one = _sketch_of(event)
                before = _largest(cosines, np.flatnonzero(is_open[:row]), self._policy.candidates)
                candidates = {other: cosine for other, cosine in near[row].items() if other not in row_of}
                candidates |= {names[other]: float(cosines[other]) for other in before}
                original = self._best(name, one, candidates, event.kind is TicketEventKind.CREATED)
                duplicate_of = None if original is None else original.ticket_id
                held = _Open(one, settled[row].astype(np.float16), duplicate_of)
                is_open[row] = self._hold(name, held)
            else:
                self._drop(name)
            row_of[name] = row
            found.append(original)
        for row in np.flatnonzero(is_open).tolist():
            self._index.put(names[row], apart[row])
        return found

    def _best(self, ticket_id: str, one: Sketch, cosines: dict[str, float], is_new: bool) -> Original | None:
        """The ticket at the end of the likeliest candidate's chain; the caller holds the lock."""
        candidates = [
            (name, held)
            for name in cosines
            if name != ticket_id
            and (held := self._held.get(name)) is not None
            and abs((one.created_at_ms or 0) - held.created_at_ms) <= self._policy.horizon_ms
            and (is_new or held.created_at_ms <= (one.created_at_ms or 0))
            and self._root(name) != ticket_id
        ]
        sketches, near = [held.sketch for _, held in candidates], [cosines[name] for name, _ in candidates]
        rows = promising(one, sketches, near, self._policy)
        if not rows:
            return None
        others, closeness = [sketches[row] for row in rows], np.array([near[row] for row in rows])
        rarity, weights = self._backdrop.rarity, self._policy.weights
        found = scores(evidence(one, others, closeness, rarity, self._policy), weights)
        best = int(found.argmax())
        if found[best] < self._policy.at:
            return None
        return Original(self._root(candidates[rows[best]][0]), round(float(found[best]), 6))

    def _root(self, ticket_id: str) -> str:
        """The ticket that this one, or the one that it repeats, and so on, repeats, as far as they are held."""
        passed = {ticket_id}
        while (held := self._held.get(ticket_id)) is not None and held.duplicate_of is not None:
            if held.duplicate_of not in self._held or held.duplicate_of in passed:
                break
            ticket_id = held.duplicate_of
            passed.add(ticket_id)
        return ticket_id

    # -- the caller holds the lock

    def _hold(self, ticket_id: str, held: _Open) -> bool:
        """Hold the ticket without its place in the index; whether it is young enough."""
        if held.created_at_ms < self._now_ms() - self._policy.horizon_ms:
            self._drop(ticket_id)
            return False
        before = self._held.get(ticket_id)
        if before is None or before.created_at_ms != held.created_at_ms:
            heapq.heappush(self._by_age, (held.created_at_ms, ticket_id))
        self._held[ticket_id] = held
        return True

    def _drop(self, ticket_id: str) -> None:
        if self._held.pop(ticket_id, None) is not None:
            self._index.remove(ticket_id)

    def _drop_old(self) -> None:
        oldest = self._now_ms() - self._policy.horizon_ms
        while self._by_age and self._by_age[0][0] < oldest:
            created_at_ms, ticket_id = heapq.heappop(self._by_age)
            held = self._held.get(ticket_id)
            if held is not None and held.created_at_ms <= created_at_ms:
                self._drop(ticket_id)

    def _put_in(self) -> None:
        """Put what waits into the index, as it stands out now."""
        names = [name for name in dict.fromkeys(self._waiting) if name in self._held]
        self._waiting = []
        if names:
            rows = np.stack([self._held[name].vector for name in names]).astype(np.float32)
            for name, row in zip(names, stand_out(rows, self._backdrop), strict=True):
                self._index.put(name, row)

    def _oldest(self) -> bytes:
        """When the oldest tickets that are held were created, to the second, as a state says it."""
        now_ms, policy = self._now_ms(), self._policy
        if now_ms >= self._oldest_until_ms:
            at = time_of(now_ms - policy.horizon_ms).isoformat() if policy.horizon_ms else "9999"
            self._oldest_at, self._oldest_until_ms = at[:_TO_THE_SECOND].encode(), now_ms + 1_000
        return self._oldest_at


def _sketch_of(event: Accepted) -> Sketch:
    ticket = event.ticket
    return sketch(ticket.text, ticket.customer_id, ticket.product, ticket.created_at_ms)


def _cosines(apart: Vectors) -> Iterator[Vectors]:
    """For each of the rows [n, dim] its cosines with itself and those before it."""
    for start in range(0, len(apart), _CHUNK):
        end = min(start + _CHUNK, len(apart))
        products = apart[start:end] @ apart[:end].T
        for row in range(start, end):
            yield products[row - start, : row + 1]


def _largest(values: Vectors, rows: NDArray[np.int64], count: int) -> list[int]:
    """The `count` of the rows with the largest values."""
    if len(rows) > count:
        rows = rows[np.argpartition(-values[rows], count - 1)[:count]]
    return [int(row) for row in rows]
