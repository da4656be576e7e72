"""Simple detectors of surges, to be measured beside ours on the same series, and the curve that each can be set to.

Each gives a whole hour a score from the hours before it; an alert is an hour from a threshold on, told at its end. All
are given the four weeks of history that Sluice keeps, or less where less did better:

    ratio          the hour over the mean of the 24 hours before it: `+300 %` is 4
    hour of day    its distance from the mean of the same hour on the seven days before, in their standard deviations
    Gaussian       the same against all hours of the four weeks before
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.evaluate.surge_scores import Matching, score_all, share
from app.files.series import Series, Span

Floats = NDArray[np.float64]
Alerts = dict[str, list[Span]]

HOUR_S = 3600
FALSE_A_DAY = (0.02, 0.05, 0.10)
RECALLS = (0.5, 0.7)
_DAY_H = 24
_DAYS_OF_HOUR = 7
_MEMORY_H = 4 * 7 * _DAY_H
_LEAST_H = 2 * _DAY_H
# One count: where a past holds less spread than that, one more ticket is no news.
_LEAST_DEVIATION = 1.0
_POINTS = 400
_REACHED = 0.3


@dataclass(frozen=True, slots=True)
class Point:
    """What a detector reaches at one setting: false alarms a series-day, and share of windows detected."""

    setting: float
    false_a_day: float
    recall: float


@dataclass(frozen=True, slots=True)
class Hours:
    """The counts of a series by whole hours; `start_s` begins the first."""

    start_s: int
    count: Floats


def hourly(series: Series) -> Hours:
    """A series as a peer sees it; hours without a row hold 0."""
    number = series.at_s // HOUR_S
    counts = np.bincount(number - number[0], weights=series.count).astype(np.float64)
    return Hours(int(number[0]) * HOUR_S, counts)


def ratio(count: Floats) -> Floats:
    """[H] each hour over the mean of the day before it; -inf on the first day, and where neither holds anything."""
    sums = np.concatenate([[0.0], np.cumsum(count)])
    scores = np.full(len(count), -np.inf)
    if len(count) > _DAY_H:
        mean = (sums[_DAY_H:-1] - sums[: -_DAY_H - 1]) / _DAY_H
        # From no count at all to one is more than any ratio.
        scores[_DAY_H:] = np.where(count[_DAY_H:] > 0, count[_DAY_H:] / np.maximum(mean, 1e-9), -np.inf)
    return scores


def hour_of_day(count: Floats) -> Floats:
    """[H] standard deviations from the mean of the same hour on up to seven days before; -inf on the first two."""
    return _deviations(count, lambda hour: count[hour - _DAY_H :: -_DAY_H][:_DAYS_OF_HOUR])


def gaussian(count: Floats) -> Floats:
    """[H] standard deviations from the mean of up to four weeks before; -inf on the first two days."""
    return _deviations(count, lambda hour: count[max(0, hour - _MEMORY_H) : hour])


def _deviations(count: Floats, past_of: Callable[[int], Floats]) -> Floats:
    scores = np.full(len(count), -np.inf)
    for hour in range(_LEAST_H, len(count)):
        past = past_of(hour)
        scores[hour] = (count[hour] - past.mean()) / max(float(past.std(ddof=1)), _LEAST_DEVIATION)
    return scores


PEERS: Mapping[str, Callable[[Floats], Floats]] = {
    "ratio": ratio,
    "hour_of_day": hour_of_day,
    "gaussian": gaussian,
}


def peer_curve(
    score: Callable[[Floats], Floats],
    series: Sequence[Series],
    windows: Mapping[str, Sequence[Span]],
    spans: Mapping[str, Span],
    matching: Matching,
) -> list[Point]:
    """What a peer reaches, over its thresholds."""
    scored = {one.name: (hours := hourly(one), score(hours.count)) for one in series}
    return curve(
        settings_of(np.concatenate([scores for _, scores in scored.values()])),
        lambda threshold: {
            name: [
                (hours.start_s + int(row + 1) * HOUR_S, hours.start_s + int(row + 2) * HOUR_S)
                for row in np.flatnonzero(scores >= threshold)
            ]
            for name, (hours, scores) in scored.items()
        },
        windows,
        spans,
        matching,
    )


def settings_of(scores: Floats) -> list[float]:
    """Thresholds to try, from the highest score down to one that 30 % reach: the closer, the fewer lie above."""
    there = np.sort(scores[np.isfinite(scores)])[::-1]
    if not len(there):
        return []
    ranks = np.geomspace(1, max(1.0, _REACHED * len(there)), _POINTS).astype(np.int64)
    return sorted({float(one) for one in there[ranks - 1]}, reverse=True)


def curve(
    settings: Sequence[float],
    alerts_at: Callable[[float], Alerts],
    windows: Mapping[str, Sequence[Span]],
    spans: Mapping[str, Span],
    matching: Matching,
) -> list[Point]:
    """What a detector reaches at each of its settings."""
    points = []
    for setting in settings:
        scored = score_all(alerts_at(setting), windows, spans, matching)
        found = [one.episode is not None for series in scored for one in series.found]
        days = sum(one.span_s for one in scored) / 86_400
        false = sum(one.false_alarms for one in scored)
        points.append(Point(setting, false / days, sum(found) / len(found)))
    return points


def operating(points: Sequence[Point]) -> dict[str, Any]:
    """The figures of a curve: the best recall at so many false alarms a series-day or fewer, and the fewest false
    alarms at such a recall or a better one; None where the detector does not get there."""
    recall = {
        f"{most:.2f}": max((one.recall for one in points if one.false_a_day <= most), default=0.0)
        for most in FALSE_A_DAY
    }
    false = {
        f"{least:g}": min((one.false_a_day for one in points if one.recall >= least), default=None)
        for least in RECALLS
    }
    return {
        "recall_at": {most: share(value, 1) for most, value in recall.items()},
        "false_alarms_at": {
            least: None if value is None else share(value, 1) for least, value in false.items()
        },
    }
