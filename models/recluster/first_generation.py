"""The first generation, from a history of tickets: lexicon, cluster, choose exemplars, learn, calibrate, name.

Reclustering makes the later ones and keeps ids and owners across them; here everything is new.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from models.generation import Cluster, Generation, Lexicon, Owner, Thresholds, check
from models.learn.confidence import NEVER, UNFITTED, Calibration, ConfidencePolicy
from models.learn.head import HeadPolicy, can_learn, fit_head, tune_weight
from models.learn.lexicon import LexiconPolicy, fit_lexicon
from models.lexicon import join
from models.recluster.calibrate import calibrated
from models.recluster.cluster import Fallback, Labels, Ways, centroids_of, similarity_to_own
from models.recluster.exemplars import ExemplarPolicy, choose_exemplars
from models.recluster.history import Group, History, canonical_order, check_history, find_groups
from models.recluster.name import Name, name_clusters
from models.vote import IndexBuilder, Rows, Vectors, VotePolicy, parties, settle

__all__ = [
    "FirstGeneration",
    "FirstPolicy",
    "History",
    "Problems",
    "Report",
    "cluster_id",
    "find_problems",
    "first_generation",
]


@dataclass(frozen=True, slots=True)
class FirstPolicy:
    """The policies of the steps, the weight of the lexical part where it cannot be tuned, and the minutes promised for
    an owner that the teams do not list."""

    lexicon: LexiconPolicy = field(default_factory=LexiconPolicy)
    lexical_weight: float = 0.5
    exemplars: ExemplarPolicy = field(default_factory=ExemplarPolicy)
    head: HeadPolicy = field(default_factory=HeadPolicy)
    confidence: ConfidencePolicy = field(default_factory=ConfidencePolicy)
    vote: VotePolicy = field(default_factory=VotePolicy)
    default_sla_minutes: int = 480


@dataclass(frozen=True, slots=True)
class Report:
    """What happened to the history.

    Attributes:
        tickets: rows of the history; `used` of them stand in a cluster.
        noise: rows that no dense region held; with an owner they joined the nearest cluster of that owner.
        unlisted_owners: owners in the history that the teams do not list.
        fallbacks: where clustering failed: (owner or None, why).
    """

    tickets: int
    used: int
    clusters: int
    exemplars: int
    noise: int
    unlisted_owners: tuple[str, ...]
    fallbacks: tuple[tuple[str | None, Fallback], ...]
    calibration: Calibration


@dataclass(frozen=True, slots=True)
class FirstGeneration:
    """A generation, the cluster row of each ticket of the history [n] int64 (-1 where left out), a report."""

    generation: Generation
    assignment: Labels
    report: Report


@dataclass(frozen=True, slots=True)
class Problems:
    """What a history of n tickets falls into.

    Attributes:
        lexicon: learned from it; None where it is too small for one.
        vectors: [n, width] the hybrid vectors of its rows.
        keys: n, a digest of each text.
        order: [n] the rows in an order that the tickets themselves set.
        groups: one for each cluster.
        assignment: [n] the group of each row, -1 where it was left out.
        noise: rows that the clusterer held in none.
        fallbacks: where clustering failed: (owner or None, why).
    """

    lexicon: Lexicon | None
    vectors: Vectors
    keys: list[str]
    order: Rows
    groups: list[Group]
    assignment: Labels
    noise: int
    fallbacks: list[tuple[str | None, Fallback]]


def find_problems(history: History, ways: Ways, policy: FirstPolicy) -> Problems:
    """The lexicon of a history and the groups of its tickets; the same tickets in any order give the same.

    Raises:
        BadGeneration: an empty history, or one whose columns differ in length.
    """
    check_history(history)
    keys = [hashlib.sha256(text.encode()).hexdigest() for text in history.texts]
    order = canonical_order(history, keys)
    lexicon = _lexicon(history, order, policy)
    hybrid = join(lexicon, history.texts, history.vectors)
    found = find_groups(replace(history, vectors=hybrid), order, ways)
    assignment = np.full(len(keys), -1, dtype=np.int64)
    for number, group in enumerate(found.groups):
        assignment[group.rows] = number
    return Problems(lexicon, hybrid, keys, order, found.groups, assignment, found.noise, found.fallbacks)


def first_generation(
    history: History,
    *,
    encoder: str,
    teams: Sequence[Owner],
    now_ms: int,
    ways: Ways,
    build: IndexBuilder,
    policy: FirstPolicy,
) -> FirstGeneration:
    """Make a generation from a history. The same tickets in any order give the same generation, to the bit.

    A labelled problem is one cluster for each owner. The other tickets of an owner are clustered among themselves.
    Where nothing is labelled at all, all tickets are clustered together and the clusters wait for owners; where
    something is, tickets with neither owner nor problem are left out, since they would only repeat as clusters
    without owner what others say with one.

    A cluster's id is `c-` and 12 hex digits of a SHA-256 over its owner and its problem label, or where it has none
    over its owner and the text nearest to its centroid: it does not hang on the order or on the name.

    Raises:
        BadGeneration: an empty history, or one whose columns differ in length.
    """
    problems = find_problems(history, ways, policy)
    groups, keys, hybrid, order = problems.groups, problems.keys, problems.vectors, problems.order
    assignment, lexicon = problems.assignment, problems.lexicon
    used = order[assignment[order] >= 0]
    labels, vectors, texts = assignment[used], hybrid[used], [keys[row] for row in used]
    chosen = choose_exemplars(labels, texts, history.created_at_ms[used], policy.exemplars)
    centroids = centroids_of(vectors, labels)
    names = _names(history, groups)
    owners = _owners(groups, teams, policy.default_sla_minutes)
    party = parties([group.owner for group in groups])
    own, voters = party[labels[chosen]], vectors[chosen]
    learns = any(group.owner is not None for group in groups) and can_learn(own, policy.head)
    draft = Generation(
        clusters=_clusters(groups, names, vectors, labels, centroids, texts),
        owners=owners,
        centroids=centroids,
        exemplars=voters.astype(np.float16),
        exemplar_cluster=labels[chosen].astype(np.int32),
        dim=history.vectors.shape[1],
        lexicon=lexicon,
        head=fit_head(voters, own, int(party.max()) + 1, policy.head) if learns else None,
        confidence=UNFITTED,
        thresholds=Thresholds(0.0, NEVER, (), 0.0, 1.0),
        reference=(),
        encoder=encoder,
        created_at_ms=now_ms,
    )
    check(draft)
    dense = settle(history.vectors[used][chosen])
    fitted, calibration = calibrated(draft, dense, build, policy)
    report = Report(
        tickets=len(keys),
        used=len(used),
        clusters=len(groups),
        exemplars=len(chosen),
        noise=problems.noise,
        unlisted_owners=tuple(owner.name for owner in owners[len(teams) :]),
        fallbacks=tuple(problems.fallbacks),
        calibration=calibration,
    )
    return FirstGeneration(fitted, assignment, report)


def _lexicon(history: History, order: Rows, policy: FirstPolicy) -> Lexicon | None:
    """The lexicon of the history, its weight tuned on the tickets whose owners are known."""
    lexicon = fit_lexicon([history.texts[row] for row in order], policy.lexicon, policy.lexical_weight)
    owned = np.array([row for row in order.tolist() if history.owners[row] is not None], dtype=np.int64)
    own = parties([history.owners[row] for row in owned])
    if lexicon is None or not can_learn(own, policy.head):
        return lexicon
    texts = [history.texts[row] for row in owned]
    return replace(lexicon, weight=tune_weight(lexicon, texts, history.vectors[owned], own, policy.head))


def _names(history: History, groups: Sequence[Group]) -> dict[int, Name]:
    given = {number: group.problem for number, group in enumerate(groups) if group.problem is not None}
    return name_clusters(
        {number: [history.texts[row] for row in group.rows] for number, group in enumerate(groups)}, given
    )


def _owners(groups: Sequence[Group], teams: Sequence[Owner], default_sla_minutes: int) -> tuple[Owner, ...]:
    """The teams as listed, then by name those that only the history knows."""
    listed = {team.name for team in teams}
    unlisted = sorted({group.owner for group in groups if group.owner is not None} - listed)
    return (*teams, *(Owner(name, default_sla_minutes) for name in unlisted))


def _clusters(
    groups: Sequence[Group],
    names: dict[int, Name],
    vectors: Vectors,
    labels: Labels,
    centroids: Vectors,
    text_keys: Sequence[str],
) -> tuple[Cluster, ...]:
    similarity = similarity_to_own(vectors, labels, centroids)
    clusters: list[Cluster] = []
    taken: set[str] = set()
    for number, group in enumerate(groups):
        rows = np.flatnonzero(labels == number)
        best = similarity[rows].max()
        medoid = min(text_keys[row] for row in rows[similarity[rows] == best])
        identity = cluster_id(group.owner, group.problem if group.problem is not None else medoid)
        while identity in taken:  # two clusters of one owner around the same text
            identity = cluster_id(group.owner, identity)
        taken.add(identity)
        clusters.append(Cluster(identity, names[number].name, group.owner, len(rows), names[number].keywords))
    return tuple(clusters)


def cluster_id(owner: str | None, content: str) -> str:
    """The id of a cluster of this owner around this problem label or key of a text."""
    return "c-" + hashlib.sha256(f"{owner or ''}\0{content}".encode()).hexdigest()[:12]
