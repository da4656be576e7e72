"""Pins: what people pinned stays as it is: nothing is taken out of it, and nothing of another cluster joined to it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.generation import Generation
from models.recluster.align import Change
from models.recluster.cluster import Labels
from models.recluster.history import Group
from models.recluster.parts import Tickets
from models.recluster.word import Word

# Share of a group's tickets of known clusters from which on its new tickets are of the pinned one too.
_MOST = 0.5


@dataclass(frozen=True, slots=True)
class Pinned:
    """Groups with one for each pinned cluster that has tickets, and [n] int64 the row in the last generation of the
    pinned cluster that each ticket is in or joins, -1 for none."""

    groups: list[Group]
    rows: Labels


def pinned_rows(word: Word, last: Generation) -> list[int]:
    """Rows in the last generation of the clusters that are pinned; what was merged into another is no more."""
    into = word.into()
    return [
        row
        for row, cluster in enumerate(last.clusters)
        if cluster.id in word.pinned and cluster.id not in into
    ]


def members_of(
    ids: Sequence[str | None], standing: tuple[Labels, Labels], word: Word, last: Generation
) -> Labels:
    """[n] the row of the pinned cluster that each ticket is known to be in, -1 for none.

    That is the cluster that it was found in, or what people merged that into. Where the cluster lost a part since,
    or is no more, it is where the ticket stands now.

    Args:
        standing: [n] the row of the cluster in the last generation that each stands in, and [n] int64 when it was
            found in its own, epoch milliseconds; of the last generation's, after all that changed.
    """
    before, decided_at_ms = standing
    rows = {last.clusters[row].id: row for row in pinned_rows(word, last)}
    found = np.full(len(ids), -1, dtype=np.int64)
    if not rows:
        return found
    into, there = word.into(), {cluster.id for cluster in last.clusters}
    lost = {e.other: e.at_ms for e in last.lineage if e.change == Change.SPLIT and e.other in rows}
    for number, name in enumerate(ids):
        if name is None:
            continue
        row = rows.get(into.get(name, name), -1)
        if (name not in there and name not in into) or decided_at_ms[number] <= lost.get(name, -1):
            row = int(before[number]) if before[number] in rows.values() else -1
        found[number] = row
    return found


def pinned(
    groups: Sequence[Group], members: Labels, tickets: Tickets, last: Generation, word: Word
) -> Pinned:
    """The groups, with all tickets of a pinned cluster in one of their own, and no other cluster's tickets there.

    Tickets of no cluster join the pinned one that holds most of the others in their group; what else is in that group
    goes to the group of the same owner where most of its cluster's tickets are, and stays where that is this.
    """
    held, of = list(groups), members.copy()
    there = {cluster.id for cluster in last.clusters}
    others = [
        name if row < 0 and name in there else None for name, row in zip(tickets.ids, members, strict=True)
    ]
    new = np.array([name is None for name in tickets.ids], dtype=np.bool_) & (members < 0)
    for row in pinned_rows(word, last):
        inside = members == row
        if not inside.any():
            continue
        strays: list[tuple[int, int]] = []
        for number, group in enumerate(held):
            own, rest = (
                int(inside[group.rows].sum()),
                [r for r in group.rows.tolist() if others[r] is not None],
            )
            if not own:
                continue
            if own >= _MOST * (own + len(rest)):
                of[group.rows[new[group.rows]]] = row
                strays += [(r, number) for r in rest]
        held = _moved_home(held, strays, others)
        cluster = last.clusters[row]
        rows = np.flatnonzero(of == row)
        whole = Group(rows[np.argsort(tickets.rank[rows])], word.bound.get(cluster.id, cluster.owner), None)
        left = [Group(g.rows[of[g.rows] != row], g.owner, None) for g in held]
        held = [*(group for group in left if len(group.rows)), whole]
    return Pinned(held, of)


def _moved_home(groups: list[Group], strays: list[tuple[int, int]], ids: Sequence[str | None]) -> list[Group]:
    """The groups, each stray ticket (row, number of its group) in the one of the same owner that has most of its
    cluster's tickets."""
    homes: dict[str, Counter[int]] = {}
    wanted = {ids[row] for row, _ in strays}
    for number, group in enumerate(groups):
        for row in group.rows.tolist():
            name = ids[row]
            if name is not None and name in wanted:
                homes.setdefault(name, Counter())[number] += 1
    rows = [group.rows for group in groups]
    for row, number in strays:
        name, owner = ids[row] or "", groups[number].owner
        able = [(-count, to) for to, count in homes[name].items() if groups[to].owner == owner]
        to = min(able)[1]
        if to != number:
            rows[number] = rows[number][rows[number] != row]
            rows[to] = np.append(rows[to], row)
    return [Group(own, group.owner, None) for own, group in zip(rows, groups, strict=True)]
