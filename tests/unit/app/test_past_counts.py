"""Past counts: a history's tickets are counted once, at their own times, for as long as counts are kept."""

import tracemalloc
from collections.abc import Sequence
from dataclasses import replace

import pytest

from agents.follower import Lookup
from app.past_counts import PastCount, is_kept, write_counts
from models.errors import Fatal
from schemas.codec import decode
from schemas.contract import epoch_ms_of
from schemas.surge import Count
from tests.fakes.kafka import FakeKafka
from tests.fakes.records import Reader

TOPIC = "tickets.counts"
DAY_MS = 86_400_000
NOW_MS = 20_500 * DAY_MS + DAY_MS // 2


def count(number: int, days: float = 1.0, cluster_id: str = "c-1") -> PastCount:
    """A ticket of so many days ago."""
    return PastCount(NOW_MS - round(days * DAY_MS), f"t-{number}", cluster_id, f"k-{number}", None)


class Topic:
    """The topic of counts, and whoever writes a history's."""

    def __init__(self) -> None:
        self.kafka = FakeKafka()
        self.kafka.make(TOPIC, 1)

    def write(self, counts: Sequence[PastCount], generation_id: str = "g-1") -> int:
        producer = self.kafka.producer("bootstrap")
        producer.init_transactions(1)
        lookup = Lookup({}, lambda _: Reader(self.kafka))
        return write_counts(producer, lookup, counts, generation_id, TOPIC, NOW_MS)

    @property
    def counted(self) -> list[tuple[str, str]]:
        return [(one.ticket_id, one.cluster_id) for one in self.read()]

    def read(self) -> list[Count]:
        return [decode(Count, stored.value or b"") for stored in self.kafka.visible(TOPIC)]


@pytest.fixture
def topic() -> Topic:
    return Topic()


def test_a_ticket_is_counted_at_its_own_time_the_first_one_first(topic: Topic) -> None:
    assert topic.write([count(1, days=2), count(2, days=20), count(3, days=0)]) == 3
    records = topic.kafka.visible(TOPIC)
    assert [record.key for record in records] == [b"c-1"] * 3
    found = topic.read()
    assert [one.ticket_id for one in found] == ["t-2", "t-1", "t-3"]
    assert [record.timestamp_ms for record in records] == [epoch_ms_of(one.occurred_at) for one in found]
    assert (found[0].generation_id, found[0].customer_id, found[0].product) == ("g-1", "k-2", None)


@pytest.mark.parametrize(
    ("days", "kept"),
    [(0.0, True), (27.4, True), (27.6, False), (28.0, False), (40.0, False), (-0.1, False)],
    ids=["now", "four weeks less a day", "a day more", "four weeks", "older", "ahead of now"],
)
def test_what_the_surge_path_keeps_is_counted(topic: Topic, days: float, kept: bool) -> None:
    assert is_kept(count(1, days).at_ms, NOW_MS) is kept
    assert topic.write([count(1, days)]) == len(topic.counted) == kept


def test_the_same_tickets_add_nothing_and_new_ones_are_added(topic: Topic) -> None:
    topic.write([count(1), count(2)])
    assert topic.write([count(1), count(2)], "g-2") == 0
    assert topic.write([count(2), count(3)], "g-3") == 1
    assert topic.counted == [("t-1", "c-1"), ("t-2", "c-1"), ("t-3", "c-1")]


def test_a_ticket_that_is_in_another_cluster_by_now_is_counted_there_too(topic: Topic) -> None:
    topic.write([count(1)])
    assert topic.write([replace(count(1), cluster_id="c-2")]) == 1
    assert topic.counted == [("t-1", "c-1"), ("t-1", "c-2")]


def test_a_ticket_that_stands_in_the_history_twice_is_counted_once(topic: Topic) -> None:
    assert topic.write([count(1), count(1)]) == 1


def test_a_record_that_is_no_count_is_passed_over(topic: Topic) -> None:
    topic.kafka.append(TOPIC, 0, b"c-1", b"broken")
    topic.kafka.append(TOPIC, 0, b"\xff", b"broken too")
    assert topic.write([count(1)]) == 1


def test_thousands_are_written_in_several_transactions(topic: Topic) -> None:
    assert topic.write([count(number, days=number / 1000) for number in range(4_500)]) == 4_500
    assert len(set(topic.counted)) == 4_500
    markers = [stored for stored in topic.kafka.logs[TOPIC, 0] if stored.aborted]
    assert len(markers) == 3


def test_of_what_the_topic_has_counted_nothing_is_held_but_what_the_history_has_too(topic: Topic) -> None:
    topic.write([count(number, days=1 + number / 10_000) for number in range(10_000)])
    tracemalloc.start()
    try:
        assert topic.write([count(1), count(10_000)]) == 1
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10_000 * 100  # bytes; a pair of ids takes more than that


def test_beside_counts_of_another_version_none_is_written(topic: Topic) -> None:
    topic.kafka.append(TOPIC, 0, b"c-1", b'{"schema_version":2}')
    with pytest.raises(Fatal, match="another version of Sluice"):
        topic.write([count(1)])
    assert len(topic.kafka.visible(TOPIC)) == 1
