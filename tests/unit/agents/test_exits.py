"""Exits: one code a cause, one line on the way out, and nothing else done."""

import subprocess
import sys

import pytest

from agents.exits import Exit, exit_for
from models.errors import BadGeneration, Fatal, Invalid, PoisonFlood, SluiceError, Transient


@pytest.mark.parametrize(
    ("error", "code"),
    [
        pytest.param(PoisonFlood("flood"), Exit.POISON, id="a flood of dead letters"),
        pytest.param(BadGeneration("broken"), Exit.BROKEN, id="a broken generation"),
        pytest.param(Fatal("settings"), Exit.USAGE, id="settings"),
        pytest.param(Transient("broker"), Exit.RESTART, id="a broker away"),
        pytest.param(Invalid("internal", None, "x"), Exit.BROKEN, id="a record's error that got away"),
        pytest.param(SluiceError("bare"), Exit.BROKEN, id="an error of ours without a branch"),
        pytest.param(KeyError("x"), Exit.BROKEN, id="a defect"),
        pytest.param(KeyboardInterrupt(), Exit.BROKEN, id="an interrupt in a thread"),
    ],
)
def test_the_code_says_whether_a_restart_helps(error: BaseException, code: Exit) -> None:
    assert exit_for(error) is code


def test_codes_are_what_supervisors_are_told() -> None:
    assert {exit.name: exit.value for exit in Exit} == {
        "OK": 0,
        "FAILED": 1,
        "USAGE": 2,
        "POISON": 65,
        "BROKEN": 70,
        "RESTART": 75,
    }


_DIE = """
import atexit
from agents.exits import die
from models.errors import PoisonFlood, Transient
atexit.register(lambda: print("flushed"))
try:
    die({error})
finally:
    print("went on")
"""


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        pytest.param("Transient('no broker')", 75, "(restart, exit 75): no broker", id="said"),
        pytest.param("PoisonFlood('too many')", 65, "(poison, exit 65): too many", id="fatal"),
        pytest.param(
            "ValueError('Zaphod cannot log in')",
            70,
            "(broken, exit 70): ValueError",
            id="a defect: its name only",
        ),
    ],
)
def test_it_ends_at_once_with_one_line(error: str, code: int, line: str) -> None:
    """Nothing is flushed and no handler runs: a transaction that is open must not be touched again."""
    ended = subprocess.run(
        [sys.executable, "-c", _DIE.format(error=error)], capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == code
    assert ended.stderr == f"sluice: worker ends {line}\n"
    assert ended.stdout == ""


def test_it_ends_the_process_from_any_thread() -> None:
    code = (
        "import threading\nfrom agents.exits import die\nfrom models.errors import Transient\n"
        "threading.Thread(target=die, args=(Transient('gone'),), daemon=True).start()\n"
        "threading.Event().wait(60)\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert ended.returncode == 75
