"""The next generation: the tickets of today become clusters, each with the id, name and owner of the one that it was.

What people did with the tickets says whose a cluster is; a problem that several teams handle is a cluster for each.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from models.generation import Cluster, Generation, LineageEvent
from models.lexicon import join
from models.recluster.align import Alignment, AlignPolicy, Change, align, events_of
from models.recluster.assemble import assemble
from models.recluster.cluster import Fallback, Labels, Ways, centroids_of, problems_without_owner
from models.recluster.examples import examples_of
from models.recluster.first_generation import medoids_of, new_id
from models.recluster.history import Group, History, canonical_order, check_history, keys_of
from models.recluster.name import name_clusters
from models.recluster.owners import ownership_of
from models.recluster.problems import MakePolicy, Problems, learn_lexicon
from models.recluster.word import Word, united
from models.vote import IndexBuilder, Rows, Vectors, settle

# Tickets that are placed at once.
_CHUNK = 8_192

# Events that a generation remembers, the latest.
MOST_EVENTS = 10_000


@dataclass(frozen=True, slots=True)
class NextPolicy:
    """How people's word becomes owners, and when clusters are the same.

    Attributes:
        least_tickets, least_share: an owner's tickets of one problem, by their weight, from which on the owner has a
            cluster of it; fewer go to the owner's nearest cluster.
        make: how a generation is made of it.
    """

    least_tickets: float = 5.0
    least_share: float = 0.2
    align: AlignPolicy = field(default_factory=AlignPolicy)
    make: MakePolicy = field(default_factory=MakePolicy)


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of n tickets.

    Attributes:
        history: owners are who handled them, by people's word alone.
        weight: [n] float64, how much that word counts.
        ids: n, the cluster that each was found in, of whatever generation, None for none.
        current: [n] bool, whether that was the last generation.
        word: what people said of clusters as wholes.
    """

    history: History
    weight: NDArray[np.float64]
    ids: Sequence[str | None]
    current: NDArray[np.bool_]
    word: Word = field(default_factory=Word)


@dataclass(frozen=True, slots=True)
class NextGeneration:
    """A generation and what changes with it.

    Attributes:
        assignment: [n] int64, the cluster of each ticket, -1 for none.
        kept: clusters that are still themselves.
        events: what became of the others, as the generation tells too.
        moved: share of the tickets with an owner before that get another one or none, and not the one whom people gave
            them to.
        fallback: why the clusterer's answer was not taken; None where it was.
    """

    generation: Generation
    assignment: Labels
    kept: int
    events: tuple[LineageEvent, ...]
    moved: float
    fallback: Fallback | None


def next_generation(
    known: Known,
    last: Generation,
    *,
    now_ms: int,
    ways: Ways,
    build: IndexBuilder,
    policy: NextPolicy,
) -> NextGeneration:
    """Make the generation after `last` of the tickets known today, whatever their order, to the bit.

    Raises:
        BadGeneration: no tickets, columns that differ in length, or parts that do not fit each other.
    """
    history = known.history
    check_history(history)
    keys = keys_of(history)
    order = canonical_order(history, keys)
    lexicon = learn_lexicon(history, order, policy.make)
    hybrid = join(lexicon, history.texts, history.vectors)
    found = problems_without_owner(hybrid[order], ways.without_owner)
    labels = np.empty(len(keys), dtype=np.int64)
    labels[order] = found.labels
    handled = _handled(known)
    groups = united(_owned(labels, hybrid, order, handled, known.weight, policy), known.ids, known.word)
    assignment = np.full(len(keys), -1, dtype=np.int64)
    for number, group in enumerate(groups):
        assignment[group.rows] = number
    problems = Problems(lexicon, hybrid, keys, order, groups, assignment, found.noise, [])
    before = _before(known, last)
    alignment = align(before, assignment, _centroids(last, history, assignment, known.word), policy.align)
    clusters = _told_of(_clusters(problems, history, alignment, last, known.word), problems, labels, known)
    events = tuple(_events(alignment, last, clusters, known.word, now_ms))
    made = assemble(
        history,
        problems,
        clusters,
        last.owners,
        encoder=last.encoder,
        now_ms=now_ms,
        build=build,
        policy=policy.make,
    )
    return NextGeneration(
        generation=replace(made.generation, lineage=(*last.lineage, *events)[-MOST_EVENTS:]),
        assignment=assignment,
        kept=int((alignment.old >= 0).sum()),
        events=events,
        moved=_moved(before, assignment, last.clusters, clusters, handled),
        fallback=found.fallback,
    )


def _handled(known: Known) -> list[str | None]:
    """Whose each ticket is: of a cluster that a person bound, that owner's, whoever has handled it."""
    into, bound = known.word.into(), known.word.bound
    owners = [bound.get(into.get(one or "", one or ""), bound.get(one or "")) for one in known.ids]
    return [own if own is not None else said for own, said in zip(owners, known.history.owners, strict=True)]


def _before(known: Known, last: Generation) -> Labels:
    """[n] the row in the last generation of the cluster that each ticket is in, -1 for none: of one that people merged,
    that of the other; of a ticket that another generation decided on, that of the nearest centroid."""
    row = {cluster.id: number for number, cluster in enumerate(last.clusters)}
    into = {cluster: end for cluster, end in known.word.into().items() if end in row}
    found = [row.get(into.get(one or "", one or ""), -1) for one in known.ids]
    before = np.array(found, dtype=np.int64)
    old = np.flatnonzero(~known.current)
    for start in range(0, len(old), _CHUNK):
        rows = old[start : start + _CHUNK]
        texts = [known.history.texts[one] for one in rows.tolist()]
        near = join(last.lexicon, texts, known.history.vectors[rows]) @ last.centroids.T
        before[rows] = near.argmax(axis=1)
    for cluster, end in into.items():
        if cluster in row:
            before[before == row[cluster]] = row[end]
    return before


def _events(
    alignment: Alignment, last: Generation, clusters: Sequence[Cluster], word: Word, now_ms: int
) -> Iterator[LineageEvent]:
    """What changed; what a person merged went into the other whole."""
    into, there = word.into(), {cluster.id for cluster in clusters}
    for event in events_of(alignment, [c.id for c in last.clusters], [c.id for c in clusters]):
        change, other, share = event.change.value, event.other, event.share
        if event.cluster not in there and into.get(event.cluster) in there:
            change, other, share = Change.MERGED.value, into[event.cluster], 1.0
        yield LineageEvent(change, event.cluster, other, share, now_ms)


def _owned(
    labels: Labels,
    vectors: Vectors,
    order: Rows,
    handled: Sequence[str | None],
    weight: NDArray[np.float64],
    policy: NextPolicy,
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
        groups += _by_owner(
            rows, vectors, [handled[row] for row in of_label[label]], weight[rows], policy, strays
        )
    return _taken_in(groups, strays, vectors)


def _by_owner(
    rows: Rows,
    vectors: Vectors,
    handled: Sequence[str | None],
    weight: NDArray[np.float64],
    policy: NextPolicy,
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


def _centroids(last: Generation, history: History, assignment: Labels, word: Word) -> tuple[Vectors, Vectors]:
    """Those of the old and the new clusters by the encoder's part alone: each generation has a lexicon of its own. One
    that people merged into another is like none."""
    old = last.centroids[:, : last.dim].copy()
    into = word.into()
    old[[cluster.id in into for cluster in last.clusters]] = 0.0
    length = np.linalg.norm(old, axis=1, keepdims=True)
    scaled: Vectors = np.divide(old, length, out=np.zeros_like(old), where=length > 0)
    return scaled, centroids_of(settle(history.vectors), assignment)


def _clusters(
    problems: Problems, history: History, alignment: Alignment, last: Generation, word: Word
) -> tuple[Cluster, ...]:
    """Clusters with the ids and names that they had. Whom a person bound one to owns it; one of which too few say whose
    it is stays whose it was, and so does what was split off it."""
    was = {number: last.clusters[row] for number, row in enumerate(alignment.old.tolist()) if row >= 0}
    names = name_clusters(
        {number: [history.texts[row] for row in group.rows] for number, group in enumerate(problems.groups)},
        {number: cluster.name for number, cluster in was.items()},
    )
    taken = {cluster.id for cluster in last.clusters}
    medoids = medoids_of(problems)
    clusters: list[Cluster] = []
    for number, group in enumerate(problems.groups):
        same, name = was.get(number), names[number]
        if same is not None:
            owner = word.bound.get(same.id, group.owner if group.owner is not None else same.owner)
            clusters.append(Cluster(same.id, name.name, owner, len(group.rows), name.keywords))
            continue
        origin = int(alignment.origin[number])
        owner = last.clusters[origin].owner if group.owner is None and origin >= 0 else group.owner
        identity = new_id(owner, medoids[number], taken)
        taken.add(identity)
        clusters.append(Cluster(identity, name.name, owner, len(group.rows), name.keywords))
    return tuple(clusters)


def _told_of(
    clusters: Sequence[Cluster], problems: Problems, labels: Labels, known: Known
) -> tuple[Cluster, ...]:
    """The clusters with their examples, and how surely they are their owners', or who is proposed."""
    owners = [cluster.owner for cluster in clusters]
    found = ownership_of(
        problems.groups, owners, labels, known.history.owners, known.weight, problems.vectors
    )
    examples = examples_of(problems, known.history.ids)
    return tuple(
        replace(cluster, examples=some, owner_share=one.share, proposed=one.proposed)
        for cluster, some, one in zip(clusters, examples, found, strict=True)
    )


def _moved(
    before: Labels,
    after: Labels,
    old: Sequence[Cluster],
    new: Sequence[Cluster],
    handled: Sequence[str | None],
) -> float:
    """The share that is held against the churn budget; see NextGeneration."""
    both = np.flatnonzero((before >= 0) & (after >= 0)).tolist()
    pairs = [(old[before[row]].owner, new[after[row]].owner, handled[row]) for row in both]
    owned = [pair for pair in pairs if pair[0] is not None]
    return sum(now not in (was, given) for was, now, given in owned) / len(owned) if owned else 0.0
