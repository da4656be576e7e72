"""Season: how many tickets an hour of the week brings, from what few weeks hold. Under baseline.

Each part of the profile is shrunk to the next plainer one by as much as chance alone explains of what sets it apart
(empirical Bayes, Efron & Morris 1973): hour of day to its neighbours and those to the mean, day of week to the mean,
hour of week to the product of the two, and last the level of the latest week to that of all.
"""

import numpy as np

from models.exact import Floats
from models.surge.window import Marks

DAY, WEEK = 24, 168
# Of an hour's neighbours, two to each side.
_KERNEL = np.array([1.0, 2.0, 3.0, 2.0, 1.0]) / 9.0
_TINY = 1e-9
# An hour that is rarer than a twentieth of the mean is judged as if it were that.
_LEAST_RATIO = 0.05
# A week speaks of the level once it has two days.
_LEAST_HOURS = 48.0

# Farrington et al. (1996) down-weight residuals above 1, Noufaily et al. (2013, section 3.3) above 2.58, since 1 takes
# counts that are no outbreak for one.
OUTBREAK = 2.58


def anscombe(observed: Floats, mean: Floats, dispersion: Floats) -> Floats:
    """Standardised Anscombe residuals, of any shape: 3/2 (y^(2/3) - m^(2/3)) / (m^(1/6) dispersion^(1/2)) (Farrington
    et al. 1996, section 3.6), where the variance is dispersion * mean."""
    safe = np.maximum(mean, _TINY)
    root = np.cbrt(safe)
    cube = np.cbrt(observed)
    found: Floats = 1.5 * (cube * cube - root * root) / (np.sqrt(root) * np.sqrt(dispersion))
    return found


def outbreak_weights(residuals: Floats, known: Marks) -> Floats:
    """Weights [C, N] of past counts: gamma where the residual is up to OUTBREAK, gamma / residual² above, 0 where the
    count is not known; gamma makes their sum the number of known ones (Farrington et al. 1996, section 3.6)."""
    weights = np.where(residuals > OUTBREAK, 1.0 / np.maximum(residuals, 1.0) ** 2, 1.0) * known
    gamma = known.sum(axis=1) / np.maximum(weights.sum(axis=1), _TINY)
    found: Floats = weights * gamma[:, None]
    return found


def shrunk(ratio: Floats, noise: Floats, prior: Floats, known: Marks) -> tuple[Floats, Floats]:
    """Ratios [C, N] brought nearer to `prior` by as much as `noise` explains of their distance.

    Args:
        noise: [C, N] relative variance of each by chance.

    Returns:
        The ratios, and the relative variance [C, N] that remains.
    """
    base = np.maximum(prior, _LEAST_RATIO)
    chance = noise * base * base
    apart = np.where(known, (ratio - prior) ** 2 - chance, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    true = np.maximum(apart, 0.0)[:, None]
    kept = np.where(known, true / np.maximum(true + chance, 1e-12), 0.0)
    found = np.maximum(prior + kept * (np.where(known, ratio, prior) - prior), 0.02)
    left = np.where(known, kept * chance, true) / np.maximum(found, _LEAST_RATIO) ** 2
    return found, left


def _smooth(values: Floats) -> Floats:
    found: Floats = sum(
        (weight * np.roll(values, by, axis=-1) for weight, by in zip(_KERNEL, range(-2, 3), strict=True)),
        start=np.zeros_like(values),
    )
    return found


def profile(counts: Floats, weights: Floats, hourly: Floats, daily: Floats) -> tuple[Floats, Floats]:
    """Expected tickets [C, 168] of each hour of the week, and the relative variance [C, 168] of that estimate.

    Args:
        counts: [C, W, 168] of W weeks.
        weights: of the same shape, 0 where nothing is known.
        hourly, daily: [C] relative variance of an hour's and of a day's count beyond Poisson.
    """
    clusters = len(counts)
    days = (clusters, 7, DAY)
    known, summed = weights.sum(axis=1), (weights * counts).sum(axis=1)
    hours, tickets = known.sum(axis=1), summed.sum(axis=1)
    rate = ((tickets + 0.5) / np.maximum(hours, DAY))[:, None]
    by_hour, hours_of = summed.reshape(days).sum(axis=1), known.reshape(days).sum(axis=1)

    wide, wide_of = _smooth(by_hour), _smooth(hours_of)
    noise = (1.0 / np.maximum(rate * wide_of, _TINY) + hourly[:, None] / np.maximum(wide_of, _TINY)) * float(
        (_KERNEL**2).sum()
    )
    ones = np.ones_like(wide)
    near, _ = shrunk(wide / np.maximum(rate * wide_of, _TINY), noise, ones, wide_of > 0)
    flat = rate * hours_of
    noise = 1.0 / np.maximum(flat * near, _TINY) + hourly[:, None] / np.maximum(hours_of, _TINY)
    of_day, day_left = shrunk(by_hour / np.maximum(flat, _TINY), noise, near, hours_of > 0)

    by_day, days_of = summed.reshape(days).sum(axis=2), known.reshape(days).sum(axis=2) / DAY
    flat = ((rate * of_day)[:, None, :] * known.reshape(days)).sum(axis=2)
    noise = 1.0 / np.maximum(flat, _TINY) + daily[:, None] / np.maximum(days_of, _TINY)
    of_week, week_left = shrunk(by_day / np.maximum(flat, _TINY), noise, np.ones_like(flat), days_of > 0.5)

    product = ((rate * of_day)[:, None, :] * of_week[:, :, None]).reshape(clusters, WEEK)
    flat = product * known
    noise = 1.0 / np.maximum(flat, _TINY) + hourly[:, None] / np.maximum(known, _TINY)
    own, own_left = shrunk(summed / np.maximum(flat, _TINY), noise, np.ones_like(flat), known > 0.5)

    expected = product * own
    total = (expected * known).sum(axis=1)
    expected *= np.where(total > 0.0, (tickets + 0.5) / np.maximum(total, _TINY), 1.0)[:, None]
    doubt = np.tile(day_left, 7) + np.repeat(week_left, DAY, axis=1) + own_left
    doubt += (1.0 / (tickets + 0.5) + daily / np.maximum(hours / DAY, 1.0))[:, None]
    return expected, doubt


def trend(counts: Floats, weights: Floats, expected: Floats, daily: Floats) -> tuple[Floats, Floats]:
    """Level [C] of the latest week beside that of all of them, and its relative variance [C]: what of the weeks'
    distance is no chance, the latest keeps."""
    flat, summed = (expected[:, None, :] * weights).sum(axis=2), (weights * counts).sum(axis=2)
    hours = weights.sum(axis=2)
    noise = 1.0 / np.maximum(flat, _TINY) + daily[:, None] / np.maximum(hours / DAY, _TINY)
    known = (flat > 0.0) & (hours > _LEAST_HOURS)
    levels, left = shrunk(summed / np.maximum(flat, _TINY), noise, np.ones_like(flat), known)
    return levels[:, -1], left[:, -1]
