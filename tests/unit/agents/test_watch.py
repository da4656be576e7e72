"""Watch: what the wire tells becomes restored tables, metrics, and readiness."""

import threading

import pytest
from confluent_kafka import TopicPartition
from prometheus_client import CollectorRegistry

from agents.home import Homes
from agents.metrics import declare
from agents.watch import RoutingWatcher
from schemas.codec import encode
from tests.fakes.kafka import FakeKafka
from tests.fakes.path import NAMES, table_of
from tests.fakes.records import batch, record, state


class Ends:
    """The part of the wire's consumer that tells how long its partitions are. It knows no `list_topics`: to ask it for
    metadata in its own callback can abort the process."""

    def __init__(self) -> None:
        self.ends = {0: 10, 1: 10, 2: 10}

    def get_watermark_offsets(self, place: TopicPartition, cached: bool) -> tuple[int, int]:
        assert cached  # never a call to the broker in the wire's thread
        return 0, self.ends[place.partition]


class Rig:
    """A watcher of three partitions, four records a batch."""

    def __init__(self) -> None:
        self.kafka = FakeKafka()
        self.kafka.make(NAMES.state, 4)
        self.table = table_of(self.kafka)
        self.consumer, self.homes, self.joined = Ends(), Homes("murmur2", 1), threading.Event()
        self.registry, self.now_ms = CollectorRegistry(), 10_000
        self.metrics = declare(self.registry, lambda: self.now_ms)
        self.watcher = RoutingWatcher(
            self.consumer, self.count, self.table, self.homes, self.metrics, 4, self.joined, NAMES.tickets
        )

    def count(self, topic: str) -> int:
        assert topic == NAMES.tickets
        return len(self.consumer.ends)

    def keep(self, partition: int, ticket_id: str) -> None:
        self.kafka.append(NAMES.state, partition, ticket_id.encode(), encode(state(ticket_id)))

    def told(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(f"sluice_{name}", labels)


def places(*numbers: int) -> list[TopicPartition]:
    """Partitions of the tickets with what people did to them, as they are assigned."""
    topics = (NAMES.feedback, NAMES.tickets)
    return [TopicPartition(topic, number) for topic in topics for number in numbers]


def of_tickets(partition: int) -> dict[str, str]:
    return {"topic": NAMES.tickets, "partition": str(partition)}


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_what_is_gained_is_restored_before_the_worker_counts_as_joined(rig: Rig) -> None:
    rig.keep(0, "t-1")
    rig.keep(1, "t-2")
    rig.watcher.gained(places(0))
    assert rig.table.get((0, "t-1")) is not None
    assert rig.table.get((1, "t-2")) is None
    assert rig.told("known_tickets") == 1
    assert rig.joined.is_set()


def test_gaining_nothing_is_joining_too(rig: Rig) -> None:
    """More workers than partitions: the idle one is ready."""
    rig.watcher.gained([])
    assert rig.joined.is_set()
    assert rig.told("known_tickets") == 0
    assert rig.homes.partitions == 1


def test_homes_follow_a_topic_that_grew(rig: Rig) -> None:
    rig.watcher.gained(places(0))
    assert rig.homes.partitions == 3
    rig.consumer.ends[3] = 0
    rig.watcher.gained(places(0))
    assert rig.homes.partitions == 4


def test_what_is_lost_is_forgotten_with_its_lag(rig: Rig) -> None:
    rig.keep(0, "t-1")
    rig.watcher.gained(places(0, 1))
    rig.watcher.committed(batch([record(b"", 3, partition=0), record(b"", 3, partition=1)]), 0.1)
    rig.watcher.committed(batch([record(b"", 4, partition=0, topic=NAMES.feedback)]), 0.1)
    acts = {"topic": NAMES.feedback, "partition": "0"}
    assert (rig.told("lag_records", **acts), rig.told("lag_records", **of_tickets(0))) == (5, 6)
    rig.watcher.lost(places(0, 2))  # nothing was ever committed of 2
    assert rig.table.get((0, "t-1")) is None
    lags = [rig.told("lag_records", **labels) for labels in (acts, of_tickets(0), of_tickets(1))]
    assert lags == [None, None, 6]


def test_what_people_did_is_restored_with_the_tickets_and_not_by_itself(rig: Rig) -> None:
    rig.keep(1, "t-1")
    rig.watcher.gained([TopicPartition(NAMES.feedback, 1), TopicPartition(NAMES.tickets, 0)])
    assert rig.table.get((1, "t-1")) is None
    rig.watcher.gained(places(1))
    rig.watcher.lost([TopicPartition(NAMES.feedback, 1)])
    assert rig.table.get((1, "t-1")) is not None


@pytest.mark.parametrize(
    ("offset", "end", "lag"),
    [
        pytest.param(3, 10, 6, id="behind"),
        pytest.param(9, 10, 0, id="at the end"),
        pytest.param(11, 10, 0, id="beyond an end read a while ago"),
        pytest.param(3, -1001, 0, id="end not known yet"),
    ],
)
def test_lag_counts_from_the_committed_position(rig: Rig, offset: int, end: int, lag: int) -> None:
    rig.consumer.ends[1] = end
    rig.watcher.committed(batch([record(b"", offset, partition=1)]), 0.1)
    assert rig.told("lag_records", **of_tickets(1)) == lag


def test_a_commit_is_measured(rig: Rig) -> None:
    rig.watcher.committed(batch([record(b"", 1), record(b"", 2)]), 0.25)
    assert rig.told("step_seconds_sum", step="commit") == 0.25
    assert rig.told("batch_fill_share_sum") == 0.5


def test_age_is_that_of_the_oldest_in_work_and_grows_with_the_clock(rig: Rig) -> None:
    first, second = batch([record(b"", 1)]), batch([record(b"", 2)])
    ages = [rig.told("oldest_ticket_seconds")]
    rig.metrics.in_work.begin(first, 8_000)
    ages.append(rig.told("oldest_ticket_seconds"))
    rig.now_ms += 500
    ages.append(rig.told("oldest_ticket_seconds"))
    rig.metrics.in_work.begin(second, 9_000)  # begun before the one ahead of it is committed
    ages.append(rig.told("oldest_ticket_seconds"))
    rig.watcher.committed(first, 0.1)
    ages.append(rig.told("oldest_ticket_seconds"))
    rig.watcher.dropped(second, "stale")
    ages.append(rig.told("oldest_ticket_seconds"))
    assert ages == [0, 2, 2.5, 2.5, 1.5, 0]


def test_a_record_of_a_clock_ahead_has_no_age(rig: Rig) -> None:
    rig.metrics.in_work.begin(batch([record(b"")]), rig.now_ms + 1)
    assert rig.told("oldest_ticket_seconds") == 0


def test_what_was_dropped_and_begun_again_is_counted_by_cause(rig: Rig) -> None:
    for why in ("stale", "stale", "Transient"):
        rig.watcher.dropped(batch([record(b"")]), why)
    rig.watcher.rewound("Transient")
    assert rig.told("batches_dropped_total", cause="stale") == 2
    assert rig.told("batches_dropped_total", cause="Transient") == 1
    assert rig.told("rewinds_total", cause="Transient") == 1
