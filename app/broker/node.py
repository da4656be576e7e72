"""A node: one Kafka server, its settings, its storage and its start. Under the cluster."""

import base64
import os
import subprocess
from pathlib import Path

from app.broker.folder import Node, Record, log_file, node_folder
from models.errors import Fatal

# The largest record anywhere: a dead letter holds a 6 MiB record's bytes in base64, 8 MiB, and what stands around.
MAX_RECORD_BYTES = 12 * 1024 * 1024

# 2 cores, 100,000 transactional records of 590 B: C1 alone 93,000/s for 0.7 s of the broker's CPU, with C2 62,000/s
# for 1.5 s (it compiles for as long as a test lasts); until ready 2.2 s of CPU against 3.4 s with G1 and C2.
_JVM = (
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:+ExitOnOutOfMemoryError",
)

# How long a silent broker counts as alive. Among several, the others take over 4 s after a kill (Kafka's own 9 s is
# long for a test). Alone, nobody can take over, and to be given up while it is only slow or paused does harm: see
# fence.py.
_SESSION_MS = 4_000
_SESSION_ALONE_MS = 30_000

_SETTINGS: dict[str, object] = {
    "process.roles": "broker,controller",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "auto.create.topics.enable": "false",
    "message.max.bytes": MAX_RECORD_BYTES,
    "replica.fetch.max.bytes": MAX_RECORD_BYTES,
    "replica.fetch.response.max.bytes": MAX_RECORD_BYTES,
    # Groups and transactions: a member or a producer that dies is noticed within its own time-outs.
    "offsets.topic.num.partitions": 8,
    "transaction.state.log.num.partitions": 8,
    "transaction.max.timeout.ms": 900_000,
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": 1_000,
    "group.initial.rebalance.delay.ms": 0,
    "group.min.session.timeout.ms": 1_000,
    "broker.heartbeat.interval.ms": 500,
    "log.cleaner.backoff.ms": 1_000,
    "log.cleaner.dedupe.buffer.size": 16 * 1024 * 1024,
}


def new_cluster_id() -> str:
    """A random id as Kafka writes it: 16 bytes in base64 for addresses, never with a dash in front, which Kafka's
    tools would take for an option."""
    first, *rest = os.urandom(16)
    return base64.urlsafe_b64encode(bytes([first & 0x7F, *rest])).decode().rstrip("=")


def server_properties(root: Path, record: Record, node: Node) -> str:
    """The text of the node's `server.properties`: replicated on every node, and safe with all but one of them."""
    count = len(record.nodes)
    in_sync = max(1, count - 1)
    voters = ",".join(f"{peer.number}@127.0.0.1:{peer.controller_port}" for peer in record.nodes)
    settings = _SETTINGS | {
        "node.id": node.number,
        "broker.session.timeout.ms": _SESSION_MS if count > 1 else _SESSION_ALONE_MS,
        "controller.quorum.voters": voters,
        "listeners": f"PLAINTEXT://{node.address},CONTROLLER://127.0.0.1:{node.controller_port}",
        "advertised.listeners": f"PLAINTEXT://{node.address}",
        "log.dirs": node_folder(root, node.number) / "data",
        "default.replication.factor": count,
        "min.insync.replicas": in_sync,
        "offsets.topic.replication.factor": count,
        "transaction.state.log.replication.factor": count,
        "transaction.state.log.min.isr": in_sync,
        "share.coordinator.state.topic.replication.factor": count,
        "share.coordinator.state.topic.min.isr": in_sync,
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def controller_properties(root: Path, record: Record, node: Node) -> str:
    """The same node as a controller alone, that gives up a silent broker at once."""
    settings = dict(line.split("=", 1) for line in server_properties(root, record, node).splitlines())
    del settings["advertised.listeners"]
    settings |= {
        "process.roles": "controller",
        "listeners": f"CONTROLLER://127.0.0.1:{node.controller_port}",
        "broker.session.timeout.ms": "200",
        "broker.heartbeat.interval.ms": "50",
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def format_storage(java: str, libs: Path, root: Path, record: Record) -> None:
    """Write the cluster's id and Kafka's feature levels into every node's empty data folder.

    Raises:
        Fatal: Kafka refused; with its own last line.
    """
    runs = []
    for node in record.nodes:
        properties = _write_properties(root, record, node)
        tool = [*_java(java, libs), "kafka.tools.StorageTool", "format"]
        command = [*tool, "-t", record.cluster_id, "-c", str(properties)]
        runs.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE))
    answers = [run.communicate()[1].decode(errors="replace") for run in runs]
    for node, run, answer in zip(record.nodes, runs, answers, strict=True):
        if run.returncode != 0:
            line = (answer.strip().splitlines() or ["it said nothing"])[-1]
            raise Fatal(f"node {node.number} of the local broker could not be formatted: {line}")


def launch(java: str, libs: Path, root: Path, record: Record, node: Node) -> subprocess.Popen[bytes]:
    """Start the node's server; its log is appended to."""
    properties = _write_properties(root, record, node)
    return run_server(java, libs, record.heap, properties, log_file(root, node.number))


def run_server(
    java: str, libs: Path, heap: str, properties: Path, log: Path, level: str = "INFO"
) -> subprocess.Popen[bytes]:
    """Start a server with these settings; in a session of its own, as Ctrl-C in the starter's terminal is not
    meant for it."""
    options = [f"-Xmx{heap}", f"-Dlog4j2.level={level}"]
    command = [*_java(java, libs), *options, "kafka.Kafka", str(properties)]
    with log.open("ab") as out:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
        )


def last_error(root: Path, number: int) -> str:
    """The last error that the node logged, for a person who asks why it ended."""
    lines = log_file(root, number).read_text(encoding="utf-8", errors="replace").splitlines()
    errors = [line for line in lines if " ERROR " in line or "Exception" in line]
    return (errors or lines or ["it logged nothing"])[-1].strip()


def _write_properties(root: Path, record: Record, node: Node) -> Path:
    folder = node_folder(root, node.number)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "server.properties"
    path.write_text(server_properties(root, record, node), encoding="utf-8")
    return path


def _java(java: str, libs: Path) -> list[str]:
    return [java, *_JVM, "-cp", f"{libs}/*"]
