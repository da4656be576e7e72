"""Detect: which clusters have more tickets than their history explains, all judged together. After scan, before
lifecycle.

buckets -> windows of many lengths -> upper tail against the baseline -> recalibrated -> the least of them -> judged
together with those of all other clusters (Benjamini & Hochberg 1995)

| what is known of a cluster | it is judged by |
| --- | --- |
| nothing, or less than seven hours | nothing: it is quiet (a problem nobody knows is models/emerging's) |
| up to a day | EARS C1 or C2 of windows up to an hour; of 2 and 4 hours once seven of them came before |
| under a week of settled days | EARS C2 of windows up to 4 hours |
| a week to three | its season, as far as chance lets it show; spread from the same hours of other days, with a prior |
| three weeks and more | its season; spread from the same hours of other weeks |
| no ticket in all that time, but watched (`Windows.know`) | a rate of half a ticket in that time: three tickets enter |
| one past outbreak | its mean without it; a wider spread, so that it takes a larger rise |
| a gap | hours without tickets: a lower mean and a wider spread, for as long as the history holds it |

`tests/unit/surge/test_thin_data.py` holds each row.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Literal

import numpy as np

from models.exact import Floats
from models.surge.baseline import Baseline, chunks, learn
from models.surge.ending import is_over
from models.surge.scan import Scan, course, scan_grown, scan_young
from models.surge.season import WEEK
from models.surge.window import DAY_S, Marks, Seconds, WindowPolicy, Windows

Rule = Literal["model", "ratio"]

# Settled hours from which on a cluster has a season.
_GROWN_H = WEEK
# The rule `ratio`: 300 % more than the day before.
RISE = 3.0


@dataclass(frozen=True, slots=True)
class DetectPolicy:
    """When a count is a surge.

    Attributes:
        false_pages_per_week: pages in a week that nothing but chance made, over all clusters, that are put up with.
        rule: `model`, or `ratio`: a day has four times the tickets of the day before, and `min_count`.
        min_count: fewer tickets are no surge, however rare the cluster.
        looks: how many independent looks a week of evaluations every 5 minutes amounts to: the level of an evaluation
            is false_pages_per_week / looks. Were the evaluations independent, a level L would bring about L false
            discoveries at each, whatever the number of clusters, so 2016 L a week; the least of sixteen windows is
            taken, and a tail's parameters are estimates, which makes them more. Simulated weeks of 1,000 clusters
            (tools/simulate_counts.py) had, by the worker's own lifecycle, at L = 1.5e-4 1.4 false pages (seeds 1 to
            5) and 1.6 (seeds 21 to 25), at 2e-4 1.8 and 2.7 (seeds 21 to 23), at .05 145 by a plain detector: two
            lie at 1.8e-4 or so, and 2 / 1.8e-4 = 11,000. Hourly roll-ups have a twelfth of the evaluations and so fewer
            false pages than are asked for.
        exit_chance: a surge stays while its tail probability is no larger. In a simulated week clusters without a surge
            were below it at .4 % of the evaluations, planted steps of 8 an hour and more at all of theirs.
        windows_s: lengths of the windows, each a third or so longer than the one before; those that are no whole number
            of buckets are left out.
        level_variance: most that the level of one day is taken to have in common with the next, as a relative variance
            (17 %). Of NAB's windows .79 were found at .05 false alarms a series-day with 0 and .03, .77 with .05 and
            .1; with a drift of 20 % the simulation had 4.0 false pages a week without it and 1.8 with .05,
            both at a level of 1e-4, 2.4 with .03 at 1.2e-4.
    """

    false_pages_per_week: float = 2.0
    rule: Rule = "model"
    min_count: int = 3
    looks: float = 11_000.0
    exit_chance: float = 1e-3
    windows_s: tuple[int, ...] = tuple(
        60 * minutes
        for minutes in (15, 30, 45, 60, 75, 90, 120, 150, 180, 240, 300, 360, 480, 720, 960, 1_440)
    )
    level_variance: float = 0.03

    def __post_init__(self) -> None:
        if self.false_pages_per_week <= 0.0 or self.looks <= 0.0:
            raise ValueError("a detector that never errs never pages")
        if self.min_count < 1 or not 0.0 < self.exit_chance < 1.0 or not self.windows_s:
            raise ValueError("a surge has tickets, a window, and a chance between 0 and 1 at which it ends")

    @property
    def level(self) -> float:
        """Of Benjamini-Hochberg, at one evaluation."""
        return self.false_pages_per_week / self.looks


@dataclass(frozen=True, slots=True)
class Detection:
    """Columns over the C rows of the windows, at one evaluation.

    Attributes:
        at_s: end of the last whole bucket.
        p: smallest corrected tail probability; 1 by the rule `ratio`, which knows none.
        q: its Benjamini-Hochberg value.
        enters: beyond the entry level.
        stays: still beyond the exit level, and not over.
        window_s: the most telling window.
        observed, expected: in that window.
        started_s: estimate of the start.
        over: what rose has fallen back, though windows that are beyond the exit level still hold it.
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
    over: Marks


@dataclass(frozen=True, slots=True)
class _Judged:
    """The columns of some rows, before they are judged together."""

    p: Floats
    buckets: Seconds
    observed: Floats
    expected: Floats
    onset: Seconds
    over: Marks


class Detector:
    """Judges all clusters at once. Deterministic: what it keeps between two evaluations, the baseline, follows from the
    settled days alone, and is learnt again when they change: once a day, and after a change of the clusters.
    """

    def __init__(self, policy: DetectPolicy, window_policy: WindowPolicy) -> None:
        self._policy, self._bucket_s = policy, window_policy.bucket_s
        whole = [length // self._bucket_s for length in policy.windows_s if length % self._bucket_s == 0]
        self._lengths = np.array(whole, dtype=np.int64)
        self._learnt: tuple[Windows, int, Baseline] | None = None

    def detect(self, windows: Windows, now_s: int, since_s: Mapping[str, int] | None = None) -> Detection:
        """Judge what came up to the last whole bucket before `now_s`.

        Args:
            since_s: clusters of which nothing before a time counts, epoch seconds: what was told to be over is not to
                be found again by a window that reaches back to it. The rule `ratio` does not heed it.

        Raises:
            ValueError: the windows are of another policy, or were not rolled to the day of `now_s`.
        """
        if windows.policy.bucket_s != self._bucket_s or now_s // DAY_S != windows.today:
            raise ValueError("windows of another policy, or not rolled to now")
        at_s = now_s - now_s % self._bucket_s
        if self._policy.rule == "ratio":
            return self._by_ratio(windows, at_s)
        first_hours, baseline = windows.first_hours(), self._baseline(windows)
        reach = self._reach(windows, at_s, since_s or {})
        parts = [
            self._judge(windows, rows, at_s, first_hours[rows], baseline, reach[rows])
            for rows in chunks(len(first_hours))
        ]
        names = [field.name for field in fields(_Judged)]
        p, buckets, observed, expected, onset, over = (
            np.concatenate([np.zeros(0), *(getattr(part, name) for part in parts)]) for name in names
        )
        q = adjusted(p)
        return Detection(
            at_s=at_s,
            p=p,
            q=q,
            enters=q <= self._policy.level,
            stays=(p <= self._policy.exit_chance) & (over == 0.0),
            window_s=buckets.astype(np.int64) * self._bucket_s,
            observed=observed,
            expected=expected,
            started_s=at_s - onset.astype(np.int64) * self._bucket_s,
            over=over != 0.0,
        )

    def _baseline(self, windows: Windows) -> Baseline:
        if self._learnt is None or self._learnt[0] is not windows or self._learnt[1] != windows.version:
            self._learnt = windows, windows.version, learn(windows.settled, windows.first_hours())
        return self._learnt[2]

    def _reach(self, windows: Windows, at_s: int, since_s: Mapping[str, int]) -> Seconds:
        """[C] buckets before now that count: a day, or what came since a time."""
        whole = DAY_S // self._bucket_s
        reach = np.full(len(windows.clusters), whole, dtype=np.int64)
        for row, cluster_id in enumerate(windows.clusters) if since_s else ():
            if cluster_id in since_s:
                reach[row] = min(whole, max(0, (at_s - since_s[cluster_id]) // self._bucket_s))
        return reach

    def _judge(
        self,
        windows: Windows,
        rows: slice,
        at_s: int,
        first_hours: Seconds,
        baseline: Baseline,
        reach: Seconds,
    ) -> _Judged:
        now = course(windows, rows, at_s)
        found = scan_grown(now, baseline, rows, self._lengths, self._policy.level_variance)
        young = windows.settled.shape[1] - first_hours < _GROWN_H
        if young.any():
            found = _where(young, scan_young(now, windows, rows, first_hours, self._lengths), found)
        within = self._lengths <= reach[:, None]
        chance = np.where(within & (found.observed >= self._policy.min_count), found.chance, 1.0)
        best = chance.argmin(axis=1)
        number = np.arange(len(best))
        p = chance[number, best]
        onset = self._lengths[best]
        stays = np.flatnonzero(p <= self._policy.exit_chance)
        onset[stays] = onsets(
            now.sums[stays], found.expected[stays, best[stays]] / onset[stays], reach[stays]
        )
        judged = within[stays] & (found.expected[stays] > 0.0)
        over = np.zeros(len(best), dtype=np.bool_)
        over[stays] = is_over(
            np.where(judged, found.observed[stays], 0.0),
            np.where(judged, found.expected[stays], 0.0),
            chance[stays] > self._policy.exit_chance,
            self._lengths,
        )
        return _Judged(
            p, self._lengths[best], found.observed[number, best], found.expected[number, best], onset, over
        )

    def _by_ratio(self, windows: Windows, at_s: int) -> Detection:
        """A day's count against that of the day before."""
        count, day = len(windows.clusters), DAY_S // self._bucket_s
        observed, before = np.zeros(count), np.zeros(count)
        for rows in chunks(count):
            sums = course(windows, rows, at_s).sums
            observed[rows] = sums[:, -1] - sums[:, -1 - day]
            before[rows] = sums[:, -1 - day] - sums[:, -1 - 2 * day]
        high = (observed >= self._policy.min_count) & (observed >= (1.0 + RISE) * before)
        unknown, lengths = np.ones(count), np.full(count, DAY_S, dtype=np.int64)
        return Detection(
            at_s,
            unknown,
            unknown,
            high,
            high,
            lengths,
            observed,
            before,
            at_s - lengths,
            ~np.ones(count, dtype=np.bool_),
        )


def adjusted(p: Floats) -> Floats:
    """Benjamini-Hochberg values [C] of the probabilities `p` [C]: the least level at which each would be among those
    found (Benjamini & Hochberg 1995; as adjusted values, Yekutieli & Benjamini 1999)."""
    order = np.argsort(p, kind="stable")
    ranked = p[order] * len(p) / np.arange(1, len(p) + 1)
    q = np.empty_like(p)
    q[order] = np.minimum(np.minimum.accumulate(ranked[::-1])[::-1], 1.0)
    return q


def _where(first: Marks, one: Scan, other: Scan) -> Scan:
    """The rows of `one` where `first`, else those of `other`."""
    names = [field.name for field in fields(Scan)]
    return Scan(*(np.where(first[:, None], getattr(one, name), getattr(other, name)) for name in names))


def onsets(sums: Floats, rate: Floats, reach: Seconds) -> Seconds:
    """[C] buckets back from now to the likeliest begin of a rise: that of the largest likelihood ratio of a Poisson
    rate that changed once, X ln(X / M) - (X - M) (Hinkley 1970), of all begins in the last `reach` buckets.

    Args:
        sums: [C, E + 1] running sums of counts.
        rate: [C] expected in a bucket.
        reach: [C] buckets, at least 1.
    """
    lengths = np.arange(1, int(reach.max(initial=1)) + 1)
    observed = sums[:, [-1]] - sums[:, sums.shape[1] - 1 - lengths]
    mean = np.maximum(rate[:, None] * lengths, 1e-9)
    gain = np.where(
        (observed > mean) & (lengths <= reach[:, None]),
        observed * np.log(np.maximum(observed, 1e-9) / mean) - (observed - mean),
        0.0,
    )
    found: Seconds = lengths[gain.argmax(axis=1)]
    return found
