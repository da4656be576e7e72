"""Window: counts of tickets by cluster and event time, the state that surges are judged on. First step of models/surge.

Buckets of today, yesterday and (for clocks that are ahead) tomorrow, and hours of `weeks` weeks, of UTC days. An event
stands in the bucket of its own time, however late it came, so that the order of coming changes nothing, and what was
read back from day records is what was counted.

Days before yesterday are *settled*: nothing is counted there any more once they are, and a baseline that was learnt
from them alone holds for a day.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int32]
Marks = NDArray[np.bool_]
Seconds = NDArray[np.int64]

HOUR_S = 3_600
DAY_S = 86_400
_HOURS_A_DAY = 24
# Yesterday, today, tomorrow.
_RECENT_DAYS = 3
_NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class WindowPolicy:
    """How counts are kept.

    Attributes:
        bucket_s: length of a bucket; divides an hour. A backtest on hourly roll-ups says 3600.
        weeks: of history.
        lateness_s: an event that is older is too late to be counted; a day at most, so that older days are settled.
        ahead_s: a clock that is further ahead of now is wrong.
    """

    bucket_s: int = 300
    weeks: int = 4
    lateness_s: int = 86_400
    ahead_s: int = 300

    def __post_init__(self) -> None:
        if self.bucket_s < 1 or HOUR_S % self.bucket_s:
            raise ValueError("a bucket divides an hour")
        if self.weeks < 1:
            raise ValueError("a history has a week at least")
        if not 0 <= self.lateness_s <= DAY_S or not 0 <= self.ahead_s <= DAY_S:
            raise ValueError("an event may be late, or ahead, by a day at most")


class Placement(StrEnum):
    """What becomes of an event of some time."""

    COUNTED = "counted"
    LATE = "late"  # counted too, in an older bucket than the one that is open
    TOO_LATE = "too_late"
    AHEAD = "ahead"


class Windows:
    """Counts by cluster and bucket. One owner, not for several threads.

    Memory: 4 bytes for each of a cluster's weeks * 168 + 48 hours and 3 days of buckets: 6.3 KB by the default policy.

    Attributes:
        clusters: row number -> cluster id, in the order in which they were first seen until one is dropped.
        version: changes with every change of the rows and of a settled day; a baseline learnt from the settled days
            holds while it stays.
    """

    def __init__(self, policy: WindowPolicy, now_s: int) -> None:
        self.policy = policy
        self.clusters: list[str] = []
        self.version = 0
        self.now_s = now_s
        self._rows: dict[str, int] = {}
        self._per_day = DAY_S // policy.bucket_s
        self._per_hour = HOUR_S // policy.bucket_s
        self._settled = policy.weeks * 7 * _HOURS_A_DAY - _HOURS_A_DAY
        # Hour of the epoch from which on a cluster is watched, whatever its counts; where nobody said, never.
        self._since = np.zeros(0, dtype=np.int64)
        self._hours: Counts = np.zeros((0, self._settled + _RECENT_DAYS * _HOURS_A_DAY), dtype=np.int32)
        self._buckets: Counts = np.zeros((0, _RECENT_DAYS * self._per_day), dtype=np.int32)

    @property
    def today(self) -> int:
        """The day, since the epoch, that `roll` last saw."""
        return self.now_s // DAY_S

    @property
    def settled(self) -> Counts:
        """[C, H] counts of the hours of the days before yesterday, a view."""
        return self._hours[: len(self.clusters), : self._settled]

    @property
    def settled_until_s(self) -> int:
        """Where the settled days end and the buckets begin."""
        return (self.today - 1) * DAY_S

    @property
    def buckets(self) -> Counts:
        """[C, B] counts of the buckets of yesterday, today and tomorrow, a view."""
        return self._buckets[: len(self.clusters)]

    @property
    def hourly(self) -> Counts:
        """[C, H + 72] counts of the hours of the settled days and of those three, a view."""
        return self._hours[: len(self.clusters)]

    def placement(self, at_s: int, now_s: int) -> Placement:
        """What becomes of an event of `at_s` that is read at `now_s`."""
        if at_s > now_s + self.policy.ahead_s:
            return Placement.AHEAD
        if at_s < now_s - self.policy.lateness_s:
            return Placement.TOO_LATE
        return Placement.LATE if at_s < now_s - now_s % self.policy.bucket_s else Placement.COUNTED

    def add(self, cluster_id: str, at_s: int, count: int = 1) -> None:
        """Count `count` tickets (fewer where it is negative) of `at_s`; the cluster's row is made on first sight.

        A time on a settled day is counted by its hour alone, as a history that is taken in needs it.

        Raises:
            ValueError: `at_s` lies before the history or after tomorrow.
        """
        hour = self._hour(at_s)
        if not 0 <= hour < self._hours.shape[1]:
            raise ValueError("an event outside the days that are kept")
        row = self._row(cluster_id)
        self._hours[row, hour] += count
        if hour < self._settled:
            self.version += 1
        else:
            self._buckets[row, (at_s - self.settled_until_s) // self.policy.bucket_s] += count

    def know(self, cluster_id: str, since_s: int) -> None:
        """A cluster is watched from `since_s` on, whether it has tickets or not: that it has none is then known too."""
        row, since = self._row(cluster_id), since_s // HOUR_S
        if since < self._since[row]:
            self._since[row] = since
            self.version += 1

    def roll(self, now_s: int) -> None:
        """Time goes on to `now_s`: days beyond the history fall off; a time before the last one changes nothing."""
        days = now_s // DAY_S - self.today
        self.now_s = max(now_s, self.now_s)
        if days <= 0:
            return
        _shift(self._hours, days * _HOURS_A_DAY)
        _shift(self._buckets, days * self._per_day)
        self.version += 1

    def day(self, cluster_id: str, day: int) -> dict[int, int]:
        """Bucket number in the day -> count, of those that are not 0: what is persisted.

        Of a settled day an hour's count stands in the hour's first bucket.
        """
        row = self._rows.get(cluster_id)
        first = self._hour(day * DAY_S)
        if row is None or not 0 <= first < self._hours.shape[1]:
            return {}
        if first < self._settled:
            counts, step = self._hours[row, first : first + _HOURS_A_DAY], self._per_hour
        else:
            begin = (day - self.today + 1) * self._per_day
            counts, step = self._buckets[row, begin : begin + self._per_day], 1
        return {int(number) * step: int(counts[number]) for number in np.flatnonzero(counts)}

    def restore_day(self, cluster_id: str, day: int, buckets: Mapping[int, int]) -> None:
        """Take a day record as the truth of that day; one of a day that is not kept is passed over."""
        first = self._hour(day * DAY_S)
        if not 0 <= first < self._hours.shape[1]:
            return
        row = self._row(cluster_id)
        counts = np.zeros(self._per_day, dtype=np.int32)
        for number, count in buckets.items():
            counts[number] = count
        self._hours[row, first : first + _HOURS_A_DAY] = counts.reshape(_HOURS_A_DAY, -1).sum(axis=1)
        if first < self._settled:
            self.version += 1
        else:
            begin = (day - self.today + 1) * self._per_day
            self._buckets[row, begin : begin + self._per_day] = counts

    def drop(self, cluster_id: str) -> None:
        """Forget a cluster; the last row takes the place of its row."""
        row = self._rows.pop(cluster_id, None)
        if row is None:
            return
        last = len(self.clusters) - 1
        if row != last:
            self._hours[row], self._buckets[row] = self._hours[last], self._buckets[last]
            self._since[row] = self._since[last]
            self.clusters[row] = self.clusters[last]
            self._rows[self.clusters[row]] = row
        self._hours[last], self._buckets[last], self._since[last] = 0, 0, _NEVER
        self.clusters.pop()
        self.version += 1

    def move(self, source: str, into: str, share: float = 1.0) -> None:
        """Add a share of the history of `source` to that of `into`: all of it after a merge, a part's share after a
        split. `source` keeps its own until it is dropped.

        Counts stay whole numbers, and their sums right: what one bucket is rounded by is made up for in the next.
        """
        if source not in self._rows:
            return
        row, to = self._rows[source], self._row(into)
        self._since[to] = min(self._since[to], self._since[row])
        recent = _part(self._buckets[row], share)
        self._buckets[to] += recent
        self._hours[to, self._settled :] += recent.reshape(-1, self._per_hour).sum(axis=1, dtype=np.int32)
        self._hours[to, : self._settled] += _part(self._hours[row, : self._settled], share)
        self.version += 1

    def hours(self, cluster_id: str, last: int) -> list[int]:
        """Counts of the `last` hours up to the one in which `now_s` lies, that one last; 0 where nothing is kept."""
        row = self._rows.get(cluster_id)
        end = self._hour(self.now_s) + 1
        kept = [] if row is None else self._hours[row, max(end - last, 0) : end].tolist()
        return [0] * (last - len(kept)) + kept

    def first_seen_s(self, cluster_id: str) -> int:
        """Begin of the first hour that is kept and has a count, or since when the cluster is known where that is
        earlier; the hour of `now_s` where there is neither."""
        row = self._rows.get(cluster_id)
        hour = self._hour(self.now_s) if row is None else int(self.first_hours()[row])
        return self.settled_until_s + (hour - self._settled) * HOUR_S

    def first_hours(self) -> Seconds:
        """[C] the same as columns of `settled`, of all clusters; beyond it for those that came later."""
        count = len(self.clusters)
        counted = self._hours[:count] != 0
        now = min(self._hour(self.now_s), self._hours.shape[1])
        seen = np.where(counted.any(axis=1), counted.argmax(axis=1), now)
        first_kept = self.settled_until_s // HOUR_S - self._settled
        found: Seconds = np.minimum(seen, np.maximum(self._since[:count] - first_kept, 0))
        return found

    def _hour(self, at_s: int) -> int:
        """Column of the hour of `at_s`, which may lie outside."""
        return self._settled + (at_s - self.settled_until_s) // HOUR_S

    def _row(self, cluster_id: str) -> int:
        row = self._rows.get(cluster_id)
        if row is not None:
            return row
        row = len(self.clusters)
        if row == len(self._hours):
            more = max(64, row // 2)
            self._hours = np.pad(self._hours, ((0, more), (0, 0)))
            self._buckets = np.pad(self._buckets, ((0, more), (0, 0)))
            self._since = np.pad(self._since, (0, more), constant_values=_NEVER)
        self._rows[cluster_id] = row
        self.clusters.append(cluster_id)
        self.version += 1
        return row


def _shift(counts: Counts, columns: int) -> None:
    """Move columns to the left in place; those that come in are 0."""
    kept = max(counts.shape[1] - columns, 0)
    # By rows, since a whole copy of the history would double the memory once a day.
    for row in counts:
        row[:kept] = row[columns:].copy()
        row[kept:] = 0


def _part(counts: Counts, share: float) -> Counts:
    """Whole numbers whose running sums are a share of those of `counts`, rounded."""
    sums = np.rint(np.cumsum(counts, dtype=np.int64) * share).astype(np.int64)
    parts: Counts = np.diff(sums, prepend=0).astype(np.int32)
    return parts
