"""Described: clusters that are known by a description alone, and what speaks for them. Beside evidence.

No ticket of such a cluster has been seen, so there is nothing to vote with and nothing that a head could have learned;
what can be told is how near a ticket comes to the description, nearer than tickets of other problems do, and how far it
is from whatever the history knows. Match weighs a live ticket so, learn/described the history's own.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.exact import Floats, exp, total
from models.generation import Cluster, Describing
from models.vote import Vectors

# How near the history comes to a description: the mean cosine of so many of its nearest tickets. A vague text is near
# to many, a particular one to few; the level takes out what descriptions differ in.
NEIGHBOURS = 10

_CHUNK = 64


@dataclass(frozen=True, slots=True)
class Described:
    """D described clusters.

    Attributes:
        clusters: D, as the generation or people's acts have them.
        vectors: [D, width] settled hybrid vectors of their descriptions.
        level: [D] float64, how near the history comes to each.
    """

    clusters: tuple[Cluster, ...]
    vectors: Vectors
    level: Floats


def described(clusters: Sequence[Cluster], vectors: Vectors, voters: Vectors) -> Described:
    """Described clusters beside a history [V, width], whose vectors, as theirs [D, width], are settled."""
    level = np.zeros(len(clusters))
    for start in range(0, len(clusters), _CHUNK):
        chunk = slice(start, start + _CHUNK)
        level[chunk] = levels(vectors[chunk] @ voters.T)
    return Described(tuple(clusters), vectors, level)


def levels(cosines: NDArray[np.float32]) -> Floats:
    """[D] the mean of the ten largest of each row of exact cosines [D, V]; 0 where there are none."""
    seats = min(NEIGHBOURS, cosines.shape[1])
    if not seats or not len(cosines):
        return np.zeros(len(cosines))
    nearest = -np.partition(-cosines, seats - 1, axis=1)[:, :seats]
    means: Floats = nearest.astype(np.float64).sum(axis=1) / seats  # multiples of 2**-16: exact in any order
    return means


def odds_of(
    cosines: NDArray[np.floating], level: Floats, nearest: Floats, strength: Floats, weights: Describing
) -> Floats:
    """Log-odds [n, D] that tickets belong to descriptions rather than to anything else.

    Args:
        cosines: [n, D] of tickets and descriptions.
        level: [D], and nearest, strength: [n] as evidence.Evidence has them.
    """
    of_ticket = nearest * weights.nearest + strength * weights.strength + weights.bias
    odds: Floats = cosines.astype(np.float64) * weights.cosine + level * weights.level + of_ticket[:, None]
    return odds


def chances(odds: Floats) -> Floats:
    """Probabilities [n, D] from log-odds [n, D]: a conditional logit of the descriptions and of what is none of them,
    whose log-odds are 0."""
    highest = np.maximum(odds.max(axis=1, initial=0.0), 0.0)[:, None]
    weights = exp(odds - highest)
    found: Floats = weights / (exp(-highest) + total(weights)[:, None])
    return found
