"""The crew: supervised workers as processes of their own, ended in every way there is."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median

from app.child import free_port
from tests.eventually import eventually
from tests.fault.diary import Diary, Entry, Order, OrderFile

STOP_S = 25.0


class Member:
    """One supervised worker of a stable instance name, through all its lives.

    Args:
        name: of the instance.
        variables: `SLUICE_*` settings.
        folder: for its diary, its orders and its log.
    """

    def __init__(self, name: str, variables: Mapping[str, str], folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.name, self.log = name, folder / "log"
        self.diary, self._orders = Diary(folder / "diary"), OrderFile(folder / "order")
        self._environment = {
            **os.environ,
            "SLUICE_INSTANCE": name,
            "SLUICE_WEB_PORT": str(free_port()),
            **variables,
            "FAULT_FOLDER": str(folder),
        }
        self._supervisor: subprocess.Popen[bytes] | None = None

    def start(self, **settings: object) -> "Member":
        """Start the supervisor and with it the worker; settings by name beside those it has."""
        self._environment |= {f"SLUICE_{name.upper()}": str(value) for name, value in settings.items()}
        with self.log.open("ab") as sink:
            self._supervisor = subprocess.Popen(
                [sys.executable, "-m", "tests.fault.worker", "--supervised"],
                env=self._environment,
                stdout=sink,
                stderr=sink,
            )
        return self

    @property
    def exit_code(self) -> int | None:
        """The supervisor's; None while it runs or was never started."""
        return None if self._supervisor is None else self._supervisor.poll()

    @property
    def is_up(self) -> bool:
        return self._supervisor is not None and self._supervisor.poll() is None

    def worker_pid(self) -> int | None:
        """The pid of the worker's present life; None between two."""
        if self._supervisor is None:
            return None
        path = Path(f"/proc/{self._supervisor.pid}/task/{self._supervisor.pid}/children")
        try:
            children = path.read_text().split()
        except OSError:
            return None
        return int(children[0]) if children else None

    def has_partitions(self) -> bool:
        """Whether it was given some when last it was given any or none."""
        given = self.diary.entries("assigned")
        return bool(given and given[-1].detail)

    def works_since(self, moment: float) -> bool:
        """Whether it was given partitions after that moment."""
        return any(entry.detail for entry in self.diary.entries("assigned", moment))

    def age_s(self) -> float:
        """How long its present life lasts."""
        lives = self.diary.entries("started")
        return time.time() - lives[-1].at if lives else 0.0

    def phases(self) -> dict[str, float]:
        """Median seconds of each step from a fault to the first commit of the next life."""
        steps: dict[str, list[float]] = {}
        last: Entry | None = None
        for entry in self.diary.entries():
            if entry.event == "fault":
                last = entry
            elif last is not None:
                steps.setdefault(entry.event, []).append(entry.at - last.at)
                last = None if entry.event == "first_commit" else entry
        return {step: median(seconds) for step, seconds in steps.items()}

    def order(self, order: Order) -> Entry:
        """Give the order, and return once it was carried out."""
        before = len(self.diary.entries("fault"))
        self._orders.give(order)
        if not eventually(lambda: len(self.diary.entries("fault")) > before, 60):
            raise AssertionError(f"{self.name} never came to {order.point}: {self.last_words()}")
        return self.diary.entries("fault")[-1]

    def send(self, number: signal.Signals) -> None:
        """Signal the worker, not its supervisor; between two lives of it, the next one."""
        if not eventually(lambda: self.worker_pid() is not None, 60):
            raise AssertionError(f"{self.name} has no worker: {self.last_words()}")
        pid = self.worker_pid()
        assert pid is not None
        os.kill(pid, number)

    def stop(self) -> int:
        """SIGTERM to the supervisor, as a person or a machine's own supervisor does; its exit code."""
        assert self._supervisor is not None
        if self.is_up:
            self._supervisor.terminate()
        return self.await_end(STOP_S)

    def await_end(self, seconds: float) -> int:
        """The supervisor's exit code, once it has ended by itself."""
        assert self._supervisor is not None
        return self._supervisor.wait(seconds)

    def kill(self) -> None:
        """SIGKILL to both."""
        if self._supervisor is None or not self.is_up:
            return
        pid = self.worker_pid()
        self._supervisor.kill()
        self._supervisor.wait()
        if pid is not None:
            eventually(lambda: not Path(f"/proc/{pid}").exists(), 5)

    def last_words(self, lines: int = 8) -> str:
        """The end of its log, for a person who asks why a test failed."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
