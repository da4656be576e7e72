"""A process is its pid and its birth: one that ended, or whose pid another has now, is never signalled."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.broker import process
from app.broker.process import Process, identify, is_alive, send, wait_until_gone

WAIT_FOR_EVER = [sys.executable, "-c", "import signal; signal.pause()"]


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(WAIT_FOR_EVER) as running:
        yield running
        running.kill()


def identity(child: subprocess.Popen[bytes]) -> Process:
    found = identify(child.pid)
    assert found is not None
    return found


def test_a_running_process_is_itself(child: subprocess.Popen[bytes]) -> None:
    assert identity(child).pid == child.pid
    assert identity(child) == identity(child)
    assert is_alive(identity(child))


def test_two_processes_differ(child: subprocess.Popen[bytes]) -> None:
    assert identity(child).born != getattr(identify(os.getpid()), "born", None)


def test_a_dead_process_that_nobody_reaped_yet_is_dead(child: subprocess.Popen[bytes]) -> None:
    known = identity(child)
    child.kill()
    assert wait_until_gone([known], patience_s=30) == []
    assert child.returncode is None  # not reaped by us
    assert identify(child.pid) is None


def test_a_pid_that_is_another_s_now_gets_no_signal(child: subprocess.Popen[bytes]) -> None:
    former = Process(child.pid, born="long ago")
    send(former, signal.SIGKILL)
    assert not is_alive(former)
    assert is_alive(identity(child))


def test_a_process_that_stays_is_returned(child: subprocess.Popen[bytes]) -> None:
    known = identity(child)
    assert wait_until_gone([known], patience_s=0) == [known]


def test_signalling_a_process_that_is_gone_is_harmless(child: subprocess.Popen[bytes]) -> None:
    known = identity(child)
    child.kill()
    child.wait()
    send(known, signal.SIGTERM)
    assert not is_alive(known)


@pytest.mark.parametrize(
    "born",
    [
        pytest.param(
            process._born_by_proc,
            marks=pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc"),
        ),
        pytest.param(
            process._born_by_ps, marks=pytest.mark.skipif(not shutil.which("ps"), reason="no ps on the PATH")
        ),
    ],
    ids=["proc", "ps"],
)
def test_either_way_to_ask_tells_living_from_dead(
    born: Callable[[int], str | None], child: subprocess.Popen[bytes]
) -> None:
    known = identity(child)
    first = born(child.pid)
    assert first
    assert born(child.pid) == first
    child.kill()
    wait_until_gone([known], patience_s=30)
    assert born(child.pid) is None
    child.wait()
    assert born(child.pid) is None
