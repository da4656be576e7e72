"""Group: tickets of one new problem, as they come together. Before pool."""

from dataclasses import dataclass, field

import numpy as np
from scipy.special import pdtrc

from models.exact import Floats
from models.spread import spread
from models.vote import Vectors


@dataclass(frozen=True, slots=True)
class Newcomer:
    """A ticket that was decided on.

    Attributes:
        at_ms: when it was.
        text: masked.
        vector: [dim] of the encoder.
        confidence: of the decision, 0 where nothing was chosen.
        owner: whom it named.
    """

    ticket_id: str
    customer_id: str | None
    at_ms: int
    text: str
    vector: Vectors
    confidence: float
    owner: str | None


@dataclass(slots=True)
class Group:
    """Tickets of one new problem, in the order of their coming.

    Attributes:
        members: may lose one that is deleted.
        key: the caller's, by which it knows the group again.
        total: [D] sum of their points.
        count: tickets in `total`.
    """

    members: list[Newcomer]
    total: Floats
    count: int
    key: str = ""
    _vectors: dict[str, Vectors] = field(default_factory=dict)

    def add(self, ticket: Newcomer, point: Floats, vector: Vectors) -> None:
        self.members.append(ticket)
        self.total = self.total + point
        self.count += 1
        self._vectors[ticket.ticket_id] = vector

    def examples(self, most: int) -> list[Newcomer]:
        """Up to `most` members of different texts: the one nearest to their mean, then each time the one that is
        farthest from those before it."""
        first_of = {ticket.text: ticket for ticket in reversed(self.members)}
        tickets = sorted(first_of.values(), key=lambda ticket: (ticket.at_ms, ticket.ticket_id))
        if not tickets:
            return []
        rows = np.stack([self._vectors[ticket.ticket_id] for ticket in tickets])
        chosen = spread(rows, rows.mean(axis=0), most)
        return [tickets[number] for number in chosen]

    def forget(self, ticket_id: str) -> bool:
        """Take a deleted ticket out; whether it was a member."""
        before = len(self.members)
        self.members = [ticket for ticket in self.members if ticket.ticket_id != ticket_id]
        self._vectors.pop(ticket_id, None)
        return len(self.members) < before


def chance(count: int, expected: float) -> float:
    """How likely `count` tickets or more are where so many are expected: the upper tail of a Poisson distribution.

    `scipy.stats` has the same, and takes a worker's start two seconds to load.
    """
    return float(pdtrc(count - 1, expected)) if count else 1.0
