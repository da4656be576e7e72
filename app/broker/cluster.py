"""The cluster: real Apache Kafka servers (KRaft, no Docker) on the loopback, started, killed and swept away.

For `sluice broker`, the demo and the tests. Data lives as long as the cluster: `stop` removes it.
"""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NoReturn, Self

from app.broker.fence import fence
from app.broker.folder import Node, Record, log_file, read_record, sweep, write_record
from app.broker.jars import DEFAULT_CACHE, Announce, ensure_jars, java_command, silent
from app.broker.node import format_storage, last_error, launch, new_cluster_id
from app.broker.ports import free_ports, is_free
from app.broker.process import Process, identify, send, wait_until_gone
from app.broker.ready import is_ready
from models.errors import Fatal

_READY_TIMEOUT_S = 90.0  # ready in 2 to 6 s, three nodes on two busy cores in 15 s
_POLL_S = 0.05
_END_PATIENCE_S = 10.0
_ATTEMPTS = 3

Ports = Callable[[int], list[int]]


class _PortTakenError(Exception):
    """Between choosing a port and binding it, somebody else took it."""


class LocalCluster:
    """Kafka servers under one folder, numbered from 1.

    Args:
        root: their folder; made by `start`, removed by `stop`.
        nodes: how many; topics of the cluster itself are replicated on all of them.
        heap: of each node, as Java writes it.
        cache_dir: where Kafka's jars are kept.
        port: of node 1; None takes a free one. The other ports are always free ones.
        guarded: the nodes and their folder go when this process goes, even by SIGKILL; otherwise they live on.
        choose_ports: gives free ports; tests hand in their own.
    """

    def __init__(
        self,
        root: Path,
        nodes: int = 1,
        heap: str = "512m",
        *,
        cache_dir: Path = DEFAULT_CACHE,
        port: int | None = None,
        guarded: bool = False,
        choose_ports: Ports = free_ports,
    ) -> None:
        self._root, self._count, self._heap = root.absolute(), nodes, heap
        self._cache_dir, self._port, self._guarded, self._choose_ports = (
            cache_dir,
            port,
            guarded,
            choose_ports,
        )
        self._record: Record | None = None
        self._children: dict[int, subprocess.Popen[bytes]] = {}
        self._paused: set[int] = set()
        self._guard: subprocess.Popen[bytes] | None = None

    @classmethod
    def attached(cls, root: Path, *, cache_dir: Path = DEFAULT_CACHE) -> Self | None:
        """The cluster that another process started under `root`; None where there is no record of one."""
        record = read_record(root)
        if record is None:
            return None
        cluster = cls(root, len(record.nodes), record.heap, cache_dir=cache_dir)
        cluster._record = record
        return cluster

    @property
    def record(self) -> Record:
        """What runs. Raises Fatal where nothing was started."""
        if self._record is None:
            raise Fatal("the local broker was not started")
        return self._record

    @property
    def bootstrap(self) -> str:
        """Addresses of all nodes, for a client's `bootstrap.servers`."""
        return self.record.bootstrap

    def start(self, announce: Announce = silent) -> str:
        """Format, start and await all nodes; returns the bootstrap address.

        Raises:
            Fatal: no Java or no jars, `port` is taken, a node ended or was not ready in time. Nothing is left then.
        """
        libs = ensure_jars(self._cache_dir, announce)
        if read_record(self._root) is not None:
            raise Fatal("a local broker was already started in this folder")
        for _ in range(_ATTEMPTS):
            try:
                self._start_fresh(libs)
            except _PortTakenError:
                self.stop()
            except BaseException:
                self.stop()
                raise
            else:
                return self.bootstrap
        raise Fatal(f"ports were taken by other processes {_ATTEMPTS} times in a row; try again")

    def stop(self) -> None:
        """End all nodes and remove their data. Nothing is left; harmless where nothing runs."""
        sweep(self._root)
        for child in self._children.values():
            child.wait()
        if self._guard and self._guard.stdin:
            self._guard.stdin.close()
            self._guard.wait()
        self._record, self._guard = None, None
        self._children.clear()
        self._paused.clear()

    def kill(self, number: int) -> None:
        """SIGKILL the node and see it gone. Its data and ports are kept."""
        self._end(number, signal.SIGKILL)

    def restart(self, *numbers: int) -> None:
        """Start the nodes again with their data and ports, those that still run after a SIGTERM, and await them.

        Raises:
            Fatal: a node ended, its port is taken, or it was not ready in time.
        """
        libs = ensure_jars(self._cache_dir)
        for number in numbers:
            self.resume(number)
            self._end(number, signal.SIGTERM)
        if not any(node.is_alive for node in self.record.nodes):
            down = [self._node(number) for number in numbers]
            fence(java_command(), libs, self._root, self.record, down, self._adopt)
        for number in numbers:
            self._launch(libs, self._node(number))
        try:
            self._await_ready()
        except _PortTakenError as error:
            raise Fatal(
                "a port of the local broker was taken while it was down: stop it, then start it"
            ) from error

    def pause(self, number: int) -> None:
        """SIGSTOP: the node's connections stay open and nobody answers."""
        self._signal(number, signal.SIGSTOP)
        self._paused.add(number)

    def resume(self, number: int) -> None:
        """SIGCONT after `pause`; harmless otherwise."""
        self._signal(number, signal.SIGCONT)
        self._paused.discard(number)

    def log_file(self, number: int) -> Path:
        """Where the node writes its log."""
        return log_file(self._root, number)

    def _start_fresh(self, libs: Path) -> None:
        if self._port is not None and not is_free(self._port):
            raise Fatal(f"port {self._port} on 127.0.0.1 is taken: choose another")
        ports = self._choose_ports(2 * self._count)
        if self._port is not None:
            ports[0] = self._port
        nodes = tuple(Node(i + 1, ports[2 * i], ports[2 * i + 1]) for i in range(self._count))
        sweep(self._root)  # what a start that was killed may have left half made
        self._root.mkdir(parents=True, exist_ok=True)
        self._keep(Record(new_cluster_id(), self._heap, nodes))
        if self._guarded:
            command = [sys.executable, "-m", "app.broker.guard", str(self._root)]
            self._guard = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        format_storage(java_command(), libs, self._root, self.record)
        for node in nodes:
            self._launch(libs, node)
        self._await_ready()

    def _launch(self, libs: Path, node: Node) -> None:
        self._adopt(node, launch(java_command(), libs, self._root, self.record, node))

    def _adopt(self, node: Node, child: "subprocess.Popen[bytes]") -> None:
        self._children[node.number] = child
        self._set_process(node.number, identify(child.pid))

    def _await_ready(self) -> None:
        """Wait until all nodes that run and are not paused answer as one cluster."""
        meant = [node for node in self.record.nodes if node.process and node.number not in self._paused]
        deadline = time.monotonic() + _READY_TIMEOUT_S
        while not is_ready(self.record.cluster_id, meant):
            for node in meant:
                if not node.is_alive:
                    self._explain_end(node)
            if time.monotonic() > deadline:
                raise Fatal(f"the local broker was not ready within {_READY_TIMEOUT_S:.0f} s")
            time.sleep(_POLL_S)

    def _explain_end(self, node: Node) -> NoReturn:
        if not (is_free(node.port) and is_free(node.controller_port)):
            raise _PortTakenError
        reason = last_error(self._root, node.number)
        raise Fatal(f"node {node.number} of the local broker ended while it started: {reason}")

    def _end(self, number: int, how: signal.Signals) -> None:
        node = self._node(number)
        if node.process:
            send(node.process, how)
            for process in wait_until_gone([node.process], _END_PATIENCE_S):
                send(process, signal.SIGKILL)
        if child := self._children.pop(number, None):
            child.wait()
        self._paused.discard(number)
        self._set_process(number, None)

    def _signal(self, number: int, which: signal.Signals) -> None:
        if process := self._node(number).process:
            send(process, which)

    def _node(self, number: int) -> Node:
        for node in self.record.nodes:
            if node.number == number:
                return node
        raise ValueError(f"no node {number}: they are numbered 1 to {len(self.record.nodes)}")

    def _set_process(self, number: int, process: Process | None) -> None:
        nodes = (replace(n, process=process) if n.number == number else n for n in self.record.nodes)
        self._keep(replace(self.record, nodes=tuple(nodes)))

    def _keep(self, record: Record) -> None:
        write_record(self._root, record)
        self._record = record
