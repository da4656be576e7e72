"""The surge path over an in-memory Kafka: a worker whose lives end when a test says so, and its topics as a reader of
committed records sees them."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from prometheus_client import CollectorRegistry

from agents.follower import Lookup
from agents.live import InForce
from agents.metrics import declare
from agents.pulse import Pulse
from agents.state import text_of
from agents.surge import SurgePath, watch_counts
from agents.surge_look import Seer
from agents.surge_state import SurgeState
from agents.surge_texts import ClusterTexts
from agents.surge_word import SurgeWord
from agents.topics import TopicNames
from agents.watch import SurgeWatcher
from agents.wire import Batch, Wire
from agents.wire_policy import WirePolicy
from agents.young import YoungStates
from models.engines.vector_index import ExactIndex
from models.evidence import searchable
from models.generation import Generation
from models.routing.corrections import no_corrections
from models.surge.detect import Detector, DetectPolicy
from models.surge.window import WindowPolicy
from schemas.codec import decode, encode
from schemas.contract import time_of
from schemas.dead_letter import DeadLetter
from schemas.surge import Count, Surge, SurgeCourse, SurgeDay
from tests.fakes.generations import generation, unit_rows
from tests.fakes.kafka import FakeConsumer, FakeKafka, FakeProducer
from tests.fakes.records import Reader, state, state_record

NAMES = TopicNames()
GROUP = "sluice-surge"
START_S = 1_790_000_100  # a bucket begins
CLUSTERS = tuple(f"c-{number}" for number in range(8))
DIM = 8


@dataclass
class Standing:
    """What every worker follows, as a test sets it: in place of `Live`, the generation in force alone."""

    in_force: InForce | None


def in_force(made: Generation | None = None, name: str = "g-1") -> InForce:
    """A generation of eight clusters, all of one team, or another."""
    if made is None:
        rows = unit_rows(len(CLUSTERS), DIM, 1)
        made = generation(["mobile"] * len(CLUSTERS), rows, list(enumerate(rows)))
    return InForce(name, searchable(made, ExactIndex), no_corrections(DIM))


class Ended(FakeConsumer):
    """A consumer that tells where its partitions end, as the watcher asks."""

    def get_watermark_offsets(self, place: object, cached: bool) -> tuple[int, int]:
        return 0, 0


@dataclass
class Town:
    """The topics of the surge path, the clock, and what was counted."""

    kafka: FakeKafka = field(default_factory=FakeKafka)
    now_s: int = START_S
    standing: Standing = field(default_factory=lambda: Standing(in_force()))
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    detector: Callable[[], Detector] = lambda: Detector(DetectPolicy(), WindowPolicy())
    tickets: int = 0

    def __post_init__(self) -> None:
        for topic in (NAMES.counts, NAMES.surge_state, NAMES.surges, NAMES.dead):
            self.kafka.make(topic, 1)
        self.metrics = declare(self.registry)

    def write(self, value: bytes | None, written_s: int | None = None) -> int:
        """A record of `tickets.counts`; its offset."""
        self.kafka.clock_ms = (self.now_s if written_s is None else written_s) * 1000
        return self.kafka.append(NAMES.counts, 0, b"k", value)

    def count(self, cluster_id: str, at_s: int | None = None, **more: object) -> str:
        """A ticket's count, now unless said otherwise; the ticket's id."""
        self.tickets += 1
        written_s = more.pop("written_s", None)
        fields: dict[str, object] = {
            "ticket_id": f"t-{self.tickets}",
            "cluster_id": cluster_id,
            "generation_id": "g-1",
            "customer_id": f"customer-{self.tickets}",
            "product": None,
            "occurred_at": time_of((self.now_s if at_s is None else at_s) * 1000),
        }
        count = Count.model_validate(fields | more)
        assert written_s is None or isinstance(written_s, int)
        self.write(encode(count), written_s)
        return count.ticket_id

    # -- as a reader of committed records sees it

    def surges(self) -> list[Surge]:
        return [decode(Surge, stored.value) for stored in self.kafka.visible(NAMES.surges)]

    def dead(self) -> list[DeadLetter]:
        return [decode(DeadLetter, stored.value) for stored in self.kafka.visible(NAMES.dead)]

    def last_of_state(self) -> Mapping[str, bytes]:
        last: dict[str, bytes | None] = {}
        for stored in self.kafka.visible(NAMES.surge_state):
            last[(stored.key or b"").decode()] = stored.value
        return {key: value for key, value in last.items() if value is not None}

    def counted(self) -> Counter[str]:
        """Tickets by cluster, as the state says."""
        found = Counter[str]()
        for key, value in self.last_of_state().items():
            if "/" in key:
                day = decode(SurgeDay, value)
                found[day.cluster_id] += sum(day.buckets.values())
        return found

    def courses(self) -> list[SurgeCourse]:
        state = self.last_of_state().items()
        return [decode(SurgeCourse, value) for key, value in state if "/" not in key]

    def told(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(f"sluice_{name}", labels) or 0.0


@dataclass
class Life:
    """One life of a worker on the surge path, its agent done with a batch as soon as it is taken."""

    town: Town
    member: str = "a"
    tick_s: float = 5.0
    size: int = 16

    def __post_init__(self) -> None:
        town = self.town
        self.now, self.batches = 0.0, list[Batch]()
        self.texts, self.word = ClusterTexts(), SurgeWord()
        self.young = YoungStates("fake", DIM, 86_400_000, lambda: town.now_s * 1000, self.texts)
        lookup = Lookup({}, lambda _: Reader(town.kafka), lambda _, topic, n: len(town.kafka.logs[topic, n]))
        self.state = SurgeState(lookup, NAMES, WindowPolicy(), town.metrics)
        seer = Seer(town.detector(), self.texts, self.word, runbook="https://runbooks.example.com")
        self.path = SurgePath(
            self.state,
            seer,
            town.standing,  # type: ignore[arg-type]
            NAMES,
            town.metrics,
            "worker-1",
            lambda: town.now_s * 1000,
        )
        self.consumer = Ended(town.kafka, GROUP, self.member)
        self.producer = FakeProducer(town.kafka, f"{GROUP}.{self.member}")
        policy = WirePolicy(
            records=self.size, depth=1, gather_s=1e-6, poll_s=0.0, tick_s=self.tick_s, retries=50
        )
        watcher = SurgeWatcher(self.consumer, town.metrics)
        self.wire = Wire(
            self.consumer,
            self.producer,
            [NAMES.counts],
            self.work,
            watcher,
            policy,
            Pulse(lambda: self.now),
            clock=self.clock,
            sleep=lambda _: None,
        )
        self.wire.fence()
        town.kafka.rebalance(GROUP, {self.member: [(NAMES.counts, 0)]})
        self.wire.open()

    def clock(self) -> float:
        self.now += 1e-6
        return self.now

    def work(self, batch: Batch) -> None:
        self.batches.append(batch)
        try:
            watch_counts(batch, self.path)
        except Exception as error:  # noqa: BLE001 - as `async with batch` hands it back
            batch.error = error
        batch.done.set()

    def turn(self, turns: int = 30) -> None:
        """Let the wire work off what there is."""
        for _ in range(turns):
            self.wire.step()

    def tick(self) -> None:
        """Work off what there is, and tick once."""
        self.turn()
        self.now += self.tick_s
        self.turn(4)

    def tells(self, cluster_id: str, ticket_id: str, text: str, seed: int = 0) -> None:
        """The state of a ticket comes by."""
        vector = text_of(unit_rows(1, DIM, seed)[0].astype(np.float32))
        held = state(
            ticket_id,
            text=text,
            vector=vector,
            encoder="fake",
            cluster_id=cluster_id,
            decided_at=time_of(self.town.now_s * 1000),
        )
        self.young.on_state(state_record(held))
