"""Spread: how much more than Poisson's counts vary, in blocks of an hour, 4 hours and a day. Under baseline.

From all past residuals, outbreaks too: a cluster that has bursts will have them again, and must not alarm for ever
(measured: past outbreaks taken out of the spread as well raise NAB's false alarms at half the recall from .018 to
.052 a series-day). A block is compared with the same hours of other weeks, so that no season has to be known for it;
the blocks of 4 and of 24 hours hold what an hour's do not, that rates drift.
"""

from dataclasses import dataclass, fields

import numpy as np

from models.exact import Floats
from models.surge.season import DAY, WEEK
from models.surge.window import Marks

BLOCKS_H = (1, 4, 24)
# Weeks from which on the same hours of the week are compared, before that those of the day: with three values of each
# hour of the week there are 336 differences.
_WEEKLY_H = 3 * WEEK
# A young cluster's own spread counts beside this one, of typical NAB series, as if it had been seen in ten hours.
_PRIOR_SPREAD, _PRIOR_DEGREES = 0.25, 10.0
# A spread under this is not believed: a deviation of 7 % an hour.
_LEAST = 0.005
_FEWEST = 5
_TINY = 1e-9


@dataclass(frozen=True, slots=True)
class Moments:
    """Sums over the cells of a cluster's blocks (the same hours of each week, or day), all [C].

    Attributes:
        excess: squared residuals less what Poisson explains.
        squares: squared means, without what chance adds to them.
        degrees: blocks less cells.
        blocks, first, second, third, fourth: number, and sums of the powers of the means.
    """

    excess: Floats
    squares: Floats
    degrees: Floats
    blocks: Floats
    first: Floats
    second: Floats
    third: Floats
    fourth: Floats

    @property
    def known(self) -> Marks:
        found: Marks = (self.degrees > 0.0) & (self.squares > 1e-6)
        return found

    def ratio(self) -> Floats:
        """[C] the estimate: relative variance beyond Poisson, which may come out negative."""
        found: Floats = self.excess / np.maximum(self.squares, _TINY)
        return found

    def noise(self, spread: float) -> Floats:
        """[C] variance of the estimate where the truth is `spread`: that of a sum of squares of normal residuals."""
        fourths = self.second + 2.0 * spread * self.third + spread * spread * self.fourth
        lost = np.where(self.degrees > 0.0, self.blocks / np.maximum(self.degrees, 1.0), 0.0)
        found: Floats = (2.0 * fourths * lost + self.first) / np.maximum(self.squares, _TINY) ** 2
        return found


def moments(counts: Floats, known: Marks, hours: int, period: int) -> Moments:
    """Moments of blocks of `hours`.

    Args:
        counts: [C, H] by hour, H whole periods.
        known: [C, H].
        period: hours after which a cell comes again.
    """
    shape = (len(counts), counts.shape[1] // period, period // hours, hours)
    block = (counts * known).reshape(shape).sum(axis=3)
    whole = known.reshape(shape).all(axis=3)
    there = whole.sum(axis=1)
    mean = (block * whole).sum(axis=1) / np.maximum(there, 1)
    used = there > 1
    squared = (whole * (block - mean[:, None]) ** 2).sum(axis=1) * np.where(
        used, there / np.maximum(there - 1, 1), 0.0
    )
    weight = np.where(used, there, 0).astype(np.float64)
    second = weight * mean * mean
    unbiased = np.where(used, second - squared / np.maximum(there, 1), 0.0).sum(axis=1)
    return Moments(
        excess=np.where(used, squared - weight * mean, 0.0).sum(axis=1),
        squares=np.maximum(unbiased, 0.25 * second.sum(axis=1)),
        degrees=np.maximum(weight - 1.0, 0.0).sum(axis=1),
        blocks=weight.sum(axis=1),
        first=(weight * mean).sum(axis=1),
        second=second.sum(axis=1),
        third=(second * mean).sum(axis=1),
        fourth=(second * mean * mean).sum(axis=1),
    )


def pooled(found: Moments) -> Floats:
    """Estimates [C], each shrunk to that of all clusters by as much as its own chance explains (empirical Bayes); their
    own where there are too few clusters to learn from.

    Estimates far above the others, of clusters with outbreaks in their past, count as less far for what is typical.
    """
    ratio, known = found.ratio(), found.known
    if known.sum() < _FEWEST:
        return ratio
    typical, apart = max(float(np.median(ratio[known])), 1e-3), 0.0
    for _ in range(6):
        noise = np.maximum(found.noise(typical), 1e-12)
        weight = known / (noise + apart)
        bounded = np.minimum(ratio, np.maximum(typical + 3.0 * np.sqrt(noise + apart), 4.0 * typical))
        typical = max(float((weight * bounded).sum() / weight.sum()), 1e-4)
        apart = max(float((weight * ((bounded - typical) ** 2 - noise)).sum() / weight.sum()), 0.0)
    noise = np.maximum(found.noise(typical), 1e-12)
    shrunk: Floats = typical + np.where(known, apart / (apart + noise), 0.0) * (ratio - typical)
    return shrunk


def joined(parts: list[Moments]) -> Moments:
    """Moments of all clusters from those of some at a time."""
    names = [field.name for field in fields(Moments)]
    return Moments(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def block_moments(counts: Floats, known: Marks) -> tuple[Moments, ...]:
    """Moments of the three lengths of blocks: by week where a cluster has three, by day before that."""
    young = known.sum(axis=1) < _WEEKLY_H
    found = []
    for hours in BLOCKS_H:
        of_rows = Moments(*np.zeros((len(fields(Moments)), len(counts))))
        for rows, period in ((young, DAY), (~young, WEEK)):
            part = moments(counts[rows], known[rows], hours, period)
            for field in fields(Moments):
                getattr(of_rows, field.name)[rows] = getattr(part, field.name)
        found.append(of_rows)
    return tuple(found)


def spreads(by_block: tuple[Moments, ...], age_h: Floats) -> Floats:
    """[C, 3] spread of blocks of an hour, 4 hours and a day; that of longer blocks no smaller than if hours were
    independent."""
    columns: list[Floats] = []
    for hours, found in zip(BLOCKS_H, by_block, strict=True):
        own = pooled(found)
        prior, weight = _PRIOR_SPREAD / np.sqrt(hours), _PRIOR_DEGREES / np.sqrt(hours)
        mixed = (found.degrees * np.maximum(own, 0.0) + weight * prior) / (found.degrees + weight)
        spread = np.where(age_h < _WEEKLY_H, np.where(found.known, mixed, prior), own)
        floor = columns[-1] * BLOCKS_H[len(columns) - 1] / hours if columns else np.full_like(spread, _LEAST)
        columns.append(np.clip(np.maximum(spread, floor), 0.0, 25.0))
    return np.stack(columns, axis=1)


def spread_of(by_block: Floats, hours: Floats) -> Floats:
    """Spread [C, N] of windows of `hours` [N], between the blocks' [C, 3] by powers; under an hour that of an hour,
    since what makes an hour's count vary holds through it."""
    logs, at = np.log(by_block), np.log(np.array(BLOCKS_H, dtype=np.float64))
    place = np.interp(np.log(hours), at, np.arange(len(at)))
    lower = np.minimum(place.astype(np.int64), len(at) - 2)
    part = place - lower
    found: Floats = np.exp(logs[:, lower] * (1.0 - part) + logs[:, lower + 1] * part)
    return found
