"""A real Alertmanager on loopback, and who it pages."""

import json
import shutil
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from app.child import free_port
from tests.eventually import eventually

PROGRAM = shutil.which("prometheus-alertmanager")
MISSING = "no prometheus-alertmanager here (Debian: apt-get install prometheus-alertmanager)"

_CONFIG = """
route: {receiver: hook, group_by: [surge_id], group_wait: 0s, group_interval: 1s, repeat_interval: 1h}
receivers:
  - name: hook
    webhook_configs: [{url: "http://127.0.0.1:%d/", send_resolved: true}]
"""


class Pager:
    """Whom it pages: (surge, status) of every notification, in their order."""

    def __init__(self) -> None:
        self.notified: list[tuple[str, str]] = []
        pager = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                pager.notified += [(one["labels"]["surge_id"], one["status"]) for one in body["alerts"]]
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: Any) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class RealAlertmanager:
    """One that runs from `start` on, at an address that is known before."""

    def __init__(self, folder: Path) -> None:
        self._folder, self.pager = folder, Pager()
        self._process: subprocess.Popen[bytes] | None = None
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        assert PROGRAM is not None
        self._folder.mkdir(parents=True, exist_ok=True)
        config = self._folder / "alertmanager.yml"
        config.write_text(_CONFIG % self.pager.port)
        with (self._folder / "log").open("ab") as sink:
            self._process = subprocess.Popen(
                [
                    PROGRAM,
                    f"--config.file={config}",
                    f"--storage.path={self._folder / 'data'}",
                    f"--web.listen-address=127.0.0.1:{self._port}",
                    "--cluster.listen-address=",
                ],
                stdout=sink,
                stderr=sink,
            )
        assert eventually(lambda: self._get("/-/ready") is not None), (self._folder / "log").read_text()

    def firing(self) -> list[dict[str, Any]]:
        """The alerts that its v2 API shows: a resolved one is not among them any more."""
        found = self._get("/api/v2/alerts")
        return [] if found is None else list(json.loads(found))

    def _get(self, path: str) -> bytes | None:
        try:
            with urllib.request.urlopen(self.url + path, timeout=5) as answer:
                body: bytes = answer.read()
                return body
        except (urllib.error.URLError, OSError):
            return None

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self.pager.close()


@contextmanager
def real_alertmanager(folder: Path) -> Iterator[RealAlertmanager]:
    """One that has not started, gone after the block."""
    made = RealAlertmanager(folder)
    try:
        yield made
    finally:
        made.close()
