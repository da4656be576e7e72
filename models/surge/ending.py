"""Ending: whether what rose is over, although long windows still hold its tickets. After scan, under detect.

A window that ends now and reaches back to where a surge began says that there was one, not that there is one. So two
explanations of the same counts are held against each other, each by the log-likelihood ratio of a raised Poisson rate,
X ln(X / M) - (X - M) where X > M (as `detect.onsets`): that it rose m buckets ago and still does, and that it rose m
ago and fell back l ago, the segment with a begin and an end of Levin & Kline (1985). It fell back where what came since
is nothing to be told of by itself: a surge that goes on at a fifth of its peak is no end, however much the peak tells.
"""

import numpy as np

from models.exact import Floats
from models.surge.window import Marks, Seconds

LEAST = 5.0
"""How much more likely the second must be, as a logarithm: e^5 is 150 times. Lower ends surges in a lull."""

# Every window has a level of its own (`scan`), so what two of them expect may differ by too little, or even by less
# than nothing. A part of a window is taken to expect at least so much of its even share.
_LEAST_SHARE = 0.5
_TINY = 1e-9


def is_over(observed: Floats, expected: Floats, calm: Marks, lengths: Seconds) -> Marks:
    """[c] whether what rose has fallen back; of the same windows as `gain`."""
    found: Marks = gain(observed, expected, calm, lengths) >= LEAST
    return found


def gain(observed: Floats, expected: Floats, calm: Marks, lengths: Seconds) -> Floats:
    """[c] by how much the likelihood of a rise that fell back is above that of one that goes on, as a logarithm.

    Args:
        observed, expected: [c, N] of windows that end now; both 0 in those that are not to be looked at.
        calm: [c, N] whether a window alone would not let a surge stay.
        lengths: [N] of these windows, ascending.
    """
    goes_on = _support(observed, expected).max(axis=1)
    longer = np.maximum(lengths[None, :] - lengths[:, None], 0)  # [l, m] of window m without its last l
    share = _LEAST_SHARE * longer / lengths[None, :]
    inside = observed[:, None, :] - observed[:, :, None]
    mean = np.maximum(expected[:, None, :] - expected[:, :, None], share * expected[:, None, :])
    fell = np.where((longer > 0) & calm[:, :, None], _support(inside, mean), 0.0).max(axis=(1, 2))
    found: Floats = fell - goes_on
    return found


def _support(observed: Floats, mean: Floats) -> Floats:
    """Log-likelihood ratio of a raised rate; 0 where there are no more than expected."""
    safe = np.maximum(mean, _TINY)
    ratio = observed * np.log(np.maximum(observed, _TINY) / safe) - (observed - safe)
    return np.where(observed > safe, ratio, 0.0)
