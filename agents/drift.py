"""Drift watch: the last tickets of this worker against the history of the generation in force. At the end of the
routing path, told of what is committed.

A ticket counts once, with its first decision: a CRM that sends ten updates of one would otherwise make ten of it.
"""

from collections import deque
from collections.abc import Sequence

import numpy as np
import structlog

from agents.live import InForce
from agents.metrics import Metrics
from models.routing.drift import (
    DriftPolicy,
    Yardstick,
    least_window,
    parts_of,
    stability_index,
    yardsticks,
)
from models.routing.match import Match
from models.vote import Rows

_log = structlog.get_logger(__name__)


class DriftWatch:
    """Keeps the window, sets the gauges, and says once when drift begins and once when it is over. For one thread.

    A new generation brings a history of its own, and begins a new window.
    """

    def __init__(self, policy: DriftPolicy | None = None) -> None:
        self._policy = policy or DriftPolicy()
        self._of: str | None = None
        self._sticks: tuple[Yardstick, ...] = ()
        self._counts: list[Rows] = []
        self._window = deque[list[int]]()
        self._least: int | None = None
        self._drifting: set[str] = set()

    def note(self, in_force: InForce, matches: Sequence[Match], metrics: Metrics) -> None:
        """Take tickets that were decided on for the first time, by the generation in force, in their order."""
        if not matches:
            return
        if in_force.id != self._of:
            self._begin(in_force, metrics)
        for parts in parts_of(matches, in_force.generation, self._sticks).tolist():
            self._add(parts)
        if self._least is None or len(self._window) < self._least:
            return
        for stick, counts in zip(self._sticks, self._counts, strict=True):
            index = stability_index(counts, stick.shares)
            metrics.drift.labels(stick.name).set(index)
            self._judge(stick.name, index, in_force.id)

    def _begin(self, in_force: InForce, metrics: Metrics) -> None:
        generation = in_force.generation
        self._of, self._sticks = in_force.id, yardsticks(generation)
        self._counts = [np.zeros(len(stick.shares), dtype=np.int64) for stick in self._sticks]
        self._least = least_window(len(generation.exemplars), self._policy)
        self._window.clear()
        self._drifting.clear()
        metrics.drift.clear()

    def _add(self, parts: list[int]) -> None:
        self._window.append(parts)
        for counts, part in zip(self._counts, parts, strict=True):
            counts[part] += 1
        if len(self._window) > self._policy.window:
            for counts, part in zip(self._counts, self._window.popleft(), strict=True):
                counts[part] -= 1

    def _judge(self, name: str, index: float, generation_id: str) -> None:
        said = {"of": name, "psi": round(index, 3), "tickets": len(self._window), "generation": generation_id}
        if name not in self._drifting and index >= self._policy.alarm_at:
            self._drifting.add(name)
            _log.warning("drift", **said, remedy="docs/runbooks/drift.md")
        elif name in self._drifting and index < self._policy.calm_at:
            self._drifting.discard(name)
            _log.info("drift_over", **said)
