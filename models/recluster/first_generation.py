"""The first generation, from a history of tickets: lexicon, cluster, choose exemplars, learn, calibrate, name.

Reclustering makes the later ones and keeps ids and owners across them; here everything is new.
"""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from models.generation import Cluster, Generation, Owner
from models.learn.confidence import Calibration
from models.recluster.articles import Articles
from models.recluster.assemble import assemble
from models.recluster.cluster import Fallback, Labels, Ways, centroids_of, similarity_to_own
from models.recluster.examples import examples_of
from models.recluster.history import History
from models.recluster.naming import Named, names_of
from models.recluster.owners import Ownership, ownership_of
from models.recluster.problems import MakePolicy, Problems, find_problems
from models.vote import IndexBuilder


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


def first_generation(
    history: History,
    *,
    encoder: str,
    teams: Sequence[Owner],
    now_ms: int,
    ways: Ways,
    build: IndexBuilder,
    policy: MakePolicy,
    articles: Articles | None = None,
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
    groups = problems.groups
    made = assemble(
        history,
        problems,
        _clusters(problems, history, names_of(groups, history, {}, articles)),
        teams,
        encoder=encoder,
        now_ms=now_ms,
        build=build,
        policy=policy,
    )
    report = Report(
        tickets=len(problems.keys),
        used=int((problems.assignment >= 0).sum()),
        clusters=len(groups),
        exemplars=made.exemplars,
        noise=problems.noise,
        unlisted_owners=tuple(owner.name for owner in made.generation.owners[len(teams) :]),
        fallbacks=tuple(problems.fallbacks),
        calibration=made.calibration,
    )
    return FirstGeneration(made.generation, problems.assignment, report)


def _ownership(problems: Problems, history: History) -> list[Ownership]:
    """Whose a labelled problem is say all its tickets, whichever owner's cluster they are in."""
    labels = np.full(len(problems.keys), -1, dtype=np.int64)
    same: dict[str, int] = {}
    for number, group in enumerate(problems.groups):
        labels[group.rows] = number if group.problem is None else same.setdefault(group.problem, number)
    return ownership_of(
        problems.groups,
        [group.owner for group in problems.groups],
        labels,
        history.owners,
        np.ones(len(labels)),
        problems.vectors,
    )


def _clusters(problems: Problems, history: History, names: Sequence[Named]) -> tuple[Cluster, ...]:
    ownership, examples = _ownership(problems, history), examples_of(problems, history.ids)
    clusters: list[Cluster] = []
    taken: set[str] = set()
    medoids = medoids_of(problems)
    for number, group in enumerate(problems.groups):
        identity = new_id(group.owner, medoids[number] if group.problem is None else group.problem, taken)
        taken.add(identity)
        name, owned = names[number], ownership[number]
        clusters.append(
            Cluster(
                identity,
                name.name,
                group.owner,
                len(group.rows),
                name.keywords,
                named=name.named,
                kb_article_id=name.kb_article_id,
                examples=examples[number],
                owner_share=owned.share,
                proposed=owned.proposed,
            )
        )
    return tuple(clusters)


def medoids_of(problems: Problems) -> list[str]:
    """The key of the text nearest to each group's centroid, of equals the first."""
    used = problems.assignment >= 0
    labels, vectors = problems.assignment[used], problems.vectors[used]
    similarity = np.full(len(problems.keys), -2.0, dtype=np.float32)
    similarity[used] = similarity_to_own(vectors, labels, centroids_of(vectors, labels))
    return [
        min(problems.keys[row] for row in group.rows[similarity[group.rows] == similarity[group.rows].max()])
        for group in problems.groups
    ]


def new_id(owner: str | None, content: str, taken: Collection[str]) -> str:
    """The id of a cluster that is new, around this content (see cluster_id)."""
    identity = cluster_id(owner, content)
    while identity in taken:  # two clusters of one owner around the same text
        identity = cluster_id(owner, identity)
    return identity


def cluster_id(owner: str | None, content: str) -> str:
    """The id of a cluster of this owner around this problem label or key of a text."""
    return "c-" + hashlib.sha256(f"{owner or ''}\0{content}".encode()).hexdigest()[:12]
