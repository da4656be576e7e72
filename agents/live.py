"""Live: the generation in force, the corrections on top of it and the solved tickets, as every worker sees them while
they change.

Fed by the follower's thread; read by the routing agent, which takes generation and corrections once a batch, as one
value, so that all decisions of a batch are of one generation and one revision.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import structlog

from agents.corrections import CorrectionLog, Hybrids, Learnt, contested_since
from agents.generations import Assembler, is_candidate
from agents.metrics import Metrics
from agents.open_tickets import OpenTickets
from agents.state import end_if_newer, pass_over, vector_of
from agents.wire import Record
from models.engines.vector_index import ExactIndex, TicketIndex
from models.errors import BadGeneration
from models.evidence import Searchable, searchable
from models.generation import Generation
from models.routing.corrections import Corrections, corrections_of
from models.routing.duplicates import COMMITTED, DuplicatePolicy
from models.vote import Vectors
from schemas.codec import decode
from schemas.feedback import CorrectionKind
from schemas.state import TicketState, TicketStatus
from schemas.unreadable import Unreadable

_log = structlog.get_logger(__name__)

# As our own writer puts it, and as no text in a JSON document can read (its quotes are escaped). Most states are open
# and too old to be of use; to decode them all would cost a start 20 s for a million.
_IS_OPEN = b'"status":"open"'


@dataclass(frozen=True, slots=True)
class InForce:
    """A generation, ready for search, under the id of its bytes, and what people corrected of it.

    Attributes:
        contested: clusters that were corrected since the generation was made.
        shadow: a candidate that decides beside it, under the same corrections; None where there is none.
    """

    id: str
    ready: Searchable
    corrections: Corrections
    contested: frozenset[str] = frozenset()
    shadow: "InForce | None" = None

    @property
    def generation(self) -> Generation:
        return self.ready.generation


@dataclass(frozen=True, slots=True)
class Solved:
    """What is shown of a solved ticket beside one like it."""

    ticket_id: str
    title: str
    resolution: str
    owner: str | None
    kb_article_id: str | None


class _Loaded(NamedTuple):
    """A generation under its id, ready for search, and the corrections as acts on it."""

    id: str
    ready: Searchable
    hybrids: Hybrids

    def under(self, learnt: tuple[Learnt, ...], revision: int) -> InForce:
        """It with what was learnt up to a revision."""
        corrections = corrections_of(self.hybrids.acts(learnt), revision, self.ready)
        contested = contested_since(learnt, self.ready.generation.created_at_ms)
        return InForce(self.id, self.ready, corrections, contested)


class Live:
    """What decisions are made from beside the ticket itself.

    Args:
        encoder: fingerprint of this worker's encoder; a generation made with another is refused.
        dim: length of its vectors.
        now_ms: the clock that the ages of open tickets are told by.
    """

    def __init__(
        self,
        encoder: str,
        dim: int,
        metrics: Metrics,
        duplicates: DuplicatePolicy = COMMITTED,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._encoder, self._dim, self._metrics = encoder, dim, metrics
        self._assembler = Assembler()
        self._generation: _Loaded | None = None
        self._shadow: _Loaded | None = None
        self._corrections = CorrectionLog(encoder, dim)
        self._in_force: InForce | None = None  # None too where it has to be put together anew
        self._changing = threading.Lock()
        self.present = threading.Event()
        self.refused: BadGeneration | None = None
        self._solved_index = TicketIndex(dim)
        self._solved: dict[str, Solved] = {}
        self.open_tickets = OpenTickets(dim, duplicates, now_ms)
        metrics.open_tickets.set_function(lambda: len(self.open_tickets))

    @property
    def in_force(self) -> InForce | None:
        """What decisions are made from now; the same value until a generation or a correction comes. None before the
        first generation."""
        with self._changing:
            if self._in_force is None and self._generation is not None:
                learnt, revision = self._corrections.learnt(), self._corrections.revision
                shadow = None if self._shadow is None else self._shadow.under(learnt, revision)
                self._in_force = replace(self._generation.under(learnt, revision), shadow=shadow)
            return self._in_force

    def stale(self, feedback_id: str, kind: CorrectionKind, cluster_id: str | None, at_ms: int) -> str | None:
        """Why an act on a cluster changes nothing any more, as `CorrectionLog.stale`."""
        with self._changing:
            return self._corrections.stale(feedback_id, kind, cluster_id, at_ms)

    def on_correction(self, record: Record) -> None:
        """Take one record of `tickets.corrections`. One that cannot be read takes back what stood under its key, and
        all workers pass it over alike.

        Raises:
            Fatal: another version of Sluice wrote it. It may say anything; to decide without it would be to decide
                otherwise than the workers that understand it.
        """
        try:
            with self._changing:
                self._in_force = None
                self._corrections.feed(record.key(), record.value(), record.offset())
        except (Unreadable, ValueError) as error:
            if isinstance(error, Unreadable):
                end_if_newer(record, error)
            why = error.reason if isinstance(error, Unreadable) else "bad_vector"
            pass_over(record, str(why), "corrections", self._metrics)
        self._metrics.revision.set(record.offset() + 1)

    def on_generation(self, record: Record) -> None:
        """Take one record of `tickets.generations`; a bad generation leaves the one in force where it is."""
        shadow = is_candidate(record.key(), record.value())
        try:
            found = self._assembler.feed(record.key(), record.value())
            if record.value() is None:
                # The one in force stays until another comes; a candidate goes.
                self.end_shadow((record.key() or b"").decode(errors="replace"), "dropped")
            if found is None:
                return
            loaded = self._load(*found)
        except BadGeneration as error:
            if not shadow:  # for want of a candidate nobody has to end
                self.refused = error
            self._metrics.generation_swaps.labels("shadow_refused" if shadow else "refused").inc()
            _log.error("shadow_refused" if shadow else "generation_refused", why=str(error))
            return
        if shadow:
            self._put_beside(loaded)
        else:
            self._put_in_force(loaded)

    def _load(self, name: str, generation: Generation) -> _Loaded:
        """A generation ready for search; takes a while. Raises BadGeneration where this worker cannot decide by it:
        it encodes once, with its own encoder."""
        if generation.encoder != self._encoder:
            raise BadGeneration(
                f"generation {name} was made with encoder {generation.encoder}, this worker runs"
                f" {self._encoder}: bootstrap again, or set SLUICE_ENCODER as it was"
            )
        if generation.dim != self._dim:
            raise BadGeneration(f"generation {name} has vectors of {generation.dim}, not of {self._dim}")
        hybrids = Hybrids(generation)
        with self._changing:
            learnt = self._corrections.learnt()
        hybrids.acts(learnt)  # read here, in the follower's thread: no batch waits for it
        return _Loaded(name, searchable(generation, ExactIndex), hybrids)

    def _put_in_force(self, loaded: _Loaded) -> None:
        generation = loaded.ready.generation
        with self._changing:
            self._generation, self._in_force = loaded, None
            if self._shadow is not None and self._shadow.id == loaded.id:
                self._shadow = None  # promoted
        self._metrics.generation_created.set(generation.created_at_ms / 1000)
        self._metrics.generation_swaps.labels("in_force").inc()
        self.present.set()
        _log.info("generation_in_force", generation=loaded.id, clusters=len(generation.clusters))

    def _put_beside(self, loaded: _Loaded) -> None:
        with self._changing:
            self._shadow, self._in_force = loaded, None
        self._metrics.generation_swaps.labels("shadow").inc()
        clusters = len(loaded.ready.generation.clusters)
        _log.info("shadow_beside", generation=loaded.id, clusters=clusters)

    def end_shadow(self, generation_id: str, why: str) -> None:
        """Decide beside this candidate no more; another one that came meanwhile stays."""
        with self._changing:
            if self._shadow is None or self._shadow.id != generation_id:
                return
            self._shadow = self._in_force = None
        self._metrics.generation_swaps.labels("shadow_ended").inc()
        _log.info("shadow_ended", generation=generation_id, why=why)

    def on_state(self, record: Record) -> None:
        """Take one record of `tickets.state`: a solved ticket with a resolution can be shown from now on, and a young
        open one be repeated.

        One that cannot be read is neither: what it says now is not what it said before.
        """
        key = record.key()
        if key is None:
            return
        held_as = None
        try:
            held_as = self._take(record.value())
        except (Unreadable, ValueError) as error:
            why = error.reason.value if isinstance(error, Unreadable) else "bad_vector"
            pass_over(record, why, "similar", self._metrics)
        ticket_id = key.decode(errors="replace")
        if held_as is not TicketStatus.SOLVED:
            self._drop(ticket_id)
        if held_as is not TicketStatus.OPEN:
            self.open_tickets.drop(ticket_id)
        self._metrics.solved_tickets.set(len(self._solved))
        if self._solved_index.retraining_due:
            self._solved_index.retrain()

    def _take(self, value: bytes | None) -> TicketStatus | None:
        """Hold the ticket of this state from now on; as what, or None where it is of no use.

        Raises:
            Unreadable: it is no state.
            ValueError: its vector is none of this encoder's length.
        """
        if value is None or (_IS_OPEN in value and not self.open_tickets.wants(value)):
            return None
        state = decode(TicketState, value)
        if not state.vector or state.encoder != self._encoder:
            return None  # cannot be compared, and what it was before is no longer so
        if state.status is TicketStatus.OPEN:
            self.open_tickets.on_open(state)
            return TicketStatus.OPEN
        if not state.resolution:
            return None
        vector = vector_of(state.vector)
        owner = state.assigned_team or state.owner
        self._solved_index.put(state.ticket_id, vector)
        self._solved[state.ticket_id] = Solved(
            state.ticket_id, state.title, state.resolution, owner, state.kb_article_id
        )
        self.open_tickets.learn(state.text, vector)
        return TicketStatus.SOLVED

    def _drop(self, ticket_id: str) -> None:
        if self._solved.pop(ticket_id, None) is not None:
            self._solved_index.remove(ticket_id)

    def similar(self, vectors: Vectors, k: int, floor: float) -> list[list[tuple[Solved, float]]]:
        """Up to `k` solved tickets nearest to each row of `vectors` [n, dim] with their cosines, nearest first;
        none under `floor`, since a ticket unlike this one is no help."""
        return [
            [
                (solved, score)
                for name, score in row
                if score >= floor and (solved := self._solved.get(name)) is not None  # gone since the search
            ]
            for row in self._solved_index.search(vectors, k)
        ]
