"""Problems by a graph of neighbours: FAISS finds who is near whom, Leiden (Traag, Waltman and van Eck 2019; its
implementation in graspologic-native) parts the graph where it is thin."""

from dataclasses import dataclass
from typing import Any

import faiss
import graspologic_native
import numpy as np
from scipy import sparse

from models.engines.density import HDBSCAN
from models.engines.vector_index import lists_for
from models.recluster.cluster import ClusterPolicy, Labels, Way, Ways
from models.vote import Rows, Similarities, Vectors

_faiss: Any = faiss  # its classes are made at import by SWIG, unseen by a type checker

# A second and third time win half a point of the adjusted Rand index on the sample company's tickets.
_ITERATIONS = 3

# Up to so many rows all are compared with all.
_EXACT_ROWS = 5_000
# Lists that a search looks into, at most, and points that a list is found from: 8 found .965 of the true ten nearest
# among 25,003 texts, 16 .986, for an adjusted Rand index of .606 and .614, and twice the time at 370,000.
_MOST_PROBES = 8
_TRAINING_POINTS = 40
_TRAINING_ROUNDS = 6


@dataclass(frozen=True, slots=True)
class Graph:
    """recluster.cluster.Clusterer: each ticket is joined to its nearest ones by their cosine, and communities of most
    modularity (Newman and Girvan 2004, with the resolution of Reichardt and Bornholdt 2006) are problems.

    Modularity alone sees the finer problems the fewer, the more tickets there are. So the resolution grows with them:
    two groups stay apart unless they share more edges than `density` of those that could be, a scale that does not
    hang on the number of tickets; under one it never falls.

    Attributes:
        neighbours: of each ticket.
        density: chosen with `neighbours` on the sample company's 3,300 tickets of 45 problems alone (.006, .0075, .009
            and .012 gave an adjusted Rand index of .74, .80, .77 and .74 with 10 neighbours; 15 and 25 gave no more).
        seed: of the order in which the tickets are gone through.
    """

    neighbours: int = 10
    density: float = 0.0075
    seed: int = 0

    def cluster(self, vectors: Vectors, smallest: int) -> Labels:
        """Labels [n] of unit rows [n, width]: 0, 1, … by size, -1 in communities of fewer than `smallest`."""
        count = len(vectors)
        near = min(self.neighbours, count - 1)
        if near < 1 or count < 2 * smallest:
            return (
                np.zeros(count, dtype=np.int64) if count >= smallest else np.full(count, -1, dtype=np.int64)
            )
        rows, cosines = nearest_rows(vectors, near)
        edges = sparse.csr_matrix(
            (
                np.clip(cosines, 1e-6, None).astype(np.float64).ravel(),
                (np.repeat(np.arange(count), near), rows.ravel()),
            ),
            shape=(count, count),
        )
        resolution = max(1.0, self.density * count / near)
        both_ways = edges.maximum(edges.T).tocsr()
        _, found = graspologic_native.leiden_csr(
            both_ways.indptr.astype(np.int64),
            both_ways.indices.astype(np.int32),
            both_ways.data,
            count,
            resolution=resolution,
            iterations=_ITERATIONS,
            seed=self.seed,
        )
        return _by_size(np.array([found[row] for row in range(count)], dtype=np.int64), smallest)


def nearest_rows(vectors: Vectors, k: int) -> tuple[Rows, Similarities]:
    """The k nearest other rows of each of the unit rows [n, width], n > k, and their cosines, both [n, k].

    Beyond some thousand rows most of them are found, not all: each looks only where its like are.
    """
    count, width = vectors.shape
    matrix = np.ascontiguousarray(vectors, dtype=np.float32)
    quantizer: Any = faiss.IndexFlatIP(width)
    if count <= _EXACT_ROWS:
        index: Any = quantizer
    else:
        lists = lists_for(count)
        index = faiss.IndexIVFFlat(quantizer, width, lists, faiss.METRIC_INNER_PRODUCT)
        index.cp.seed = 0
        index.cp.niter = _TRAINING_ROUNDS
        index.cp.max_points_per_centroid = _TRAINING_POINTS
        index.train(matrix)
        index.nprobe = max(1, min(_MOST_PROBES, lists // 16))
    index.add(matrix)
    cosines, rows = index.search(matrix, k + 1)
    own = rows == np.arange(count)[:, None]
    own[~own.any(axis=1), -1] = True  # copies can crowd a row out of its own neighbours
    kept = np.where(rows[~own] >= 0, rows[~own], np.repeat(np.arange(count), k)).reshape(count, k)
    return kept, np.where(rows[~own] >= 0, cosines[~own], 0.0).reshape(count, k).astype(np.float32)


def _by_size(found: Labels, smallest: int) -> Labels:
    """Communities numbered from the largest, of equals the one whose first row comes first; small ones are -1."""
    _, first, codes, sizes = np.unique(found, return_index=True, return_inverse=True, return_counts=True)
    order = np.lexsort((first, -sizes))
    number = np.empty(len(sizes), dtype=np.int64)
    number[order] = np.where(sizes[order] >= smallest, np.arange(len(sizes)), -1)
    labels: Labels = number[codes]
    return labels


# A graph is always parted, also one of a single problem: inside an owner's tickets, which may be of one only, HDBSCAN
# is the more careful, and little worse where they are not (adjusted Rand index .73 on average over ten domains of
# CLINC150, the graph .77; .56 over the sample company's twelve teams, .60).
GRAPH = Ways(HDBSCAN.within_owner, Way(Graph(), ClusterPolicy(size_factor=0.0)))
