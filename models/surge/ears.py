"""EARS: what the last days alone say of a cluster that is too young for a season. Beside baseline, before detect.

The Early Aberration Reporting System's C1 and C2 (Hutwagner et al. 2003; Fricker, Hegler & Dunfee 2008) compare a count
with mean and standard deviation of the seven before it, or of the seven that end two before it, so that an outbreak's
own first counts do not hide it: C = (y - mean) / deviation. Their unit is a day; here it is the window that is judged,
of which seven days hold more than seven.
"""

import numpy as np

from models.exact import Floats
from models.surge.window import Counts, Marks, Seconds

# Lag of C2, in units; C1 has none.
LAG = 2
FEWEST = 7
SPAN_H = 168
# A longer window has too few before it in a few days. Hours.
LENGTHS_H = (1, 2, 4)
# What a spread is taken with, where little was seen of it: see spread.
_PRIOR_SPREAD, _PRIOR_DEGREES = 0.25, 10.0
_TINY = 1e-9


def reference(units: Floats, known: Marks, lag: int) -> tuple[Floats, Floats, Floats]:
    """Mean [C], variance [C] (n - 1) and number [C] of the known units before the last `lag` ones: all of C1 (no lag)
    and C2 (two) but the comparison.

    Args:
        units: [C, U] counts before the one that is judged, the latest last.
        known: [C, U].
    """
    end = units.shape[1] - lag
    counts, there = units[:, :end], known[:, :end]
    number = there.sum(axis=1).astype(np.float64)
    mean = (counts * there).sum(axis=1) / np.maximum(number, 1.0)
    squared = (there * (counts - mean[:, None]) ** 2).sum(axis=1)
    return mean, squared / np.maximum(number - 1.0, 1.0), number


def judged_by(hours: Counts, first_hours: Seconds, length_h: int) -> tuple[Floats, Floats, Marks]:
    """Rate an hour [C], spread of a window of `length_h` [C], and whether there is enough to go by [C]: by C2, where it
    has its seven units, else by C1.

    The spread is NB's, from mean and variance, with what seven counts or a few more leave open of both: the mean's own
    chance is in it, and a prior of ten counts.

    Args:
        hours: [C, H] hours before the window that is judged, the latest last.
        first_hours: [C] from which column on they are known; may be negative.
    """
    columns = min(hours.shape[1], SPAN_H + LAG * length_h) // length_h * length_h
    start = hours.shape[1] - columns
    units = hours[:, start:].reshape(len(hours), -1, length_h).sum(axis=2).astype(np.float64)
    known = np.arange(units.shape[1]) * length_h + start >= first_hours[:, None]
    lagged, plain = reference(units, known, LAG), reference(units, known, 0)
    enough = lagged[2] >= FEWEST
    mean, variance, number = (np.where(enough, a, b) for a, b in zip(lagged, plain, strict=True))
    counted = np.maximum(number, 1.0)
    squares = np.maximum(mean * mean - variance / counted, 0.25 * mean * mean)
    own = np.maximum(variance - mean, 0.0) / np.maximum(squares, _TINY)
    prior, weight = _PRIOR_SPREAD / np.sqrt(length_h), _PRIOR_DEGREES
    spread = ((counted - 1.0) * own + weight * prior) / (counted - 1.0 + weight)
    mean = np.maximum(mean, 0.5 / counted)
    spread += (1.0 / mean + spread) / counted
    return mean / length_h, spread, number >= FEWEST
