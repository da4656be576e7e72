"""The worker's process: which signals end it, which it answers, and which it must not."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.eventually import eventually

ROOT = Path(__file__).resolve().parents[3]
USER_SIGNALS = (signal.SIGUSR1, signal.SIGUSR2)

# The process without its app, which would look for a broker. Its word of a ticket stands where Faust would find it.
ALONE = """
import asyncio, signal
import faust
from mode import Service
from app.process import Process

class Work(Service):
    async def on_started(self):
        print("ready", flush=True)

    @Service.task
    async def _work(self):
        words = "a ticket of Beeblebrox"
        await asyncio.sleep(1000)

class Alone(Process):
    def on_init_dependencies(self):
        return [Work()]

for number in (signal.SIGUSR1, signal.SIGUSR2):
    signal.signal(number, signal.SIG_IGN)
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # whoever runs this with nohup hands on that it is ignored
Alone(faust.App("alone"), quiet=True, override_logging=False, redirect_stdouts=False).execute_from_commandline()
"""


@contextmanager
def running(*arguments: str, **variables: str) -> Iterator["subprocess.Popen[bytes]"]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("SLUICE_")}
    command = [sys.executable, *arguments]
    with subprocess.Popen(
        command, cwd=ROOT, env={**own, **variables}, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def disposed(pid: int, how: str, *numbers: signal.Signals) -> bool:
    """Whether a process ignores ("SigIgn") or catches ("SigCgt") all of these signals: proc(5)."""
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    (mask,) = [int(line.split()[1], 16) for line in status if line.startswith(f"{how}:")]
    return all(mask >> (number - 1) & 1 for number in numbers)


@pytest.mark.parametrize(
    ("stop", "code"),
    [
        pytest.param(signal.SIGTERM, 0, id="SIGTERM stops it"),
        pytest.param(signal.SIGINT, 0, id="SIGINT stops it"),
        pytest.param(signal.SIGHUP, -signal.SIGHUP, id="SIGHUP ends it, as it ends Faust"),
    ],
)
def test_it_answers_a_stop_and_nothing_else(tmp_path: Path, stop: signal.Signals, code: int) -> None:
    with running("-c", ALONE, HOME=str(tmp_path)) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        for number in USER_SIGNALS:
            process.send_signal(number)
        process.send_signal(stop)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (code, b"")
    assert b"Beeblebrox" not in err
    assert b"Work" not in err  # the task that the words stand in


@pytest.mark.parametrize(
    ("supervised", "code"),
    [pytest.param([], -signal.SIGTERM, id="worker"), pytest.param(["--supervised"], 0, id="supervisor")],
)
def test_a_start_ignores_them_too(tmp_path: Path, supervised: list[str], code: int) -> None:
    """They would end a process without a handler, and with a supervisor's end its worker were left alone."""
    command = ["-m", "app", "worker", "--bootstrap", "127.0.0.1:1", *supervised]
    with running(*command, SLUICE_DATA_DIR=str(tmp_path)) as process:
        assert eventually(lambda: disposed(process.pid, "SigIgn", *USER_SIGNALS))
        assert not supervised or eventually(lambda: disposed(process.pid, "SigCgt", signal.SIGTERM))
        for number in USER_SIGNALS:
            process.send_signal(number)
        process.terminate()
        assert process.wait(30) == code
