"""Examples: the tickets that show a person what a cluster is about. After cluster, before assemble."""

from collections.abc import Sequence

import numpy as np

from models.recluster.cluster import centroids_of
from models.recluster.problems import Problems
from models.vote import Rows

MOST = 5

# Tickets nearer to the centroid than this quantile of a cluster's are typical of it; farther ones may have been
# attached to it for want of a better one, and would be chosen before all others.
_TYPICAL = 0.25

# Cosine from which on two tickets say the same to a reader.
_COPY = 0.9


def examples_of(problems: Problems, ids: Sequence[str] | None) -> list[tuple[str, ...]]:
    """Ids of up to five tickets of each group: the one nearest to its centroid, and of the three quarters that are
    typical each time the one that is farthest from those chosen (Gonzalez 1985), as long as it is no near copy of one.

    Args:
        ids: of the tickets; None where they have none, and then nothing can be named.
    """
    if ids is None:
        return [() for _ in problems.groups]
    centroids = centroids_of(problems.vectors, problems.assignment)
    return [
        tuple(ids[row] for row in _spread(_in_order(group.rows, problems.keys, ids), problems, centroid))
        for group, centroid in zip(problems.groups, centroids, strict=True)
    ]


def _in_order(rows: Rows, keys: Sequence[str], ids: Sequence[str]) -> Rows:
    """The rows in an order that the tickets themselves set: of equals the first is chosen."""
    return np.array(sorted(rows.tolist(), key=lambda row: (keys[row], ids[row])), dtype=np.int64)


def _spread(rows: Rows, problems: Problems, centroid: np.ndarray) -> list[int]:
    vectors = problems.vectors[rows]
    own = np.einsum("ij,j->i", vectors, centroid)
    typical = own >= np.quantile(own, _TYPICAL)
    chosen = [int(own.argmax())]
    nearest = np.full(len(rows), -np.inf)
    while True:
        nearest = np.maximum(nearest, np.einsum("ij,j->i", vectors, vectors[chosen[-1]]))
        farthest = int(np.where(typical, nearest, np.inf).argmin())
        if len(chosen) == MOST or nearest[farthest] >= _COPY or farthest in chosen:
            return [int(rows[place]) for place in chosen]
        chosen.append(farthest)
