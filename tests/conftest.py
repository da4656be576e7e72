"""What tests of every folder share: a real Kafka for the session, fresh topics for a test."""

import logging
import os
import sys
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
import structlog
from threadpoolctl import threadpool_limits

from agents import admin
from agents.topics import TopicNames, topic_specs
from app.broker import LocalCluster
from tests import kafka

# The jars are fetched once for the checkout, not once for every temporary folder.
CACHE = Path(__file__).resolve().parents[1] / ".sluice"
# An example that takes longer says something of the machine, not of the code.
hypothesis.settings.register_profile("sluice", deadline=None)
hypothesis.settings.load_profile("sluice")

PARTITIONS = 4

# As a worker and a bootstrap work; more threads wait for each other wherever the cores are shared.
threadpool_limits(limits=1, user_api="blas")


@pytest.fixture(autouse=True)
def logs_as_before() -> Iterator[None]:
    """A test that sets the logs up, as a command does once for all, does so for itself alone."""
    root = logging.getLogger()
    handlers, level, hooks = root.handlers[:], root.level, (sys.excepthook, threading.excepthook)
    yield
    structlog.reset_defaults()
    root.handlers[:], (sys.excepthook, threading.excepthook) = handlers, hooks
    root.setLevel(level)


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Bootstrap address of one Kafka node for the whole session; SLUICE_TEST_BOOTSTRAP names another to use."""
    given = os.environ.get("SLUICE_TEST_BOOTSTRAP")
    if given:
        yield given
        return
    cluster = LocalCluster(tmp_path_factory.mktemp("broker") / "one", cache_dir=CACHE, guarded=True)
    yield cluster.start()
    cluster.stop()


@pytest.fixture
def topics(broker: str) -> Iterator[TopicNames]:
    """Every topic of Sluice, new and empty, under a prefix of its own; removed after the test."""
    names = TopicNames(prefix=f"t{uuid.uuid4().hex[:12]}.")
    client = kafka.admin(broker)
    admin.create(client, topic_specs(names, PARTITIONS, replication=1))
    yield names
    for removed in client.delete_topics(list(names.all()), operation_timeout=30).values():
        removed.result(30)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[LocalCluster]:
    """One node, running, for a test that kills or stops it."""
    with_one = LocalCluster(tmp_path / "cluster", cache_dir=CACHE, guarded=True)
    with_one.start()
    yield with_one
    with_one.stop()


@pytest.fixture
def cluster3(tmp_path: Path) -> Iterator[LocalCluster]:
    """Three nodes, running, every partition on all of them, writes safe on two."""
    with_three = LocalCluster(tmp_path / "cluster3", nodes=3, heap="384m", cache_dir=CACHE, guarded=True)
    with_three.start()
    yield with_three
    with_three.stop()
