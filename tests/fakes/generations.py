"""Small generations and vectors whose answers can be worked out by hand."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.generation import Cluster, Confidence, Generation, Owner, Thresholds
from models.vote import Vectors

# Probabilities are a softmax of the owners' shares of the vote, times four, and are right as they stand; a ticket is
# as like the history as its nearest past one.
BY_VOTE = Confidence(head=0.0, vote=4.0, centroid=0.0, slope=1.0, bias=0.0, strength=0.0, nearest=1.0)


def unit(*components: float) -> Vectors:
    """One row [len(components)] of length 1."""
    row = np.array(components, dtype=np.float32)
    scaled: Vectors = row / np.float32(np.linalg.norm(row))
    return scaled


def unit_rows(count: int, dim: int, seed: int) -> Vectors:
    """Random unit rows [count, dim]."""
    rows = np.random.default_rng(seed).normal(size=(count, dim))
    scaled: Vectors = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return scaled


def blobs(centres: Vectors, each: int, spread: float, seed: int) -> tuple[Vectors, NDArray[np.int64]]:
    """`each` unit rows around every row of `centres`, and the row that each is around."""
    noise = np.random.default_rng(seed).normal(scale=spread, size=(each * len(centres), centres.shape[1]))
    rows = np.repeat(centres, each, axis=0) + noise
    scaled: Vectors = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return scaled, np.repeat(np.arange(len(centres)), each)


def generation(
    owners: Sequence[str | None],
    centroids: Vectors,
    exemplars: Sequence[tuple[int, Vectors]],
    scope: float = 0.5,
    route_at: float = 0.8,
    reach: float = 0.5,
) -> Generation:
    """A generation with cluster `c-<row>` for each of `owners`; an exemplar is (cluster row, vector).

    It has neither lexicon nor head; see BY_VOTE for what it makes of the vote.
    """
    rows = [vector for _, vector in exemplars]
    return Generation(
        clusters=tuple(Cluster(f"c-{row}", f"problem {row}", owner, 1) for row, owner in enumerate(owners)),
        owners=tuple(Owner(name, 60) for name in sorted({owner for owner in owners if owner is not None})),
        centroids=centroids,
        exemplars=np.array(rows, dtype=np.float16).reshape(len(rows), centroids.shape[1]),
        exemplar_cluster=np.array([row for row, _ in exemplars], dtype=np.int32),
        dim=centroids.shape[1],
        lexicon=None,
        head=None,
        confidence=BY_VOTE,
        thresholds=Thresholds(scope, route_at, owners=(), similar=0.5, reach=reach),
        reference=(),
        encoder="fake",
        created_at_ms=1_700_000_000_000,
    )
