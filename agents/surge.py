"""The surge agent: from counts to surges of known problems, read straight down.

batch of counts, or a tick -> place in windows -> once a bucket has ended: follow the generation -> detect -> group
-> step -> tell -> one transaction: tickets.surges, tickets.surge-state, tickets.dead, offsets

Time is the records' own: a count is placed by when it was written (what its producer says, but never ahead of this
worker's clock), so that reading it again after a crash, or days later, does the same. While what is read was written
long ago, the counts are placed and nothing is looked at: what was over before anybody could have been told pages
nobody, and what still goes on is found at the first look at the present.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from traceback import format_tb

import structlog

from agents.emerging import surge_record
from agents.emit import Stamp
from agents.live import InForce, Live
from agents.metrics import Metrics
from agents.surge_look import Looked, Seer
from agents.surge_place import Placing
from agents.surge_state import SOURCE, SurgeState, written_at_s
from agents.topics import TopicNames
from agents.wire import Batch, Output
from models.errors import SluiceError, Transient
from models.surge.lifecycle import OPEN
from models.surge.window import HOUR_S, Placement

_log = structlog.get_logger(__name__)

# What was written longer ago than two buckets is a backlog: who reads it does not know the present yet.
_BEHIND_S = 600


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
    outputs = _begin(batch, path, in_force, now_s)
    placed = Placing(path.state, path.seer, in_force, now_s)
    for record in batch.records:
        placed.take(record)
    if not batch.records:
        placed.tick()
    path.late |= Placement.LATE.value in placed.placements
    _doubt(path, now_s, leapt=placed.leapt, quiet=not batch.records)
    outputs += placed.outputs()  # before what a look makes of it
    looked = _look(path, in_force, now_s, quiet=not batch.records)
    outputs += placed.dead_letters(Stamp(path.names, path.worker, "", path.now_ms()))
    for output in [*outputs, *(looked.outputs if looked is not None else [])]:
        batch.send(output)
    if looked is not None:
        for surge in looked.surges:
            batch.send(surge_record(surge, path.names.surges, SOURCE))
    batch.on_commit.append(partial(_count, path, placed, looked))


def _begin(batch: Batch, path: SurgePath, in_force: InForce, now_s: int) -> list[Output]:
    """Read what is known if the batch begins an epoch; what of it has to be written, since it was lost."""
    again = Placing(path.state, path.seer, in_force, now_s)
    first_s = min([now_s, *(written_at_s(record, now_s) for record in batch.records[:1])])
    if not path.state.begin(batch, first_s, again.take, again.called):
        return []
    path.looked_s = path.failed_s
    return again.outputs()


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


def _count(path: SurgePath, placed: Placing, looked: Looked | None) -> None:
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
