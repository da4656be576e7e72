"""Scan: counts of windows of many lengths that end now, beside what was to be expected of them. After baseline and
ears, before detect.

A rise shows in the window that begins where it begins, so that all lengths together are a scan over onsets; for counts
of one rate the sum in a window is all that a likelihood ratio, or a CUSUM that was reset there, would know of it.
"""

from dataclasses import dataclass

import numpy as np

from models.exact import Floats
from models.surge import ears
from models.surge.baseline import Baseline
from models.surge.season import WEEK
from models.surge.spread import spread_of
from models.surge.tail import recalibrated, upper_tail
from models.surge.window import DAY_S, HOUR_S, Marks, Seconds, Windows

_DAY_H = 24
# From how many hours on a window's tail is recalibrated by blocks of 4 hours, before by blocks of one.
_LONG_H = 3.0
# A day that was three times what is expected is no level but a surge; under a fifth of it nothing is judged.
_HIGHEST_LEVEL, _LOWEST_LEVEL = 3.0, 0.2
_TINY = 1e-9


@dataclass(frozen=True, slots=True)
class Scan:
    """Of c clusters and N windows that end now, [c, N] each.

    Attributes:
        chance: recalibrated tail probability; 1 where the window is not above what is expected.
    """

    observed: Floats
    expected: Floats
    chance: Floats


@dataclass(frozen=True, slots=True)
class Course:
    """The running sums of c clusters' counts up to now, from the last settled day on.

    Attributes:
        sums: [c, E + 1]; the last settled day's counts stand in the first buckets of their hours.
        per_hour: buckets.
    """

    sums: Floats
    per_hour: int

    @property
    def end(self) -> int:
        """Buckets from the begin of the last settled day to now."""
        return int(self.sums.shape[1]) - 1


def course(windows: Windows, rows: slice, at_s: int) -> Course:
    """The course of some rows up to `at_s`, a time of the windows' today."""
    bucket_s = windows.policy.bucket_s
    per_hour, per_day = HOUR_S // bucket_s, DAY_S // bucket_s
    end = (at_s - windows.settled_until_s) // bucket_s
    buckets = windows.buckets[rows, :end]
    sums = np.zeros((len(buckets), per_day + end + 1))
    sums[:, 1 : per_day + 1 : per_hour] = windows.settled[rows, -_DAY_H:]
    sums[:, per_day + 1 :] = buckets
    return Course(np.cumsum(sums, axis=1), per_hour)


def expected_sums(expected: Floats, per_hour: int, end: int) -> Floats:
    """[c, end + 1] running sums of what is expected of the same buckets, by the profile [c, 168] of the hours after the
    settled days."""
    hourly = expected[:, np.arange(-_DAY_H, 2 * _DAY_H) % WEEK]
    sums = np.zeros((len(expected), end + 1))
    np.cumsum(np.repeat(hourly, per_hour, axis=1)[:, :end] / per_hour, axis=1, out=sums[:, 1:])
    return sums


def scan_grown(now: Course, baseline: Baseline, rows: slice, lengths: Seconds, level_variance: float) -> Scan:
    """Scan clusters that have a season.

    The day before each window says how the level is now (`_level`).

    Args:
        lengths: [N] whole numbers of buckets.
    """
    begin = now.end - lengths
    before = begin - _DAY_H * now.per_hour
    expected = expected_sums(baseline.expected[rows], now.per_hour, now.end)
    observed = now.sums[:, [now.end]] - now.sums[:, begin]
    mean = np.maximum(expected[:, [now.end]] - expected[:, begin], 1e-4)
    spread = baseline.spread[rows]
    mean *= _level(
        now.sums[:, begin] - now.sums[:, before],
        expected[:, begin] - expected[:, before],
        spread,
        level_variance,
    )
    hours = lengths / now.per_hour
    hour = (now.end - 1) // now.per_hour - _DAY_H
    over = spread_of(spread, hours) + baseline.doubt[rows, hour % WEEK][:, None]
    peaks = baseline.peaks[rows][:, np.where(hours < _LONG_H, 0, 1)]
    chance = _chance(observed, mean, over)
    return Scan(
        observed, mean, np.where(chance < 1.0, recalibrated(chance, peaks[:, :, 0], peaks[:, :, 1]), 1.0)
    )


def _level(observed: Floats, expected: Floats, spread: Floats, level_variance: float) -> Floats:
    """[c, N] how much more than expected the day before a window brought, shrunk to 1 as `season.shrunk` does: what
    one day has in common with the next is taken to vary by as much as days do beyond what hours explain, by
    `level_variance` at most."""
    safe = np.maximum(expected, 1e-3)
    daily = spread[:, 2]
    true = np.clip(daily - spread[:, 0] / _DAY_H, 0.0, level_variance)[:, None]
    kept = true / (true + 1.0 / safe + daily[:, None])
    found: Floats = np.maximum(
        1.0 + kept * (np.minimum(observed / safe, _HIGHEST_LEVEL) - 1.0), _LOWEST_LEVEL
    )
    return found


def scan_young(now: Course, windows: Windows, rows: slice, first_hours: Seconds, lengths: Seconds) -> Scan:
    """Scan clusters that are too young for a season, by EARS; windows longer than its, or with too little before them,
    are not judged."""
    hourly = windows.hourly[rows]
    first_now = windows.settled.shape[1] - _DAY_H
    observed = now.sums[:, [now.end]] - now.sums[:, now.end - lengths]
    expected, spread = np.zeros_like(observed), np.ones_like(observed)
    judged = np.zeros(observed.shape, dtype=np.bool_)
    for number, length in enumerate(lengths.tolist()):
        hours = max(length / now.per_hour, 1.0)
        if hours not in ears.LENGTHS_H:
            continue
        end = first_now + (now.end - length) // now.per_hour
        rate, spread[:, number], judged[:, number] = ears.judged_by(hourly[:, :end], first_hours, int(hours))
        expected[:, number] = rate * length / now.per_hour
    chance = np.where(judged, _chance(observed, np.maximum(expected, _TINY), spread), 1.0)
    return Scan(observed, expected, chance)


def _chance(observed: Floats, mean: Floats, spread: Floats) -> Floats:
    """Upper tail where a count is above its mean, 1 elsewhere: nobody asks there, and it is half of the work."""
    above: Marks = observed > mean
    chance = np.ones_like(mean)
    chance[above] = upper_tail(observed[above], mean[above], spread[above])
    return chance
