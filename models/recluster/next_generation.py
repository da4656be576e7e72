"""The next generation: the tickets of today become clusters, each with the id, name and owner of the one that it was.

What people did with the tickets says whose a cluster is; a problem that several teams handle is a cluster for each.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from models.generation import Cluster, Generation, LineageEvent
from models.lexicon import join
from models.recluster.align import Alignment, AlignPolicy, Change, align, events_of
from models.recluster.assemble import assemble
from models.recluster.bare import bare_of, by_encoder, without_tickets
from models.recluster.cluster import Fallback, Labels, Ways, centroids_of, problems_without_owner
from models.recluster.describe import Description, descriptions_of, with_descriptions
from models.recluster.emerged import confirmed
from models.recluster.examples import examples_of
from models.recluster.first_generation import medoids_of, new_id
from models.recluster.history import Group, History, canonical_order, check_history, keys_of
from models.recluster.known import (
    Known,
    handled_by,
    since,
    stands,
    stood_before,
    too_few,
    without_strangers,
)
from models.recluster.naming import Named, names_of
from models.recluster.owners import ownership_of
from models.recluster.parts import MOST_PARTS, Parted, Tickets, parted
from models.recluster.pins import members_of, pinned, pinned_rows
from models.recluster.problems import MakePolicy, Problems, learn_lexicon
from models.recluster.shared import SharePolicy, by_owner
from models.recluster.word import Word, united
from models.vote import IndexBuilder, Rows, Vectors, settle

# Events that a generation remembers, the latest.
MOST_EVENTS = 10_000


@dataclass(frozen=True, slots=True)
class NextPolicy:
    """How people's word becomes owners, and when clusters are the same.

    Attributes:
        least_own: tickets from which on a described cluster is known by them. With fewer it stays described, and they
            teach nothing: of one ticket a head learns less than the description says.
        make: how a generation is made of it.
    """

    share: SharePolicy = field(default_factory=SharePolicy)
    least_own: int = 10
    align: AlignPolicy = field(default_factory=AlignPolicy)
    make: MakePolicy = field(default_factory=MakePolicy)


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
    history, sla_minutes = known.history, policy.make.default_sla_minutes
    check_history(history)
    last = with_descriptions(last, known.word.added, sla_minutes)
    known = replace(known, word=_with_owners(known.word, last))
    keys = keys_of(history)
    order = canonical_order(history, keys)
    lexicon = learn_lexicon(history, order, policy.make)
    hybrid = join(lexicon, history.texts, history.vectors)
    found = problems_without_owner(hybrid[order], ways.without_owner)
    labels = np.empty(len(keys), dtype=np.int64)
    labels[order] = found.labels
    labels[too_few(known, last, policy.least_own)] = -1
    before = stood_before(known, last)
    members = members_of(known.ids, (before, since(known)), known.word, last)
    handled = handled_by(known, members, last)
    owned = by_owner(labels, hybrid, order, handled, known.weight, policy.share)
    tickets = _tickets(known, handled, before, hybrid, order)
    kept = pinned(united(owned, known.ids, known.word), members, tickets, last, known.word)
    apart = parted(kept.groups, tickets, known.word, last, ways.within_owner)
    groups, before = apart.groups, stands(before, members, kept.rows, known, last)
    assignment = np.full(len(keys), -1, dtype=np.int64)
    for number, group in enumerate(groups):
        assignment[group.rows] = number
    problems = Problems(lexicon, hybrid, keys, order, groups, assignment, found.noise, [])
    centroids = _centroids(last, history, assignment, known.word)
    alignment = without_strangers(
        align(before, assignment, centroids, policy.align), groups, before, known, last
    )
    without = set(pinned_rows(known.word, last)) - set(alignment.old.tolist())
    bare = sorted(row for row in without if not last.clusters[row].described)
    empty = [without_tickets(last.clusters[row], known.word) for row in bare]
    clusters = _clusters(problems, known, alignment, last, apart, empty)
    clusters = (*_told_of(clusters, problems, labels, known), *empty)
    carried = _carried(last, clusters, known.word)
    still = {one.id for one in carried}
    events = tuple(
        event
        for event in _events(alignment, last, clusters, apart, known.word, now_ms)
        if event.cluster not in still
    )
    made = assemble(
        history,
        problems,
        clusters,
        last.owners,
        encoder=last.encoder,
        now_ms=now_ms,
        build=build,
        policy=policy.make,
        bare=bare_of(bare, last, hybrid.shape[1]) if bare else None,
    )
    generation = with_descriptions(made.generation, carried, sla_minutes)
    stay = known.word.pinned & still
    generation = replace(
        generation,
        clusters=tuple(replace(c, pinned=True) if c.id in stay else c for c in generation.clusters),
    )
    return NextGeneration(
        generation=replace(generation, lineage=(*last.lineage, *events)[-MOST_EVENTS:]),
        assignment=assignment,
        kept=int((alignment.old >= 0).sum()) + len(bare) + len(carried),
        events=events,
        moved=_moved(before, assignment, last.clusters, clusters, handled),
        fallback=found.fallback,
    )


def _with_owners(word: Word, last: Generation) -> Word:
    """A described cluster is whose it was said to be, as if it were bound."""
    told = {cluster.id: cluster.owner for cluster in last.clusters if cluster.described and cluster.owner}
    return replace(word, bound=told | {**word.bound})


def _carried(last: Generation, clusters: Sequence[Cluster], word: Word) -> list[Description]:
    """The described clusters that have no tickets yet, whose they are by people's word; none that people merged."""
    gone = {cluster.id for cluster in clusters} | word.into().keys()
    return [
        replace(one, name=word.named.get(one.id, one.name), owner=word.bound.get(one.id, one.owner))
        for one in descriptions_of(last, word.added).values()
        if one.id not in gone
    ]


def _tickets(
    known: Known, handled: Sequence[str | None], before: Labels, hybrid: Vectors, order: Rows
) -> Tickets:
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return Tickets(
        ids=known.ids,
        names=known.history.ids,
        handled=handled,
        decided_at_ms=since(known),
        before=before,
        vectors=hybrid,
        rank=rank,
    )


def _events(
    alignment: Alignment,
    last: Generation,
    clusters: Sequence[Cluster],
    apart: Parted,
    word: Word,
    now_ms: int,
) -> Iterator[LineageEvent]:
    """What changed; what a person merged went into the other whole, and what a person split came off it."""
    into, there = word.into(), {cluster.id for cluster in clusters}
    split = {split.part(number): split.cluster for split, part in apart.parts for number in range(MOST_PARTS)}
    news = [cluster.id for cluster in clusters[: len(alignment.old)]]
    for event in events_of(alignment, [c.id for c in last.clusters], news):
        change, other, share = event.change.value, event.other, event.share
        if event.change in {Change.DIED, Change.MERGED} and event.cluster in there:
            continue  # pinned, though no ticket is in it
        if event.change is Change.BORN and event.cluster in split:
            change, other = Change.SPLIT.value, split[event.cluster]
        if event.cluster not in there and into.get(event.cluster) in there:
            change, other, share = Change.MERGED.value, into[event.cluster], 1.0
        yield LineageEvent(change, event.cluster, other, share, now_ms)


def _centroids(last: Generation, history: History, assignment: Labels, word: Word) -> tuple[Vectors, Vectors]:
    """Those of the old and the new clusters by the encoder's part alone: each generation has a lexicon of its own. One
    that people merged into another is like none."""
    old = by_encoder(last.centroids, last.dim, last.dim)
    into = word.into()
    old[[cluster.id in into for cluster in last.clusters]] = 0.0
    return old, centroids_of(settle(history.vectors), assignment)


def _clusters(
    problems: Problems,
    known: Known,
    alignment: Alignment,
    last: Generation,
    apart: Parted,
    bare: Sequence[Cluster],
) -> tuple[Cluster, ...]:
    """Clusters with the ids and names that they had, or the names that people gave. Whom a person bound one to owns
    it; one of which too few say whose it is stays whose it was, and so does what was split off it."""
    was = {number: last.clusters[row] for number, row in enumerate(alignment.old.tolist()) if row >= 0}
    word = known.word
    said = {number: word.named[cluster.id] for number, cluster in was.items() if cluster.id in word.named}
    beside = {-1 - number: cluster.name for number, cluster in enumerate(bare)}
    names = names_of(problems.groups, known.history, was, known.articles, said, beside)
    emerged = confirmed(
        known.provisional or [None] * len(known.history.texts), problems.assignment, alignment.old
    )
    taken = {cluster.id for cluster in last.clusters}
    medoids = medoids_of(problems)
    clusters: list[Cluster] = []
    for number, group in enumerate(problems.groups):
        same, name = was.get(number), names[number]
        if same is not None:
            owner = word.bound.get(same.id, group.owner if group.owner is not None else same.owner)
            called = _called(name, same.id, owner, group)
            clusters.append(replace(called, pinned=same.id in word.pinned, description=same.description))
            continue
        origin = int(alignment.origin[number])
        owner = last.clusters[origin].owner if group.owner is None and origin >= 0 else group.owner
        identity = apart.id_for(group, taken) or emerged.get(number) or new_id(owner, medoids[number], taken)
        taken.add(identity)
        clusters.append(_called(name, identity, owner, group))
    return tuple(clusters)


def _called(name: Named, identity: str, owner: str | None, group: Group) -> Cluster:
    return Cluster(identity, name.name, owner, len(group.rows), name.keywords, name.named, name.kb_article_id)


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
