"""A Kafka that lets in only who knows a name and a password: SASL_PLAINTEXT with SCRAM-SHA-512, on the loopback."""

import base64
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from app.broker.folder import Node, Record, node_folder
from app.broker.jars import ensure_jars, java_command
from app.broker.node import run_server, server_properties
from app.broker.ports import free_ports
from tests.eventually import eventually

USER = "sluice-worker"
PASSWORD = "correct-horse-battery-9"

_LISTENER = "SASL_PLAINTEXT"
_MECHANISM = "SCRAM-SHA-512"
_READY_S = 90.0


@dataclass(frozen=True, slots=True)
class Secured:
    """The address of such a Kafka, and its log."""

    bootstrap: str
    log: Path

    def options(self, password: str = PASSWORD) -> dict[str, str]:
        """What a client of it is configured with."""
        return {
            "bootstrap.servers": self.bootstrap,
            "security.protocol": _LISTENER,
            "sasl.mechanism": _MECHANISM,
            "sasl.username": USER,
            "sasl.password": password,
        }

    def admin(self) -> AdminClient:
        return AdminClient({**self.options(), "log_level": 0})


@contextmanager
def secured_kafka(root: Path, cache: Path) -> Iterator[Secured]:
    """One node that runs until the block is left."""
    libs, (port, controller_port) = ensure_jars(cache), free_ports(2)
    node = Node(1, port, controller_port)
    record = Record(base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("="), "384m", (node,))
    folder = node_folder(root, node.number)
    folder.mkdir(parents=True)
    properties, log = folder / "server.properties", folder / "server.log"
    properties.write_text(_properties(root, record, node), encoding="utf-8")
    _format(libs, record.cluster_id, properties)
    server = run_server(java_command(), libs, record.heap, properties, log)
    try:
        secured = Secured(node.address, log)
        assert eventually(lambda: _lets_in(secured), _READY_S), log.read_text()[-2_000:]
        yield secured
    finally:
        server.kill()
        server.wait()


def _properties(root: Path, record: Record, node: Node) -> str:
    """The settings of a local node, but for who may come in and how."""
    lines = server_properties(root, record, node).splitlines()
    settings = dict(line.split("=", 1) for line in lines) | {
        "listeners": f"{_LISTENER}://{node.address},CONTROLLER://127.0.0.1:{node.controller_port}",
        "advertised.listeners": f"{_LISTENER}://{node.address}",
        "listener.security.protocol.map": f"{_LISTENER}:{_LISTENER},CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": _LISTENER,
        "sasl.enabled.mechanisms": _MECHANISM,
        "sasl.mechanism.inter.broker.protocol": _MECHANISM,
        f"listener.name.{_LISTENER.lower()}.{_MECHANISM.lower()}.sasl.jaas.config": (
            "org.apache.kafka.common.security.scram.ScramLoginModule required"
            f' username="{USER}" password="{PASSWORD}";'
        ),
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def _format(libs: Path, cluster_id: str, properties: Path) -> None:
    tool = [java_command(), "-cp", f"{libs}/*", "kafka.tools.StorageTool", "format"]
    user = f"{_MECHANISM}=[name={USER},password={PASSWORD}]"
    subprocess.run(
        [*tool, "-t", cluster_id, "-c", str(properties), "--add-scram", user],
        check=True,
        stdout=subprocess.DEVNULL,
    )


def _lets_in(secured: Secured) -> bool:
    try:
        return bool(secured.admin().list_topics(timeout=2).brokers)
    except KafkaException:
        return False
