"""Spread: which of many texts show a reader what all are about; for clusters, emerging problems and surges alike."""

import numpy as np

from models.vote import Vectors


def spread(
    vectors: Vectors, centre: Vectors, most: int, *, untypical: float = 0.0, copy: float = np.inf
) -> list[int]:
    """Rows of up to `most` texts: the one nearest to the centre, then each time the one that is farthest from those
    chosen (Gonzalez 1985).

    The sums are taken in one order, so that the same rows are chosen on any machine.

    Args:
        vectors: [n, dim], unit rows; of equals the first is chosen.
        centre: [dim].
        most: at least one.
        untypical: share of the texts, the farthest from the centre, that are never chosen: where texts were brought
            together by a machine, those may be there for want of a better place, and would be chosen before all others.
        copy: cosine from which on two texts say the same to a reader.
    """
    if not len(vectors):
        return []
    own = np.einsum("ij,j->i", vectors, centre)
    typical = own >= np.quantile(own, untypical)
    chosen = [int(own.argmax())]
    nearest = np.full(len(vectors), -np.inf)
    while len(chosen) < most:
        nearest = np.maximum(nearest, np.einsum("ij,j->i", vectors, vectors[chosen[-1]]))
        nearest[chosen] = np.inf
        farthest = int(np.where(typical, nearest, np.inf).argmin())
        if farthest in chosen or nearest[farthest] >= copy:
            break
        chosen.append(farthest)
    return chosen
