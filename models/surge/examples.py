"""Examples: the tickets whose words show what a surge is about. After lifecycle; the content of a surge."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.spread import spread
from models.vote import Vectors

MOST = 5

# Share of a surge's texts that are not shown where there are others: a worker decides on each ticket alone, and the
# farthest are the likeliest to have come to the wrong cluster. Twice the share of wrong ones that routing allows; with
# more, a surge of many near copies and a few other texts would be shown by its near copies alone.
_UNTYPICAL = 0.1


@dataclass(frozen=True, slots=True)
class Described:
    """A ticket of a surge.

    Attributes:
        text: masked.
        vector: [dim] of the encoder, a unit row.
    """

    ticket_id: str
    at_s: int
    text: str
    vector: Vectors


def examples_of(tickets: Sequence[Described], most: int = MOST) -> list[Described]:
    """Up to `most` tickets of different texts: the one nearest to the mean of all, and of those that are typical each
    time the one that is farthest from those chosen. Of equal texts the first that came is shown.
    """
    ordered = sorted(tickets, key=lambda ticket: (ticket.at_s, ticket.ticket_id))
    if not ordered:
        return []
    centre = np.stack([ticket.vector for ticket in ordered]).mean(axis=0)
    first_of: dict[str, Described] = {}
    for ticket in ordered:
        first_of.setdefault(ticket.text, ticket)
    distinct = list(first_of.values())
    rows = np.stack([ticket.vector for ticket in distinct])
    untypical = min(_UNTYPICAL, max(0.0, 1 - most / len(rows)))
    return [distinct[row] for row in spread(rows, centre, most, untypical=untypical)]
