"""Align: which new cluster is which of the last generation's, and what became of the others. After cluster.

A cluster is its tickets: new and old ones are told to be the same by those that stand in both, and only where they
share none (a history that was cut, a problem that was never met) by their centroids.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from models.recluster.cluster import Labels
from models.vote import Vectors

# Old clusters whose centroids are held against the new ones at once.
_CHUNK = 256


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
    common = _common(before, after, (len(centroids[0]), len(centroids[1])))
    origin, came = _most(common.turned(), np.bincount(after[after >= 0]), policy.most)
    heir, went = _most(common, np.bincount(before[before >= 0]), policy.most)
    pairs = _worth(common, centroids, policy)
    return Alignment(_matched(pairs), origin, heir, came, went)


@dataclass(frozen=True, slots=True)
class _Pairs:
    """Pairs of clusters that have to do with each other, few of those that there could be, by row and column; of each a
    number. `shape` is how many rows and columns there are."""

    row: Labels
    column: Labels
    value: NDArray[np.float64]
    shape: tuple[int, int]

    def turned(self) -> "_Pairs":
        order = np.lexsort((self.row, self.column))
        return _Pairs(self.column[order], self.row[order], self.value[order], self.shape[::-1])


def _common(before: Labels, after: Labels, shape: tuple[int, int]) -> _Pairs:
    """How many tickets old and new clusters share, where they share any."""
    both = (before >= 0) & (after >= 0)
    cells, counts = np.unique(before[both] * max(1, shape[1]) + after[both], return_counts=True)
    row, column = np.divmod(cells, max(1, shape[1]))
    return _Pairs(row, column, counts.astype(np.float64), shape)


def _worth(common: _Pairs, centroids: tuple[Vectors, Vectors], policy: AlignPolicy) -> _Pairs:
    """The pairs that may be one, and what that is worth. Tickets decide: a centroid never outweighs one."""
    old_size = np.bincount(common.row, common.value, common.shape[0])
    new_size = np.bincount(common.column, common.value, common.shape[1])
    mine, yours = old_size[common.row], new_size[common.column]
    same = common.value / np.minimum(mine, yours) >= policy.overlap
    row, column, cosine = _alike(centroids, old_size == 0, new_size == 0, policy.cosine)
    return _Pairs(
        np.append(common.row[same], row),
        np.append(common.column[same], column),
        np.append((common.value / (mine + yours - common.value))[same], cosine * 1e-9),
        common.shape,
    )


def _alike(
    centroids: tuple[Vectors, Vectors], old: NDArray[np.bool_], new: NDArray[np.bool_], least: float
) -> tuple[Labels, Labels, NDArray[np.float64]]:
    """Pairs of which one shares no ticket with any, `old` or `new`, whose centroids are so near; and their cosines."""
    rows, columns = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.int64)]
    cosines = [np.empty(0)]
    strangers = np.flatnonzero(new)
    for those, others in ((np.flatnonzero(old), np.arange(len(new))), (np.flatnonzero(~old), strangers)):
        for start in range(0, len(those) if len(others) else 0, _CHUNK):
            chunk = those[start : start + _CHUNK]
            near = centroids[0][chunk].astype(np.float64) @ centroids[1][others].astype(np.float64).T
            row, column = np.nonzero((near >= least) & (near > 0.0))
            rows.append(chunk[row])
            columns.append(others[column])
            cosines.append(near[row, column])
    return np.concatenate(rows), np.concatenate(columns), np.concatenate(cosines)


def _matched(worth: _Pairs) -> Labels:
    """[columns] the row that each belongs to, -1 for none: of all ways to pair them the one of most worth.

    Each row may also have a column of its own that is worth nothing, so that all rows can be matched, as the algorithm
    asks (Jonker and Volgenant 1987, on the pairs alone). It leaves out pairs of 0, hence the 1 more for each.
    """
    rows, columns = worth.shape
    matched = np.full(columns, -1, dtype=np.int64)
    if not len(worth.value):
        return matched
    own = np.arange(rows)
    pairs = sparse.csr_matrix(
        (
            np.append(worth.value, np.zeros(rows)) + 1.0,
            (np.append(worth.row, own), np.append(worth.column, columns + own)),
        ),
        shape=(rows, columns + rows),
    )
    row, column = sparse.csgraph.min_weight_full_bipartite_matching(pairs, maximize=True)
    real = column < columns
    matched[column[real]] = row[real]
    return matched


def _most(pairs: _Pairs, sizes: NDArray[np.int64], least: float) -> tuple[Labels, NDArray[np.float64]]:
    """For each row the column that holds most of it, of equals the first, -1 where none holds so large a share; and
    that share. `sizes` are those of the rows, as far as there are any."""
    best, share = np.full(pairs.shape[0], -1, dtype=np.int64), np.zeros(pairs.shape[0])
    order = np.lexsort((pairs.column, -pairs.value, pairs.row))
    row, first = np.unique(pairs.row[order], return_index=True)
    share[row] = pairs.value[order][first] / sizes[row]
    best[row] = np.where(share[row] >= least, pairs.column[order][first], -1)
    return best, share


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
