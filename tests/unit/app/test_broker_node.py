"""A node's settings and ports: on the loopback alone, replicated on every node, safe with all but one."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.broker.folder import Node, Record
from app.broker.node import controller_properties, new_cluster_id, server_properties
from app.broker.ports import free_ports, is_free


def settings(count: int, number: int) -> dict[str, str]:
    nodes = tuple(Node(i, 20000 + 2 * i, 20001 + 2 * i) for i in range(1, count + 1))
    text = server_properties(Path("/x"), Record("abc", "512m", nodes), nodes[number - 1])
    return dict(line.split("=", 1) for line in text.splitlines())


@pytest.mark.parametrize(("count", "in_sync"), [(1, "1"), (2, "1"), (3, "2")])
def test_what_the_cluster_keeps_for_itself_survives_one_node(count: int, in_sync: str) -> None:
    found = settings(count, number=1)
    copies = [value for name, value in found.items() if name.endswith("replication.factor")]
    safe = [value for name, value in found.items() if name.endswith(("min.isr", "min.insync.replicas"))]
    assert copies == [str(count)] * 4
    assert safe == [in_sync] * 3


def test_every_address_is_the_loopback_s() -> None:
    found = settings(3, number=2)
    assert found["listeners"] == "PLAINTEXT://127.0.0.1:20004,CONTROLLER://127.0.0.1:20005"
    assert found["advertised.listeners"] == "PLAINTEXT://127.0.0.1:20004"
    assert found["controller.quorum.voters"] == "1@127.0.0.1:20003,2@127.0.0.1:20005,3@127.0.0.1:20007"
    assert (found["node.id"], found["log.dirs"]) == ("2", "/x/node-2/data")


def test_as_a_controller_alone_a_node_takes_part_in_the_same_quorum_and_serves_nobody() -> None:
    nodes = (Node(1, 20002, 20003), Node(2, 20004, 20005))
    record = Record("abc", "512m", nodes)
    text = controller_properties(Path("/x"), record, nodes[1])
    found = dict(line.split("=", 1) for line in text.splitlines())
    assert found["process.roles"] == "controller"
    assert found["listeners"] == "CONTROLLER://127.0.0.1:20005"
    assert "advertised.listeners" not in found
    whole = settings(2, number=2)
    assert {name for name in found if found[name] != whole[name]} == {
        *("process.roles", "listeners", "broker.session.timeout.ms", "broker.heartbeat.interval.ms")
    }


def test_a_cluster_s_id_is_never_taken_for_an_option() -> None:
    ids = {new_cluster_id() for _ in range(2000)}
    assert len(ids) == 2000
    assert all(len(made) == 22 and made[0] not in "-_" for made in ids)


@pytest.fixture
def listener() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_port_that_somebody_listens_on_is_not_free(listener: int) -> None:
    assert not is_free(listener)


def test_free_ports_differ_and_lie_below_what_outgoing_connections_get() -> None:
    ports = free_ports(20)
    assert len(set(ports)) == 20
    assert all(20_000 <= port < 32_000 and is_free(port) for port in ports)
