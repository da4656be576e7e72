"""Align: which new cluster is which of the last generation's, and what became of the others. After cluster.

A cluster is its tickets: new and old ones are told to be the same by those that stand in both, and only where they
share none (a history that was cut, a problem that was never met) by their centroids.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from models.recluster.cluster import Labels
from models.vote import Vectors


class Change(StrEnum):
    """What became of a cluster from one generation to the next."""

    BORN = "born"  # of tickets that mostly stood in no cluster
    SPLIT = "split"  # off another one, which stays
    MERGED = "merged"  # into another one, and is no more
    DIED = "died"  # its tickets are gone, or fell to several


@dataclass(frozen=True, slots=True)
class Event:
    """One change.

    Attributes:
        cluster: id of the one that was born or split off, or that is no more.
        other: id of the one that it came from or went into; None where there is none.
        share: of its tickets that came from there or went there, 0 to 1.
    """

    change: Change
    cluster: str
    other: str | None
    share: float


@dataclass(frozen=True, slots=True)
class AlignPolicy:
    """When two clusters are one.

    Attributes:
        overlap: least share of the smaller one's common tickets that stands in both.
        cosine: of the centroids, from which on two that share no ticket are one.
        most: share of a cluster's tickets from which on it came from another, or went into it.
    """

    overlap: float = 0.3
    cosine: float = 0.9
    most: float = 0.5


@dataclass(frozen=True, slots=True)
class Alignment:
    """What is which.

    Attributes:
        old: [new clusters] int64, the old cluster that each is, -1 for a new one.
        origin: [new clusters] int64, the old one that most of its tickets come from, -1 for none.
        heir: [old clusters] int64, the new one that most of its tickets went into, -1 for none.
        came, went: the shares of both, float64.
    """

    old: Labels
    origin: Labels
    heir: Labels
    came: NDArray[np.float64]
    went: NDArray[np.float64]


def align(
    before: Labels, after: Labels, centroids: tuple[Vectors, Vectors], policy: AlignPolicy
) -> Alignment:
    """The one-to-one match of old and new clusters that keeps most tickets where they were.

    Args:
        before, after: [n] the old and the new cluster of the same tickets, -1 for none.
        centroids: of the old clusters [C, dim] and of the new [D, dim], unit rows in one space.
    """
    old_centroids, new_centroids = centroids
    shape = (len(old_centroids), len(new_centroids))
    both = (before >= 0) & (after >= 0)
    common = np.zeros(shape)
    np.add.at(common, (before[both], after[both]), 1.0)
    old_size, new_size = common.sum(axis=1), common.sum(axis=0)
    smaller = np.minimum(old_size[:, None], new_size[None, :])
    overlap = np.divide(common, smaller, out=np.zeros(shape), where=smaller > 0)
    union = old_size[:, None] + new_size[None, :] - common
    jaccard = np.divide(common, union, out=np.zeros(shape), where=union > 0)
    cosine = old_centroids.astype(np.float64) @ new_centroids.astype(np.float64).T
    strangers = (old_size[:, None] == 0) | (new_size[None, :] == 0)
    alike = strangers & (cosine >= policy.cosine)
    # Tickets decide: a centroid never outweighs one.
    worth = np.where(overlap >= policy.overlap, jaccard, 0.0) + np.where(alike, cosine, 0.0) * 1e-9
    matched = np.full(shape[1], -1, dtype=np.int64)
    for row, column in zip(*linear_sum_assignment(worth, maximize=True), strict=True):
        if worth[row, column] > 0.0:
            matched[column] = row
    origin, came = _most(common.T, np.bincount(after[after >= 0], minlength=shape[1]), policy.most)
    heir, went = _most(common, np.bincount(before[before >= 0], minlength=shape[0]), policy.most)
    return Alignment(matched, origin, heir, came, went)


def _most(
    common: NDArray[np.float64], sizes: NDArray[np.int64], least: float
) -> tuple[Labels, NDArray[np.float64]]:
    """For each row the column that holds most of it, -1 where none holds so large a share; and that share."""
    if not common.shape[1]:
        return np.full(len(common), -1, dtype=np.int64), np.zeros(len(common))
    best = common.argmax(axis=1)
    share = np.divide(common.max(axis=1), sizes, out=np.zeros(len(common)), where=sizes > 0)
    return np.where(share >= least, best, -1).astype(np.int64), share


def events_of(found: Alignment, old_ids: Sequence[str], new_ids: Sequence[str]) -> list[Event]:
    """What changed, new clusters first and then old ones in their order; one that is still itself is no event."""
    kept = set(found.old[found.old >= 0].tolist())
    events: list[Event] = []
    for number, identity in enumerate(new_ids):
        if found.old[number] >= 0:
            continue
        origin = int(found.origin[number])
        if origin >= 0:
            events.append(Event(Change.SPLIT, identity, old_ids[origin], round(float(found.came[number]), 4)))
        else:
            events.append(Event(Change.BORN, identity, None, 0.0))
    for number, identity in enumerate(old_ids):
        if number in kept:
            continue
        heir = int(found.heir[number])
        if heir >= 0:
            events.append(Event(Change.MERGED, identity, new_ids[heir], round(float(found.went[number]), 4)))
        else:
            events.append(Event(Change.DIED, identity, None, 0.0))
    return events
