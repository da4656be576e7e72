"""The local broker is a real Kafka: it keeps what was committed, and leaves nothing when it is stopped."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import NewTopic, PartitionMetadata

from agents.topics import TopicNames
from app.broker import LocalCluster
from app.broker.folder import read_record, running_bootstrap
from app.broker.ports import free_ports, is_free
from app.broker.process import identify, is_alive, wait_until_gone
from models.errors import Fatal
from tests import kafka
from tests.conftest import CACHE
from tests.eventually import eventually

pytestmark = pytest.mark.integration

STARTER = """
import sys
from pathlib import Path
from app.broker import LocalCluster
print(LocalCluster(Path(sys.argv[1]), cache_dir=Path(sys.argv[2]), guarded=True).start(), flush=True)
sys.stdin.read()
"""


def make_topic(bootstrap: str, name: str, replication: int = 1) -> None:
    client = kafka.admin(bootstrap)  # held: the answer dies with its client
    client.create_topics([NewTopic(name, 1, replication)], operation_timeout=30)[name].result(30)


def values(bootstrap: str, topic: str) -> list[bytes | None]:
    return [record.value() for record in kafka.read_all(bootstrap, topic)]


def transact(bootstrap: str, topic: str, sent: list[bytes], how: str) -> None:
    """Send in one transaction, and end it: `commit` or `abort`."""
    client = kafka.producer(bootstrap, transactional_id=f"tests-{topic}-{how}")
    client.init_transactions(30)
    client.begin_transaction()
    for value in sent:
        client.produce(topic, value)
    client.flush(30)
    (client.commit_transaction if how == "commit" else client.abort_transaction)(30)


def test_stop_leaves_no_process_no_folder_and_no_port_taken(tmp_path: Path) -> None:
    root = tmp_path / "cluster"
    cluster = LocalCluster(root, cache_dir=CACHE, guarded=True)
    cluster.start()
    (node,) = cluster.record.nodes
    assert node.process is not None
    assert is_alive(node.process)
    assert running_bootstrap(root) == cluster.bootstrap
    assert cluster.log_file(1).stat().st_size > 0
    cluster.stop()
    assert not is_alive(node.process)
    assert list(tmp_path.iterdir()) == []
    assert is_free(node.port)
    assert is_free(node.controller_port)
    cluster.stop()


def test_a_node_that_is_killed_after_each_commit_comes_back_with_all_of_them(cluster: LocalCluster) -> None:
    """A commit is acknowledged before its marker is written: the kill falls between the two more often than not."""
    bootstrap = cluster.bootstrap
    make_topic(bootstrap, "kept")
    sent: list[bytes | None] = []
    for number in (b"1", b"2", b"3"):
        transact(bootstrap, "kept", [number], "commit")
        before = cluster.record.nodes[0].process
        cluster.kill(1)
        assert before is not None
        assert not is_alive(before)
        cluster.restart(1)
        assert cluster.bootstrap == bootstrap
        sent.append(number)
        assert values(bootstrap, "kept") == sent


def test_a_reader_of_committed_records_never_sees_an_aborted_transaction(
    broker: str, topics: TopicNames
) -> None:
    transact(broker, topics.routed, [b"lost 1", b"lost 2"], "abort")
    transact(broker, topics.routed, [b"seen"], "commit")
    transact(broker, topics.routed, [b"lost 3"], "abort")
    assert values(broker, topics.routed) == [b"seen"]


def test_two_clusters_run_side_by_side(broker: str, topics: TopicNames, cluster: LocalCluster) -> None:
    assert cluster.bootstrap != broker
    make_topic(cluster.bootstrap, "here")
    kafka.produce(cluster.bootstrap, "here", [(b"k", b"v")])
    assert values(cluster.bootstrap, "here") == [b"v"]
    assert topics.tickets not in kafka.admin(cluster.bootstrap).list_topics(timeout=30).topics
    assert "here" not in kafka.admin(broker).list_topics(timeout=30).topics


def test_a_paused_node_answers_nobody_until_it_is_resumed(cluster: LocalCluster) -> None:
    cluster.pause(1)
    with pytest.raises(KafkaException):
        kafka.admin(cluster.bootstrap).list_topics(timeout=1)
    cluster.resume(1)
    assert set(kafka.admin(cluster.bootstrap).list_topics(timeout=30).brokers) == {1}


def test_of_three_nodes_any_one_may_die_the_leader_too(cluster3: LocalCluster) -> None:
    bootstrap = cluster3.bootstrap
    make_topic(bootstrap, "kept", replication=3)

    def partition() -> PartitionMetadata:
        return kafka.admin(bootstrap).list_topics("kept", timeout=30).topics["kept"].partitions[0]

    transact(bootstrap, "kept", [b"before"], "commit")
    first = partition().leader
    cluster3.kill(first)
    transact(bootstrap, "kept", [b"without one"], "commit")
    assert values(bootstrap, "kept") == [b"before", b"without one"]
    cluster3.restart(first)
    assert eventually(lambda: set(partition().isrs) == {1, 2, 3})

    second = partition().leader
    cluster3.kill(second)
    assert values(bootstrap, "kept") == [b"before", b"without one"]
    cluster3.restart(second)
    assert eventually(lambda: set(partition().isrs) == {1, 2, 3})


def test_a_port_lost_between_choosing_and_binding_is_replaced(tmp_path: Path) -> None:
    """The first choice gives a port on which a process that the chooser did not see listens."""
    taken = LocalCluster(tmp_path / "first", cache_dir=CACHE, guarded=True)
    taken.start()
    choices: list[list[int]] = [[taken.record.nodes[0].port, *free_ports(1)]]

    def choose(count: int) -> list[int]:
        return choices.pop() if choices else free_ports(count)

    second = LocalCluster(tmp_path / "second", cache_dir=CACHE, guarded=True, choose_ports=choose)
    try:
        assert second.start() != taken.bootstrap
        assert choices == []
        assert running_bootstrap(tmp_path / "first") == taken.bootstrap
    finally:
        second.stop()
        taken.stop()


def test_a_port_that_was_asked_for_and_is_taken_is_said_and_nothing_is_left(
    cluster: LocalCluster, tmp_path: Path
) -> None:
    port = cluster.record.nodes[0].port
    with pytest.raises(Fatal, match=f"port {port} on 127.0.0.1 is taken"):
        LocalCluster(tmp_path / "other", cache_dir=CACHE, port=port).start()
    assert not (tmp_path / "other").exists()


def test_a_folder_holds_one_cluster(cluster: LocalCluster, tmp_path: Path) -> None:
    with pytest.raises(Fatal, match="already started"):
        LocalCluster(tmp_path / "cluster", cache_dir=CACHE).start()
    assert running_bootstrap(tmp_path / "cluster") == cluster.bootstrap


def test_a_node_that_cannot_start_gives_its_own_reason_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(Fatal, match=r"node 1 of the local broker ended while it started: .*heap"):
        LocalCluster(tmp_path / "cluster", heap="1k", cache_dir=CACHE).start()
    assert not (tmp_path / "cluster").exists()


def test_a_guarded_cluster_goes_with_its_starter_even_when_that_is_killed(tmp_path: Path) -> None:
    root = tmp_path / "cluster"
    command = [sys.executable, "-c", STARTER, str(root), str(CACHE)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as starter:
        assert starter.stdout is not None
        assert starter.stdout.readline().startswith(b"127.0.0.1:")
        record = read_record(root)
        assert record is not None
        starter.send_signal(signal.SIGKILL)
    processes = [node.process for node in record.nodes if node.process]
    assert len(processes) == 1
    assert wait_until_gone(processes, patience_s=30) == []
    assert eventually(lambda: not root.exists())


Sluice = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def sluice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sluice:
    """`sluice broker`, with a data folder of its own that shares the checkout's jars."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "kafka-4.3.1").symlink_to(CACHE / "kafka-4.3.1")
    monkeypatch.setenv("SLUICE_DATA_DIR", str(tmp_path / "data"))

    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-c", "from app.cli.broker import app; app()", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)

    return run


def test_the_command_line_starts_finds_revives_and_stops_it(
    broker: str, sluice: Sluice, tmp_path: Path
) -> None:
    """`broker` is asked for so that the jars are there."""
    root = tmp_path / "data" / "broker"
    assert sluice("status").returncode == 1
    started = json.loads(sluice("start", "--json").stdout)
    try:
        assert started["state"] == "running"
        assert started["bootstrap"] == running_bootstrap(root) != broker
        make_topic(started["bootstrap"], "kept")
        transact(started["bootstrap"], "kept", [b"1"], "commit")

        again = sluice("start")
        assert (again.returncode, "is running" in again.stdout) == (0, True)
        assert started["bootstrap"] in again.stdout
        assert json.loads(sluice("status", "--json").stdout) == started

        found = identify(started["nodes"][0]["pid"])
        attached = LocalCluster.attached(root, cache_dir=CACHE)
        assert found is not None
        assert attached is not None
        attached.kill(1)
        dead = sluice("status")
        assert (dead.returncode, "is dead: node 1" in dead.stdout) == (1, True)

        revived = json.loads(sluice("start", "--json").stdout)
        assert revived["bootstrap"] == started["bootstrap"]
        assert values(revived["bootstrap"], "kept") == [b"1"]
        assert sluice("start", "--nodes", "3").returncode != 0
    finally:
        stopped = sluice("stop", "--json")
    assert (stopped.returncode, json.loads(stopped.stdout)) == (0, {"stopped": True})
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["kafka-4.3.1"]
    assert json.loads(sluice("stop", "--json").stdout) == {"stopped": False}
