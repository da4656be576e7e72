"""All states: the state of all tickets as a reclustering reads it, of too many those that `sample` keeps, as columns.

Holds a quarter more tickets than are wanted, however many there are, and eight bytes of each that is left out.
"""

import hashlib
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import numpy as np

from agents.state import end_if_newer, vector_of
from agents.wire import Record
from app.emerging import provisional_of
from models.generation import Generation
from models.recluster.articles import Articles
from models.recluster.history import History
from models.recluster.known import Known
from models.recluster.sample import Traits, sample
from models.recluster.word import Word
from schemas.codec import decode
from schemas.contract import epoch_ms_of
from schemas.decision import OutcomeName
from schemas.state import TicketState, TicketStatus
from schemas.surge import Surge
from schemas.unreadable import Unreadable

# How much more it says whose a ticket is that people took it from somebody.
_REASSIGNED = 3.0

_SOLVED = frozenset({TicketStatus.SOLVED, TicketStatus.CLOSED})

SAMPLED_OUT = "sampled_out"


@dataclass(slots=True)
class States:
    """Tickets as they are read: of each the last state.

    Attributes:
        last: the generation whose encoder theirs must be.
        most: tickets wanted.
        examples: tickets that people gave as examples: kept before all others.
    """

    last: Generation
    most: int
    examples: Collection[str] = frozenset()
    _held: dict[bytes, TicketState] = field(default_factory=dict)
    _left_out: dict[int, str] = field(default_factory=dict)

    def feed(self, record: Record) -> None:
        """Take one record of `tickets.state`, in the order of its partition.

        Raises:
            Fatal: a newer version of Sluice wrote it.
        """
        key, value = record.key() or b"", record.value()
        self._held.pop(key, None)
        self._left_out.pop(_digest(key), None)
        if value is None:
            return
        try:
            state = decode(TicketState, value)
        except Unreadable as error:
            end_if_newer(record, error)
            self._left_out[_digest(key)] = "unreadable"
            return
        why = _unfit(state, self.last)
        if why is not None:
            self._left_out[_digest(key)] = why
            return
        self._held[key] = state
        if len(self._held) > self.most + max(self.most // 4, 1):
            self._choose()

    def __len__(self) -> int:
        """Tickets that were read, those left out among them."""
        return len(self._held) + len(self._left_out)

    def chosen(self) -> list[TicketState]:
        """The tickets that are clustered, in the order of their ids."""
        self._choose()
        return sorted(self._held.values(), key=lambda state: state.ticket_id)

    def left_out(self) -> dict[str, int]:
        """Tickets that are not, by the reason why."""
        return dict(Counter(self._left_out.values()))

    def _choose(self) -> None:
        keys = list(self._held)
        kept = sample([_traits(self._held[key]) for key in keys], self.most, self.examples)
        self._left_out |= {_digest(keys[number]): SAMPLED_OUT for number in set(range(len(keys))) - set(kept)}
        self._held = {keys[number]: self._held[keys[number]] for number in kept}


def _digest(key: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(key, digest_size=8).digest(), "big")


def _unfit(state: TicketState, last: Generation) -> str | None:
    """Why a ticket cannot be clustered; None where it can."""
    if state.encoder != last.encoder:
        return "another_encoder"
    if not state.text:
        return "no_text"
    try:
        vector = vector_of(state.vector)
    except ValueError:
        return "bad_vector"
    return None if vector.shape == (last.dim,) and np.isfinite(vector).all() else "bad_vector"


def _traits(state: TicketState) -> Traits:
    return Traits(
        ticket_id=state.ticket_id,
        created_at_ms=epoch_ms_of(state.created_at),
        cluster_id=state.cluster_id,
        handled=_handler(state) is not None,
        unexplained=state.cluster_id is None or state.outcome is OutcomeName.TRIAGE,
    )


def known_of(
    states: Sequence[TicketState],
    last_id: str,
    word: Word,
    articles: Articles | None = None,
    emerging: Sequence[Surge] = (),
) -> Known:
    """The tickets as columns. Whose a ticket is say people alone: who has it, or, solved where it was routed to and
    never taken away, that owner."""
    announced = provisional_of(emerging)
    return Known(
        history=History(
            vectors=np.stack([vector_of(state.vector) for state in states]),
            texts=[state.text for state in states],
            owners=[_handler(state) for state in states],
            created_at_ms=np.array([epoch_ms_of(state.created_at) for state in states], dtype=np.int64),
            ids=[state.ticket_id for state in states],
            products=[state.product for state in states],
            solved_by=[state.kb_article_id or "" if state.status in _SOLVED else None for state in states],
        ),
        weight=np.array(
            [
                _REASSIGNED if state.reassigned or state.first_assignment_right is False else 1.0
                for state in states
            ]
        ),
        ids=[state.cluster_id for state in states],
        current=np.array([state.generation_id == last_id for state in states], dtype=np.bool_),
        word=word,
        decided_at_ms=np.array(
            [epoch_ms_of(state.decided_at or state.updated_at) for state in states], dtype=np.int64
        ),
        articles=articles,
        provisional=[announced.get(state.ticket_id) for state in states],
    )


def _handler(state: TicketState) -> str | None:
    """Who handled it. Whom it was only escalated to says nothing of whose it is."""
    if state.assigned_team is not None:
        if state.feedback_ids and not state.reassigned:
            return state.first_owner
        return state.owner if state.assigned_team == state.senior else state.assigned_team
    return state.owner if state.status in _SOLVED and state.outcome is OutcomeName.ROUTE else None
