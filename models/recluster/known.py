"""Known: what is known of tickets that are clustered anew, and where each of them stood. Before the next generation."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from models.generation import Generation
from models.lexicon import join
from models.recluster.align import Alignment
from models.recluster.articles import Articles
from models.recluster.cluster import Labels
from models.recluster.history import Group, History
from models.recluster.pins import pinned_rows
from models.recluster.word import Word

# Tickets that are placed at once.
_CHUNK = 8_192


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of n tickets.

    Attributes:
        history: owners are who handled them, by people's word alone.
        weight: [n] float64, how much that word counts.
        ids: n, the cluster that each was found in, of whatever generation, None for none.
        current: [n] bool, whether that was the last generation.
        word: what people said of clusters as wholes.
        decided_at_ms: [n] int64, when each was found there; None where nobody knows: before all that changed then.
        articles: of the knowledge base; None where nobody knows of any.
        provisional: n, the id of the cluster that each was announced under as an emerging problem, None for none; or
            empty.
    """

    history: History
    weight: NDArray[np.float64]
    ids: Sequence[str | None]
    current: NDArray[np.bool_]
    word: Word = field(default_factory=Word)
    decided_at_ms: NDArray[np.int64] | None = None
    articles: Articles | None = None
    provisional: Sequence[str | None] = ()


def since(known: Known) -> NDArray[np.int64]:
    """[n] since when each ticket is in its cluster: what the last generation found there is after all that changed."""
    decided = np.zeros(len(known.ids), dtype=np.int64) if known.decided_at_ms is None else known.decided_at_ms
    return np.where(known.current, np.iinfo(np.int64).max, decided)


def too_few(known: Known, last: Generation, least: int) -> NDArray[np.bool_]:
    """[n] whether a ticket is of a described cluster that has fewer than so many."""
    described = {cluster.id for cluster in last.clusters if cluster.described}
    tickets = Counter(known.ids)
    return np.array([one in described and tickets[one] < least for one in known.ids], dtype=np.bool_)


def handled_by(known: Known, members: Labels, last: Generation) -> list[str | None]:
    """Whose each ticket is: of a cluster that a person bound, that owner's, whoever has handled it; and of one that is
    pinned its owner's."""
    into, bound = known.word.into(), known.word.bound
    owners = [bound.get(into.get(one or "", one or ""), bound.get(one or "")) for one in known.ids]
    for row in np.flatnonzero(members >= 0).tolist():
        owners[row] = bound.get(last.clusters[members[row]].id, last.clusters[members[row]].owner)
    return [own if own is not None else said for own, said in zip(owners, known.history.owners, strict=True)]


def stood_before(known: Known, last: Generation) -> Labels:
    """[n] the row in the last generation of the cluster that each ticket is in, -1 for none: of one that people merged,
    that of the other; of a ticket that another generation decided on, that of the nearest centroid, unless it was
    decided to belong to one that is only described yet: it may be nearer to others than to a description."""
    row = {cluster.id: number for number, cluster in enumerate(last.clusters)}
    into = {cluster: end for cluster, end in known.word.into().items() if end in row}
    found = [row.get(into.get(one or "", one or ""), -1) for one in known.ids]
    before = np.array(found, dtype=np.int64)
    described = np.array([cluster.described for cluster in last.clusters])
    old = np.flatnonzero(~known.current & ~((before >= 0) & described[before]))
    for start in range(0, len(old), _CHUNK):
        rows = old[start : start + _CHUNK]
        texts = [known.history.texts[one] for one in rows.tolist()]
        near = join(last.lexicon, texts, known.history.vectors[rows]) @ last.centroids.T
        before[rows] = near.argmax(axis=1)
    for cluster, end in into.items():
        if cluster in row:
            before[before == row[cluster]] = row[end]
    return before


def stands(before: Labels, members: Labels, now: Labels, known: Known, last: Generation) -> Labels:
    """`before` as people's word has it: in a pinned cluster stand its own tickets alone, so that it is itself again;
    what joins it stood nowhere.

    Args:
        members, now: [n] rows of the pinned clusters that tickets were and are in, -1 for none.
    """
    row = {cluster.id: number for number, cluster in enumerate(last.clusters)}
    stands = np.where(members >= 0, members, np.where(now >= 0, -1, before))
    for ticket in np.flatnonzero(np.isin(stands, pinned_rows(known.word, last)) & (members < 0)).tolist():
        own = row.get(known.ids[ticket] or "", -1)
        stands[ticket] = -1 if own == stands[ticket] else own
    return stands


def without_strangers(
    found: Alignment, groups: Sequence[Group], before: Labels, known: Known, last: Generation
) -> Alignment:
    """The alignment, in which no group of other clusters' tickets is a pinned cluster that has none of its own."""
    rows = pinned_rows(known.word, last)
    old = [
        -1
        if row in rows and (before[group.rows] >= 0).any() and not (before[group.rows] == row).any()
        else row
        for row, group in zip(found.old.tolist(), groups, strict=True)
    ]
    return replace(found, old=np.array(old, dtype=np.int64))
