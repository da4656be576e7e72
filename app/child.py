"""Child: a worker as a process of its own, started, awaited and ended. For the demo and for tests."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from app.settings import Settings
from models.errors import Transient

# The encoder is loaded, the state read and the group joined in a few seconds; a slow machine needs more.
READY_S = 120.0

# What `sluice worker` promises to need at most between SIGTERM and its end.
STOP_S = 10.0


class WorkerProcess:
    """`sluice worker` in a process of its own, on a free loopback port.

    Args:
        variables: `SLUICE_*` settings beside those of this process's environment.
        log: file that its output goes to, appended.
        module: what is run instead, with its arguments, as `python -m` takes it.
    """

    def __init__(
        self, variables: Mapping[str, str], log: Path, module: Sequence[str] = ("app", "worker")
    ) -> None:
        self.log, self.port = log, free_port()
        own = {"SLUICE_WEB_HOST": "127.0.0.1", "SLUICE_WEB_PORT": str(self.port), "SLUICE_LOG_FORMAT": "json"}
        with log.open("ab") as sink:
            self._process = subprocess.Popen(
                [sys.executable, "-m", *module],
                env={**os.environ, **own, **variables},
                stdout=sink,
                stderr=sink,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative where a signal ended it."""
        return self._process.poll()

    def page(self, path: str) -> tuple[int, str]:
        """Status and body of one of its pages; status 0 while it does not listen."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def await_ready(self, seconds: float = READY_S) -> Self:
        """Return once it is ready.

        Raises:
            Transient: it ended, or was not ready in time.
        """
        deadline = time.monotonic() + seconds
        while self.page("/readyz")[0] != 200:
            if self.exit_code is not None:
                raise Transient(
                    f"the worker ended with exit code {self.exit_code} before it was ready; see {self.log}"
                )
            if time.monotonic() > deadline:
                raise Transient(f"the worker was not ready after {seconds:g} s; see {self.log}")
            time.sleep(0.1)
        return self

    def kill(self) -> None:
        """SIGKILL, and see it gone."""
        self._process.kill()
        self._process.wait()

    def stop(self, seconds: float = STOP_S) -> int:
        """SIGTERM, and its exit code.

        Raises:
            Transient: it did not end in time; it is killed then.
        """
        if self.exit_code is None:
            self._process.send_signal(signal.SIGTERM)
        return self.await_end(seconds)

    def await_end(self, seconds: float) -> int:
        """Its exit code once it has ended by itself.

        Raises:
            Transient: it did not end in time; it is killed then.
        """
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Transient(f"the worker did not end within {seconds:g} s; see {self.log}") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave no process behind."""
        if self.exit_code is None:
            self.kill()


def worker_variables(settings: Settings, bootstrap: str) -> dict[str, str]:
    """The `SLUICE_*` settings of a worker on the topics and under the data folder of `settings`."""
    return {
        "SLUICE_BOOTSTRAP": bootstrap,
        "SLUICE_TOPIC_PREFIX": settings.topic_prefix,
        "SLUICE_DATA_DIR": str(settings.data_dir),
    }


def resident_mib(pid: int, *, peak: bool = False) -> float | None:
    """MiB of a process's memory that are resident, or were at most: VmRSS or VmHWM of proc(5). None where the process
    is gone. What getrusage calls a maximum begins with that of whoever started the process."""
    name = "VmHWM:" if peak else "VmRSS:"
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(name)), None)


def free_port() -> int:
    """A loopback port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
