"""Learn what a description is worth: each cluster of the history left out in turn, and known by one ticket alone.

A ticket stands in for the description that nobody wrote. How near the others of its cluster come to it, while nothing
else of the cluster is known, against how near all others come, says how likely a ticket is to belong to what a person
describes. On 20 labels of Banking77 and CLINC150 whose descriptions were written by hand, those likely by half or more
were right as often as that says or oftener. A cluster's centroid for a ticket, or two or three tickets, is nearer to
the others than a description: what was learned of them found 3 to 9 points fewer of the tickets at the same precision.
"""

from dataclasses import dataclass, replace
from math import floor

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from models.described import odds_of
from models.exact import Floats, logistic
from models.generation import UNFITTED_DESCRIBING, Describing
from models.learn.confidence import ConfidencePolicy, route_from
from models.vote import Rows

Mask = NDArray[np.bool_]

# Stand-ins, and pairs of a ticket and one of another cluster that the fit sees, each taken evenly from all.
_MOST_STAND_INS = 512
_MOST_OTHERS = 200_000
# Clusters, and pairs of a ticket and its own cluster's stand-in, under which nothing is fitted: of three clusters a fit
# learns what those three are, with weights five times as large.
_LEAST_CLUSTERS, _LEAST_OWN = 20, 50
# Tickets that are held against all stand-ins at once.
_CHUNK = 256


@dataclass(frozen=True, slots=True)
class StandIns:
    """S tickets that stand in for descriptions, beside m tickets that were held back.

    Attributes:
        cosines: [m, S] of the hybrid vectors.
        level: [S] how near the history without the stand-in's cluster comes to it (see models/described).
        own: [m, S] whether the ticket is of the stand-in's cluster.
        asked: [m, S] whether the pair says anything: not where the ticket is a copy of the stand-in, or of another
            cluster of the same owner, which may be the same problem.
    """

    cosines: NDArray[np.float32]
    level: Floats
    own: Mask
    asked: Mask


@dataclass(frozen=True, slots=True)
class Nearness:
    """How near m tickets are to the history, [m] each, as evidence.Evidence has them."""

    nearest: Floats
    strength: Floats


def stand_ins(cluster: Rows) -> Rows:
    """Rows of exemplars of these clusters [E] that stand in for a description: the first and the last of each cluster
    with three or more, whose order says nothing of what they are about."""
    order = np.argsort(cluster, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(cluster[order])) + 1)
    rows = np.array([row for part in parts if len(part) > 2 for row in (part[0], part[-1])], dtype=np.int64)
    return rows[np.unique(np.linspace(0, len(rows) - 1, min(len(rows), _MOST_STAND_INS)).astype(np.int64))]


def fit_describing(
    told: StandIns, alone: Nearness, unknown: Nearness, policy: ConfidencePolicy
) -> Describing:
    """Weights by logistic regression, and the probability from which on tickets are routed.

    A ticket of the cluster is asked about as one of a problem that nobody has seen; one of another cluster as it is,
    and, `policy.unknown_share` times, as one that nobody has seen either. A described cluster is taken to bring as many
    tickets as the history's do on average.
    """
    own, others = told.own & told.asked, ~told.own & told.asked
    few = len(told.level) < 2 * _LEAST_CLUSTERS or own.sum() < _LEAST_OWN
    if few or not others.any():
        return UNFITTED_DESCRIBING
    share = policy.unknown_share / (1.0 - policy.unknown_share)
    flat = np.flatnonzero(others)
    stride = max(1, len(flat) // _MOST_OTHERS)
    some = np.zeros(others.shape, dtype=np.bool_)
    some.flat[flat[::stride]] = True
    parts = [_pairs(told, unknown, own), _pairs(told, alone, some), _pairs(told, unknown, some)]
    pairs = np.concatenate(parts)
    weight = np.repeat([1.0, stride, stride * share], [len(part) for part in parts])
    mean, spread = pairs.mean(axis=0), pairs.std(axis=0) + 1e-9
    right = np.repeat([True, False, False], [len(part) for part in parts])
    fitted = LogisticRegression(C=1e3, max_iter=500).fit(
        (pairs - mean) / spread, right, sample_weight=weight / weight.mean()
    )
    slopes = fitted.coef_[0] / spread
    # Nearer to the description is never less likely, and nearer to the rest never more.
    cosine, rest = max(0.0, slopes[0]), np.minimum(slopes[1:], 0.0)
    bias = fitted.intercept_[0] - float(slopes @ mean)
    found = [round(float(value), 6) for value in (cosine, *rest, bias)]
    weights = Describing(found[0], found[1], found[2], found[3], found[4], route_at=1.0)
    return replace(weights, route_at=_route_at(told, alone, unknown, weights, share, policy))


def _pairs(told: StandIns, near: Nearness, chosen: Mask) -> Floats:
    """[pairs, 4] cosine, level, nearest and strength of the chosen pairs."""
    tickets, descriptions = np.nonzero(chosen)
    columns = (told.cosines[chosen], told.level[descriptions], near.nearest[tickets], near.strength[tickets])
    return np.stack(columns, axis=1).astype(np.float64)


def _route_at(
    told: StandIns,
    alone: Nearness,
    unknown: Nearness,
    weights: Describing,
    share: float,
    policy: ConfidencePolicy,
) -> float:
    """From where on as many of the pairs are right as the target says; those less likely than `policy.least` are never
    routed."""
    likely: list[Floats] = []
    right: list[Mask] = []
    weight: list[Floats] = []
    for start in range(0, len(told.own), _CHUNK):
        chunk = slice(start, start + _CHUNK)
        for near, counts, mask in (
            (unknown, 1.0, told.own[chunk] & told.asked[chunk]),
            (alone, 1.0, ~told.own[chunk] & told.asked[chunk]),
            (unknown, share, ~told.own[chunk] & told.asked[chunk]),
        ):
            odds = odds_of(
                told.cosines[chunk], told.level, near.nearest[chunk], near.strength[chunk], weights
            )
            chance = logistic(odds)[mask]
            kept = chance[chance >= policy.least]
            likely.append(kept)
            right.append(np.full(len(kept), near is unknown and counts == 1.0))
            weight.append(np.full(len(kept), counts))
    at = route_from(
        np.concatenate(likely), np.concatenate(right), np.concatenate(weight), policy.target_error
    )
    return max(policy.least, floor(at * 1e6) / 1e6)
