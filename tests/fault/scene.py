"""The scene of a fault: fresh topics with a generation, a load, a subscriber and a crew. All gone when it ends."""

import random
import time
import uuid
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from confluent_kafka import KafkaException

from agents import admin
from agents.topics import TopicNames, topic_specs
from app.settings import Settings
from models.routing.encode import Encoder
from tests import kafka
from tests.eventually import eventually
from tests.fault.crew import Member
from tests.fault.ledger import PATIENCE_S, Row, audit, await_recovery
from tests.fault.load import Load, Reader
from tests.integration.conftest import learn

# A machine under these tests runs brokers, workers and the load on a core or two.
START_S = 90.0


class Scene:
    """What a fault is injected into.

    Args:
        seed: of the load, and of what the fault draws.
        rate: tickets a second.
        population: most tickets; further events are updates of these.
    """

    def __init__(
        self,
        bootstrap: str,
        encoder: Encoder,
        folder: Path,
        *,
        seed: int = 1,
        partitions: int = 4,
        replication: int = 1,
        rate: float = 200.0,
        population: int = 1_000_000,
    ) -> None:
        self.bootstrap, self._folder = bootstrap, folder
        self.names = TopicNames(prefix=f"f{uuid.uuid4().hex[:10]}.")
        self.chance = random.Random(seed)
        self.data_dir = folder / "data"
        admin.create(kafka.admin(bootstrap), topic_specs(self.names, partitions, replication))
        settings = Settings(bootstrap=bootstrap, topic_prefix=self.names.prefix, data_dir=self.data_dir)
        self.generation = learn(settings, encoder)
        self.load = Load(bootstrap, self.names.tickets, rate, seed, population)
        self.reader = Reader(bootstrap, self.names.routed)
        self.recovery_s: list[float] = []
        self.injected = 0
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def end(self) -> None:
        """Leave no process behind."""
        self._stack.close()

    @staticmethod
    def now() -> float:
        """Seconds since the epoch, as the diaries and the records have it."""
        return time.time()

    def member(self, name: str = "one", **settings: object) -> Member:
        """A member of the crew, not yet started; settings by name."""
        variables = {
            "SLUICE_BOOTSTRAP": self.bootstrap,
            "SLUICE_TOPIC_PREFIX": self.names.prefix,
            "SLUICE_DATA_DIR": str(self.data_dir),
            "SLUICE_LOG_FORMAT": "json",
            **{f"SLUICE_{name.upper()}": str(value) for name, value in settings.items()},
        }
        member = Member(name, variables, self._folder / name)
        self._stack.callback(member.kill)
        return member

    def crew(self, count: int, **settings: object) -> Sequence[Member]:
        """So many members, started."""
        return [self.member(f"w{number}", **settings).start() for number in range(1, count + 1)]

    def run(self) -> None:
        """Start load and subscriber, and return once every partition is decided on."""
        self.load.start()
        self.reader.start()
        await_recovery(self.reader, 0.0, START_S)

    def recovered(self, since: float, *, counts: bool = True) -> float:
        """Await that every partition is decided on again, and note how long that took from `since` on, in seconds.

        Args:
            counts: whether that was an injection.
        """
        self.injected += counts
        taken = await_recovery(self.reader, since)
        self.recovery_s.append(taken)
        return taken

    def idle(self, least_s: float = 0.3, most_s: float = 1.0) -> None:
        """Let the load run on for a while by chance, so that faults meet every moment of the worker's life."""
        eventually(lambda: False, self.chance.uniform(least_s, most_s))

    def await_replicas(self) -> None:
        """Return once every partition is on all its nodes again."""
        client = kafka.admin(self.bootstrap)

        def all_in_sync() -> bool:
            try:
                topics = client.list_topics(timeout=3).topics
            except KafkaException:
                return False
            return all(
                len(partition.isrs) == len(partition.replicas)
                for topic in topics.values()
                for partition in topic.partitions.values()
            )

        assert eventually(all_in_sync, START_S)

    def close(self, fault: str, dead: int = 0) -> Row:
        """End the load and count.

        Args:
            dead: dead letters that there must be.
        """
        self.load.stop()
        eventually(lambda: len(self.reader.counts) >= len(self.load.accepted), PATIENCE_S)
        self.reader.stop()
        lost, duplicated = audit(self.bootstrap, self.names, self.load, self.reader, dead)
        return Row(fault, self.injected, len(self.load.accepted), lost, duplicated, tuple(self.recovery_s))
