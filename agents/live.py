"""Live: the generation in force and the solved tickets, as every worker sees them while they change.

Fed by the follower's thread; read by the routing agent, which takes the generation once a batch, so that all
decisions of a batch are of one generation. A new one is put in force in a single assignment.
"""

import base64
import threading
from dataclasses import dataclass

import numpy as np
import structlog

from agents.generations import Assembler
from agents.metrics import Metrics
from agents.state import pass_over
from agents.wire import Record
from models.engines.vector_index import ExactIndex, SolvedIndex
from models.errors import BadGeneration
from models.generation import Generation
from models.vote import Searchable, Vectors, searchable, settle
from schemas.codec import decode
from schemas.state import TicketState, TicketStatus
from schemas.unreadable import Unreadable

_log = structlog.get_logger(__name__)

# As our own writer puts it, and as no text in a JSON document can read (its quotes are escaped). Most states are open
# and of no use here; to decode them all would cost a start 20 s for a million.
_IS_OPEN = b'"status":"open"'


@dataclass(frozen=True, slots=True)
class InForce:
    """A generation, ready for search, under the id of its bytes."""

    id: str
    ready: Searchable

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


class Live:
    """What decisions are made from beside the ticket itself.

    Args:
        encoder: fingerprint of this worker's encoder; a generation made with another is refused.
        dim: length of its vectors.
    """

    def __init__(self, encoder: str, dim: int, metrics: Metrics) -> None:
        self._encoder, self._dim, self._metrics = encoder, dim, metrics
        self._assembler = Assembler()
        self._in_force: InForce | None = None
        self.present = threading.Event()
        self.refused: BadGeneration | None = None
        self._solved_index = SolvedIndex(dim)
        self._solved: dict[str, Solved] = {}

    @property
    def in_force(self) -> InForce | None:
        return self._in_force

    def on_generation(self, record: Record) -> None:
        """Take one record of `tickets.generations`; a bad generation leaves the one in force where it is."""
        try:
            found = self._assembler.feed(record.key(), record.value())
            if found is None:
                return
            name, generation = found
            if generation.encoder != self._encoder:
                raise BadGeneration(
                    f"generation {name} was made with encoder {generation.encoder}, this worker runs"
                    f" {self._encoder}: bootstrap again, or set SLUICE_ENCODER as it was"
                )
            if generation.dim != self._dim:
                raise BadGeneration(f"generation {name} has vectors of {generation.dim}, not of {self._dim}")
        except BadGeneration as error:
            self.refused = error
            self._metrics.generation_swaps.labels("refused").inc()
            _log.error("generation_refused", why=str(error))
            return
        self._put_in_force(name, generation)

    def _put_in_force(self, name: str, generation: Generation) -> None:
        self._in_force = InForce(name, searchable(generation, ExactIndex))
        self._metrics.generation_created.set(generation.created_at_ms / 1000)
        self._metrics.generation_swaps.labels("in_force").inc()
        self.present.set()
        _log.info("generation_in_force", generation=name, clusters=len(generation.clusters))

    def on_state(self, record: Record) -> None:
        """Take one record of `tickets.state`: a solved ticket with a resolution can be shown from now on.

        One that cannot be read is shown no longer: what it says now is not what it said before.
        """
        key = record.key()
        if key is None:
            return
        try:
            shown = self._show(record.value())
        except (Unreadable, ValueError) as error:
            why = error.reason.value if isinstance(error, Unreadable) else "bad_vector"
            pass_over(record, why, "similar", self._metrics)
            shown = False
        if not shown:
            self._drop(key.decode(errors="replace"))
        self._metrics.solved_tickets.set(len(self._solved))
        if self._solved_index.retraining_due:
            self._solved_index.retrain()

    def _show(self, value: bytes | None) -> bool:
        """Show the ticket of this state from now on; whether it is one that can be shown.

        Raises:
            Unreadable: it is no state.
            ValueError: its vector is none of this encoder's length.
        """
        state = None if value is None or _IS_OPEN in value else decode(TicketState, value)
        if (
            state is None
            or state.status is TicketStatus.OPEN
            or not (state.resolution and state.vector)
            or state.encoder != self._encoder  # cannot be compared, and what it was before is no longer so
        ):
            return False
        owner = state.assigned_team or state.owner
        self._solved_index.put(state.ticket_id, vector_of(state.vector))
        self._solved[state.ticket_id] = Solved(
            state.ticket_id, state.title, state.resolution or "", owner, state.kb_article_id
        )
        return True

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


def text_of(vector: Vectors) -> str:
    """A vector [dim] as the state keeps it: settled, which is how it was matched and what float16 holds exactly;
    base64, little-endian."""
    return base64.b64encode(settle(vector[None, :])[0].astype("<f2").tobytes()).decode()


def vector_of(text: str) -> Vectors:
    """The vector that `text_of` wrote, [dim] float32."""
    return np.frombuffer(base64.b64decode(text), dtype="<f2").astype(np.float32)
