"""Examples: the tickets that show a person what a cluster is about. After cluster, before assemble."""

from collections.abc import Sequence

import numpy as np

from models.recluster.cluster import centroids_of
from models.recluster.problems import Problems
from models.spread import spread
from models.vote import Rows

MOST = 5

# Share of a cluster's tickets that may have been attached to it for want of a better one.
_UNTYPICAL = 0.25

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
        tuple(
            ids[row]
            for row in rows[spread(problems.vectors[rows], centroid, MOST, untypical=_UNTYPICAL, copy=_COPY)]
        )
        for rows, centroid in zip(
            (_in_order(group.rows, problems.keys, ids) for group in problems.groups), centroids, strict=True
        )
    ]


def _in_order(rows: Rows, keys: Sequence[str], ids: Sequence[str]) -> Rows:
    """The rows in an order that the tickets themselves set: of equals the first is chosen."""
    return np.array(sorted(rows.tolist(), key=lambda row: (keys[row], ids[row])), dtype=np.int64)
