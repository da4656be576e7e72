"""The surge agent: from counts to surges of known problems, read straight down.

batch of counts, or a tick -> place in windows -> once a bucket has ended: follow the generation -> detect -> group
-> step -> tell -> one transaction: tickets.surges, tickets.surge-state, tickets.dead, offsets

Time is the records' own: a count is placed by when it was written (what its producer says, but never ahead of this
worker's clock), so that reading it again after a crash, or days later, does the same. While what is read was written
long ago, the counts are placed and nothing is looked at: what was over before anybody could have been told pages
nobody, and what still goes on is found at the first look at the present.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from time import perf_counter
from traceback import format_tb

import structlog

from agents.emerging import surge_record
from agents.emit import Stamp, dead_letter_record
from agents.intake import Refused
from agents.live import InForce, Live
from agents.metrics import Metrics
from agents.state import end_if_newer
from agents.surge_look import Looked, Seer
from agents.surge_state import COUNTS, SOURCE, SurgeState, recent_of
from agents.topics import TopicNames
from agents.wire import Batch, Output, Record
from models.errors import Invalid, SluiceError, Transient
from models.surge.grouping import Recent
from models.surge.lifecycle import OPEN
from models.surge.window import DAY_S, HOUR_S, Placement
from schemas.codec import decode
from schemas.headers import read_trace
from schemas.surge import Count
from schemas.unreadable import Unreadable

_log = structlog.get_logger(__name__)

# What was written longer ago than two buckets is a backlog: who reads it does not know the present yet.
_BEHIND_S = 600

_REPEATED, _UNREADABLE = "repeated", "unreadable"


@dataclass(slots=True)
class SurgePath:
    """All that the surge agent works with; the composition root fills it.

    Attributes:
        looked_s: the end of the bucket after which it last looked.
        late: counts of buckets that it has looked at came since.
        failed_s: the same of the last look that failed: it is not tried over and over.
        doubted: this worker's clock, or that of a worker before it, was found to be wrong, and that was said.
    """

    state: SurgeState
    seer: Seer
    live: Live
    names: TopicNames
    metrics: Metrics
    worker: str
    now_ms: Callable[[], int]
    looked_s: int = 0
    late: bool = False
    failed_s: int = 0
    doubted: bool = False


def watch_counts(batch: Batch, path: SurgePath) -> None:
    """Place the counts of a batch, look at all clusters if a bucket has ended, and put what follows into the batch.
    Runs off the event loop.

    Raises:
        Transient: what is known cannot be read, or no generation is in force.
        Fatal: another version of Sluice wrote it.
    """
    in_force = path.live.in_force
    if in_force is None:
        raise Transient("no generation is in force")
    now_s = path.now_ms() // 1000
    if path.state.begin(batch, min([now_s, *(_written_s(record, now_s) for record in batch.records[:1])])):
        path.looked_s = path.failed_s
    placed = _place(batch, path, in_force, now_s)
    if not batch.records:
        placed.outputs += path.state.pass_time(now_s)  # nothing came: all that was written is read
        placed.leapt = path.state.now_s < now_s
    _doubt(path, now_s, leapt=placed.leapt, quiet=not batch.records)
    looked = _look(path, in_force, now_s, quiet=not batch.records)
    stamp = Stamp(path.names, path.worker, "", path.now_ms())
    for output in (*placed.outputs, *(dead_letter_record(letter, stamp, SOURCE) for letter in placed.dead)):
        batch.send(output)
    if looked is not None:
        for output in looked.outputs:
            batch.send(output)
        for surge in looked.surges:
            batch.send(surge_record(surge, path.names.surges, SOURCE))
    batch.on_commit.append(partial(_count, path, placed, looked))


@dataclass(slots=True)
class _Placed:
    """What became of a batch's counts; and whether a clock leapt further than it is believed."""

    outputs: list[Output] = field(default_factory=list)
    dead: list[Refused] = field(default_factory=list)
    placements: list[str] = field(default_factory=list)
    leapt: bool = False


def _place(batch: Batch, path: SurgePath, in_force: InForce, now_s: int) -> _Placed:
    """Count what a batch's records say, each ticket once a day for a cluster."""
    state, placed = path.state, _Placed()
    touched: dict[tuple[str, int], None] = {}
    for record in batch.records:
        written_s = _written_s(record, now_s)
        try:
            recent = _read(record)
            placed.outputs += state.pass_time(written_s, recent.at_s)
            placed.leapt |= state.now_s < written_s
            written_s = min(written_s, state.now_s)  # what is not believed is not gone by either
            state.recent.expire(record.offset(), state.now_s)
            placement = _placement(recent, written_s, state)
        except Invalid as error:
            placed.dead.append(Refused(record, error, read_trace(record.headers())))
            ahead = error.reason == Placement.AHEAD.value
            placed.placements.append(error.reason if ahead else _UNREADABLE)
            continue
        placed.placements.append(placement)
        path.late |= placement == Placement.LATE.value
        if placement in COUNTS:
            state.recent.add(record.offset(), written_s, recent, state.now_s)
            cluster_id = path.seer.now_called(recent.cluster_id, in_force)
            state.windows.add(cluster_id, recent.at_s)
            touched[cluster_id, recent.at_s // DAY_S] = None
    placed.outputs += [state.day_record(cluster_id, day) for cluster_id, day in touched]
    return placed


def _read(record: Record) -> Recent:
    """The count that a record holds.

    Raises:
        Invalid: it holds none.
        Fatal: another version of Sluice wrote it.
    """
    try:
        return recent_of(decode(Count, record.value()))
    except Unreadable as error:
        end_if_newer(record, error)
        raise Invalid(error.reason.value, error.field, error.detail) from error


def _placement(recent: Recent, written_s: int, state: SurgeState) -> str:
    """Where a count is placed.

    One of a queue that stood for days, or of an import, is history. One of before the days that are kept is passed
    over: nothing is wrong with it, but that it says nothing of what surges now.

    Raises:
        Invalid: its time lies ahead of when it was written: a clock is wrong.
    """
    placement = state.windows.placement(recent.at_s, written_s)
    if placement is Placement.AHEAD:
        detail = f"must not be more than {state.policy.ahead_s} s after it was written"
        raise Invalid(placement.value, "occurred_at", detail)
    if placement is Placement.TOO_LATE or recent.at_s // DAY_S not in state.days:
        return Placement.TOO_LATE.value
    return _REPEATED if state.recent.knows(recent) else placement.value


def _doubt(path: SurgePath, now_s: int, *, leapt: bool, quiet: bool) -> None:
    """Say once that a clock is wrong: of this worker, where it leapt, or of one before it, which left a time that this
    worker's has yet to come to. Either way nobody looks meanwhile."""
    ahead_s = path.state.now_s - now_s
    doubted = leapt or ahead_s > HOUR_S
    if doubted and not path.doubted:
        why = (
            "this worker's clock is far ahead of all tickets"
            if leapt
            else "counts were read by a clock ahead"
        )
        path.metrics.surge_failures.labels("clock").inc()
        _log.error("surge_clock_doubted", why=why, known_ahead_s=ahead_s)
    if doubted or quiet:  # a batch of right times says nothing of a clock that the next tick goes by
        path.doubted = doubted


def _look(path: SurgePath, in_force: InForce, now_s: int, *, quiet: bool) -> Looked | None:
    """What is new of surges, if that can be known: the present is read, and a bucket has ended, or counts of earlier
    ones have come and none is on its way (`quiet`); or people spoke."""
    state = path.state
    if now_s - state.now_s > _BEHIND_S:
        return None
    ended_s = state.now_s - state.now_s % state.policy.bucket_s
    started = perf_counter()
    try:
        if ended_s <= path.looked_s and not (quiet and path.late):
            return path.seer.hear(state, in_force)
        path.looked_s, path.late = ended_s, False
        looked = path.seer.look(state, in_force)
    except SluiceError:
        raise
    except Exception as error:
        # A defect here must not keep the counts from being counted, nor end the worker, which routes tickets too.
        path.failed_s = ended_s
        state.forget()
        path.metrics.surge_failures.labels(type(error).__name__).inc()
        _log.error("surge_look_failed", error=type(error).__name__, where=format_tb(error.__traceback__)[-1])
        return None
    path.metrics.surge_evaluation_seconds.observe(perf_counter() - started)
    return looked


def _written_s(record: Record, now_s: int) -> int:
    """When a record was written, epoch seconds: now at the latest."""
    kind, at_ms = record.timestamp()
    return min(at_ms // 1000, now_s) if kind else now_s


def _count(path: SurgePath, placed: _Placed, looked: Looked | None) -> None:
    """Count what a committed batch did; nothing is counted of one that was not."""
    metrics, state = path.metrics, path.state
    for placement in placed.placements:
        metrics.counts.labels(placement).inc()
    for letter in placed.dead:
        metrics.dead_letters.labels(letter.error.reason).inc()
    metrics.surge_clusters.set(len(state.windows.clusters))
    if looked is None:
        return
    metrics.surge_evaluated.set(path.looked_s)
    for kind in OPEN:
        metrics.surges.labels(kind.value).set(sum(one.state is kind for one in state.courses.values()))
    for surge in looked.surges:
        notice = surge.notice.value if surge.notice is not None else ""
        metrics.notices.labels(notice).inc()
        _log.info(
            "surge", surge=surge.surge_id, notice=notice, cluster=surge.cluster.id, tickets=surge.observed
        )
