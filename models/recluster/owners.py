"""Owners: how surely a cluster is its owner's, and who may own one that nobody owns. After align, before assemble."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from models.recluster.cluster import Labels, centroids_of
from models.recluster.history import Group
from models.vote import Vectors

# One-sided 95 % of the normal distribution.
_Z = 1.645


@dataclass(frozen=True, slots=True)
class Ownership:
    """How surely a cluster is its owner's, and who may own it; see generation.Cluster."""

    share: float | None
    proposed: str | None


@dataclass(slots=True)
class _Word:
    """People's word on some tickets.

    Attributes:
        said: owner -> summed weight of those who say so.
        squares: sum of the squared weights.
        tickets: those of whom nobody says anything too.
    """

    said: dict[str, float] = field(default_factory=dict)
    squares: float = 0.0
    tickets: int = 0

    def add(self, other: "_Word", part: float) -> None:
        """`part` of another one, tickets left out."""
        for owner in sorted(other.said):
            self.said[owner] = self.said.get(owner, 0.0) + part * other.said[owner]
        self.squares += part * other.squares

    def hear(self, owner: str | None, weight: float) -> None:
        self.tickets += 1
        if owner is not None:
            self.said[owner] = self.said.get(owner, 0.0) + weight
            self.squares += weight * weight


def ownership_of(
    groups: Sequence[Group],
    owners: Sequence[str | None],
    labels: Labels,
    said: Sequence[str | None],
    weight: NDArray[np.float64],
    vectors: Vectors,
) -> list[Ownership]:
    """How surely each of the groups is its owner's; of one without an owner, who is proposed.

    Tickets of other teams have left the groups of an owner, so that those which stayed cannot say how contested it is.
    What counts is people's word on all the tickets that were clustered together with a group's own: all of it on the
    problem that the group holds the largest part of, and less on others, as its part of them is less. The share is
    Wilson's lower bound at 95 % (1927), of the weighted share and of the tickets that the weights are worth,
    (sum w)**2 / sum w**2 (Kish 1965): three tickets of three say .53, thirty of thirty .92. A mean with a prior would
    need one, and two teams are no likelier than ten.

    Proposed is whom the most of that word names; where nobody has said anything, the owner of the owned groups that
    the most of its tickets are nearest to. Of equals, the first by name.

    Args:
        owners: of each group.
        labels: [n] the problem that each ticket was found in, -1 for none.
        said: n, who handled each ticket by people's word, None where nobody did.
        weight: [n] how much that counts.
        vectors: [n, width] unit rows.
    """
    problems, alone = _by_label(labels, said, weight)
    words = [_word_on(group, labels, problems, alone) for group in groups]
    near = _nearest_owner(groups, owners, vectors, [not word.said for word in words])
    return [
        Ownership(_share(word, owner), (_most(word.said) or near.get(number)) if owner is None else None)
        for number, (word, owner) in enumerate(zip(words, owners, strict=True))
    ]


def wilson(share: float, count: float) -> float:
    """The lower bound of a share that was seen in `count` of something, above 0; at 95 %, one-sided."""
    square = _Z * _Z / count
    spread = _Z * sqrt(share * (1 - share) / count + square / (4 * count))
    return max(0.0, (share + square / 2 - spread) / (1 + square))


def _by_label(
    labels: Labels, said: Sequence[str | None], weight: NDArray[np.float64]
) -> tuple[dict[int, _Word], dict[int, _Word]]:
    """The word on each problem, and on each row that is of none."""
    problems: dict[int, _Word] = {}
    alone: dict[int, _Word] = {}
    for row, (label, owner, counts) in enumerate(zip(labels.tolist(), said, weight.tolist(), strict=True)):
        place, key = (problems, label) if label >= 0 else (alone, row)
        place.setdefault(key, _Word()).hear(owner, counts)
    return problems, alone


def _word_on(
    group: Group, labels: Labels, problems: Mapping[int, _Word], alone: Mapping[int, _Word]
) -> _Word:
    word = _Word()
    held, counts = np.unique(labels[group.rows], return_counts=True)
    parts = {
        label: count / problems[label].tickets
        for label, count in zip(held.tolist(), counts.tolist(), strict=True)
        if label >= 0
    }
    for label, part in parts.items():
        word.add(problems[label], part / max(parts.values()))
    for row in group.rows[labels[group.rows] < 0].tolist():
        word.add(alone[row], 1.0)
    return word


def _share(word: _Word, owner: str | None) -> float | None:
    total = sum(word.said[name] for name in sorted(word.said))
    if owner is None or total <= 0:
        return None
    return round(wilson(word.said.get(owner, 0.0) / total, total * total / word.squares), 4)


def _most(said: Mapping[str, float]) -> str | None:
    return min(said, key=lambda owner: (-said[owner], owner)) if said else None


def _nearest_owner(
    groups: Sequence[Group], owners: Sequence[str | None], vectors: Vectors, unsaid: Sequence[bool]
) -> dict[int, str | None]:
    """Of each group without owner or word, the owner of the centroids that the most of its tickets are nearest to."""
    owned = [(owner, groups[number].rows) for number, owner in enumerate(owners) if owner is not None]
    wanted = [number for number, owner in enumerate(owners) if owner is None and unsaid[number]]
    if not owned or not wanted:
        return {}
    places = np.repeat(np.arange(len(owned)), [len(rows) for _, rows in owned])
    centroids = centroids_of(vectors[np.concatenate([rows for _, rows in owned])], places)
    found: dict[int, str | None] = {}
    for number in wanted:
        nearest = (vectors[groups[number].rows] @ centroids.T).argmax(axis=1)
        found[number] = _most(Counter(owned[place][0] for place in nearest.tolist()))
    return found
