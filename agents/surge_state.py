"""Surge state: what the surge path knows between two batches, and its records in `tickets.surge-state`. Under surge.

Three things, and where each stands: the counts of the clusters, by days, and the courses of surges, a day beyond their
ends, in `tickets.surge-state`, written in the transaction of the batch that changed them; the counts of the last day
one by one in `tickets.counts` itself, before the committed offset. So all of it is a matter of what is committed.
Nothing is taken back when a transaction fails: with the epoch everything is forgotten and read again, by who has the
partition then. That is right because the wire of this path has one batch out at a time: when the next one comes, the
one before is committed or its epoch is over.
"""

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial

import numpy as np
import structlog
from confluent_kafka import OFFSET_BEGINNING

from agents.courses import course_of, event_of
from agents.follower import Lookup
from agents.metrics import Metrics
from agents.state import end_if_newer, pass_over
from agents.surge_recent import MOST_RECENT, RecentCounts
from agents.surge_told import courses_told
from agents.topics import TopicNames
from agents.wire import Batch, Output, Record
from models.surge.grouping import Recent
from models.surge.identity import Move
from models.surge.lifecycle import Course, LifecyclePolicy
from models.surge.window import DAY_S, HOUR_S, Placement, WindowPolicy, Windows
from schemas.channels import event_type
from schemas.codec import decode, encode
from schemas.contract import epoch_ms_of, time_of
from schemas.headers import event_headers
from schemas.surge import Count, SurgeCourse, SurgeDay
from schemas.unreadable import Unreadable

_log = structlog.get_logger(__name__)

SOURCE = "/sluice/surge"
_DAY, _COURSE = event_type(SurgeDay), event_type(SurgeCourse)

LEAP_S = 7 * DAY_S
"""How far time may go on by a clock's word alone. A worker may be started after a week's holidays in which no ticket
came; and a clock that is wrong by so much costs a quarter of the history, not all of it."""

COUNTS = frozenset({Placement.COUNTED, Placement.LATE, Placement.HISTORY})
"""The placements of what is counted."""


class SurgeState:
    """Counts, courses and recent counts of the worker that has the partition of `tickets.counts`. One thread's, the
    agent's.

    Args:
        lookup: reads both topics; that thread's own.

    Attributes:
        now_s: how far time has come for the path, epoch seconds: never back.
        courses: the open surges by id, and those whose end is remembered, each as its last record says.
        recent: the counts of the last day.
        generation: that counts and courses were carried on to; "" where that has to be asked again.
    """

    def __init__(self, lookup: Lookup, names: TopicNames, policy: WindowPolicy, metrics: Metrics) -> None:
        self._lookup, self._names, self.policy, self._metrics = lookup, names, policy, metrics
        self._epoch: int | None = None
        self._clear(0)

    def _clear(self, now_s: int) -> None:
        self.windows = Windows(self.policy, now_s)
        self.courses: dict[str, Course] = {}
        self.recent = RecentCounts()
        self.now_s = now_s
        self.generation = ""

    def forget(self) -> None:
        """Read all of it again with the next batch."""
        self._epoch = None

    def begin(
        self, batch: Batch, now_s: int, recount: Callable[[Record], None], called: Callable[[str], str]
    ) -> bool:
        """Start on a batch, in a new epoch from what is committed before it; whether it is one.

        Where the state says nothing of any day it was lost, if there ever was one, and what `tickets.counts` still has
        before the batch is counted again: the topic keeps a week more of it than the history that is judged by. And
        a surge that was told and has no course goes on with what was told of it.

        Args:
            now_s: where time begins if nothing is, epoch seconds.
            recount: places a count that the state has nothing of.
            called: the name by which a cluster goes now.

        Raises:
            Transient: a topic is missing or no broker answers.
            Fatal: another version of Sluice wrote the state.
        """
        if batch.epoch == self._epoch:
            return False
        self._epoch = None  # until it is whole
        started = time.monotonic()
        place = batch.positions[0]
        before = batch.records[0].offset() if batch.records else place.offset
        self._clear(0)
        state, counts = self._names.surge_state, self._names.counts
        end = self._lookup.end(state, 0)
        records = self._lookup.read_until(state, 0, OFFSET_BEGINNING, end, self._restore_one)
        lost = not self.now_s
        first = OFFSET_BEGINNING if lost else max(0, before - MOST_RECENT)
        handle = recount if lost else partial(self._remember, called=called)
        read = self._lookup.read_until(counts, place.partition, first, before, handle)
        if not self.now_s:
            self._clear(now_s)
        self.recent.expire(before, self.now_s)
        self._restore_told()
        self._epoch = batch.epoch
        _log.info(
            "surges_restored",
            records=records,
            clusters=len(self.windows.clusters),
            surges=sum(course.is_open for course in self.courses.values()),
            counts=len(self.recent),
            recounted=read if lost else 0,
            seconds=round(time.monotonic() - started, 2),
        )
        return True

    # -- going on

    def pass_time(self, now_s: int, said_s: int = 0) -> list[Output]:
        """Time goes on to `now_s`, epoch seconds; the ends of the days that are beyond the history by that.

        What falls off the history does not come back, so a leap of more than `LEAP_S` needs the word of another clock:
        time goes no further than that beyond what was known, and beyond `said_s`, when a ticket says that it was
        created. Whoever leaps further is not believed, and `now_s` of the state stays behind. Where time has not begun
        it begins with that word.
        """
        if not self.now_s:
            self._clear(min(now_s, said_s))
        known_s = max(self.now_s, min(now_s, said_s))
        if now_s - known_s > LEAP_S:
            now_s = known_s
        if now_s <= self.now_s:
            return []
        self.now_s = now_s
        windows = self.windows
        first, passed = windows.today - 7 * self.policy.weeks, now_s // DAY_S - windows.today
        gone = range(first, first + min(passed, 7 * self.policy.weeks + 2))
        ends = [
            self._tombstone(_day_key(cluster_id, day))
            for day in gone
            for cluster_id in windows.clusters
            if windows.day(cluster_id, day)
        ]
        windows.roll(now_s)
        if ends:
            counts = windows.settled.sum(axis=1) + windows.buckets.sum(axis=1)
            for cluster_id in [windows.clusters[row] for row in np.flatnonzero(counts == 0)]:
                windows.drop(cluster_id)
            self.generation = ""  # those of them that are still there are known again
        return ends

    def first_seen_s(self) -> dict[str, int]:
        """The clusters that have counts, and since when, epoch seconds."""
        windows = self.windows
        counted = windows.settled.any(axis=1) | windows.buckets.any(axis=1)
        begins_s = windows.settled_until_s - windows.settled.shape[1] * HOUR_S
        seen_s = begins_s + windows.first_hours() * HOUR_S
        return {windows.clusters[row]: int(seen_s[row]) for row in np.flatnonzero(counted)}

    def move(self, moves: Sequence[Move], emptied: Sequence[str]) -> list[Output]:
        """Let counts leave clusters for others, one move after the other; the records that say so."""
        named = dict.fromkeys(name for move in moves for name in (move.source, move.into))
        held = {name: {day for day in self.days if self.windows.day(name, day)} for name in named}
        for one in moves:
            self._leave(one)
        outputs = [
            self.day_record(name, day)
            for name in named
            for day in self.days
            if day in held[name] or self.windows.day(name, day)
        ]
        for name in emptied:
            self.windows.drop(name)
        return outputs

    def _leave(self, move: Move) -> None:
        """The windows give the share to `into`; here it is taken from `source`."""
        windows, days = self.windows, self.days
        before = {day: windows.day(move.into, day) for day in days}
        windows.move(move.source, move.into, move.share)
        for day in days:
            own, went = windows.day(move.source, day), windows.day(move.into, day)
            left = {at: n - went.get(at, 0) + before[day].get(at, 0) for at, n in own.items()}
            if own:
                windows.restore_day(move.source, day, left)

    @property
    def days(self) -> range:
        """The days, since the epoch, of which there can be counts."""
        return range(self.windows.today - 7 * self.policy.weeks, self.windows.today + 2)

    # -- records

    def day_record(self, cluster_id: str, day: int) -> Output:
        """What is counted of a cluster on a day, or its end where that is nothing."""
        buckets = self.windows.day(cluster_id, day)
        key = _day_key(cluster_id, day)
        if not buckets:
            return self._tombstone(key)
        event = SurgeDay(
            cluster_id=cluster_id,
            day=day,
            bucket_s=self.policy.bucket_s,
            buckets={str(number): count for number, count in buckets.items()},
            updated_at=time_of(self.now_s * 1000),
        )
        headers = event_headers(_DAY, f"{key}/{self.now_s}", SOURCE, cluster_id, event.updated_at, None)
        return Output(self._names.surge_state, key.encode(), encode(event), headers, 0)

    def put_courses(self, courses: Sequence[Course]) -> list[Output]:
        """Hold these courses from now on and no others; the records that say what is new of that."""
        found = {course.surge_id: course for course in courses}
        outputs = [self._tombstone(surge_id) for surge_id in self.courses if surge_id not in found]
        outputs += [
            self._course_record(course) for course in courses if self.courses.get(course.surge_id) != course
        ]
        self.courses = found
        return outputs

    def _course_record(self, course: Course) -> Output:
        event = event_of(course, self.now_s)
        headers = event_headers(
            _COURSE, f"{course.surge_id}/{self.now_s}", SOURCE, course.clusters[0], event.updated_at, None
        )
        return Output(self._names.surge_state, course.surge_id.encode(), encode(event), headers, 0)

    def _tombstone(self, key: str) -> Output:
        return Output(self._names.surge_state, key.encode(), None, [], 0)

    # -- reading again

    def _restore_one(self, record: Record) -> None:
        key, value = (record.key() or b"").decode(errors="replace"), record.value()
        cluster_id, slash, day = key.rpartition("/")
        if value is None:
            if not slash:
                self.courses.pop(key, None)
            elif day.isdecimal() and self.windows.day(cluster_id, int(day)):
                self.windows.restore_day(cluster_id, int(day), {})
            return
        try:
            if slash:
                self._restore_day(decode(SurgeDay, value))
            else:
                event = decode(SurgeCourse, value)
                self._restore_time(event.updated_at)
                self.courses[event.surge_id] = course_of(event)
        except Unreadable as error:
            end_if_newer(record, error)
            # A day of a cluster is counted anew, or a surge told anew: better than to judge none at all.
            pass_over(record, error.reason.value, "surges", self._metrics)

    def _restore_told(self) -> None:
        """Take on the surges whose courses are lost. The next look writes what becomes of them; whoever begins before
        that finds them again."""
        since_s = self.now_s - LifecyclePolicy().remembered_s
        for course in courses_told(self._lookup, self._names.surges, self.courses, since_s, self._metrics):
            self.courses[course.surge_id] = course
            _log.warning("surge_course_lost", surge=course.surge_id, state=course.state.value)

    def _restore_day(self, event: SurgeDay) -> None:
        self._restore_time(event.updated_at)
        per_day = DAY_S // self.policy.bucket_s
        scale = event.bucket_s / self.policy.bucket_s  # another length of bucket, should there ever be one
        buckets: dict[int, int] = {}
        for number, count in event.buckets.items():
            at = int(int(number) * scale)
            if at < per_day:
                buckets[at] = buckets.get(at, 0) + count
        self.windows.restore_day(event.cluster_id, event.day, buckets)

    def _restore_time(self, updated_at: datetime) -> None:
        at_s = epoch_ms_of(updated_at) // 1000
        if not self.now_s:
            self.windows = Windows(self.policy, at_s)
        self.now_s = max(self.now_s, at_s)
        self.windows.roll(at_s)

    def _remember(self, record: Record, called: Callable[[str], str]) -> None:
        written_s = record.timestamp()[1] // 1000
        if written_s < self.now_s - DAY_S:
            return
        try:
            recent = recent_of(decode(Count, record.value()))
        except Unreadable:
            return  # a dead letter by now
        placement = self.windows.placement(recent.at_s, written_s)
        if placement in COUNTS and not self.recent.knows(recent, called):
            self.recent.add(record.offset(), written_s, recent, self.now_s)


def recent_of(count: Count) -> Recent:
    """A count as the core knows it."""
    return Recent(
        count.ticket_id,
        count.cluster_id,
        count.customer_id,
        count.product,
        epoch_ms_of(count.occurred_at) // 1000,
    )


def written_at_s(record: Record, now_s: int) -> int:
    """When a record was written, epoch seconds: now at the latest."""
    kind, at_ms = record.timestamp()
    return min(at_ms // 1000, now_s) if kind else now_s


def _day_key(cluster_id: str, day: int) -> str:
    return f"{cluster_id}/{day}"
