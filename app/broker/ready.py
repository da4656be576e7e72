"""Ready: whether the nodes answer as one cluster, asked through Kafka's own protocol. After a node was started."""

import socket
from collections.abc import Sequence
from contextlib import closing

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from app.broker.folder import Node

_ANSWER_TIMEOUT_S = 2.0


def is_ready(cluster_id: str, nodes: Sequence[Node]) -> bool:
    """Whether every one of `nodes` listens, belongs to this cluster, knows its controller and lists all the others."""
    return all(_listens(node) for node in nodes) and all(_agrees(cluster_id, node, nodes) for node in nodes)


def _listens(node: Node) -> bool:
    # A bare socket first: it is cheaper to ask, and librdkafka would write a line for each refusal.
    with closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as probe:
        probe.settimeout(_ANSWER_TIMEOUT_S)
        return probe.connect_ex(("127.0.0.1", node.port)) == 0


def _agrees(cluster_id: str, node: Node, nodes: Sequence[Node]) -> bool:
    # A new client each time: one that lives on may ask any broker that it has heard of, and `node` is meant.
    client = AdminClient({"bootstrap.servers": node.address, "log_level": 0})
    try:
        seen = client.list_topics(timeout=_ANSWER_TIMEOUT_S)
    except KafkaException:
        return False
    return (
        seen.cluster_id == cluster_id
        and seen.controller_id in seen.brokers
        and {peer.number for peer in nodes} <= set(seen.brokers)
    )
