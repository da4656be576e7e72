"""Shared: a problem that several teams handle is a cluster for each. Between cluster and word."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.recluster.cluster import Labels, centroids_of
from models.recluster.history import Group
from models.vote import Rows, Vectors


@dataclass(frozen=True, slots=True)
class SharePolicy:
    """Whose a problem is.

    Attributes:
        least_tickets, least_share: an owner's tickets of one problem, by their weight, from which on the owner has a
            cluster of it; fewer go to the owner's nearest cluster.
    """

    least_tickets: float = 5.0
    least_share: float = 0.2


def by_owner(
    labels: Labels,
    vectors: Vectors,
    order: Rows,
    handled: Sequence[str | None],
    weight: NDArray[np.float64],
    policy: SharePolicy,
) -> list[Group]:
    """The problems as groups of one owner each, in the order of their labels and of the owners' names; whom people gave
    a ticket to has it in any case."""
    groups: list[Group] = []
    of_label: dict[int, list[int]] = {}
    for row in order.tolist():
        if labels[row] >= 0:
            of_label.setdefault(int(labels[row]), []).append(row)
    strays: dict[str, list[int]] = {}
    for label in sorted(of_label):
        rows = np.array(of_label[label], dtype=np.int64)
        groups += _parted(
            rows, vectors, [handled[row] for row in of_label[label]], weight[rows], policy, strays
        )
    return _taken_in(groups, strays, vectors)


def _parted(
    rows: Rows,
    vectors: Vectors,
    handled: Sequence[str | None],
    weight: NDArray[np.float64],
    policy: SharePolicy,
    strays: dict[str, list[int]],
) -> list[Group]:
    """The tickets of one problem, by owners who have enough of them; tickets of the others become strays. Where too few
    are handled to say whose it is, or no owner has its share of them, it is nobody's."""
    said: dict[str, float] = {}
    for owner, counts in zip(handled, weight.tolist(), strict=True):
        if owner is not None:
            said[owner] = said.get(owner, 0.0) + counts
    few, total = policy.least_share * len(rows), sum(said[owner] for owner in sorted(said))
    strongest = max(said.values(), default=0.0)
    unclear = strongest < policy.least_share * total
    if not said or unclear or (strongest < policy.least_tickets and total < few):
        for row, owner in zip(rows.tolist(), handled, strict=True):
            if owner is not None:
                strays.setdefault(owner, []).append(row)
        nobody = rows[[owner is None for owner in handled]]
        return [Group(nobody, None, None)] if len(nobody) else []
    most = max(sorted(said), key=lambda owner: said[owner])
    enough = [
        owner
        for owner in sorted(said)
        if owner == most
        or (said[owner] >= policy.least_tickets and said[owner] >= policy.least_share * total)
    ]
    number = {owner: place for place, owner in enumerate(enough)}
    own = np.full(len(rows), -1, dtype=np.int64)
    for place, (row, owner) in enumerate(zip(rows.tolist(), handled, strict=True)):
        if owner in number:
            own[place] = number[owner]
        elif owner is not None:
            own[place] = -2
            strays.setdefault(owner, []).append(row)
    nobody = own == -1
    if nobody.any():
        own[nobody] = (vectors[rows[nobody]] @ centroids_of(vectors[rows], own).T).argmax(axis=1)
    return [Group(rows[own == place], owner, None) for owner, place in number.items()]


def _taken_in(groups: list[Group], strays: dict[str, list[int]], vectors: Vectors) -> list[Group]:
    """The groups, each stray in the nearest one of its owner; those of an owner who has none are one of their own."""
    of_owner: dict[str, list[int]] = {}
    for number, group in enumerate(groups):
        if group.owner is not None:
            of_owner.setdefault(group.owner, []).append(number)
    members = [group.rows for group in groups]
    more: list[Group] = []
    for owner in sorted(strays):
        rows, own = np.array(strays[owner], dtype=np.int64), of_owner.get(owner)
        if own is None:
            more.append(Group(rows, owner, None))
            continue
        there = [groups[number].rows for number in own]
        labels = np.repeat(np.arange(len(own)), [len(of) for of in there])
        centroids = centroids_of(vectors[np.concatenate(there)], labels)
        nearest = (vectors[rows] @ centroids.T).argmax(axis=1)
        for place, number in enumerate(own):
            members[number] = np.append(members[number], rows[nearest == place])
    return [*(Group(rows, g.owner, None) for rows, g in zip(members, groups, strict=True)), *more]
