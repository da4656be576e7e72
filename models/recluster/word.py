"""Word: what people said of clusters as wholes, which no reclustering overrules. Between cluster and align.

What was merged stays one here; what was split stays apart in `parts`, what was pinned together in `pins`.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from models.recluster.cluster import Labels
from models.recluster.describe import Description
from models.recluster.first_generation import cluster_id
from models.recluster.history import Group

# Share of a group's tickets with a cluster that must come from clusters which people merged, for it to be one of them.
_MOST = 0.5


@dataclass(frozen=True, slots=True)
class Split:
    """A person's word that a cluster is several problems.

    Attributes:
        at_ms: when it was said.
        examples: ids of tickets of each problem; empty where the person gave none.
        undone: the clusters that had been merged with it, which this takes back.
    """

    cluster: str
    at_ms: int
    examples: tuple[tuple[str, ...], ...] = ()
    undone: tuple[str, ...] = ()

    def part(self, number: int) -> str:
        """The id of the part with this number, unless it keeps the cluster's own: whoever knows the word knows it."""
        return cluster_id(None, f"{self.cluster}\0{self.at_ms}\0{number}")


@dataclass(frozen=True, slots=True)
class Word:
    """People's word.

    Attributes:
        bound: id of a cluster -> the owner that a person gave it to.
        merged: (id of a cluster, id of the one that a person called the same problem), in the order of their saying
            and without those that were taken back.
        named: id of a cluster -> what a person calls it.
        pinned: ids of clusters that are to stay as they are.
        splits: in the order of their saying.
        added: clusters that a person described.
    """

    bound: Mapping[str, str] = field(default_factory=dict)
    merged: Sequence[tuple[str, str]] = ()
    named: Mapping[str, str] = field(default_factory=dict)
    pinned: frozenset[str] = frozenset()
    splits: Sequence[Split] = ()
    added: Sequence[Description] = ()

    def into(self) -> dict[str, str]:
        """Each cluster that was merged, and the one that it is part of in the end; who merges in a ring has the last
        word."""
        target: dict[str, str] = {}
        for cluster, into in self.merged:
            if cluster == into:
                continue
            if cluster in _ends(into, target):
                target.pop(next(one for one in _ends(into, target) if target.get(one) == cluster))
            target[cluster] = into
        return {cluster: _ends(cluster, target)[-1] for cluster in target}


def _ends(cluster: str, target: Mapping[str, str]) -> list[str]:
    """A cluster and those that it went into, one after the other; there is no ring."""
    way = [cluster]
    while way[-1] in target:
        way.append(target[way[-1]])
    return way


def united(groups: Sequence[Group], ids: Sequence[str | None], word: Word) -> list[Group]:
    """The groups, those joined that mostly hold tickets of clusters which people called one problem, at the place of
    the first of them; whose it is say the most of their tickets.

    Args:
        ids: of each ticket the cluster that it was found in, None for none.
    """
    into = word.into()
    if not into:
        return list(groups)
    parts = {*into, *into.values()}
    joined: dict[str, list[Group]] = {}
    place: list[str | Group] = []
    for group in groups:
        end = _part_of(group, ids, into, parts)
        if end is None:
            place.append(group)
            continue
        if end not in joined:
            place.append(end)
        joined.setdefault(end, []).append(group)
    return [_one(joined[one]) if isinstance(one, str) else one for one in place]


def _part_of(group: Group, ids: Sequence[str | None], into: Mapping[str, str], parts: set[str]) -> str | None:
    """The cluster that people made, which most of a group's tickets are part of."""
    known = [identity for row in group.rows.tolist() if (identity := ids[row]) is not None]
    ends = Counter(into.get(identity, identity) for identity in known if identity in parts)
    if not ends:
        return None
    end, count = min(ends.items(), key=lambda item: (-item[1], item[0]))
    return end if count >= _MOST * len(known) else None


def _one(groups: Sequence[Group]) -> Group:
    rows: Labels = np.concatenate([group.rows for group in groups])
    tickets: Counter[str] = Counter()
    for group in groups:
        if group.owner is not None:
            tickets[group.owner] += len(group.rows)
    owner = min(tickets, key=lambda name: (-tickets[name], name)) if tickets else None
    return Group(rows, owner, None)
