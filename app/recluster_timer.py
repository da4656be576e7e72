"""The timer that reclusters: on the worker that Faust calls leader, by `sluice recluster --once` in a process of its
own, so that no ticket waits for it and its memory goes when it ends."""

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog

_log = structlog.get_logger(__name__)

# How often a leader looks whether it is time.
_LOOK_S = 10.0

# It may take what the tickets leave of the processor.
COMMAND = ("nice", "-n", "10", sys.executable, "-m", "app", "recluster", "--once", "--json")

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
        process = await asyncio.create_subprocess_exec(
            *self.command,
            env={**os.environ, **self.variables},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            out, err = await process.communicate()
        except asyncio.CancelledError:
            process.kill()
            await process.wait()
            raise
        said = err.decode(errors="replace").strip().splitlines()
        report = _report_of(out)
        if process.returncode:
            why = said[-1][:_MOST_SAID] if said else ""
            _log.error(
                "recluster_failed", exit_code=process.returncode, why=why, refusal=report.get("refusal")
            )
            return
        told = {
            name: report.get(name) for name in ("generation", "last", "used", "clusters", "kept", "moved")
        }
        _log.info("reclustered", events=len(report.get("events") or ()), **told)


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
