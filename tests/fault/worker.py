"""A worker whose parts can end it: `python -m tests.fault.worker`, and `... --supervised` for one that comes back.

It is the product's own start with other parts. FAULT_FOLDER names the folder of its diary and its orders.
"""

import ctypes
import os
import signal
import sys
from pathlib import Path

from agents.exits import exit_for
from app.cli.console import fail
from app.cli.run import run_worker
from app.logs import set_up_logs
from app.settings import load_settings
from app.supervise import Supervisor
from models.errors import SluiceError
from tests.fault.diary import Diary, OrderFile

_PR_SET_PDEATHSIG = 1  # prctl(2)


def end_with_parent() -> None:
    """Have the system end this process when the one that started it is gone, so that no test leaves any behind."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def main() -> None:
    end_with_parent()
    if sys.argv[1:] == ["--supervised"]:
        set_up_logs("info", "json")
        raise SystemExit(Supervisor([sys.executable, "-m", "tests.fault.worker"], os.environ).run())
    folder = Path(os.environ["FAULT_FOLDER"])
    diary = Diary(folder / "diary")
    diary.note("started")
    try:
        settings = load_settings()
        set_up_logs(settings.log_level, settings.log_format)

        from tests.fault.points import Executioner, watched_parts  # what the worker itself imports late

        run_worker(settings, watched_parts(Executioner(OrderFile(folder / "order"), diary), diary))
    except SluiceError as error:
        fail(error, exit_for(error))


if __name__ == "__main__":
    main()
