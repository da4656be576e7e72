"""Detect: which clusters have more tickets than their history explains, judged together. After baseline and tail,
before lifecycle."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from models.exact import Floats
from models.surge.tail import upper_tail
from models.surge.window import DAY_S, HOUR_S, Marks, WindowPolicy, Windows

Seconds = NDArray[np.int64]
Rule = Literal["model", "ratio"]


@dataclass(frozen=True, slots=True)
class DetectPolicy:
    """When a count is a surge."""

    false_pages_per_week: float = 2.0
    rule: Rule = "model"
    min_count: int = 3


@dataclass(frozen=True, slots=True)
class Detection:
    """Columns over the C rows of the windows, at one evaluation.

    Attributes:
        at_s: end of the last whole bucket.
        p: smallest corrected tail probability; 1 by the rule `ratio`, which knows none.
        q: its Benjamini-Hochberg value.
        enters: beyond the entry level.
        stays: still beyond the exit level.
        window_s: the most telling window.
        observed, expected: in that window.
        started_s: estimate of the start.
    """

    at_s: int
    p: Floats
    q: Floats
    enters: Marks
    stays: Marks
    window_s: Seconds
    observed: Floats
    expected: Floats
    started_s: Seconds


class Detector:
    """Judges all clusters at once; keeps the baseline between evaluations. Deterministic."""

    def __init__(self, policy: DetectPolicy, window_policy: WindowPolicy) -> None:
        self._policy, self._window_policy = policy, window_policy

    def detect(self, windows: Windows, now_s: int) -> Detection:
        bucket_s = self._window_policy.bucket_s
        at_s = now_s - now_s % bucket_s
        end = (at_s - windows.settled_until_s) // bucket_s
        sums = np.cumsum(np.pad(windows.buckets, ((0, 0), (1, 0))), axis=1, dtype=np.int64)
        history = windows.settled
        seen = np.argmax(history > 0, axis=1)
        hours = np.maximum(history.shape[1] - seen, 24)
        rate = (history.sum(axis=1) + 0.5) / hours
        spread = np.full(len(rate), 0.3)
        lengths = [s for s in (900, 1800, 3600, 7200, 14400, 28800, DAY_S) if s >= bucket_s]
        observed = np.stack([sums[:, end] - sums[:, end - s // bucket_s] for s in lengths]).astype(np.float64)
        expected = np.stack([rate * s / HOUR_S for s in lengths])
        p = upper_tail(observed, expected, spread)
        p[observed < self._policy.min_count] = 1.0
        best = p.argmin(axis=0)
        rows = np.arange(len(rate))
        least = p[best, rows]
        q = adjusted(least)
        level = 2e-4 * self._policy.false_pages_per_week / 2.0
        window_s = np.array(lengths, dtype=np.int64)[best]
        return Detection(
            at_s,
            least,
            q,
            q <= level,
            least <= 1e-3,
            window_s,
            observed[best, rows],
            expected[best, rows],
            at_s - window_s,
        )


def adjusted(p: Floats) -> Floats:
    """Benjamini-Hochberg values [C] of the probabilities `p` [C] (Benjamini & Hochberg 1995)."""
    order = np.argsort(p, kind="stable")
    ranked = p[order] * len(p) / np.arange(1, len(p) + 1)
    q = np.empty_like(p)
    q[order] = np.minimum(np.minimum.accumulate(ranked[::-1])[::-1], 1.0)
    return q
