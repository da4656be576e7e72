"""Fence: a cluster that died as a whole forgets its old brokers before they come back. Before a restart.

Without it Kafka 4.3 can hang a transaction for good. A broker that comes back while its former life still counts as
alive loads its coordinators at once and begins to write the commit markers that were due when it died, to itself,
where nobody listens yet. Seconds later the former life is given up, its partitions have no leader for a moment, and
the coordinator takes partitions without a leader for deleted ones: it notes the transaction as complete, the marker
is never written, and no read_committed reader gets past that record (seen in 5 of 8 kills that followed a commit at
once). So the former lives are given up first, by controllers alone. Where a node survived, its controller does it.
"""

import re
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from app.broker.folder import Node, Record, node_folder
from app.broker.node import controller_properties, run_server

# Written by a server that shut down in order: its broker was given up on the way.
_CLEAN = "data/.kafka_cleanshutdown"
# Controllers alone have done it after 2 s, on busy cores after 5 s. A broker that was given up before it was killed
# is not given up again: then this is waited for nothing.
_PATIENCE_S = 15.0
_POLL_S = 0.05

_GIVEN_UP = "Fencing broker "
_WRITE = re.compile(r"Read-write operation (maybeFenceStaleBroker\(\d+\)) will be completed")

Started = Callable[[Node, "subprocess.Popen[bytes]"], None]


def fence(java: str, libs: Path, root: Path, record: Record, nodes: Sequence[Node], started: Started) -> None:
    """Let the controllers of `nodes`, none of which runs, give up the brokers that were killed, and end again.

    Args:
        started: is told of every process, so that none is forgotten if this one is killed meanwhile.
    """
    killed = [node for node in nodes if not (node_folder(root, node.number) / _CLEAN).exists()]
    if not killed:
        return
    logs, controllers = [], []
    try:
        for node in nodes:
            folder = node_folder(root, node.number)
            properties, log = folder / "fence.properties", folder / "fence.log"
            properties.write_text(controller_properties(root, record, node), encoding="utf-8")
            log.unlink(missing_ok=True)
            controllers.append(run_server(java, libs, record.heap, properties, log, level="DEBUG"))
            started(node, controllers[-1])
            logs.append(log)
        deadline = time.monotonic() + _PATIENCE_S
        while not _given_up(killed, logs) and time.monotonic() < deadline:
            time.sleep(_POLL_S)
    finally:
        for controller in controllers:
            controller.kill()
            controller.wait()


def _given_up(nodes: Sequence[Node], logs: Sequence[Path]) -> bool:
    """Whether the brokers of `nodes` were given up and that was committed, by what the controllers say.

    A controller alone speaks no protocol that a client of ours does: its log is what there is to ask.
    """
    said = [log.read_text(encoding="utf-8", errors="replace") for log in logs]
    given_up = all(any(f"{_GIVEN_UP}{node.number} at epoch" in text for text in said) for node in nodes)
    return given_up and all(_committed(text) for text in said)


def _committed(said: str) -> bool:
    """Whether everything that this controller gave up is in the quorum's log; it says so long before it is."""
    writes = list(_WRITE.finditer(said))
    last = writes[-1].start() if writes else -1
    return said.rfind(_GIVEN_UP) <= last and all(f"Processed {write[1]} in" in said for write in writes)
