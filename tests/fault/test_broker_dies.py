"""The broker is killed: alone, when everything waits for it, and as one of three, when nothing may."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.broker import LocalCluster
from models.routing.encode import Encoder
from tests.fault.conftest import Enter, Stage, times
from tests.fault.scene import Scene

pytestmark = [pytest.mark.fault, pytest.mark.timeout(900)]


def test_the_only_broker_dies_and_comes_back(node: LocalCluster, stage: Stage, enter: Enter) -> None:
    """Recovery is from when the broker answers again."""
    scene = stage(seed=31)
    scene.crew(1)
    scene.run()
    for _ in range(times(5, 1)):
        scene.idle(2, 4)
        node.kill(1)
        scene.idle(0.5, 4)
        node.restart(1)
        scene.recovered(scene.now())
    enter(scene.close("broker SIGKILL and restart"))


@pytest.fixture
def three(cluster3: LocalCluster, encoder: Encoder, tmp_path: Path) -> Iterator[Scene]:
    with Scene(
        cluster3.bootstrap, encoder, tmp_path / "scene", seed=32, partitions=6, replication=3, rate=100.0
    ) as scene:
        yield scene


def test_one_of_three_brokers_dies(cluster3: LocalCluster, three: Scene, enter: Enter) -> None:
    """Recovery is from the kill, while the node is still away."""
    three.crew(1, replication=3)
    three.run()
    for _ in range(times(5, 1)):
        three.idle(2, 4)
        number = three.chance.choice((1, 2, 3))
        before = three.now()
        cluster3.kill(number)
        three.recovered(before)
        cluster3.restart(number)
        three.await_replicas()
    enter(three.close("one node of a cluster of 3 lost"))
