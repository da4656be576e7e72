"""Evidence: what a generation has to say of a ticket: the neighbours' vote, the centroids, and the learned head.

Match weighs it for a live ticket, calibration for the generation's own history: the same functions, so that a
threshold means the same where it is fitted and where it is used.

The head has two parts. One is kernel ridge regression (Saunders et al. 1998) on the parties as one-hot targets: every
exemplar answers with its kernel times what was learned for it. The other is multinomial logistic regression on the
hybrid vector. Embedded encoder, CLINC150's validation part from 7,000 tickets: the kernel was right for .948, the
regression for .943, both together for .951, and the vote of neighbours, from 10,000, for .909; on 2,000 held-out texts
of Banking77's train part .938, .926 and, the vote, .914. What the kernel answers also fades away from the history: its
strength tells out-of-scope texts better (AUROC .988) than the cosine of the nearest (.974).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.described import Described, described
from models.exact import Floats, exp, log, logistic, power, total
from models.generation import Cluster, Confidence, Generation
from models.vote import IndexBuilder, Rows, Tally, VectorIndex, Vectors, VotePolicy, parties, settle, tally

# Kernels and the head's weights are multiples of this: their products' sums are exact in float64 in any order.
HEAD_GRID = 2.0**18

# Tickets whose products with all exemplars are held at once.
_CHUNK = 64

# A cosine is a multiple of 2**-16; a row's number below it makes equals differ and keeps them in order.
_ROW_BITS = 2.0**20


@dataclass(frozen=True, slots=True)
class Searchable:
    """A generation made ready; never changes, so that a worker swaps it by reference.

    Attributes:
        centroids: settled centroids [C, width] of the clusters that are known by tickets, row i of
            generation.clusters[i].
        centroid_index: search over `centroids`.
        voters: [V, width] the exemplars, then the centroids of clusters that have none.
        voter_cluster: [V] int64, the cluster row of each voter.
        party: [C] int64, whom a vote for each cluster counts for: clusters of one owner share a party, a cluster
            without owner is one of its own.
        owners: the owner of each party, None for a cluster without one.
        head_weights: [E, parties] the head's weights in float64; None without a head.
        linear: [width + 1, parties] its linear part in float64; None without one.
        described: the clusters that are known by a description alone: the generation's, and those added since.
    """

    generation: Generation
    centroids: Vectors
    centroid_index: VectorIndex
    voters: Vectors
    voter_cluster: Rows
    party: Rows
    owners: tuple[str | None, ...]
    head_weights: Floats | None
    linear: Floats | None
    described: Described

    @property
    def clusters(self) -> tuple[Cluster, ...]:
        """Its clusters, row by row: those known by tickets, then the described ones."""
        return (*self.generation.clusters[: len(self.centroids)], *self.described.clusters)

    def vector_of(self, cluster: Cluster) -> Vectors:
        """The settled centroid [width] of one of its clusters, or the vector of its description."""
        described, clusters = cluster.described, self.clusters
        vectors = self.described.vectors if described else self.centroids
        found: Vectors = vectors[clusters.index(cluster) - (len(self.centroids) if described else 0)]
        return found


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks for each party, of n tickets.

    Attributes:
        probability: [n, parties] float64, each row sums to 1.
        votes: shares by party and by cluster.
        voted: [n, k] int64, the clusters of the nearest voters, nearest first, -1 for a seat left empty.
        cosines: [n, k] float64 of the same voters, -inf for an empty seat.
        similarity: [n, C] float32 cosines with the centroids.
        strength: [n] how strongly the head answers; without a head the nearest cosine.
        scope: [n] how like the history a ticket is; to be held against thresholds.scope.
    """

    probability: Floats
    votes: Tally
    voted: Rows
    cosines: Floats
    similarity: NDArray[np.float32]
    strength: Floats
    scope: Floats

    @property
    def nearest(self) -> Floats:
        """[n] cosine of the nearest voter, at most 1."""
        return np.minimum(self.cosines[:, 0], 1.0)


def searchable(generation: Generation, build: IndexBuilder) -> Searchable:
    """A generation ready for evidence. A cluster without exemplars votes with its centroid, as one exemplar."""
    known = generation.learned
    rows = settle(generation.centroids)
    centroids, head = rows[: len(known)], generation.head
    bare = np.setdiff1d(np.arange(len(centroids)), generation.exemplar_cluster)
    party = parties([cluster.owner for cluster in known])
    owner_of = {int(code): cluster.owner for code, cluster in zip(party, known, strict=True)}
    voters = np.concatenate([settle(generation.exemplars), centroids[bare]])
    return Searchable(
        generation=generation,
        centroids=centroids,
        centroid_index=build(centroids),
        voters=voters,
        voter_cluster=np.concatenate([generation.exemplar_cluster.astype(np.int64), bare]),
        party=party,
        owners=tuple(owner_of[code] for code in range(len(owner_of))),
        head_weights=None if head is None else head.weights.astype(np.float64),
        linear=None if head is None or head.linear is None else head.linear.astype(np.float64),
        described=described(generation.clusters[len(known) :], rows[len(known) :], voters),
    )


def with_described(ready: Searchable, added: Sequence[Cluster], vectors: Vectors) -> Searchable:
    """The same with clusters that were described since, after the generation's own.

    Args:
        vectors: [D, width] settled hybrid vectors of the descriptions.
    """
    more, own = described(added, vectors, ready.voters), ready.described
    both = Described(
        (*own.clusters, *more.clusters),
        np.concatenate([own.vectors, more.vectors]),
        np.concatenate([own.level, more.level]),
    )
    return replace(ready, described=both)


def gather(queries: Vectors, ready: Searchable, policy: VotePolicy) -> Evidence:
    """The evidence on settled hybrid vectors [n, width]; of each it depends on that row alone, to the bit."""
    head, confidence = ready.generation.head, ready.generation.confidence
    answers = np.zeros((len(queries), len(ready.owners)))
    seats = policy.neighbours
    rows, cosines = (
        np.full((len(queries), seats), -1, dtype=np.int64),
        np.full((len(queries), seats), -np.inf),
    )
    for start in range(0, len(queries), _CHUNK):
        chunk = slice(start, start + _CHUNK)
        products = queries[chunk] @ ready.voters.T
        rows[chunk], cosines[chunk] = nearest_rows(products, seats)
        if head is not None and ready.head_weights is not None:
            known = products[:, : len(ready.head_weights)].astype(np.float64)
            answers[chunk] = answer(known, ready.head_weights, head.power)
    voted = np.where(rows >= 0, ready.voter_cluster[np.maximum(rows, 0)], -1)
    votes = tally(cosines.astype(np.float32), voted, ready.party, policy)
    similarity = queries @ ready.centroids.T
    strength = strength_of(answers) if head is not None else np.minimum(cosines[:, 0], 1.0)
    return Evidence(
        probability=weigh(
            answers,
            log_odds(queries, ready.linear, len(ready.owners)),
            votes.by_party,
            best_in_party(similarity, ready.party)[0],
            confidence,
        ),
        votes=votes,
        voted=voted,
        cosines=cosines,
        similarity=similarity,
        strength=strength,
        scope=scope_of(strength, np.minimum(cosines[:, 0], 1.0), confidence),
    )


def nearest_rows(products: NDArray[np.float32], k: int) -> tuple[Rows, Floats]:
    """The k largest of each row of exact products [n, V]: their columns and values, largest first, equals in the order
    of their columns; column -1 and -inf where there are fewer."""
    width = products.shape[1]
    order = products.astype(np.float64) * 2.0**16 * _ROW_BITS - np.arange(width)
    seats = min(k, width)
    columns = np.argpartition(-order, seats - 1, axis=1)[:, :seats]
    ranked = np.argsort(-np.take_along_axis(order, columns, 1), axis=1)
    columns = np.take_along_axis(columns, ranked, 1)
    values = np.take_along_axis(products, columns, 1).astype(np.float64)
    missing = ((0, 0), (0, k - columns.shape[1]))
    return (
        np.pad(columns, missing, constant_values=-1).astype(np.int64),
        np.pad(values, missing, constant_values=-np.inf),
    )


def kernel(cosines: Floats, exponent: int) -> Floats:
    """((1 + cosine) / 2) ** exponent of cosines, of any shape, in multiples of 2**-18."""
    return np.rint(power((1.0 + cosines) / 2.0, exponent) * HEAD_GRID) / HEAD_GRID


def answer(cosines: Floats, weights: Floats, exponent: int) -> Floats:
    """What the exemplars [n, E] say together of each party [n, parties]; near 1 for the one, near 0 for others, and
    near 0 for all of them far from the history."""
    answers: Floats = kernel(cosines, exponent) @ weights
    return answers


def log_odds(queries: Vectors, linear: Floats | None, parties: int) -> Floats:
    """What the linear part of the head says of each party, [n, parties], up to what is common to a row; zeros without
    one."""
    if linear is None:
        return np.zeros((len(queries), parties))
    found: Floats = queries.astype(np.float64) @ linear[:-1] + linear[-1]
    return found


def strength_of(answers: Floats) -> Floats:
    """[n] length of the answers [n, parties]."""
    return np.sqrt(total(np.square(answers)))


def best_in_party(scores: NDArray[np.floating], party: Rows) -> tuple[Floats, Rows]:
    """Of scores [n, C] each party's best and the cluster that it belongs to, both [n, parties]; of equals the first."""
    order = np.argsort(party, kind="stable")
    starts = np.flatnonzero(np.append(True, np.diff(party[order]) != 0))
    sorted_scores = scores[:, order].astype(np.float64)
    if not len(scores):
        return np.zeros((0, len(starts))), np.zeros((0, len(starts)), dtype=np.int64)
    best = np.maximum.reduceat(sorted_scores, starts, axis=1)
    at_best = sorted_scores == np.repeat(best, np.diff(np.append(starts, len(order))), axis=1)
    place = np.where(at_best, np.arange(len(order)), len(order))
    return best, order[np.minimum.reduceat(place, starts, axis=1)]


def weigh(
    answers: Floats, linear: Floats, votes: Floats, centroids: Floats, confidence: Confidence
) -> Floats:
    """Probabilities [n, parties]: a conditional logit (McFadden 1974) of the four kinds of evidence, each
    [n, parties]."""
    logits = (
        answers * confidence.head
        + linear * confidence.linear
        + votes * confidence.vote
        + centroids * confidence.centroid
    )
    if not len(logits):
        return logits
    weights = exp(logits - logits.max(axis=1, keepdims=True))
    probability: Floats = weights / total(weights)[:, None]
    return probability


def scope_of(strength: Floats, nearest: Floats, confidence: Confidence) -> Floats:
    """[n] how like the history tickets are; only its order has a meaning."""
    return strength * confidence.strength + nearest * confidence.nearest


def confidence_of(probability: Floats, confidence: Confidence) -> Floats:
    """Calibrated probability [n] that the leading party is right, of its probability [n] among all."""
    bounded = np.clip(probability, 1e-9, 1.0 - 1e-9)
    return logistic((log(bounded) - log(1.0 - bounded)) * confidence.slope + confidence.bias)
