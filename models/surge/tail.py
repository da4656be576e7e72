"""Tail: how likely a count, or a larger one, is; and how far a cluster's own past agrees with that. Under baseline."""

import numpy as np
from scipy.special import betainc, gammainc

from models.exact import Floats
from models.surge.window import Marks

# A tail probability under this is in the part of the tail that past counts recalibrate: one hour in twenty.
_BEYOND = 0.05
# Excesses that the model's own tail is worth beside those that were seen.
_PRIOR_EXCESSES = 10.0
# Blocks that the model's own share of excesses is worth.
_PRIOR_BLOCKS = 50.0
_SMALLEST = 1e-300


def upper_tail(observed: Floats, mean: Floats, spread: Floats) -> Floats:
    """P(X >= observed), of any one shape, for a negative binomial of this mean and of variance mean + spread * mean²;
    for a Poisson where the spread is 0.

    P(X >= x) = I(mean / (mean + k); x, k) with k = 1 / spread, the regularised incomplete beta function, and the
    regularised incomplete gamma function for Poisson (Abramowitz & Stegun 1964, 26.5.24 and 26.4.19), both scipy's.
    `scipy.stats.nbinom.sf` is the same function, but is given k / (mean + k): what is left of it beside 1 has few
    digits where means are small (5e-10 off at a mean of .0016 and k = 2000).
    """
    over = spread > 1e-9
    size = 1.0 / np.where(over, spread, 1.0)
    some = np.maximum(observed, 1.0)
    chance = np.where(over, betainc(some, size, mean / (mean + size)), 0.0)
    poisson = ~over
    if poisson.any():
        chance = np.where(poisson, gammainc(some, mean), chance)
    found: Floats = np.where(observed < 1.0, 1.0, chance)
    return found


def strength(chance: Floats) -> Floats:
    """-ln of a probability, finite."""
    found: Floats = -np.log(np.maximum(chance, _SMALLEST))
    return found


def peaks(observed: Floats, mean: Floats, spread: Floats, known: Marks) -> Floats:
    """[C, 2] of each cluster: the share of its past blocks whose tail probability is under _BEYOND, and the mean by
    which -ln of it is larger than _BEYOND's.

    Peaks over threshold (Pickands 1975; Davison & Smith 1990): under the model the share is _BEYOND and the excess is
    exponential of mean 1. Both are taken with a prior of that, and never as lighter than the model; the mean less its
    standard error, since a heavy tail that is chance alone delays every surge of the cluster.

    Args:
        observed, mean: [C, B] of past blocks.
        spread: [C].
        known: [C, B] whether the block counts.
    """
    variance = mean * (1.0 + spread[:, None] * mean)
    # Nearer to its mean a block has a tail probability above _BEYOND, for spreads up to ten: 2 of 3 need no tail.
    high = known & (observed > mean + 1.2 * np.sqrt(variance)) & (observed >= 1.0)
    rows, columns = np.nonzero(high)
    chance = upper_tail(observed[rows, columns], mean[rows, columns], spread[rows])
    beyond = chance < _BEYOND
    excess = strength(chance[beyond]) - float(-np.log(_BEYOND))
    count = np.bincount(rows[beyond], minlength=len(observed)).astype(np.float64)
    total = np.bincount(rows[beyond], weights=excess, minlength=len(observed))
    share = (count + _PRIOR_BLOCKS * _BEYOND) / (known.sum(axis=1) + _PRIOR_BLOCKS)
    seen = count + _PRIOR_EXCESSES
    slope = (total + _PRIOR_EXCESSES) / seen * (1.0 - 1.0 / np.sqrt(seen))
    return np.stack([np.maximum(share, _BEYOND), np.maximum(slope, 1.0)], axis=1)


def recalibrated(chance: Floats, share: Floats, slope: Floats) -> Floats:
    """Tail probabilities as the past of each cluster has them: beyond the threshold the share that is there, falling by
    the slope; short of it in proportion."""
    excess = strength(chance) - float(-np.log(_BEYOND))
    beyond = share * np.exp(-np.maximum(excess, 0.0) / slope)
    found: Floats = np.where(excess > 0.0, beyond, np.minimum(chance * share / _BEYOND, 1.0))
    return found
