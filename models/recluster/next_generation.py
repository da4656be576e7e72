"""The next generation: the tickets of today become clusters, each with the id, name and owner of the one that it was.

What people did with the tickets says whose a cluster is; a problem that several teams handle is a cluster for each.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from models.generation import Cluster, Generation, LineageEvent, Owner
from models.learn.confidence import Calibration
from models.lexicon import join
from models.recluster.align import Alignment, AlignPolicy, Change, align, events_of
from models.recluster.assemble import assemble
from models.recluster.cluster import Fallback, Labels, Ways, centroids_of, problems_without_owner
from models.recluster.first_generation import medoids_of, new_id
from models.recluster.history import Group, History, canonical_order, check_history, keys_of
from models.recluster.name import name_clusters
from models.recluster.problems import MakePolicy, Problems, learn_lexicon
from models.recluster.word import Word, united
from models.vote import IndexBuilder, Rows, Vectors, settle

# Events that a generation remembers, the latest.
MOST_EVENTS = 10_000


@dataclass(frozen=True, slots=True)
class NextPolicy:
    """How people's word becomes owners, and when clusters are the same.

    Attributes:
        least_tickets, least_share: an owner's tickets of one problem, by their weight, from which on the owner has a
            cluster of it; others of that problem go with those.
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
        word: what people said of clusters as wholes.
    """

    history: History
    weight: NDArray[np.float64]
    ids: Sequence[str | None]
    word: Word = field(default_factory=Word)


@dataclass(frozen=True, slots=True)
class NextGeneration:
    """A generation and what changes with it.

    Attributes:
        assignment: [n] int64, the cluster of each ticket, -1 for none.
        kept: clusters that are still themselves.
        events: what became of the others, as the generation tells too.
        moved: share of the tickets with an owner before and after that get another one.
        fallback: why the clusterer's answer was not taken; None where it was.
    """

    generation: Generation
    assignment: Labels
    kept: int
    events: tuple[LineageEvent, ...]
    moved: float
    fallback: Fallback | None
    calibration: Calibration


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
    groups = united(_owned(labels, hybrid, order, known, policy), known.ids, known.word)
    assignment = np.full(len(keys), -1, dtype=np.int64)
    for number, group in enumerate(groups):
        assignment[group.rows] = number
    problems = Problems(lexicon, hybrid, keys, order, groups, assignment, found.noise, [])
    before = _before(known, last)
    alignment = align(before, assignment, _centroids(last, settle(history.vectors), assignment), policy.align)
    clusters = _clusters(problems, history, alignment, last, known.word)
    events = tuple(_events(alignment, last, clusters, known.word, now_ms))
    made = assemble(
        history,
        problems,
        clusters,
        _owners(clusters, last.owners, policy.make.default_sla_minutes),
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
        moved=_moved(before, assignment, last.clusters, clusters),
        fallback=found.fallback,
        calibration=made.calibration,
    )


def _before(known: Known, last: Generation) -> Labels:
    """[n] the row in the last generation of the cluster that each ticket was found in, -1 for none; of one that people
    merged, that of the other."""
    row = {cluster.id: number for number, cluster in enumerate(last.clusters)}
    into = {cluster: end for cluster, end in known.word.into().items() if end in row}
    return np.array([row.get(into.get(one or "", one or ""), -1) for one in known.ids], dtype=np.int64)


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


def _owned(labels: Labels, vectors: Vectors, order: Rows, known: Known, policy: NextPolicy) -> list[Group]:
    """The problems as groups of one owner each, in the order of their labels and of the owners' names."""
    groups: list[Group] = []
    of_label: dict[int, list[int]] = {}
    for row in order.tolist():
        if labels[row] >= 0:
            of_label.setdefault(int(labels[row]), []).append(row)
    for label in sorted(of_label):
        rows = np.array(of_label[label], dtype=np.int64)
        groups += _by_owner(rows, vectors, known, policy)
    return groups


def _by_owner(rows: Rows, vectors: Vectors, known: Known, policy: NextPolicy) -> list[Group]:
    said: dict[str, float] = {}
    for row in rows.tolist():
        owner = known.history.owners[row]
        if owner is not None:
            said[owner] = said.get(owner, 0.0) + float(known.weight[row])
    if not said:
        return [Group(rows, None, None)]
    total = sum(said[owner] for owner in sorted(said))
    most = max(sorted(said), key=lambda owner: said[owner])
    owners = [most] + [
        owner
        for owner in sorted(said)
        if owner != most and said[owner] >= policy.least_tickets and said[owner] >= policy.least_share * total
    ]
    if len(owners) == 1:
        return [Group(rows, most, None)]
    number = {owner: place for place, owner in enumerate(sorted(owners))}
    own = np.array([number.get(known.history.owners[row] or "", -1) for row in rows.tolist()], dtype=np.int64)
    centroids = centroids_of(vectors[rows], own)
    own[own < 0] = (vectors[rows[own < 0]] @ centroids.T).argmax(axis=1)
    return [Group(rows[own == place], owner, None) for owner, place in number.items()]


def _centroids(last: Generation, dense: Vectors, assignment: Labels) -> tuple[Vectors, Vectors]:
    """Those of the old and the new clusters by the encoder's part alone: each generation has a lexicon of its own."""
    old = last.centroids[:, : last.dim]
    length = np.linalg.norm(old, axis=1, keepdims=True)
    scaled: Vectors = np.divide(old, length, out=np.zeros_like(old), where=length > 0)
    return scaled, centroids_of(dense, assignment)


def _clusters(
    problems: Problems, history: History, alignment: Alignment, last: Generation, word: Word
) -> tuple[Cluster, ...]:
    """Clusters with the ids and names that they had. Whom a person bound one to owns it; a group of which no one says
    whose it is stays whose it was."""
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
        identity = new_id(group.owner, medoids[number], taken)
        taken.add(identity)
        clusters.append(Cluster(identity, name.name, group.owner, len(group.rows), name.keywords))
    return tuple(clusters)


def _owners(
    clusters: Sequence[Cluster], listed: tuple[Owner, ...], default_sla_minutes: int
) -> tuple[Owner, ...]:
    """Those of the last generation, then by name those that only people's word names."""
    known = {owner.name for owner in listed}
    others = sorted({cluster.owner for cluster in clusters if cluster.owner is not None} - known)
    return (*listed, *(Owner(name, default_sla_minutes) for name in others))


def _moved(before: Labels, after: Labels, old: Sequence[Cluster], new: Sequence[Cluster]) -> float:
    both = (before >= 0) & (after >= 0)
    pairs = [
        (old[was].owner, new[now].owner)
        for was, now in zip(before[both].tolist(), after[both].tolist(), strict=True)
    ]
    owned = [pair for pair in pairs if None not in pair]
    return sum(was != now for was, now in owned) / len(owned) if owned else 0.0
