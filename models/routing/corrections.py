"""Corrections: what people did since the generation was made, on top of it. Between evidence and match.

A generation stays as it was made; what people teach stands beside it as acts in one order, which every worker reads
alike. A decision names the revision up to which it knew them, and can be made again from both.

Two things are learned from an act. Of the ticket: one very like it goes where people gave it, whatever the history
says. Of its cluster: once several tickets of a cluster in a row went elsewhere, the cluster goes there, and those that
people left where they were count against it.

A third is a cluster that a person only described. It is weighed here too, before the acts: they may move it, and a
ticket that they gave to somebody stays there.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from models.described import chances, odds_of
from models.evidence import Evidence, Searchable, best_in_party
from models.exact import Floats, power, total
from models.vote import Rows, Vectors

# Acts that are remembered, the latest.
MOST = 4_096

# An act on a cluster weighs so much of the one after it: twenty count as twelve.
_DECAY = 0.95
# What the generation's own owner of a cluster weighs against people's acts.
_PRIOR = 1.0
# So many acts that took tickets of a cluster elsewhere are exceptions, which their own neighbours alone learn from.
_EXCEPTIONS = 2.0
# A corrected ticket weighs so many past ones where it is the very one, and falls off as the square of their weight.
# With theirs, correcting whatever went wrong of Banking77 cost .8 points of what came after, and as it is .1 (its
# labels are noisy); of CLINC150 it cost .2, and as it is wins .2.
_TICKET = 8.0
# Past tickets weigh at least this much together, however far they are.
_LEAST_HISTORY = 0.5
# A corrected ticket as near as this makes one like it known. In units of the kernel: 0.5 is 70 % of the way from
# `reach` to a cosine of 1.
KNOWN_AT = 0.5
# Parties less likely than this are not looked at.
_NEGLIGIBLE = 1e-3


class ActKind(StrEnum):
    """What an act teaches."""

    CORRECTED = "corrected"  # the ticket belongs to another owner than decided, or to one where none was
    CONFIRMED = "confirmed"  # it stayed where it was decided to go
    BOUND = "bound"  # a person gave the whole cluster to an owner


@dataclass(frozen=True, slots=True)
class Act:
    """One act. `cluster` is the id that the decision named, None where it named none; `vector` is the ticket's settled
    hybrid vector [width], None where a whole cluster is meant or the ticket merely stayed."""

    revision: int
    kind: ActKind
    owner: str
    ticket_id: str | None
    cluster: str | None
    vector: Vectors | None


@dataclass(frozen=True, slots=True)
class Corrections:
    """Acts made ready; never changes.

    Attributes:
        revision: of the last act that is known, whether it counts or not; 0 before the first.
        vectors: [R, width] of corrected tickets.
        owners: R, whose each is.
        clusters: cluster id -> who handles it by people's acts: (owner, share), in the order of their names.
    """

    revision: int
    vectors: Vectors
    owners: tuple[str, ...]
    clusters: Mapping[str, tuple[tuple[str, float], ...]]


def no_corrections(width: int) -> Corrections:
    """Of nobody yet."""
    return Corrections(0, np.empty((0, width), dtype=np.float32), (), {})


def corrections_of(acts: Sequence[Act], revision: int, ready: Searchable) -> Corrections:
    """What acts in the order of their revisions come to; the last on a ticket counts alone."""
    last = {act.revision if act.ticket_id is None else act.ticket_id: act for act in acts}
    counted = sorted(last.values(), key=lambda act: act.revision)[-MOST:]
    taught = [(act.vector, act.owner) for act in counted if act.vector is not None]
    own = {cluster.id: cluster.owner for cluster in ready.clusters}
    on_cluster: dict[str, list[Act]] = {}
    for act in counted:
        if act.cluster in own:
            on_cluster.setdefault(act.cluster, []).append(act)
    width = ready.generation.width
    return Corrections(
        revision=revision,
        vectors=np.array([vector for vector, _ in taught], dtype=np.float32).reshape(len(taught), width),
        owners=tuple(owner for _, owner in taught),
        clusters={cluster: _shares(of, own[cluster]) for cluster, of in on_cluster.items()},
    )


def _shares(acts: Iterable[Act], owner: str | None) -> tuple[tuple[str, float], ...]:
    """Who handles a cluster, by the acts on it and the owner that the generation gives it (None: nobody)."""
    counts: dict[str, float] = {}
    for act in acts:
        if act.kind is ActKind.BOUND:
            owner, counts = act.owner, {}
            continue
        counts = {name: count * _DECAY for name, count in counts.items()}
        counts[act.owner] = counts.get(act.owner, 0.0) + 1.0
    weights = {
        name: count if name == owner else max(0.0, count - _EXCEPTIONS) for name, count in counts.items()
    }
    if owner is not None:
        weights[owner] = weights.get(owner, 0.0) + _PRIOR
    everything = 0.0
    for name in sorted(weights):
        everything += weights[name]
    if everything == 0.0:
        return ()
    return tuple((name, weights[name] / everything) for name in sorted(weights) if weights[name] > 0.0)


@dataclass(frozen=True, slots=True)
class Weighed:
    """Evidence with people's word.

    Attributes:
        probability: [n, parties and owners that only the acts know] float64, each row sums to 1.
        owners: of each column; None for a cluster without one.
        cluster: [n, columns] the cluster, as a row of `Searchable.clusters`, that most speaks for each owner: its own
            best one, or another's that people gave to it.
        handler: [clusters] the column of who handles each cluster now.
        taught: [n] how like the nearest corrected ticket each is, 0 to 1 in the kernel's units.
        told: [n, columns] what of the probability comes of descriptions.
        likeness: [n, D] cosines with the described clusters, and
        chance: [n, D] how likely each is.
    """

    probability: Floats
    owners: tuple[str | None, ...]
    cluster: Rows
    handler: Rows
    taught: Floats
    told: Floats
    likeness: NDArray[np.float32]
    chance: Floats


def weigh_corrections(
    queries: Vectors, evidence: Evidence, ready: Searchable, corrections: Corrections
) -> Weighed:
    """The evidence on settled hybrid vectors [n, width], corrected; each row by itself, to the bit."""
    votes, described = evidence.votes.by_cluster, ready.described
    best = best_in_party(np.where(votes > 0, 2.0 + votes, evidence.similarity), ready.party)[1]
    likeness = queries @ described.vectors.T
    weights = ready.generation.describing
    chance = chances(odds_of(likeness, described.level, evidence.nearest, evidence.strength, weights))
    owners = _all_owners(ready, corrections)
    foremost = best[np.arange(len(best)), evidence.probability.argmax(axis=1)]
    clusters = np.hstack([best, np.repeat(foremost[:, None], len(owners) - len(ready.owners), axis=1)])
    column = {owner: number for number, owner in enumerate(owners) if owner is not None}
    probability = np.zeros((len(queries), len(owners)))
    probability[:, : len(ready.owners)] = evidence.probability * (1.0 - total(chance))[:, None]
    _move_clusters(probability, clusters, ready, corrections, column)
    told = _told(chance, probability, clusters, ready, corrections, column)
    probability += told
    handler, taught = _handlers(ready, corrections, column), np.zeros(len(queries))
    if len(corrections.vectors):
        reach = ready.generation.thresholds.reach
        near = _kernel((queries @ corrections.vectors.T).astype(np.float64), reach)
        code = np.array([column[owner] for owner in corrections.owners], dtype=np.int64)
        pull = power(near, 2)
        said = np.stack([np.bincount(code, row, len(owners)) for row in pull]) if len(near) else probability
        history = np.maximum(
            np.add.accumulate(_kernel(evidence.cosines, reach), axis=1)[:, -1], _LEAST_HISTORY
        )
        everything = (history + np.add.accumulate(said, axis=1)[:, -1] * _TICKET)[:, None]
        probability = (probability * history[:, None] + said * _TICKET) / everything
        told = told * history[:, None] / everything
        taught = near.max(axis=1)
    return Weighed(probability, owners, clusters, handler, taught, told, likeness, chance)


def _all_owners(ready: Searchable, corrections: Corrections) -> tuple[str | None, ...]:
    told = {name for shares in corrections.clusters.values() for name, _ in shares} | {*corrections.owners}
    told |= {cluster.owner for cluster in ready.described.clusters if cluster.owner is not None}
    return (*ready.owners, *sorted(told - {owner for owner in ready.owners if owner is not None}))


def _move_clusters(
    probability: Floats,
    clusters: Rows,
    ready: Searchable,
    corrections: Corrections,
    column: Mapping[str, int],
) -> None:
    """Give what speaks for a cluster to those who handle it by people's acts, and the cluster with it; in place."""
    ids = [cluster.id for cluster in ready.generation.learned]
    acted = np.array([bool(corrections.clusters.get(identity)) for identity in ids])
    before, best = probability.copy(), clusters.copy()
    own = slice(0, len(ready.owners))
    moving = acted[best[:, own]] & (before[:, own] > _NEGLIGIBLE)
    most = before.copy()  # what one cluster alone says for an owner
    most[:, own][moving] = 0.0
    for row, party in np.argwhere(moving).tolist():
        cluster, moved = int(best[row, party]), before[row, party]
        probability[row, party] -= moved
        for owner, share in corrections.clusters[ids[cluster]]:
            to = column[owner]
            probability[row, to] += moved * share
            if moved * share > most[row, to]:
                most[row, to], clusters[row, to] = moved * share, cluster


def _told(
    chance: Floats,
    probability: Floats,
    clusters: Rows,
    ready: Searchable,
    corrections: Corrections,
    column: Mapping[str, int],
) -> Floats:
    """[n, columns] what descriptions say for those who handle their clusters, likely as these are by `chance` [n, D];
    where one says more for an owner than the history does, it is the owner's cluster, in place."""
    told, most = np.zeros_like(probability), probability.copy()
    for number, cluster in enumerate(ready.described.clusters):
        row = len(ready.centroids) + number
        for owner, share in corrections.clusters.get(cluster.id) or ((cluster.owner or "", 1.0),):
            to, says = column[owner], chance[:, number] * share
            told[:, to] += says
            ahead = says > most[:, to]
            clusters[ahead, to], most[ahead, to] = row, says[ahead]
    return told


def _handlers(ready: Searchable, corrections: Corrections, column: Mapping[str, int]) -> Rows:
    """[clusters] the column of who handles each: by people's acts, who has the largest share of it."""
    own = [column[cluster.owner or ""] for cluster in ready.described.clusters]
    handlers = np.append(ready.party, np.array(own, dtype=np.int64))
    for row, cluster in enumerate(ready.clusters):
        shares = corrections.clusters.get(cluster.id)
        if shares:
            handlers[row] = column[max(shares, key=lambda owned: owned[1])[0]]
    return handlers


def _kernel(cosines: Floats, reach: float) -> Floats:
    """0 up to `reach`, 1 at a cosine of 1, between them the square of the way."""
    if reach >= 1.0:
        return np.where(cosines >= 1.0, 1.0, 0.0)
    return power(np.clip((cosines - reach) / (1.0 - reach), 0.0, 1.0), 2)
