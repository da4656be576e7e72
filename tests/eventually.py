"""Waiting for another process: with a deadline that is only reached when the test fails."""

from collections.abc import Callable
from threading import Event


def eventually(condition: Callable[[], bool], within_s: float = 30.0) -> bool:
    """Whether `condition` became true; asked 20 times a second."""
    never = Event()
    for _ in range(int(within_s * 20)):
        if condition():
            return True
        never.wait(0.05)
    return condition()
