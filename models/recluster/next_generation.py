"""The next generation: the tickets of today become clusters, each with the id, name and owner of the one that it was.

What people did with the tickets says whose a cluster is; a problem that several teams handle is a cluster for each.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from models.generation import Cluster, Generation, LineageEvent, NamedBy
from models.lexicon import join
from models.recluster.align import Alignment, AlignPolicy, Change, align, events_of
from models.recluster.articles import Articles
from models.recluster.assemble import Bare, assemble
from models.recluster.cluster import Fallback, Labels, Ways, centroids_of, problems_without_owner
from models.recluster.describe import Description, descriptions_of, with_descriptions
from models.recluster.emerged import confirmed
from models.recluster.examples import examples_of
from models.recluster.first_generation import medoids_of, new_id
from models.recluster.history import Group, History, canonical_order, check_history, keys_of
from models.recluster.naming import Named, names_of
from models.recluster.owners import ownership_of
from models.recluster.parts import MOST_PARTS, Parted, Tickets, parted
from models.recluster.pins import members_of, pinned, pinned_rows
from models.recluster.problems import MakePolicy, Problems, learn_lexicon
from models.recluster.shared import SharePolicy, by_owner
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
        least_own: tickets from which on a described cluster is known by them. With fewer it stays described, and they
            teach nothing: of one ticket a head learns less than the description says.
        make: how a generation is made of it.
    """

    share: SharePolicy = field(default_factory=SharePolicy)
    least_own: int = 10
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
    labels[_too_few(known, last, policy.least_own)] = -1
    before = _before(known, last)
    members = members_of(known.ids, (before, _since(known)), known.word, last)
    handled = _handled(known, members, last)
    owned = by_owner(labels, hybrid, order, handled, known.weight, policy.share)
    tickets = _tickets(known, handled, before, hybrid, order)
    kept = pinned(united(owned, known.ids, known.word), members, tickets, last, known.word)
    apart = parted(kept.groups, tickets, known.word, last, ways.within_owner)
    groups, before = apart.groups, _stands(before, members, kept.rows, known, last)
    assignment = np.full(len(keys), -1, dtype=np.int64)
    for number, group in enumerate(groups):
        assignment[group.rows] = number
    problems = Problems(lexicon, hybrid, keys, order, groups, assignment, found.noise, [])
    centroids = _centroids(last, history, assignment, known.word)
    alignment = _without_strangers(
        align(before, assignment, centroids, policy.align), groups, before, known, last
    )
    without = set(pinned_rows(known.word, last)) - set(alignment.old.tolist())
    bare = sorted(row for row in without if not last.clusters[row].described)
    empty = [_without_tickets(last.clusters[row], known.word) for row in bare]
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
        bare=_bare(bare, last, hybrid.shape[1]) if bare else None,
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


def _too_few(known: Known, last: Generation, least: int) -> NDArray[np.bool_]:
    """[n] whether a ticket is of a described cluster that has fewer than so many."""
    described = {cluster.id for cluster in last.clusters if cluster.described}
    tickets = Counter(known.ids)
    return np.array([one in described and tickets[one] < least for one in known.ids], dtype=np.bool_)


def _carried(last: Generation, clusters: Sequence[Cluster], word: Word) -> list[Description]:
    """The described clusters that have no tickets yet, whose they are by people's word; none that people merged."""
    gone = {cluster.id for cluster in clusters} | word.into().keys()
    return [
        replace(one, name=word.named.get(one.id, one.name), owner=word.bound.get(one.id, one.owner))
        for one in descriptions_of(last, word.added).values()
        if one.id not in gone
    ]


def _handled(known: Known, members: Labels, last: Generation) -> list[str | None]:
    """Whose each ticket is: of a cluster that a person bound, that owner's, whoever has handled it; and of one that is
    pinned its owner's."""
    into, bound = known.word.into(), known.word.bound
    owners = [bound.get(into.get(one or "", one or ""), bound.get(one or "")) for one in known.ids]
    for row in np.flatnonzero(members >= 0).tolist():
        owners[row] = bound.get(last.clusters[members[row]].id, last.clusters[members[row]].owner)
    return [own if own is not None else said for own, said in zip(owners, known.history.owners, strict=True)]


def _tickets(
    known: Known, handled: Sequence[str | None], before: Labels, hybrid: Vectors, order: Rows
) -> Tickets:
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return Tickets(
        ids=known.ids,
        names=known.history.ids,
        handled=handled,
        decided_at_ms=_since(known),
        before=before,
        vectors=hybrid,
        rank=rank,
    )


def _since(known: Known) -> NDArray[np.int64]:
    """[n] since when each ticket is in its cluster: what the last generation found there is after all that changed."""
    decided = np.zeros(len(known.ids), dtype=np.int64) if known.decided_at_ms is None else known.decided_at_ms
    return np.where(known.current, np.iinfo(np.int64).max, decided)


def _before(known: Known, last: Generation) -> Labels:
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


def _without_strangers(
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


def _stands(before: Labels, members: Labels, now: Labels, known: Known, last: Generation) -> Labels:
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


def _without_tickets(cluster: Cluster, word: Word) -> Cluster:
    """A pinned cluster that no ticket is in any more."""
    named = word.named.get(cluster.id)
    return replace(
        cluster,
        name=cluster.name if named is None else named,
        named=cluster.named if named is None else NamedBy.PERSON,
        owner=word.bound.get(cluster.id, cluster.owner),
        size=0,
        examples=(),
        pinned=True,
    )


def _bare(rows: list[int], last: Generation, width: int) -> Bare:
    """The centroids and exemplars of clusters of the last generation, as vectors of texts that the lexicon knows
    nothing of: each generation has one of its own, and their texts are gone."""
    place = {row: number for number, row in enumerate(rows)}
    voters = np.flatnonzero(np.isin(last.exemplar_cluster, rows))
    return Bare(
        centroids=_by_encoder(last.centroids[rows], last.dim, width),
        exemplars=_by_encoder(last.exemplars[voters].astype(np.float32), last.dim, width),
        exemplar_cluster=np.array(
            [place[row] for row in last.exemplar_cluster[voters].tolist()], dtype=np.int64
        ),
    )


def _by_encoder(vectors: Vectors, dim: int, width: int) -> Vectors:
    """Hybrid vectors by the encoder's part alone, unit rows [n, width] with zeros behind it."""
    part = vectors[:, :dim]
    length = np.linalg.norm(part, axis=1, keepdims=True)
    unit: Vectors = np.divide(part, length, out=np.zeros_like(part), where=length > 0)
    return np.hstack([unit, np.zeros((len(unit), width - dim), dtype=np.float32)])


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
    old = _by_encoder(last.centroids, last.dim, last.dim)
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
