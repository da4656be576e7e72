"""Supervise: which ends of a worker are final, how long a restart waits, and how a stop reaches the worker."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from agents.exits import Exit
from app.supervise import RestartPolicy, Supervisor, next_wait, worker_command

PYTHON = [sys.executable, "-I", "-S", "-c"]

# Ends of what its life's number says: an exit code, or a signal if negative.
LIVES = """
import os, pathlib, sys
lives, ends = pathlib.Path(sys.argv[1]), sys.argv[2:]
life = len(lives.read_bytes()) if lives.exists() else 0
lives.write_bytes(b"x" * (life + 1))
end = int(ends[life])
os.kill(os.getpid(), -end) if end < 0 else os._exit(end)
"""

SUPERVISED = """
import sys
from app.supervise import RestartPolicy, Supervisor
first_s, stop_s, *command = sys.argv[1:]
policy = RestartPolicy(first_s=float(first_s), most_s=float(first_s), stop_s=float(stop_s))
sys.exit(Supervisor(command, {}, policy).run())
"""

# It writes past Python's buffers: a handler that interrupts a print may not print itself.
POLITE = """
import os, signal, sys
signal.signal(signal.SIGTERM, lambda *_: (os.write(1, b"asked\\n"), sys.exit(int(sys.argv[1]))))
os.write(1, b"ready\\n")
while True:
    signal.pause()
"""

DEAF = """
import os, signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", os.getpid(), flush=True)
while True:
    signal.pause()
"""

UNPREPARED = """
import signal
print("ready", flush=True)
signal.pause()
"""


@pytest.mark.parametrize(
    ("failures", "chance", "expected"),
    [
        pytest.param(1, 0.0, 0.05, id="the first waits at least half"),
        pytest.param(1, 1.0, 0.1, id="and at most all of it"),
        pytest.param(2, 1.0, 0.2, id="the second twice as long"),
        pytest.param(3, 0.0, 0.2, id="the third four times, halved by chance"),
        pytest.param(9, 1.0, 25.6, id="the last below the bound"),
        pytest.param(10, 1.0, 30.0, id="the bound"),
        pytest.param(10_000, 1.0, 30.0, id="the bound for ever"),
    ],
)
def test_the_wait_doubles_up_to_a_bound(failures: int, chance: float, expected: float) -> None:
    assert next_wait(failures, RestartPolicy(), lambda: chance) == pytest.approx(expected)


def lived(folder: Path, *ends: int, policy: RestartPolicy) -> tuple[int, int, list[Any]]:
    """The supervisor's code, the number of lives, and what it logged of a worker with these ends."""
    lives = folder / "lives"
    supervisor = Supervisor([*PYTHON, LIVES, str(lives), *map(str, ends)], {}, policy)
    with structlog.testing.capture_logs() as logged:
        code = supervisor.run()
    return code, len(lives.read_bytes()), logged


@pytest.mark.parametrize("final", [Exit.OK, Exit.USAGE, Exit.POISON], ids=lambda code: code.name)
def test_what_no_restart_heals_is_final(tmp_path: Path, final: Exit) -> None:
    assert lived(tmp_path, final, 99, policy=RestartPolicy(first_s=0.001))[:2] == (final, 1)


@pytest.mark.parametrize(
    "end",
    [
        pytest.param(Exit.RESTART, id="restart"),
        pytest.param(Exit.BROKEN, id="broken"),
        pytest.param(Exit.FAILED, id="failed"),
        pytest.param(-signal.SIGKILL, id="killed"),
        pytest.param(-signal.SIGSEGV, id="crashed"),
        pytest.param(-signal.SIGTERM, id="ended by somebody else"),
    ],
)
def test_what_a_restart_may_heal_is_restarted(tmp_path: Path, end: int) -> None:
    code, lives, logged = lived(tmp_path, end, end, Exit.OK, policy=RestartPolicy(first_s=0.001))
    assert (code, lives) == (Exit.OK, 3)
    assert [line["code"] for line in logged] == [end, end, Exit.OK]


@pytest.mark.parametrize(
    ("calm_s", "most"),
    [
        pytest.param(1000.0, [0.04, 0.08, 0.16], id="each failure doubles the wait"),
        pytest.param(0.0, [0.04, 0.04, 0.04], id="after a calm life it begins anew"),
    ],
)
def test_the_wait_counts_failures_since_the_last_calm_life(
    tmp_path: Path, calm_s: float, most: list[float]
) -> None:
    policy = RestartPolicy(first_s=0.04, calm_s=calm_s)
    _, _, logged = lived(tmp_path, 75, 75, 75, 0, policy=policy)
    waits = [line["restart_in_s"] for line in logged if "restart_in_s" in line]
    assert all(bound / 2 <= wait <= bound for wait, bound in zip(waits, most, strict=True))


@pytest.mark.parametrize(
    ("given", "seen"),
    [
        pytest.param({"NAME": "one"}, "one 2", id="few arenas, and nothing of the supervisor's own"),
        pytest.param({"NAME": "one", "MALLOC_ARENA_MAX": "8"}, "one 8", id="as it is told"),
    ],
)
def test_the_worker_gets_its_environment(tmp_path: Path, given: dict[str, str], seen: str) -> None:
    told = tmp_path / "told"
    script = (
        "import os, pathlib, sys\n"
        "seen = [os.environ[name] for name in ('NAME', 'MALLOC_ARENA_MAX')] + [name for name in ('PATH',) if name in"
        " os.environ]\n"
        "pathlib.Path(sys.argv[1]).write_text(' '.join(seen))"
    )
    assert Supervisor([*PYTHON, script, str(told)], given).run() == Exit.OK
    assert told.read_text() == seen


def test_handlers_of_signals_are_put_back(tmp_path: Path) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    lived(tmp_path, Exit.OK, policy=RestartPolicy())
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == before


def test_one_that_is_stopped_before_it_runs_starts_no_worker(tmp_path: Path) -> None:
    lives = tmp_path / "lives"
    supervisor = Supervisor([*PYTHON, LIVES, str(lives), "0"], {})
    supervisor.stop()
    assert supervisor.run() == Exit.OK
    assert not lives.exists()


# -- a supervisor as a process of its own, since signals go to processes


class Supervised:
    """A supervisor over a worker's script."""

    def __init__(self, script: str, *arguments: str, first_s: float = 0.001, stop_s: float = 30.0) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", SUPERVISED, str(first_s), str(stop_s), *PYTHON, script, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def rest(self) -> str:
        """What it says until it ends."""
        assert self.process.stdout is not None
        return self.process.stdout.read()

    def end(self, *signals: signal.Signals) -> int:
        """Its exit code after these."""
        for number in signals:
            self.process.send_signal(number)
        return self.process.wait(30)


@pytest.fixture
def start() -> Iterator[Callable[..., Supervised]]:
    started: list[Supervised] = []

    def begin(script: str, *arguments: str, **options: float) -> Supervised:
        started.append(Supervised(script, *arguments, **options))
        return started[-1]

    yield begin
    for one in started:
        one.process.kill()
        one.process.wait()
        if one.process.stdout is not None:
            one.process.stdout.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
@pytest.mark.parametrize("code", [Exit.OK, Exit.RESTART], ids=lambda code: code.name)
def test_a_stop_is_passed_on_and_ends_it_for_good(
    start: Callable[..., Supervised], number: signal.Signals, code: Exit
) -> None:
    one = start(POLITE, str(int(code)))
    assert one.line() == "ready\n"
    assert one.end(number) == code
    assert one.line() == "asked\n"
    assert one.rest().count("worker_ended") == 1  # and it was not started again


def test_several_stops_are_one(start: Callable[..., Supervised]) -> None:
    one = start(POLITE, "0")
    one.line()
    assert one.end(signal.SIGTERM, signal.SIGINT, signal.SIGTERM) == Exit.OK
    assert one.line() == "asked\n"


def test_a_worker_that_hears_nothing_is_killed(start: Callable[..., Supervised]) -> None:
    one = start(DEAF, stop_s=0.1)
    worker = int(one.line().split()[1])
    assert one.end(signal.SIGTERM) == Exit.FAILED
    with pytest.raises(ProcessLookupError):
        os.kill(worker, 0)


def test_a_worker_that_cannot_hear_yet_ends_of_the_stop_itself(start: Callable[..., Supervised]) -> None:
    one = start(UNPREPARED)
    one.line()
    assert one.end(signal.SIGTERM) == Exit.OK


def test_a_stop_does_not_wait_for_the_next_restart(start: Callable[..., Supervised], tmp_path: Path) -> None:
    one = start(LIVES, str(tmp_path / "lives"), "75", first_s=3600.0)
    assert "worker_ended" in one.line()
    assert one.end(signal.SIGTERM) == Exit.OK


def test_the_command_of_an_unsupervised_worker() -> None:
    assert worker_command(["--x"]) == [sys.executable, "-m", "app", "worker", "--x"]
