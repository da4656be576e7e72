"""The routing path over small real parts, and the steps of it that tests take alone."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from prometheus_client import CollectorRegistry

from agents.flood import FloodGuard
from agents.follower import Lookup
from agents.generations import generation_records
from agents.home import Homes
from agents.intake import Intake
from agents.live import Live
from agents.metrics import declare
from agents.pulse import Pulse
from agents.routing import RoutingPath
from agents.tables import TicketTable
from agents.topics import TopicNames
from models.engines.vector_index import ExactIndex
from models.generation import Generation, Owner
from models.recluster.first_generation import first_generation
from models.recluster.history import History
from models.recluster.problems import MakePolicy
from models.routing.clean import CleanPolicy
from models.routing.decide import DecidePolicy
from models.routing.encode import Encoder, encode
from models.routing.pack import PackPolicy
from models.vote import VotePolicy
from schemas.codec import Limits
from schemas.generation import Role
from tests.fakes.density import Leaders, ways
from tests.fakes.encoder import HashingEncoder
from tests.fakes.history import HISTORY
from tests.fakes.kafka import FakeKafka
from tests.fakes.records import NOW_MS, Reader, record

NAMES = TopicNames()
_TEAMS = [Owner("mobile", 120), Owner("payments", 30), Owner("locks", 60)]


def table_of(kafka: FakeKafka, registry: CollectorRegistry | None = None) -> TicketTable:
    """A table that restores from the state topic of `kafka`, and counts on `registry` where one is given."""
    metrics = declare(registry or CollectorRegistry())
    return TicketTable(Lookup({}, lambda _: Reader(kafka)), NAMES.state, Pulse(), metrics)


def intake(table: TicketTable | None = None, partitions: int = 1, limits: Limits | None = None) -> Intake:
    """An intake that owns every partition, over a table that knows nothing unless it is given."""
    if table is None:
        kafka = FakeKafka()
        kafka.make(NAMES.state, partitions)
        table = table_of(kafka)
        table.restore(list(range(partitions)))
    return Intake(limits or Limits(), CleanPolicy(), table, Homes("murmur2", partitions))


def learn(encoder: Encoder) -> Generation:
    """The first generation of `history.HISTORY`: three teams, a cluster or more each."""
    texts = [text for _, text in HISTORY]
    history = History(
        vectors=encode(encoder, texts, PackPolicy()),
        texts=texts,
        owners=[team for team, _ in HISTORY],
        created_at_ms=np.arange(len(texts), dtype=np.int64),
    )
    return first_generation(
        history,
        encoder=encoder.fingerprint,
        teams=_TEAMS,
        now_ms=NOW_MS,
        ways=ways(Leaders()),
        build=ExactIndex,
        policy=MakePolicy(),
    ).generation


@dataclass(frozen=True, slots=True)
class Rig:
    """A routing path and the registry that it counts on."""

    path: RoutingPath
    registry: CollectorRegistry

    def counted(self, name: str, **labels: str) -> float:
        """A metric's value; 0 where nothing was counted."""
        return self.registry.get_sample_value(f"sluice_{name}", labels) or 0.0


def publish(live: Live, generation: Generation, role: Role = Role.LIVE) -> str:
    """Put a generation in force, or beside the one that is, the way it comes: record by record."""
    name, records = generation_records(generation, role)
    for key, value in records:
        live.on_generation(record(value, key=key, topic=NAMES.generations))
    live.swap()
    return name


def rig(
    encoder: Encoder | None = None,
    generations: Sequence[Generation] = (),
    guard: FloodGuard | None = None,
    partitions: int = 1,
) -> Rig:
    """A routing path whose clock stands one second after the records' time."""
    engine = encoder or HashingEncoder()
    registry = CollectorRegistry()
    metrics = declare(registry, lambda: NOW_MS + 1_000)
    live = Live(engine.fingerprint, engine.dim, metrics, now_ms=lambda: NOW_MS + 1_000)
    for generation in generations:
        publish(live, generation)
    path = RoutingPath(
        intake=intake(partitions=partitions),
        guard=guard or FloodGuard(max_consecutive=100, max_share=1.0, window=1000),
        encoder=engine,
        pack=PackPolicy(),
        live=live,
        vote=VotePolicy(),
        policy=DecidePolicy(),
        names=NAMES,
        metrics=metrics,
        worker="worker-1",
        now_ms=lambda: NOW_MS + 1_000,
    )
    return Rig(path, registry)
