"""Calibrate: a generation asked about its own exemplars, each held back, and what follows for its thresholds.

After cluster, exemplars and head; the last step of making a generation.
"""

from dataclasses import replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from models.described import levels
from models.evidence import Searchable, best_in_party, nearest_rows, searchable, strength_of
from models.exact import Floats
from models.generation import UNFITTED_DESCRIBING, Generation, Thresholds
from models.learn.confidence import Asked, Calibration, ConfidencePolicy, calibrate
from models.learn.described import Nearness, StandIns, fit_describing, stand_ins
from models.learn.head import HeadPolicy, copies, held_back, sampled
from models.recluster.cluster import sums_of
from models.vote import IndexBuilder, Rows, Vectors, VotePolicy, settle, tally

_CHUNK = 256


class Policies(Protocol):
    """The policies of the steps that are gone through again."""

    @property
    def head(self) -> HeadPolicy: ...

    @property
    def vote(self) -> VotePolicy: ...

    @property
    def confidence(self) -> ConfidencePolicy: ...


def calibrated(
    draft: Generation, dense: Vectors, build: IndexBuilder, policy: Policies
) -> tuple[Generation, Calibration]:
    """The generation with its confidence and thresholds, and what they would have done to its history.

    Args:
        dense: [E, dim] the encoder's settled vectors of the exemplars.
    """
    ready = searchable(draft, build)
    exemplars = settle(draft.exemplars)
    group = copies(exemplars, policy.head.copies_at)
    rows = sampled(len(exemplars), policy.head.held_back)
    problem = draft.exemplar_cluster[rows].astype(np.int64)
    truth, parties = ready.party[problem], len(ready.owners)
    alone_says = unknown_says = (np.zeros((len(rows), parties)), np.zeros((len(rows), parties)))
    if draft.head is not None:
        back = held_back(exemplars[rows], truth, group[rows], problem, parties, policy.head)
        alone_says = back.alone.astype(np.float64), back.linear
        unknown_says = back.unknown.astype(np.float64), back.unknown_linear

    similarity = _similarity(ready, exemplars, rows, group)
    near = best_in_party(similarity, ready.party)[0]
    copied = np.append(group, np.full(len(ready.voters) - len(group), -1))
    alone = _asked(ready, rows, (*alone_says, near), (group[rows], copied), policy.vote)
    unknown = None
    if parties > 1:
        similarity[np.arange(len(rows)), problem] = -1.0
        elsewhere = best_in_party(similarity, ready.party)[0]
        kin = (problem, ready.voter_cluster)
        unknown = _asked(ready, rows, (*unknown_says, elsewhere), kin, policy.vote)
    calibration = calibrate(alone, unknown, truth, policy.confidence, has_head=draft.head is not None)
    likest = _nearest(dense, rows, group)
    thresholds = Thresholds(
        scope=calibration.scope,
        route_at=calibration.route_at,
        owners=tuple((ready.owners[party] or "", at) for party, at in calibration.owners),
        similar=round(float(np.quantile(likest, policy.confidence.floor_quantile)), 4)
        if len(likest)
        else 0.0,
        reach=_reach(unknown, policy.head.copies_at),
    )
    made = replace(
        draft,
        confidence=calibration.confidence,
        thresholds=thresholds,
        describing=UNFITTED_DESCRIBING
        if unknown is None
        else fit_describing(
            _stand_ins(ready, exemplars, rows, group),
            Nearness(alone.nearest, alone.strength),
            Nearness(unknown.nearest, unknown.strength),
            policy.confidence,
        ),
        reference=calibration.reference,
    )
    return made, calibration


def _reach(unknown: Asked | None, copies_at: float) -> float:
    """How like a ticket of another problem mostly is; at least copies of a ticket are in its reach."""
    return copies_at if unknown is None else min(copies_at, round(float(np.median(unknown.nearest)), 4))


def _similarity(ready: Searchable, exemplars: Vectors, rows: Rows, group: Rows) -> NDArray[np.float32]:
    """Cosines [m, C] of exemplars and centroids; of its own cluster's without the ticket and its copies, -1 where
    nothing is left."""
    asked, cluster = exemplars[rows], ready.generation.exemplar_cluster.astype(np.int64)
    similarity = asked @ ready.centroids.T
    copies_there = np.unique(cluster * (int(group.max(initial=0)) + 1) + group, return_inverse=True)[1]
    others = sums_of(exemplars, cluster, len(ready.centroids))[cluster[rows]]
    others -= sums_of(exemplars, copies_there, int(copies_there.max(initial=-1)) + 1)[copies_there[rows]]
    length = np.linalg.norm(others, axis=1)
    own = np.einsum("ij,ij->i", others, asked.astype(np.float64))
    alone = length < 1e-6
    similarity[np.arange(len(rows)), cluster[rows]] = np.where(
        alone, -1.0, own / np.where(alone, 1.0, length)
    )
    return similarity


def _asked(
    ready: Searchable,
    rows: Rows,
    said: tuple[Floats, Floats, Floats],
    kin: tuple[Rows, Rows],
    policy: VotePolicy,
) -> Asked:
    """Evidence on the exemplars `rows`, each without the votes of its kin.

    Args:
        said: what the head, its linear part and the centroids say of each party, [m, parties] each.
        kin: codes of the rows and of all voters; a voter of a row's own code has no say on it.
    """
    of_rows, of_voters = kin
    votes = np.zeros((len(rows), len(ready.owners)))
    nearest = np.zeros(len(rows))
    for start in range(0, len(rows), _CHUNK):
        chunk = slice(start, start + _CHUNK)
        products = ready.voters[rows[chunk]] @ ready.voters.T
        products[of_rows[chunk, None] == of_voters] = -1.0  # such a voter weighs nothing
        found, cosines = nearest_rows(products, policy.neighbours)
        clusters = np.where(found >= 0, ready.voter_cluster[np.maximum(found, 0)], -1)
        votes[chunk] = tally(cosines.astype(np.float32), clusters, ready.party, policy).by_party
        nearest[chunk] = np.clip(cosines[:, 0], 0.0, 1.0)
    has_head = ready.generation.head is not None
    answers, linear, centroids = said
    strength = strength_of(answers) if has_head else nearest
    return Asked(answers, linear, votes, centroids, strength, nearest)


def _stand_ins(ready: Searchable, exemplars: Vectors, rows: Rows, group: Rows) -> StandIns:
    """Exemplars in the place of descriptions, beside the exemplars `rows`."""
    cluster = ready.generation.exemplar_cluster.astype(np.int64)
    chosen = stand_ins(cluster)
    of_chosen, of_rows = cluster[chosen], cluster[rows]
    level = np.zeros(len(chosen))
    for start in range(0, len(chosen), _CHUNK):
        some = slice(start, start + _CHUNK)
        near = exemplars[chosen[some]] @ exemplars.T
        near[of_chosen[some, None] == cluster] = -1.0
        level[some] = levels(near)
    own = of_rows[:, None] == of_chosen
    kin = ready.party[of_rows][:, None] == ready.party[of_chosen]
    return StandIns(
        cosines=exemplars[rows] @ exemplars[chosen].T,
        level=level,
        own=own,
        asked=np.where(own, group[rows][:, None] != group[chosen], ~kin),
    )


def _nearest(dense: Vectors, rows: Rows, group: Rows) -> Floats:
    """[m] cosine of the encoder's vectors of an exemplar and the nearest that is no copy of it; without those that
    have none."""
    best = np.full(len(rows), -1.0)
    for start in range(0, len(rows), _CHUNK):
        own = rows[start : start + _CHUNK]
        products = dense[own] @ dense.T
        products[group[own, None] == group] = -1.0
        best[start : start + len(own)] = np.minimum(products.max(axis=1, initial=-1.0), 1.0)
    return best[best > -1.0]
