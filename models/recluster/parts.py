"""Parts: what people split stays apart. Between word and align.

A split's word outlives the tickets that were its examples: the parts have ids that follow from the word itself (see
word.Split), so a ticket tells by the cluster that it was found in of which part it is.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.generation import Generation, LineageEvent
from models.recluster.align import Change
from models.recluster.cluster import Labels, Way, centroids_of, k_means, problems_of_owner
from models.recluster.history import Group
from models.recluster.word import Split, Word
from models.vote import Rows, Vectors

# Parts of one split at most, as the contract of feedback has it.
MOST_PARTS = 20

# The part that kept the cluster's id: none of its own is given to it.
REST = MOST_PARTS

# Share of a cluster's tickets from which on a group is one of several that it fell into by itself.
_SEVERAL = 0.2


@dataclass(frozen=True, slots=True)
class Tickets:
    """What tells of n tickets where people's word wants them.

    Attributes:
        ids: n, the cluster that each was found in, None for none.
        names: n, ids of the tickets; None where they are not known.
        handled: n, whose each is, None where nobody says.
        decided_at_ms: [n] int64, when it was found there; of the last generation's, after all that changed.
        before: [n] int64, row of the cluster in the last generation that each stands in, -1 for none.
        vectors: [n, width] hybrid.
        rank: [n] int64, the place of each in an order that the tickets themselves set.
    """

    ids: Sequence[str | None]
    names: Sequence[str] | None
    handled: Sequence[str | None]
    decided_at_ms: NDArray[np.int64]
    before: Labels
    vectors: Vectors
    rank: Rows


@dataclass(frozen=True, slots=True)
class Parted:
    """Groups that the splits hold in, and of each split the part [n] int64 that each ticket is known to be of: -1 where
    it may be of any, REST for the one that kept the cluster's id."""

    groups: list[Group]
    parts: list[tuple[Split, Labels]]

    def id_for(self, group: Group, taken: Collection[str]) -> str | None:
        """For a new cluster that holds most of a part, the id that this has by the word; None where it holds none, or
        another cluster has that id."""
        for split, part in self.parts:
            here = np.bincount(part[group.rows] + 1, minlength=REST + 2)[1:]
            number = int(here[:REST].argmax())
            if (
                here[number]
                and 2 * here[number] >= (part == number).sum()
                and split.part(number) not in taken
            ):
                return split.part(number)
        return None


def parted(groups: Sequence[Group], tickets: Tickets, word: Word, last: Generation, way: Way) -> Parted:
    """The groups with each split held, a later one over those before it.

    A group that holds tickets of two parts is parted: those that are known to be of one go there, and each other to
    that whose known tickets have the nearest mean. Known are the examples that people gave and, once the parts are
    clusters, the tickets found in these. Where people gave no examples, the cluster's tickets are clustered by
    themselves (`way`) once. Clusters that were merged since are one part.
    """
    held, found = list(groups), list[tuple[Split, Labels]]()
    for split in word.splits:
        took = _took_effect(split, last)
        if split.examples or took:
            part = _known_parts(split, took, tickets, word.into(), last)
            held = _kept_apart(held, part, tickets)
        else:
            held, part = _fallen_apart(held, split, tickets, last, way)
        found.append((split, part))
    return Parted(held, found)


def _took_effect(split: Split, last: Generation) -> dict[str, int]:
    """The parts that are or were clusters of their own: id -> number."""
    ids = {cluster.id for cluster in last.clusters} | {event.cluster for event in last.lineage}
    names = {split.part(number): number for number in range(MOST_PARTS)}
    return {name: number for name, number in names.items() if name in ids}


def _known_parts(
    split: Split, took: Mapping[str, int], tickets: Tickets, into: Mapping[str, str], last: Generation
) -> Labels:
    """[n] the part of each ticket that is an example, or was found in a cluster that stems from the split."""
    listed = _by_example(split, tickets)
    if not took:
        return listed
    events = last.lineage
    first = next((n for n, event in enumerate(events) if event.cluster in took), -1)
    of_ids = _parts_of_ids(split, took, events[first + 1 :])
    part = _by_id(split, of_ids, tickets, last, events[first].at_ms if first >= 0 else 0)
    listed[listed == _list_of_rest(listed, part == REST, set(took.values()), tickets.vectors)] = REST
    part = np.where(listed >= 0, listed, part)
    same = _merged_since(of_ids, into)
    return np.where(part >= 0, same[part], -1)


def _by_example(split: Split, tickets: Tickets) -> Labels:
    """[n] the list that names each ticket, the first of several, -1 for none."""
    lists: dict[str, int] = {}
    for number, those in enumerate(split.examples):
        for name in those:
            lists.setdefault(name, number)
    names = tickets.names if tickets.names is not None else [""] * len(tickets.ids)
    return np.array([lists.get(name, -1) for name in names], dtype=np.int64)


def _parts_of_ids(split: Split, took: Mapping[str, int], since: Sequence[LineageEvent]) -> dict[str, int]:
    """Which part the tickets of a cluster are of: of the parts themselves, and of what came off them or took them in
    since; none where that is so of two parts."""
    # What was parted off in the same generation has not come off the rest.
    later = [event for event in since if event.cluster not in took]
    parts = {split.cluster: REST, **took}
    found: dict[str, int] = {}
    of_two: set[str] = set()
    for name, number in parts.items():
        for member in _family(name, later):
            if parts.get(member, found.setdefault(member, number)) != number:
                of_two.add(member)
    return {name: number for name, number in found.items() if name not in of_two} | parts


def _family(cluster: str, events: Sequence[LineageEvent]) -> set[str]:
    """A cluster with what was split off it and what it went into, and so on, by events in their order."""
    family = {cluster}
    for event in events:
        if event.change == Change.SPLIT and event.other in family:
            family.add(event.cluster)
        elif event.change == Change.MERGED and event.cluster in family and event.other is not None:
            family.add(event.other)
    return family


def _by_id(
    split: Split, of_ids: Mapping[str, int], tickets: Tickets, last: Generation, since_ms: int
) -> Labels:
    """[n] parts by the clusters that the tickets were found in, -1 for none. What the cluster got before it was split
    may be of any part; and a ticket that people gave to another than the cluster's owner is out of it."""
    owner = {cluster.id: cluster.owner for cluster in last.clusters}
    fresh = tickets.decided_at_ms > since_ms
    part = np.full(len(tickets.ids), -1, dtype=np.int64)
    for row, name in enumerate(tickets.ids):
        if name is None or name not in of_ids or (name == split.cluster and not fresh[row]):
            continue
        if owner.get(name) is None or tickets.handled[row] in (None, owner[name]):
            part[row] = of_ids[name]
    return part


def _list_of_rest(listed: Labels, rest: NDArray[np.bool_], took: Collection[int], vectors: Vectors) -> int:
    """The list of examples whose part kept the cluster's id: of those without a cluster of their own the one that is
    most like it; MOST_PARTS + 1 where there is none."""
    open_lists: list[int] = sorted(set(listed[listed >= 0].tolist()) - set(took))
    if len(open_lists) < 2 or not rest.any():
        return open_lists[0] if open_lists else MOST_PARTS + 1
    centre = centroids_of(vectors[rest], np.zeros(int(rest.sum()), dtype=np.int64))[0]
    near = centroids_of(vectors, listed)[open_lists] @ centre
    return open_lists[int(near.argmax())]


def _merged_since(of_ids: Mapping[str, int], into: Mapping[str, str]) -> Labels:
    """[REST + 1] the part that each is one with: those of clusters that people made one are."""
    same = np.arange(REST + 1)
    ends: dict[str, int] = {}
    for name in sorted(of_ids):
        one, other = same[of_ids[name]], same[ends.setdefault(into.get(name, name), of_ids[name])]
        same[(same == one) | (same == other)] = max(one, other)
    return same


def _kept_apart(groups: list[Group], part: Labels, tickets: Tickets) -> list[Group]:
    """The groups, none of which holds known tickets of two parts.

    A part's home is the group that holds most of its known tickets. One that is the home of several parts is parted;
    elsewhere the most frequent stays, and the known tickets of the others go home.
    """
    known = sorted(set(part[part >= 0].tolist()))
    if len(known) < 2 or not groups:
        return groups
    counts = np.array([[int((part[group.rows] == one).sum()) for one in known] for group in groups])
    home = {one: int(counts[:, place].argmax()) for place, one in enumerate(known) if counts[:, place].any()}
    centroids = centroids_of(tickets.vectors, part)
    pieces: list[tuple[int, int, list[int]]] = []  # number of the group, part, rows
    gone: dict[int, list[int]] = {one: [] for one in known}
    for number, group in enumerate(groups):
        homes = [one for one in known if home.get(one) == number]
        stay = homes or [known[int(counts[number].argmax())]]
        near = np.array(stay)[(tickets.vectors[group.rows] @ centroids[stay].T).argmax(axis=1)]
        own = part[group.rows]
        goes = np.where(own >= 0, own, near)
        pieces += [(number, one, group.rows[goes == one].tolist()) for one in stay]
        for one in known:
            if one not in stay:
                gone[one] += group.rows[goes == one].tolist()
    made: list[Group] = []
    for number, one, own_rows in pieces:
        come = gone[one] if home.get(one) == number else []
        rows = np.array([*own_rows, *come], dtype=np.int64)
        made.append(Group(rows[np.argsort(tickets.rank[rows])], groups[number].owner, None))
    return [group for group in made if len(group.rows)]


def _fallen_apart(
    groups: list[Group], split: Split, tickets: Tickets, last: Generation, way: Way
) -> tuple[list[Group], Labels]:
    """The groups with a cluster parted that people called several problems without examples, and the part [n] of each
    ticket: the groups that it has fallen into anyway where those are several, else what the clusterer finds in the one
    that holds most of it, or two halves. What was merged with it and is still a cluster needs no more."""
    part = np.full(len(tickets.ids), -1, dtype=np.int64)
    row = {cluster.id: number for number, cluster in enumerate(last.clusters)}
    own = tickets.before == row.get(split.cluster, -2)
    counts = np.array([int(own[group.rows].sum()) for group in groups])
    if not own.any() or not counts.any() or any(name in row for name in split.undone):
        return groups, part
    several = np.flatnonzero(counts >= _SEVERAL * own.sum())[:MOST_PARTS].tolist()
    if len(several) > 1:
        for number, place in enumerate(several):
            part[groups[place].rows] = number
        return groups, part
    home = int(counts.argmax())
    rows = groups[home].rows[np.argsort(tickets.rank[groups[home].rows])]
    labels = problems_of_owner(tickets.vectors[rows], way).labels
    count = int(labels.max()) + 1
    if not 2 <= count <= MOST_PARTS:
        labels = k_means(tickets.vectors[rows], 2 if count < 2 else MOST_PARTS, way.policy.seed)
    part[rows] = labels
    pieces = [Group(rows[labels == one], groups[home].owner, None) for one in range(int(labels.max()) + 1)]
    return [*groups[:home], *pieces, *groups[home + 1 :]], part
