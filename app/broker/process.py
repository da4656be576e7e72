"""Processes by identity: a pid alone may by now belong to something else. Under the folder and the cluster."""

import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_POLL_S = 0.02


@dataclass(frozen=True, slots=True)
class Process:
    """A process that outlives its starter's memory of it.

    Attributes:
        pid: what the system calls it now.
        born: when it began, in the system's own words; differs for a later process with the same pid.
    """

    pid: int
    born: str


def identify(pid: int) -> Process | None:
    """The process that has `pid` now, or None where none has or where it is dead and only not yet reaped."""
    born = _born_by_proc(pid) if (_PROC / "self/stat").exists() else _born_by_ps(pid)
    return Process(pid, born) if born else None


def is_alive(process: Process) -> bool:
    return identify(process.pid) == process


def send(process: Process, number: signal.Signals) -> None:
    """Signal the process; one that is gone already, or whose pid is another's now, gets nothing."""
    if is_alive(process):
        try:
            os.kill(process.pid, number)
        except ProcessLookupError:
            return


def wait_until_gone(processes: list[Process], patience_s: float) -> list[Process]:
    """Those of `processes` that still live after `patience_s`; returns as soon as none does."""
    deadline = time.monotonic() + patience_s
    while (living := [process for process in processes if is_alive(process)]) and time.monotonic() < deadline:
        time.sleep(_POLL_S)
    return living


def _born_by_proc(pid: int) -> str | None:
    """Boot and clock ticks since it; proc(5): the name stands in brackets and may hold any character."""
    try:
        fields = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
        boot = (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, *rest = fields.rpartition(")")[2].split()
    return None if state in "ZX" else f"{boot}:{rest[18]}"


def _born_by_ps(pid: int) -> str | None:
    """Where there is no /proc (macOS): the state and the start as ps prints them."""
    answer = subprocess.run(
        ["ps", "-o", "stat=,lstart=", "-p", str(pid)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "LC_ALL": "C"},
    )
    state, _, born = answer.stdout.strip().partition(" ")
    return None if not born or state.startswith("Z") else born.strip()
