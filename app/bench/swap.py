"""`sluice bench swap`: what tickets notice of a reclustering beside them, and of the swap to its generation."""

import asyncio
import os
import signal
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from agents.topics import TopicNames
from app.bench.restore import fill
from app.bench.tickets import ticket_values
from app.child import WorkerProcess, worker_variables
from app.demo.replay import Collected, Sent, replay
from app.recluster_timer import COMMAND, Done, run_aside
from app.scratch import Told, own_topics
from app.settings import Settings, kafka_options
from models.errors import Fatal

# The worker has taken a new generation long before.
_TAKEN_S = 3.0
# What is under way when a turn begins is of neither.
_EDGE_S = 0.3
# Decisions on either side of a swap that are looked at.
_AROUND = 50
_READY_S = 600.0
# No batch may wait longer for a swap; a bound of the histogram.
_PROMISED_S = 0.05


@dataclass(slots=True)
class _Turns:
    """Reclusterings beside the tickets, each stopped and continued by turns: so those with and without are compared on
    the same machine, whatever others do there meanwhile. Intervals are of `time.perf_counter`."""

    quiet: list[tuple[float, float]] = field(default_factory=list)
    busy: list[tuple[float, float]] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)
    failed: Fatal | None = None

    def run(self, rounds: int, turn_s: float, variables: Mapping[str, str]) -> None:
        try:
            time.sleep(_TAKEN_S)
            for _ in range(rounds):
                asyncio.run(self._round(turn_s, variables))
        except Fatal as error:
            self.failed = error
        finally:
            self.over.set()

    async def _round(self, turn_s: float, variables: Mapping[str, str]) -> None:
        pids: list[int] = []
        reclustering = asyncio.create_task(run_aside(COMMAND, variables, pids.append))
        ran = 0.0
        while not reclustering.done():
            begun = time.perf_counter()
            await asyncio.wait({reclustering}, timeout=turn_s)
            self.busy.append((begun + _EDGE_S, time.perf_counter()))
            ran += time.perf_counter() - begun
            with suppress(ProcessLookupError):  # over
                os.kill(pids[0], signal.SIGSTOP)
                begun = time.perf_counter()
                await asyncio.sleep(turn_s)
                os.kill(pids[0], signal.SIGCONT)
                self.quiet.append((begun + _EDGE_S, time.perf_counter()))
        _check(reclustering.result())
        self.seconds.append(round(ran, 1))
        begun = time.perf_counter()
        await asyncio.sleep(_TAKEN_S)
        self.busy.append((begun, time.perf_counter()))


def bench_swap(
    settings: Settings,
    bootstrap: str,
    tickets: int,
    rate: float,
    turn_s: float,
    rounds: int,
    folder: Path,
    told: Told,
) -> dict[str, Any]:
    """Milliseconds from handing a ticket to the producer to reading its decision, while `sluice recluster --once` runs
    beside the worker as its timer runs it, until the worker decides by the new generation, and while it stands still.

    Args:
        tickets: whose state is reclustered.
        rate: tickets a second.
        turn_s: seconds that a reclustering runs, and then stands still, and so on to its end.
        rounds: reclusterings.

    Raises:
        Fatal: a reclustering fails, or publishes nothing.
    """
    with own_topics(settings, bootstrap, "bench-swap") as ours:
        kafka = kafka_options(ours, bootstrap)
        # The tickets' owners are drawn at random: how many change hands says nothing, and must not end it.
        variables = {**worker_variables(ours, bootstrap), "SLUICE_CHURN_BUDGET": "1"}
        told.step(f"writing the state of {tickets:,} tickets")
        fill(ours, kafka, tickets, told)
        told.step("reclustering them for the first time")
        begun = time.perf_counter()
        _check(asyncio.run(run_aside(COMMAND, variables)))
        alone_s = round(time.perf_counter() - begun, 1)
        log = folder / "swap.log"
        log.unlink(missing_ok=True)
        with WorkerProcess(variables, log) as worker:
            worker.await_ready(_READY_S)
            told.step(f"{rate:g} tickets a second, with and without a reclustering by turns")
            turns = _Turns()
            thread = threading.Thread(target=turns.run, args=(rounds, turn_s, variables), daemon=True)
            thread.start()
            found = replay(
                _tickets(tickets, turns.over), kafka, TopicNames(ours.topic_prefix), rate, told.progress
            )
            thread.join()
            metrics = worker.page("/metrics")[1]
            worker.stop()
    if turns.failed is not None:
        raise turns.failed
    return _report(found, turns, metrics) | {
        "tickets": tickets,
        "rate": rate,
        "recluster_seconds": {"alone": alone_s, "beside": turns.seconds},
        "load": [round(one, 1) for one in os.getloadavg()],
        "cores": len(os.sched_getaffinity(0)),
    }


def _check(done: Done) -> None:
    """Raise Fatal where no generation came of it."""
    if done.exit_code or done.report.get("generation") is None:
        raise Fatal(f"sluice recluster ended with exit code {done.exit_code}: {done.why}")


def _tickets(start: int, over: threading.Event) -> Iterator[Sent]:
    """Tickets, one after the other, until it is over."""
    for number in count(start):
        if over.is_set():
            return
        ((key, value),) = ticket_values(1, number)
        yield Sent(key.decode(), value)


def _report(found: Collected, turns: _Turns, metrics: str) -> dict[str, Any]:
    quiet, busy = (_times(found, intervals) for intervals in (turns.quiet, turns.busy))
    return {
        "quiet": quiet,
        "reclustering": busy,
        "p50_ratio": round(busy["p50_ms"] / quiet["p50_ms"], 2),
        "p99_ratio": round(busy["p99_ms"] / quiet["p99_ms"], 2),
        **_swaps(found),
        **_waits(metrics),
    }


def _times(found: Collected, intervals: Sequence[tuple[float, float]]) -> dict[str, Any]:
    taken = [
        ms
        for ticket, ms in found.latency_ms.items()
        if any(begin <= found.sent_s[ticket] < end for begin, end in intervals)
    ]
    p50, p99, most = np.quantile(np.array(taken), (0.5, 0.99, 1.0)).tolist()
    return {
        "tickets": len(taken),
        "p50_ms": round(p50, 1),
        "p99_ms": round(p99, 1),
        "longest_ms": round(most, 1),
    }


def _swaps(found: Collected) -> dict[str, Any]:
    """How often the generation changed, and the longest that a ticket next to a change took."""
    names = [decision.generation_id for decision in found.decisions]
    changes = [at for at in range(1, len(names)) if names[at] != names[at - 1]]
    near = {row for at in changes for row in range(max(0, at - _AROUND), min(len(names), at + _AROUND))}
    times = [found.latency_ms[found.decisions[row].ticket_id] for row in near]
    return {"swaps": len(changes), "longest_at_a_swap_ms": round(max(times, default=0.0), 1)}


def _waits(metrics: str) -> dict[str, Any]:
    """Batches, how many of them waited for what is in force longer than they may, and the least bound of the histogram
    that none was above."""
    counts: dict[float, float] = {}
    for line in metrics.splitlines():
        name, _, value = line.rpartition(" ")
        if name.startswith("sluice_step_seconds_bucket{") and 'step="take"' in name:
            counts[float(name.split('le="')[1].split('"')[0])] = float(value)
    batches = max(counts.values())
    return {
        "batches": int(batches),
        "waited_over_50_ms": int(batches - counts[_PROMISED_S]),
        "none_waited_over_ms": min(bound for bound, upto in counts.items() if upto == batches) * 1000,
    }
