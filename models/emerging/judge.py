"""Judge: how surely a handful of tickets is one problem that the history does not hold. After space, before pool.

Nine measures of a handful in a logistic regression, held against what the other newcomers of the same stream score: how
odd a company's ordinary tickets look is its own. `app.train.emerging` learns the weights, on problems that were planted
in the train parts of Banking77 and CLINC150 and in CLINC150's validation part, and says how good they are where they
were not learnt. Gradient-boosted trees told planted problems a little sooner, in a model of a thousand numbers.
"""

from dataclasses import dataclass

import numpy as np

from models.emerging.space import Space, together
from models.exact import Floats
from models.vote import Rows

MEASURES = ("bond", "pairs", "weakest", "nearer", "confidence", "alike", "size", "hours", "usual")

# Measures beyond these are taken as them: how much more of one there is than was ever seen says nothing.
MOST_DEVIATIONS = 3.0

# Hours that all tickets of a handful may come in: three minutes.
_SOON_H = 0.05


@dataclass(frozen=True, slots=True)
class Weights:
    """Of the measures, in the order of MEASURES, each less its mean and by its deviation."""

    means: tuple[float, ...]
    deviations: tuple[float, ...]
    bias: float
    slopes: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Judge:
    """Weights, and from which log-odds on they call a handful a new problem.

    Attributes:
        level: log-odds that the newcomers of a stream come near, where none is known yet.
        margin: by which a handful must exceed what the others come near.
    """

    weights: Weights
    level: float
    margin: float

    def least(self, others: Floats) -> float:
        """Log-odds from which on a handful is a new problem, by the best [n] of each other newcomer."""
        if not len(others):
            return self.level + self.margin
        weight = min(1.0, len(others) / _ENOUGH)
        return weight * near(others) + (1.0 - weight) * self.level + self.margin


def near(others: Floats) -> float:
    """The log-odds that newcomers with these [n], one or more, come near."""
    rank = max(1, min(_MOST_RANK, round(_SHARE * len(others))))
    return float(np.partition(others, len(others) - rank)[len(others) - rank])


# What the others come near: what three in a hundred exceed, and at most so many a day, since those of a larger stream
# are to call nobody more often.
_SHARE = 0.03
_MOST_RANK = 20
# Newcomers of whom it can be told; of fewer the level is shrunk to the committed one, which is high.
_ENOUGH = 200


COMMITTED = Judge(
    Weights(
        means=(0.7291, 0.6819, 0.2822, -2.0682, 0.7314, 0.8945, 5.4408, 2.923, 2.5488),
        deviations=(0.2678, 0.2998, 0.4011, 1.0071, 0.151, 0.1787, 1.1168, 0.3203, 0.7966),
        bias=-8.4798,
        slopes=(0.5107, 0.3498, -0.5381, 0.5005, -1.069, 0.8288, 1.1057, -1.6102, -0.6722),
    ),
    level=0.33,
    margin=2.18,
)


@dataclass(frozen=True, slots=True)
class Yardstick:
    """What the tickets that a generation held back scored.

    Attributes:
        confident: confidence that three tenths of them were under: who is not is no newcomer.
        reach: deviation of the cosine of the nearest past ticket.
    """

    confident: float
    reach: float


def yardstick_of(reference: tuple[tuple[str, tuple[float, ...]], ...]) -> Yardstick | None:
    """The yardstick of a generation's reference (deciles); None where it has none."""
    named = dict(reference)
    if not {"confidence", "nearest"} <= named.keys():
        return None
    confidence, nearest = named["confidence"], named["nearest"]
    step = (len(nearest) - 1) // 10
    # The first and the last decile of a normal distribution are 2.563 deviations apart.
    reach = max((nearest[9 * step] - nearest[step]) / 2.563, 1e-3)
    return Yardstick(confidence[3 * step], reach)


@dataclass(frozen=True, slots=True)
class Handful:
    """k tickets.

    Attributes:
        points: [k, D].
        hybrids: [k, width] hybrid vectors.
        history: [k] mean cosine of each and its nearest past tickets.
        confidence: [k] of the decisions; 0 where nothing was chosen.
        hours: from the first of them to the last.
        joins: of the generation's exemplars, those that would join them.
    """

    points: Floats
    hybrids: Floats
    history: Floats
    confidence: Floats
    hours: float
    joins: int


def measures(handful: Handful, space: Space, yardstick: Yardstick) -> Floats | None:
    """The nine [9]: by ticket the log-odds of one problem against k problems; the mean and the least of the pairs'
    log-odds, these three in what tickets of a known problem have; how much nearer the tickets are to each other than to
    the history, in deviations; mean confidence; mean cosine of two, in that of two tickets of a known problem; k; log
    of the hours, and of the exemplars that would join. None where the pairs speak against one problem."""
    points, count = handful.points, len(handful.points)
    one, two = np.triu_indices(count, 1)
    alone = together(space, points, 1.0)
    pairs = together(space, points[one] + points[two], 2.0) - alone[one] - alone[two]
    if pairs.mean() <= 0.0:
        return None
    joint = float(together(space, points.sum(axis=0), float(count)))
    cosine = float((handful.hybrids @ handful.hybrids.T)[one, two].mean())
    return np.array(
        [
            (joint - alone.sum()) / count / space.bond,
            pairs.mean() / space.pair,
            pairs.min() / space.pair,
            (cosine - handful.history.mean()) / yardstick.reach,
            handful.confidence.mean(),
            cosine / space.cosine,
            float(count),
            np.log(handful.hours + _SOON_H),
            np.log(handful.joins + 0.5),  # Jeffreys' half
        ]
    )


def log_odds(found: Floats, weights: Weights) -> Floats:
    """Log-odds [n] that groups with these measures [n, 9] are new problems; only their order has a meaning."""
    scaled = np.clip(
        (found - np.array(weights.means)) / np.array(weights.deviations), -MOST_DEVIATIONS, MOST_DEVIATIONS
    )
    odds: Floats = weights.bias + scaled @ np.array(weights.slopes)
    return odds


def closest(points: Floats, start: int, among: Rows, count: int, space: Space) -> list[int]:
    """Rows of up to `count` tickets around the ticket `start`, itself the first: each next one is the one that most
    speaks for one problem, as long as one does.

    Args:
        points: [n, D] of all tickets.
        among: rows [m] that may be taken, without `start`.
    """
    rows = among
    alone = together(space, points[rows], 1.0)
    chosen, total = [start], points[start].copy()
    free = np.ones(len(rows), dtype=np.bool_)
    while len(chosen) < count and free.any():
        gain = together(space, points[rows] + total, len(chosen) + 1.0) - alone
        gain[~free] = -np.inf
        best = int(gain.argmax())
        if gain[best] <= float(together(space, total, float(len(chosen)))):
            break
        free[best] = False
        chosen.append(int(rows[best]))
        total += points[rows[best]]
    return chosen
