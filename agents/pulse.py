"""Pulse: shows that a thread still gets on, and lets a watchdog end the process when it does not."""

import math
import threading
import time
from collections.abc import Callable
from typing import Any

from models.errors import Transient

_LOOK_S = 0.5


class Pulse:
    """When a thread last showed that it gets on; `beat` from that thread, the rest from any.

    Attributes:
        within_s: how long it may take now, where that is less than it may otherwise.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._at = clock()
        self.within_s = math.inf

    def beat(self, within_s: float = math.inf) -> None:
        # Before the other: whoever reads the new limit must not hold an old pulse to it.
        self._at = self._clock()
        self.within_s = within_s

    def age_s(self) -> float:
        return self._clock() - self._at


def watch(
    pulse: Pulse, limit_s: float, stopping: threading.Event, die: Callable[[BaseException], Any]
) -> None:
    """Start a thread that ends the process once the pulse is older than `limit_s`, or than it says itself that it
    may become; until `stopping` is set."""

    def run() -> None:
        while not stopping.wait(min(limit_s / 10, _LOOK_S)):
            limit = min(limit_s, pulse.within_s)
            age = pulse.age_s()
            if age > limit:
                die(Transient(f"the wire stood still for {age:.0f} s (limit {limit:g} s)"))
                return

    threading.Thread(target=run, name="watchdog", daemon=True).start()
