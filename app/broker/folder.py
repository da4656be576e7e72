"""The broker's folder: `broker.json` says what runs, `node-N/` holds each node's settings, log and data.

Whoever finds the folder (the starter, a later command, the guard) can tell what lives and sweep it away.
"""

import json
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path

from app.broker.process import Process, is_alive, send, wait_until_gone

_RECORD = "broker.json"
# One node shuts down in 0.3 s; of three, the last waits for a quorum that will not come back.
_STOP_PATIENCE_S = 3.0
_KILL_PATIENCE_S = 10.0


@dataclass(frozen=True, slots=True)
class Node:
    """One server, broker and controller in one; `process` is None until it was started."""

    number: int
    port: int
    controller_port: int
    process: Process | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def is_alive(self) -> bool:
        return self.process is not None and is_alive(self.process)


@dataclass(frozen=True, slots=True)
class Record:
    """What `broker.json` holds."""

    cluster_id: str
    heap: str
    nodes: tuple[Node, ...]

    @property
    def bootstrap(self) -> str:
        return ",".join(node.address for node in self.nodes)


def node_folder(root: Path, number: int) -> Path:
    return root / f"node-{number}"


def log_file(root: Path, number: int) -> Path:
    return node_folder(root, number) / "server.log"


def read_record(root: Path) -> Record | None:
    """What was started here; None where nothing was, or where the file cannot be understood."""
    try:
        data = json.loads((root / _RECORD).read_text(encoding="utf-8"))
        nodes = tuple(_node(item) for item in data["nodes"])
        return Record(data["cluster_id"], data["heap"], nodes)
    except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError):
        return None


def write_record(root: Path, record: Record) -> None:
    """Replace the record as a whole, so that no reader ever sees half of it."""
    nodes = [
        {
            "number": node.number,
            "port": node.port,
            "controller_port": node.controller_port,
            "pid": node.process.pid if node.process else None,
            "born": node.process.born if node.process else None,
        }
        for node in record.nodes
    ]
    data = {
        "bootstrap": record.bootstrap,
        "cluster_id": record.cluster_id,
        "heap": record.heap,
        "nodes": nodes,
    }
    fresh = root / f"{_RECORD}.new"
    fresh.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
    fresh.replace(root / _RECORD)


def running_bootstrap(root: Path) -> str | None:
    """The bootstrap address of the broker that runs here; None where no node of it lives."""
    record = read_record(root)
    return record.bootstrap if record and any(node.is_alive for node in record.nodes) else None


def sweep(root: Path) -> None:
    """End every node recorded here, politely and then not, and remove what this package put into the folder."""
    record = read_record(root)
    processes = [node.process for node in record.nodes if node.process] if record else []
    for process in processes:
        send(process, signal.SIGTERM)
        send(process, signal.SIGCONT)  # one that was paused reads its SIGTERM only now
    for process in (living := wait_until_gone(processes, _STOP_PATIENCE_S)):
        send(process, signal.SIGKILL)
    wait_until_gone(living, _KILL_PATIENCE_S)
    for folder in root.glob("node-*"):
        shutil.rmtree(folder, ignore_errors=True)
    (root / f"{_RECORD}.new").unlink(missing_ok=True)
    (root / _RECORD).unlink(missing_ok=True)
    if root.is_dir() and not any(root.iterdir()):
        root.rmdir()


def _node(item: dict[str, object]) -> Node:
    number, port, controller_port, pid = (item[k] for k in ("number", "port", "controller_port", "pid"))
    if not (isinstance(number, int) and isinstance(port, int) and isinstance(controller_port, int)):
        raise TypeError("a node's numbers are integers")
    process = Process(pid, str(item["born"])) if isinstance(pid, int) else None
    return Node(number, port, controller_port, process)
