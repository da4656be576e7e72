"""The diary and the order: two small files between a test and the worker that it has end itself."""

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a diary. `at` is in seconds since the epoch; `detail` says where or what."""

    at: float
    event: str
    pid: int
    detail: str = ""


class Diary:
    """What happened to one worker through all its lives, one JSON line each, on the disk before it goes on."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def note(self, event: str, detail: str = "") -> None:
        line = json.dumps([time.time(), event, os.getpid(), detail]) + "\n"
        handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(handle, line.encode())
            os.fsync(handle)
        finally:
            os.close(handle)

    def entries(self, event: str | None = None, since: float = 0.0) -> list[Entry]:
        """Entries of that event, or of all, from `since` on, oldest first."""
        if not self._path.exists():
            return []
        lines = self._path.read_text().splitlines()
        found = (Entry(*json.loads(line)) for line in lines)
        return [entry for entry in found if event in (None, entry.event) and entry.at >= since]


@dataclass(frozen=True, slots=True)
class Order:
    """A signal that the worker is to send itself.

    Attributes:
        point: where, a `Point`.
        signal: its number.
        nth: at which output of a transaction, counted from 1; only where the point is one of an output.
        delay_s: how far into a piece of work; only where the point is a piece of work.
    """

    point: str
    signal: int
    nth: int = 1
    delay_s: float = 0.0


class OrderFile:
    """Holds at most one order, which is carried out once."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def give(self, order: Order) -> None:
        draft = self._path.with_suffix(".draft")
        draft.write_text(json.dumps([order.point, order.signal, order.nth, order.delay_s]))
        draft.replace(self._path)

    def look(self) -> Order | None:
        try:
            return Order(*json.loads(self._path.read_text()))
        except FileNotFoundError:
            return None

    def take(self) -> None:
        """Take the order away, before it is carried out: the worker's next life must not find it."""
        self._path.unlink(missing_ok=True)
