"""Scratch: a broker and topics for one run of the demo or a benchmark, gone when it is over."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from confluent_kafka.admin import AdminClient

from agents import admin
from agents.topics import TopicNames, topic_specs
from app.broker import LocalCluster, running_bootstrap
from app.connect import check_login
from app.settings import Settings, kafka_options


@dataclass(frozen=True, slots=True)
class Told:
    """How a run speaks while it works: a new step, and how far it is with it."""

    step: Callable[[str], None]
    progress: Callable[[int, int], None]


@contextmanager
def some_broker(settings: Settings, say: Callable[[str], None]) -> Iterator[str]:
    """Address of the cluster of the settings, of the local broker that runs, or of one for this run alone."""
    known = settings.bootstrap or running_bootstrap(settings.data_dir / "broker")
    if known:
        yield known
        return
    say("starting a local Kafka broker")
    cluster = LocalCluster(settings.data_dir / "scratch-broker", cache_dir=settings.data_dir, guarded=True)
    try:
        yield cluster.start(say)
    finally:
        cluster.stop()


@contextmanager
def own_topics(settings: Settings, bootstrap: str, name: str) -> Iterator[Settings]:
    """The settings with topics of their own, which are removed at the end.

    Args:
        name: what the topics' prefix begins with.
    """
    prefix = f"{name}-{time.time_ns() // 1_000_000}."
    ours = settings.model_copy(update={"bootstrap": bootstrap, "topic_prefix": prefix})
    kafka = kafka_options(ours, bootstrap)
    check_login(kafka)
    client = AdminClient({**kafka, "log_level": 0})
    specs = topic_specs(TopicNames(prefix), ours.partitions, ours.replication)
    admin.create(client, specs)
    try:
        yield ours
    finally:
        admin.delete(client, specs)
