"""The timer that reclusters: on the worker that Faust calls leader, by `sluice recluster --once` in a process of its
own, so that its memory goes when it ends, and on the processor only while no ticket wants it."""

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import structlog

_log = structlog.get_logger(__name__)

# How often a leader looks whether it is time.
_LOOK_S = 10.0

COMMAND = (sys.executable, "-m", "app", "recluster", "--once", "--json")

# What an exit code above 0 is logged with: the last line that the process said, which names no ticket.
_MOST_SAID = 500


@dataclass(slots=True)
class ReclusterTimer:
    """When it is time, and doing it.

    Args:
        every_s: seconds from one generation to the next.
        made_ms: when the generation in force was made, epoch milliseconds; None before there is one.
        variables: settings of the process beside those of this one's environment.
    """

    every_s: float
    made_ms: Callable[[], int | None]
    variables: Mapping[str, str]
    command: Sequence[str] = COMMAND
    now_s: Callable[[], float] = time.time
    _tried_s: float = field(default=0.0, init=False)

    @property
    def due(self) -> bool:
        """A try that failed, or was refused, is not repeated before its time either."""
        made = self.made_ms()
        return made is not None and self.now_s() - max(made / 1000, self._tried_s) >= self.every_s

    async def run(self) -> None:
        """Recluster, and log what came of it. Cancelled, it ends the process."""
        self._tried_s = self.now_s()
        _log.info("reclustering")
        done = await run_aside(self.command, self.variables)
        report = done.report
        if done.exit_code:
            _log.error(
                "recluster_failed", exit_code=done.exit_code, why=done.why, refusal=report.get("refusal")
            )
            return
        told = {
            name: report.get(name)
            for name in ("generation", "unchanged", "last", "used", "clusters", "kept", "moved")
        }
        _log.info("reclustered", events=len(report.get("events") or ()), **told)


@dataclass(frozen=True, slots=True)
class Done:
    """What a process came to: what it printed as JSON, and of what it said besides the last line."""

    exit_code: int
    report: dict[str, Any]
    why: str


async def run_aside(
    command: Sequence[str], variables: Mapping[str, str], began: Callable[[int], object] = lambda _: None
) -> Done:
    """Run a command that takes what others leave of the processor: under SCHED_IDLE (sched(7)) whoever else wants it
    has it at once. `began` is told the id of its process. Cancelled, it ends the process."""
    process = await asyncio.create_subprocess_exec(
        *command,
        env={**os.environ, **variables},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    with suppress(OSError):  # it is over already, or this is forbidden here: then it runs as others do
        os.sched_setscheduler(process.pid, os.SCHED_IDLE, os.sched_param(0))
    began(process.pid)
    try:
        out, err = await process.communicate()
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    said = err.decode(errors="replace").strip().splitlines()
    return Done(process.returncode or 0, _report_of(out), said[-1][:_MOST_SAID] if said else "")


def _report_of(out: bytes) -> dict[str, Any]:
    try:
        found = json.loads(out)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def add_timer(app: Any, timer: ReclusterTimer) -> None:
    """Let the leader of a Faust app run it."""

    @app.timer(interval=_LOOK_S, on_leader=True, name="recluster")
    async def recluster() -> None:
        if timer.due:
            await timer.run()
