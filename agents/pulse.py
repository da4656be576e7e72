"""Pulse: shows that a thread still gets on, and lets a watchdog end the process when it does not."""

import threading
import time
from collections.abc import Callable
from typing import Any

from models.errors import Transient


class Pulse:
    """When a thread last showed that it gets on; `beat` from that thread, `age_s` from any."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._at = clock()

    def beat(self) -> None:
        self._at = self._clock()

    def age_s(self) -> float:
        return self._clock() - self._at


def watch(
    pulse: Pulse, limit_s: float, stopping: threading.Event, die: Callable[[BaseException], Any]
) -> None:
    """Start a thread that ends the process once the pulse is older than `limit_s`, until `stopping` is set."""

    def run() -> None:
        while not stopping.wait(limit_s / 10):
            age = pulse.age_s()
            if age > limit_s:
                die(Transient(f"the wire stood still for {age:.0f} s (limit {limit_s:g} s)"))
                return

    threading.Thread(target=run, name="watchdog", daemon=True).start()
