"""Learn duplicates: how much each kind of evidence counts, and the score from which on a pair is called a duplicate.

Fitted on pairs that people called duplicates beside pairs that they did not: those nearest to each other, which are
hard to tell, and random ones. Off the ticket's path: `app.train.duplicates` brings the pairs, and what comes of it is
committed in routing/duplicates.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize

from models.exact import Floats, logistic

# Of the squared distance of the weights from where they start; the loss itself is about 0.4. At .0005 long reports and
# short questions ask for thresholds of 2.5 and 2.1 in log-odds, so for 1.9 and 1.9, at no loss of average precision.
_RIDGE = 0.002


@dataclass(frozen=True, slots=True)
class Pairs:
    """Evidence [n, kinds] on the pairs of one source.

    Attributes:
        repeats: duplicates.
        near: others whose tickets are among the nearest to each other.
        random: others drawn by chance.
    """

    repeats: Floats
    near: Floats
    random: Floats


class Shares(NamedTuple):
    """Of the duplicates those under a threshold, of the near and of the random pairs those that reach it."""

    missed: float
    false_near: float
    false_random: float


def fit_weights(sources: Sequence[Pairs], start: Floats) -> Floats:
    """Weights [kinds] of a logistic regression, none of them negative.

    All sources count alike, in each duplicates as much as others, and of those near ones as much as random ones.

    Args:
        start: [kinds] where the search begins; a weight stays there where no source says anything of its kind.
    """
    shares = ((1.0, 0.5), (0.0, 0.25), (0.0, 0.25))
    parts = [
        (rows, label, share / len(rows) / len(sources))
        for source in sources
        for rows, (label, share) in zip((source.repeats, source.near, source.random), shares, strict=True)
    ]
    rows = np.concatenate([part for part, _, _ in parts])
    label = np.concatenate([np.full(len(part), label) for part, label, _ in parts])
    share = np.concatenate([np.full(len(part), share) for part, _, share in parts])
    told = np.flatnonzero(np.abs(rows).max(axis=0) > 0)

    def loss(weights: Floats) -> tuple[float, Floats]:
        logits, away = rows[:, told] @ weights, weights - start[told]
        value = share @ (np.logaddexp(0.0, logits) - label * logits) + 0.5 * _RIDGE * away @ away
        return float(value), rows[:, told].T @ (share * (logistic(logits) - label)) + _RIDGE * away

    found = minimize(loss, start[told], jac=True, bounds=[(0.0, None)] * len(told), method="L-BFGS-B")
    fitted = start.copy()
    fitted[told] = found.x
    return fitted


def threshold(sources: Sequence[Pairs], weights: Floats, false_share: float) -> float:
    """The lowest score from which on at most `false_share` of the pairs that are no duplicates are called ones; near
    and random ones, and all sources, count alike."""
    found = [logistic(rows @ weights) for source in sources for rows in (source.near, source.random)]
    share = np.concatenate([np.full(len(part), 1.0 / len(part) / len(found)) for part in found])
    joined = np.concatenate(found)
    order = np.argsort(-joined, kind="stable")
    too_many = np.cumsum(share[order]) > false_share
    return float(np.nextafter(joined[order][np.argmax(too_many)], 2.0)) if too_many.any() else 0.0


def shares_at(source: Pairs, weights: Floats, at: float) -> Shares:
    """What a threshold does to one source's pairs."""
    repeats, near, random = (
        logistic(rows @ weights) >= at for rows in (source.repeats, source.near, source.random)
    )
    return Shares(1.0 - float(repeats.mean()), float(near.mean()), float(random.mean()))
