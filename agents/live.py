"""Live: the generation in force, the corrections on top of it and the solved tickets, as every worker sees them while
they change.

Fed by the follower's thread, which makes ready what it has read and then puts it in force by one reference (`swap`);
the routing agent takes that once a batch and never waits for it, so that all decisions of a batch are of one generation
and one revision.
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
    """A generation, ready for search, under the id of its bytes, and what people corrected of it; the clusters that
    they described since are in `ready`.

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


class _Coming(NamedTuple):
    """What was read and is not in force yet: the last whole generation, and the last whole candidate, under their
    ids."""

    generation: tuple[str, Generation] | None = None
    shadow: tuple[str, Generation] | None = None


class _Loaded(NamedTuple):
    """A generation under its id, ready for search, and the corrections as acts on it."""

    id: str
    ready: Searchable
    hybrids: Hybrids

    def under(self, learnt: tuple[Learnt, ...], revision: int) -> InForce:
        """It with what was learnt up to a revision."""
        ready = self.hybrids.amended(self.ready, learnt)
        corrections = corrections_of(self.hybrids.acts(learnt), revision, ready)
        contested = contested_since(learnt, ready.generation.created_at_ms)
        return InForce(self.id, ready, corrections, contested)


def _load(name: str, generation: Generation) -> _Loaded:
    return _Loaded(name, searchable(generation, ExactIndex), Hybrids(generation))


class Live:
    """What decisions are made from beside the ticket itself.

    Args:
        encoder: fingerprint of this worker's encoder; a generation made with another is refused.
        dim: length of its vectors.
        now_ms: the clock that the ages of open tickets are told by.

    Attributes:
        in_force: what decisions are made from now; the same value until the next swap. None before the first
            generation.
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
        self._coming = _Coming()
        self._changed = False  # something came that is not in force yet
        self._changing = threading.Lock()  # never held while something is made ready
        self.in_force: InForce | None = None
        self.present = threading.Event()
        self.refused: BadGeneration | None = None
        self._solved_index = TicketIndex(dim)
        self._solved: dict[str, Solved] = {}
        self.open_tickets = OpenTickets(dim, duplicates, now_ms)
        metrics.open_tickets.set_function(lambda: len(self.open_tickets))

    def swap(self) -> None:
        """Make what was read ready and put it in force: of several generations the last alone. It takes a while, in the
        follower's thread; until it is done decisions are made from what was in force."""
        with self._changing:
            if not self._changed:
                return
            self._changed, coming, self._coming = False, self._coming, _Coming()
            generation, shadow = self._generation, self._shadow
            learnt, revision = self._corrections.learnt(), self._corrections.revision
        if coming.generation is not None:
            generation = _load(*coming.generation)
            if shadow is not None and shadow.id == generation.id:
                shadow = None  # promoted
        if coming.shadow is not None:
            shadow = _load(*coming.shadow)
        beside = None if shadow is None else shadow.under(learnt, revision)
        made = None if generation is None else replace(generation.under(learnt, revision), shadow=beside)
        with self._changing:
            if made is not None and coming.shadow is None and self._shadow is None:
                made, shadow = replace(made, shadow=None), None  # ended meanwhile
            self._generation, self._shadow, self.in_force = generation, shadow, made
        self._tell(coming, revision, made)

    def _tell(self, coming: _Coming, revision: int, made: InForce | None) -> None:
        """Measure and log what is in force now."""
        self._metrics.revision.set(revision)
        if coming.generation is not None and made is not None:
            self._metrics.generation_created.set(made.generation.created_at_ms / 1000)
            self._metrics.generation_swaps.labels("in_force").inc()
            self.present.set()
            clusters = len(made.generation.clusters)
            _log.info("generation_in_force", generation=made.id, clusters=clusters)
        if coming.shadow is not None:
            self._metrics.generation_swaps.labels("shadow").inc()
            name, candidate = coming.shadow
            _log.info("shadow_beside", generation=name, clusters=len(candidate.clusters))

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
                self._changed = True
                self._corrections.feed(record.key(), record.value(), record.offset())
        except (Unreadable, ValueError) as error:
            if isinstance(error, Unreadable):
                end_if_newer(record, error)
            why = error.reason if isinstance(error, Unreadable) else "bad_vector"
            pass_over(record, str(why), "corrections", self._metrics)

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
            self._check(*found)
        except BadGeneration as error:
            if not shadow:  # for want of a candidate nobody has to end
                self.refused = error
            self._metrics.generation_swaps.labels("shadow_refused" if shadow else "refused").inc()
            _log.error("shadow_refused" if shadow else "generation_refused", why=str(error))
            return
        with self._changing:
            self._changed = True
            if shadow:
                self._coming = self._coming._replace(shadow=found)
            elif self._coming.shadow is not None and self._coming.shadow[0] == found[0]:
                self._coming = _Coming(found)  # promoted
            else:
                self._coming = self._coming._replace(generation=found)

    def _check(self, name: str, generation: Generation) -> None:
        """Raise BadGeneration where this worker cannot decide by it: it encodes once, with its own encoder."""
        if generation.encoder != self._encoder:
            raise BadGeneration(
                f"generation {name} was made with encoder {generation.encoder}, this worker runs"
                f" {self._encoder}: bootstrap again, or set SLUICE_ENCODER as it was"
            )
        if generation.dim != self._dim:
            raise BadGeneration(f"generation {name} has vectors of {generation.dim}, not of {self._dim}")

    def end_shadow(self, generation_id: str, why: str) -> None:
        """Decide beside this candidate no more; another one that came meanwhile stays."""
        with self._changing:
            if self._coming.shadow is not None and self._coming.shadow[0] == generation_id:
                self._coming = self._coming._replace(shadow=None)
            if self._shadow is None or self._shadow.id != generation_id:
                return
            self._shadow = None
            if self.in_force is not None:
                self.in_force = replace(self.in_force, shadow=None)
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
