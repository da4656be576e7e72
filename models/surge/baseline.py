"""Baseline: what the settled days say of every cluster's days to come. After window; season, spread and tail are its
parts.

Past outbreaks are down-weighted in the mean, and in the mean only.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from models.exact import Floats
from models.surge.season import WEEK, anscombe, outbreak_weights, profile, trend
from models.surge.spread import block_moments, joined, spreads
from models.surge.tail import peaks
from models.surge.window import Counts, Marks, Seconds

# So many clusters at a time: what is computed of them stays in the processor's cache, and is little memory.
CHUNK = 256
# The mean is fitted, and with its residuals' weights fitted again, so often.
_FITS = 3
# A larger spread is taken as this when outbreaks are told: a cluster of many bursts has a large spread by them.
_TELLING_SPREAD = 0.5
PEAK_BLOCKS_H = (1, 4)


@dataclass(frozen=True, slots=True)
class Baseline:
    """What was learnt of C clusters.

    Attributes:
        expected: [C, 168] tickets an hour, of the hours after the settled days; again every week.
        doubt: [C, 168] relative variance of that estimate.
        spread: [C, 3] relative variance of blocks of an hour, 4 hours and a day beyond Poisson's.
        peaks: [C, 2, 2] share and slope of the tail, of blocks of an hour and of 4 hours.
        age_h: [C] hours of settled history.
    """

    expected: Floats
    doubt: Floats
    spread: Floats
    peaks: Floats
    age_h: Floats


def chunks(count: int) -> Iterator[slice]:
    """Rows, some at a time."""
    for start in range(0, count, CHUNK):
        yield slice(start, min(start + CHUNK, count))


def learn(settled: Counts, first_hours: Seconds) -> Baseline:
    """Learn from the settled hours [C, H], of which those from `first_hours` [C] on are known. H is whole days."""
    clusters = len(settled)
    found = [block_moments(*_weeks(settled[rows], first_hours[rows])) for rows in chunks(clusters)]
    age_h = np.maximum(settled.shape[1] - first_hours, 0).astype(np.float64)
    spread = (
        spreads(tuple(joined([part[i] for part in found]) for i in range(3)), age_h)
        if clusters
        else np.zeros((0, 3))
    )
    baseline = Baseline(
        np.zeros((clusters, WEEK)), np.zeros((clusters, WEEK)), spread, np.ones((clusters, 2, 2)), age_h
    )
    for rows in chunks(clusters):
        counts, known = _weeks(settled[rows], first_hours[rows])
        _fit(counts, known, spread[rows], baseline, rows)
    return baseline


def _weeks(settled: Counts, first_hours: Seconds) -> tuple[Floats, Marks]:
    """Counts and what is known of them, [C, H] with H brought up to whole weeks."""
    missing = -settled.shape[1] % WEEK
    counts = np.pad(settled, ((0, 0), (missing, 0))).astype(np.float64)
    known = np.arange(counts.shape[1]) >= (first_hours + missing)[:, None]
    return counts, known


def _fit(counts: Floats, known: Marks, spread: Floats, baseline: Baseline, rows: slice) -> None:
    shape = (len(counts), -1, WEEK)
    hourly, daily = np.minimum(spread[:, 0], 5.0), np.minimum(spread[:, 2], 5.0)
    weekly, weights = counts.reshape(shape), known.astype(np.float64)
    telling = np.minimum(spread[:, 0], _TELLING_SPREAD)[:, None]
    for fit in range(_FITS):
        expected, doubt = profile(weekly, weights.reshape(shape), hourly, daily)
        mean = np.tile(expected, weekly.shape[1])
        if fit + 1 < _FITS:
            weights = outbreak_weights(anscombe(counts, mean, 1.0 + telling * mean), known)
    for number, hours in enumerate(PEAK_BLOCKS_H):
        blocks = (len(counts), -1, hours)
        baseline.peaks[rows, number] = peaks(
            counts.reshape(blocks).sum(axis=2),
            mean.reshape(blocks).sum(axis=2),
            spread[:, number],
            np.all(known.reshape(blocks), axis=2),
        )
    level, left = trend(weekly, weights.reshape(shape), expected, daily)
    baseline.expected[rows] = expected * level[:, None]
    baseline.doubt[rows] = doubt + left[:, None]
