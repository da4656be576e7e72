"""Supervise: keeps a worker alive, and knows when not to. For machines without a supervisor of their own."""

import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue

import structlog

from agents.exits import Exit

_log = structlog.get_logger(__name__)

# A restart heals none of these: a person has to act first.
_FINAL = frozenset({Exit.OK, Exit.USAGE, Exit.POISON})

# glibc gives each of a worker's 28 threads an arena of its own, and learns from large blocks that come and go to keep
# them. After 42 rebalances under load: 540 MiB resident; with two arenas 518, and with large blocks given back 499.
_FRUGAL = {"MALLOC_ARENA_MAX": "2", "MALLOC_MMAP_THRESHOLD_": "1048576"}


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """When a worker that ended is started again; all times in seconds.

    Attributes:
        first_s: wait before the first restart; a worker that ran for a while is back at once.
        most_s: the wait is doubled with every failure up to this.
        calm_s: a worker that ran so long begins with `first_s` again.
        stop_s: how long a worker may take from SIGTERM to its end.
    """

    first_s: float = 0.1
    most_s: float = 30.0
    calm_s: float = 10.0
    stop_s: float = 10.0


def next_wait(failures: int, policy: RestartPolicy, chance: Callable[[], float]) -> float:
    """Seconds before the restart after so many failures in a row (at least 1): exponential, jittered by a half, so
    that workers that fell together do not rise together.

    Args:
        chance: gives numbers in [0, 1).
    """
    full: float = min(policy.most_s, policy.first_s * 2 ** min(failures - 1, 30))
    return full * (0.5 + 0.5 * chance())


class Supervisor:
    """Runs a worker's command and starts it again when it ends of something that a restart heals.

    SIGTERM and SIGINT are passed on and end it for good.

    Args:
        command: of the worker.
        environment: of the worker; names the instance, so that the next one fences the last one at once.
    """

    def __init__(
        self, command: list[str], environment: Mapping[str, str], policy: RestartPolicy = RestartPolicy()
    ) -> None:
        self._command, self._environment, self._policy = command, environment, policy
        self._stopping = False
        # Its `put` may interrupt its own `get`, as a signal handler does; an Event's lock would be held for ever.
        self._stopped: SimpleQueue[None] = SimpleQueue()
        self._child: subprocess.Popen[bytes] | None = None

    def run(self) -> int:
        """Supervise until the worker ends for good, in the main thread.

        Returns:
            The worker's exit code. After a stop, OK where the worker was not there or not yet able to hear of it,
            FAILED where it had to be killed.
        """
        before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
        for number in before:
            signal.signal(number, lambda *_: self.stop())
        try:
            return self._supervise()
        finally:
            if not self._stopping:  # a stop that is repeated while the process ends is still the same stop
                for number, handler in before.items():
                    signal.signal(number, handler)

    def _supervise(self) -> int:
        failures = 0
        while not self._stopping:
            started = time.monotonic()
            code = self._run_once()
            lived = time.monotonic() - started
            if self._stopping or code in _FINAL:
                _log.info("worker_ended", code=code, lived_s=round(lived, 1))
                return _last_code(code)
            failures = 1 if lived >= self._policy.calm_s else failures + 1
            wait = next_wait(failures, self._policy, random.random)
            _log.warning("worker_ended", code=code, lived_s=round(lived, 1), restart_in_s=round(wait, 2))
            with suppress(Empty):
                self._stopped.get(timeout=wait)
        return Exit.OK

    def stop(self) -> None:
        """End the worker, politely and then not. A signal handler may call it, and again while it runs."""
        if self._stopping:
            return
        self._stopping = True
        self._stopped.put(None)
        if self._child is not None:
            self._end(self._child)

    def _end(self, child: "subprocess.Popen[bytes]") -> None:
        if child.poll() is None:
            child.terminate()
            threading.Thread(target=self._insist, args=(child,), daemon=True).start()

    def _insist(self, child: "subprocess.Popen[bytes]") -> None:
        try:
            child.wait(self._policy.stop_s)
        except subprocess.TimeoutExpired:
            _log.error("worker_killed", after_s=self._policy.stop_s)
            child.kill()

    def _run_once(self) -> int:
        self._child = subprocess.Popen(self._command, env={**_FRUGAL, **self._environment})
        if self._stopping:  # it came too early to find this one
            self._end(self._child)
        return self._child.wait()


def _last_code(code: int) -> int:
    """What to end with when the worker ended for good; a negative code is the signal that it ended of."""
    if code in (-signal.SIGTERM, -signal.SIGINT):  # it was still starting, and did not listen for a stop yet
        return Exit.OK
    return code if code >= 0 else Exit.FAILED


def worker_command(arguments: list[str]) -> list[str]:
    """The command of an unsupervised worker with these arguments."""
    return [sys.executable, "-m", "app", "worker", *arguments]
