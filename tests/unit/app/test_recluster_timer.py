"""The timer that reclusters: when it is time, and what is told of it."""

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from app.recluster_timer import ReclusterTimer, run_aside

_HOUR = 3_600.0


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.s = 1_000_000.0

    def __call__(self) -> float:
        return self.s


def _timer(clock: Clock, made_ms: int | None, code: str = "", said: Sequence[str] = ()) -> ReclusterTimer:
    return ReclusterTimer(_HOUR, lambda: made_ms, {}, (sys.executable, "-c", code, *said), clock)


@pytest.mark.parametrize(
    ("age_s", "due"),
    [
        pytest.param(None, False, id="no generation yet"),
        pytest.param(0.0, False, id="just made"),
        pytest.param(_HOUR - 1, False, id="nearly"),
        pytest.param(_HOUR, True, id="in time"),
        pytest.param(90 * _HOUR, True, id="long ago"),
        pytest.param(-_HOUR, False, id="made by a clock that is ahead"),
    ],
)
def test_when_it_is_time(age_s: float | None, due: bool) -> None:
    clock = Clock()
    made = None if age_s is None else int((clock.s - age_s) * 1000)
    assert _timer(clock, made).due is due


def test_what_failed_is_not_tried_again_at_once() -> None:
    clock = Clock()
    timer = _timer(clock, 0, "import sys; print('sluice: refused: too much', file=sys.stderr); sys.exit(1)")
    with capture_logs() as lines:
        asyncio.run(timer.run())
    assert lines[-1] == {
        "event": "recluster_failed",
        "exit_code": 1,
        "why": "sluice: refused: too much",
        "refusal": None,
        "log_level": "error",
    }
    assert not timer.due
    clock.s += _HOUR
    assert timer.due


def test_what_came_of_it_is_logged() -> None:
    code = 'print(\'{"generation": "g-2", "last": "g-1", "clusters": 3, "kept": 2, "events": [{}]}\')'
    with capture_logs() as lines:
        asyncio.run(_timer(Clock(), 0, code).run())
    assert [line["event"] for line in lines] == ["reclustering", "reclustered"]
    assert (lines[1]["generation"], lines[1]["last"], lines[1]["kept"], lines[1]["events"]) == (
        "g-2",
        "g-1",
        2,
        1,
    )


def test_ended_it_ends_its_process(tmp_path: Path) -> None:
    told = tmp_path / "pid"
    code = (
        f"import os, pathlib, time; pathlib.Path({str(told)!r}).write_text(str(os.getpid())); time.sleep(600)"
    )

    async def main() -> None:
        task = asyncio.create_task(_timer(Clock(), 0, code).run())
        while not (told.exists() and told.read_text()):
            await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(asyncio.wait_for(main(), 30))
    with pytest.raises(ProcessLookupError):
        os.kill(int(told.read_text()), 0)


def test_it_runs_only_while_nobody_else_wants_the_processor() -> None:
    code = "import json, os, time\nwhile os.sched_getscheduler(0) != os.SCHED_IDLE: time.sleep(0.01)\nprint('{}')"
    assert asyncio.run(asyncio.wait_for(run_aside((sys.executable, "-c", code), {}), 30)).exit_code == 0
    assert os.sched_getscheduler(0) == os.SCHED_OTHER  # who started it does not


def test_the_process_has_the_settings_of_the_worker() -> None:
    code = "import os, json; print(json.dumps({'generation': os.environ['SLUICE_BOOTSTRAP']}))"
    timer = ReclusterTimer(
        _HOUR, lambda: 0, {"SLUICE_BOOTSTRAP": "kafka:1"}, (sys.executable, "-c", code), Clock()
    )
    with capture_logs() as lines:
        asyncio.run(timer.run())
    assert lines[-1]["generation"] == "kafka:1"
