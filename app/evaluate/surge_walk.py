"""A history of counts, walked through as a worker would have lived it: the same windows, the same detector, bucket by
bucket, and what it remembers of surges that ended. First step of a backtest, before surge_alerts.

A series of counts lives from its first row to its last; where each row is an event, a category that rests is still
there, and every series lives as long as the file. Before its life a series is not known and after it forgotten, so that
series of other times do not count among those that are judged together.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.evaluate.surge_ends import Ends, lifecycle_of
from app.files.series import Floats, History, Longs, Series, Span
from models.errors import Fatal
from models.surge.baseline import learn
from models.surge.detect import Detection, Detector, DetectPolicy
from models.surge.season import WEEK
from models.surge.window import DAY_S, HOUR_S, WindowPolicy, Windows

Flags = NDArray[np.bool_]

FINE_S = 300
_ROWS_TO_TELL = 10
_TELL_EVERY = 100
_DAY_H = 24


@dataclass(frozen=True, slots=True)
class Seen:
    """What the evaluations said, columns over those n at which there was anything to say.

    Attributes:
        number: [n] of the evaluation, ascending.
        p, q, enters, stays, observed, expected, window_s, started_s, over: [n] as of models.surge.detect.Detection.
    """

    number: Longs
    p: Floats
    q: Floats
    enters: Flags
    stays: Flags
    observed: Floats
    expected: Floats
    window_s: Longs
    started_s: Longs
    over: Flags

    def rows(self, which: Longs) -> "Seen":
        return Seen(*(getattr(self, name)[which] for name in self.__slots__))


@dataclass(frozen=True, slots=True)
class Trace:
    """A history as the detector saw it.

    Attributes:
        bucket_s: length of a bucket.
        at_s: [T] end of the last whole bucket at each evaluation, epoch seconds.
        lived: numbers of the first and the last evaluation at which a series was there.
        seen: by series.
        expected: by series and day, the begin of the day in epoch seconds and [24] counts expected of its hours; only
            where that was asked for, and the series had a season by then.
    """

    bucket_s: int
    at_s: Longs
    lived: dict[str, Span]
    seen: dict[str, Seen]
    expected: dict[str, list[tuple[int, Floats]]]


def bucket_of(history: History) -> int:
    """Length of the buckets to judge a history by, in seconds: five minutes as a worker does, where all series are as
    fine as that, and else an hour.

    A series is as fine as the shortest time between two of its rows; those with few rows do not tell.

    Raises:
        Fatal: no series is as fine as an hour.
    """
    if history.are_events:
        return FINE_S
    told = [one for one in history.series if len(one.at_s) >= _ROWS_TO_TELL] or history.series
    gaps = [np.diff(np.unique(one.at_s)) for one in told]
    spacing = [int(gap.min()) for gap in gaps if len(gap)]
    if not spacing or min(spacing) > HOUR_S:
        raise Fatal("rows of a series are more than an hour apart; counts by the hour or finer are needed")
    return FINE_S if max(spacing) <= FINE_S else HOUR_S


def lives(history: History) -> dict[str, Span]:
    """When each series is there: from its first row to its last, or over the whole file where its rows are events."""
    if not history.are_events:
        return {one.name: one.span for one in history.series}
    whole = min(one.span[0] for one in history.series), max(one.span[1] for one in history.series)
    return {one.name: whole for one in history.series}


def walk(
    history: History,
    policy: DetectPolicy,
    window_policy: WindowPolicy,
    tell: Callable[[int, int], None],
    with_expected: bool = False,
    only: str | None = None,
) -> Trace:
    """Evaluate at the end of each bucket in which some series is there, as a worker does.

    Args:
        tell: of (evaluations done, all).
        with_expected: tell also what was expected of each day.
        only: the series that is looked at, as if there were no other; None for all.
    """
    bucket_s = window_policy.bucket_s
    series = [one for one in history.series if only in (None, one.name)]
    life = {one.name: lives(history)[one.name] for one in series}
    numbers = _buckets_lived(life.values(), bucket_s)
    counts, born, gone = (
        _by_bucket(series, bucket_s),
        _edges(life, 0, bucket_s),
        _edges(life, 1, bucket_s),
    )
    windows = Windows(window_policy, int(numbers[0]) * bucket_s)
    detector, ends = Detector(policy, window_policy), Ends(lifecycle_of(bucket_s))
    told = _Told(list(life))
    expected: dict[str, list[tuple[int, Floats]]] = defaultdict(list)
    day = -1
    for place, number in enumerate(numbers.tolist()):
        now_s = (number + 1) * bucket_s
        windows.roll(now_s)
        for name in born.get(number, ()):
            windows.know(name, number * bucket_s)
        for name, count in counts.pop(number, ()):
            windows.add(name, number * bucket_s, count)
        found = detector.detect(windows, now_s, ends.since_s())
        ends.take(windows.clusters, found)
        told.take(place, windows.clusters, found)
        if with_expected and windows.today != day:
            day = windows.today
            for name, hours in _expected(windows).items():
                expected[name].append((day * DAY_S, hours))
        for name in gone.get(number, ()):
            windows.drop(name)
        if place % _TELL_EVERY == 0 or place == len(numbers) - 1:
            tell(place + 1, len(numbers))
    lived = _lived(life, numbers, bucket_s)
    return Trace(bucket_s, (numbers + 1) * bucket_s, lived, told.by_series(), expected)


def _expected(windows: Windows) -> dict[str, Floats]:
    """[24] counts that the baseline expects of the hours of today, of the series that have a season."""
    baseline = learn(windows.settled, windows.first_hours())
    grown = np.flatnonzero(baseline.age_h >= WEEK).tolist()
    # The settled days end with the day before yesterday: today is the second day of what is expected.
    return {windows.clusters[row]: baseline.expected[row, _DAY_H : 2 * _DAY_H] for row in grown}


def _by_bucket(series: Sequence[Series], bucket_s: int) -> dict[int, list[tuple[str, int]]]:
    """(series, count) by the number of the bucket; a mean over several minutes becomes a whole number here."""
    found: dict[int, list[tuple[str, int]]] = defaultdict(list)
    for one in series:
        numbers, place = np.unique(one.at_s // bucket_s, return_inverse=True)
        counts = np.rint(np.bincount(place, weights=one.count)).astype(np.int64)
        for number, count in zip(numbers.tolist(), counts.tolist(), strict=True):
            found[number].append((one.name, count))
    return found


def _edges(lived: Mapping[str, Span], end: int, bucket_s: int) -> Mapping[int, Sequence[str]]:
    """Names of the series by the number of their first bucket, or of their last one where `end` is 1."""
    found: dict[int, list[str]] = defaultdict(list)
    for name, life in lived.items():
        found[life[end] // bucket_s].append(name)
    return found


def _buckets_lived(lived: Iterable[Span], bucket_s: int) -> Longs:
    """Numbers of the buckets in which some series is there, ascending."""
    spans = {(start // bucket_s, end // bucket_s) for start, end in lived}
    return np.unique(np.concatenate([np.arange(start, end + 1) for start, end in spans]))


def _lived(lives: Mapping[str, Span], numbers: Longs, bucket_s: int) -> dict[str, Span]:
    """Places among `numbers` of the first and the last bucket of each series."""
    return {
        name: (
            int(np.searchsorted(numbers, start // bucket_s)),
            int(np.searchsorted(numbers, end // bucket_s)),
        )
        for name, (start, end) in lives.items()
    }


class _Told:
    """Collects what evaluations say, and gives it out by series instead of by time."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names, self._code = names, {name: code for code, name in enumerate(names)}
        self._series: list[Longs] = []
        self._parts: list[Seen] = []

    def take(self, number: int, clusters: Sequence[str], found: Detection) -> None:
        telling = np.flatnonzero((found.q < 1.0) | found.stays | found.enters)
        if len(telling):
            self._series.append(
                np.array([self._code[clusters[row]] for row in telling.tolist()], dtype=np.int64)
            )
            columns = [getattr(found, name)[telling] for name in Seen.__slots__ if name != "number"]
            self._parts.append(Seen(np.full(len(telling), number, dtype=np.int64), *columns))

    def by_series(self) -> dict[str, Seen]:
        if not self._parts:
            return {}
        whole = Seen(
            *(np.concatenate([getattr(one, name) for one in self._parts]) for name in Seen.__slots__)
        )
        series = np.concatenate(self._series)
        order = np.argsort(series, kind="stable")
        ends = np.searchsorted(series[order], np.arange(len(self._names) + 1))
        return {
            name: whole.rows(order[ends[code] : ends[code + 1]])
            for name, code in self._code.items()
            if ends[code] < ends[code + 1]
        }
