"""Cluster: which tickets of a history share a problem. First step of making a generation."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from models.vote import Vectors

Labels = NDArray[np.int64]

# Tickets that are worked at once where each takes a row of numbers: memory stays small however many there are.
_CHUNK = 8_192


class Clusterer(Protocol):
    """An engine that finds which tickets are of one problem."""

    def cluster(self, vectors: Vectors, smallest: int) -> Labels:
        """Labels [n] of unit rows [n, width]: 0, 1, … for problems of `smallest` tickets or more, -1 for noise."""
        ...


class Fallback(StrEnum):
    """Why the clusterer's answer was not taken."""

    EMPTY = "empty"  # everything was noise
    COLLAPSED = "collapsed"  # one or two clusters swallowed a large history
    EXPLODED = "exploded"  # a cluster for every handful of tickets


@dataclass(frozen=True, slots=True)
class ClusterPolicy:
    """How problems are found.

    Attributes:
        size_factor: the smallest cluster is this times the root of the tickets clustered together, within
            `size_bounds`, in tickets.
        reattach_quantile: without owners, noise joins the nearest cluster where it is at least as similar to the
            centroid as this quantile of the dense members are to theirs.
        collapse_from: tickets from which one or two clusters count as a collapse.
        tickets_per_cluster: fewer on average count as an explosion.
        seed: of the fallback's first centroids.
    """

    size_factor: float = 0.6
    size_bounds: tuple[int, int] = (5, 25)
    reattach_quantile: float = 0.05
    collapse_from: int = 200
    tickets_per_cluster: int = 6
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Way:
    """A clusterer with the policy that suits it."""

    clusterer: Clusterer
    policy: ClusterPolicy


@dataclass(frozen=True, slots=True)
class Ways:
    """How problems are found inside one owner's tickets, and among those of unknown owners."""

    within_owner: Way
    without_owner: Way


@dataclass(frozen=True, slots=True)
class Found:
    """Labels [n] 0 to count - 1, -1 for tickets left out; `noise` counts what the clusterer called noise."""

    labels: Labels
    count: int
    noise: int
    fallback: Fallback | None


def problems_of_owner(vectors: Vectors, way: Way) -> Found:
    """The problems among one owner's tickets [n, dim]; every ticket belongs to one of them.

    Too few tickets for two clusters are one. Noise joins the nearest cluster, since its owner is known. An answer
    that is all noise becomes one cluster; an exploded one is replaced by k-means.
    """
    size = _smallest(len(vectors), way.policy)
    if len(vectors) < 2 * size:
        return Found(np.zeros(len(vectors), dtype=np.int64), 1, 0, None)
    labels = way.clusterer.cluster(vectors, size)
    fallback = _fault(labels, way.policy, collapse_from=None)
    if fallback is Fallback.EMPTY:
        return Found(np.zeros(len(vectors), dtype=np.int64), 1, len(vectors), fallback)
    return _attached(vectors, labels, fallback, -np.inf, way.policy)


def problems_without_owner(vectors: Vectors, way: Way) -> Found:
    """The problems among tickets [n, dim] of unknown owners; what is like none of them is left out (-1).

    An empty, collapsed or exploded answer is replaced by k-means with half the root of n clusters or more.
    """
    labels = way.clusterer.cluster(vectors, _smallest(len(vectors), way.policy))
    fallback = _fault(labels, way.policy, collapse_from=way.policy.collapse_from)
    limit = -np.inf
    if fallback is None:
        members = labels >= 0
        own = similarity_to_own(vectors[members], labels[members], centroids_of(vectors, labels))
        limit = float(np.quantile(own, way.policy.reattach_quantile))
    return _attached(vectors, labels, fallback, limit, way.policy)


def centroids_of(vectors: Vectors, labels: Labels) -> Vectors:
    """Unit means [labels.max() + 1, dim] of the rows of each label; rows of label -1 are passed over."""
    members = labels >= 0
    sums = sums_of(vectors[members], labels[members], int(labels.max()) + 1)
    norms = np.linalg.norm(sums, axis=1, keepdims=True)
    means: Vectors = np.divide(sums, norms, out=np.zeros_like(sums), where=norms > 0).astype(np.float32)
    return means


def sums_of(vectors: Vectors, labels: Labels, count: int) -> NDArray[np.float64]:
    """Sums [count, dim] of the rows of each label, none of them -1."""
    sums = np.zeros((count, vectors.shape[1]), dtype=np.float64)
    order = np.argsort(labels, kind="stable")
    for start in range(0, len(order), _CHUNK):
        rows = order[start : start + _CHUNK]
        held, starts = np.unique(labels[rows], return_index=True)
        sums[held] += np.add.reduceat(vectors[rows].astype(np.float64), starts, axis=0)
    return sums


def similarity_to_own(vectors: Vectors, labels: Labels, centroids: Vectors) -> NDArray[np.float32]:
    """Cosine [n] of each row and the centroid of its label, which must not be -1."""
    similarity = np.empty(len(vectors), dtype=np.float32)
    for start in range(0, len(vectors), _CHUNK):
        chunk = slice(start, start + _CHUNK)
        similarity[chunk] = np.einsum("ij,ij->i", vectors[chunk], centroids[labels[chunk]])
    return similarity


def reduced(vectors: Vectors, dims: int) -> NDArray[np.float32]:
    """`vectors` [n, dim] on their first `dims` principal components (fewer where n or dim is), float32.

    Taken from the smaller of the two matrices of products, [n, n] or [dim, dim]: the same up to signs, which
    distances do not see.
    """
    centred = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    if len(vectors) <= vectors.shape[1]:
        variance, columns = np.linalg.eigh(centred @ centred.T)
        points = columns * np.sqrt(np.clip(variance, 0.0, None))
    else:
        points = centred @ np.linalg.eigh(centred.T @ centred)[1]
    kept: NDArray[np.float32] = points[:, ::-1][:, :dims].astype(np.float32)
    return kept


def k_means(vectors: Vectors, count: int, seed: int, rounds: int = 25) -> Labels:
    """Labels [n] by spherical k-means (Dhillon and Modha 2001), first centroids by k-means++ (Arthur and
    Vassilvitskii 2007). Labels run from 0 without gaps; there may be fewer than `count`."""
    chance = np.random.default_rng(seed)
    centroids = vectors[[int(chance.integers(len(vectors)))]]
    for _ in range(min(count, len(vectors)) - 1):
        distance = np.clip(1.0 - (vectors @ centroids.T).max(axis=1).astype(np.float64), 0.0, None)
        if distance.sum() <= 1e-6:  # only copies of chosen points are left
            break
        pick = int(chance.choice(len(vectors), p=distance / distance.sum()))
        centroids = np.concatenate([centroids, vectors[[pick]]])
    labels = np.zeros(len(vectors), dtype=np.int64)
    for _ in range(rounds):
        nearest = _without_gaps((vectors @ centroids.T).argmax(axis=1))
        if np.array_equal(nearest, labels):
            break
        labels, centroids = nearest, centroids_of(vectors, nearest)
    return labels


def _smallest(count: int, policy: ClusterPolicy) -> int:
    low, high = policy.size_bounds
    return int(min(max(low, round(policy.size_factor * count**0.5)), high))


def _fault(labels: Labels, policy: ClusterPolicy, collapse_from: int | None) -> Fallback | None:
    count = int(labels.max(initial=-1)) + 1
    if count == 0:
        return Fallback.EMPTY
    if collapse_from is not None and count <= 2 and len(labels) >= collapse_from:
        return Fallback.COLLAPSED
    if count > 2 and len(labels) < policy.tickets_per_cluster * count:
        return Fallback.EXPLODED
    return None


def _attached(
    vectors: Vectors, labels: Labels, fallback: Fallback | None, limit: float, policy: ClusterPolicy
) -> Found:
    """Noise joined to the nearest cluster where its cosine reaches `limit`; or the fallback's k-means."""
    noise = labels < 0
    if fallback is not None:
        labels = k_means(vectors, max(1, round((len(vectors) / 2) ** 0.5)), policy.seed)
    elif noise.any():
        centroids, labels = centroids_of(vectors, labels), labels.copy()
        strays = np.flatnonzero(noise)
        for start in range(0, len(strays), _CHUNK):
            rows = strays[start : start + _CHUNK]
            similarity = vectors[rows] @ centroids.T
            labels[rows] = np.where(similarity.max(axis=1) >= limit, similarity.argmax(axis=1), -1)
    return Found(labels, int(labels.max()) + 1, int(noise.sum()), fallback)


def _without_gaps(labels: Labels) -> Labels:
    dense: Labels = np.unique(labels, return_inverse=True)[1].astype(np.int64)
    return dense
