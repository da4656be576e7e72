"""Follower: whole topics, from their beginning to their end and on, and what ends it."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka import OFFSET_BEGINNING, KafkaError, TopicPartition

from agents.follower import Follower, Lookup, partitions_of, read_to_end, read_until, reader_options
from agents.wire import Record
from models.errors import Transient
from tests.eventually import eventually
from tests.fakes.kafka import FakeKafka, FakeRecord, error
from tests.fakes.records import Reader, Trouble

ONE, TWO = "one", "two"
ALL = [TopicPartition(ONE, 0), TopicPartition(ONE, 1), TopicPartition(TWO, 0)]


@pytest.fixture
def kafka() -> FakeKafka:
    kafka = FakeKafka()
    kafka.make(ONE, 2)
    kafka.make(TWO, 1)
    return kafka


class Silent(Reader):
    """A reader that no broker answers."""

    def list_topics(self, timeout: float) -> Any:
        raise error(KafkaError._TRANSPORT)


def fill(kafka: FakeKafka, count: int) -> None:
    for number in range(count):
        kafka.append(ONE, number % 2, b"k", b"%d" % number)


# -- partitions_of


def test_every_partition_in_order(kafka: FakeKafka) -> None:
    found = partitions_of(Reader(kafka), [TWO, ONE])
    assert [(place.topic, place.partition) for place in found] == [(TWO, 0), (ONE, 0), (ONE, 1)]
    assert {place.offset for place in found} == {
        OFFSET_BEGINNING
    }  # else a group's coordinator is asked for one


def test_missing_topics_are_named_with_the_remedy(kafka: FakeKafka) -> None:
    with pytest.raises(
        Transient, match="topics are missing: three, four; make them with `sluice topics create`"
    ):
        partitions_of(Reader(kafka), [ONE, "three", "four"])


def test_a_broker_that_does_not_answer_is_said_so(kafka: FakeKafka) -> None:
    with pytest.raises(Transient, match=r"no Kafka broker answers \(_TRANSPORT\)"):
        partitions_of(Silent(kafka), [ONE])


# -- read_to_end


@pytest.mark.parametrize("count", [0, 1, 7, 1_201], ids="{} records".format)
def test_everything_is_read_once_in_the_order_of_its_partition(kafka: FakeKafka, count: int) -> None:
    fill(kafka, count)
    seen: dict[int, list[int]] = {0: [], 1: []}
    read = read_to_end(Reader(kafka), ALL, lambda r: seen[r.partition()].append(int(r.value() or b"")))
    assert read == count
    assert seen == {0: list(range(0, count, 2)), 1: list(range(1, count, 2))}


def test_no_partition_is_read_at_once() -> None:
    assert read_to_end(Reader(FakeKafka()), [], lambda _: None) == 0


def test_an_empty_partition_beside_a_full_one_does_not_end_it_early(kafka: FakeKafka) -> None:
    for number in range(1_000):
        kafka.append(TWO, 0, b"k", b"%d" % number)
    assert read_to_end(Reader(kafka), ALL, lambda _: None) == 1_000


def test_what_is_open_or_aborted_is_not_read(kafka: FakeKafka) -> None:
    kafka.append(TWO, 0, b"k", b"before")
    producer = kafka.producer("p")
    producer.init_transactions(1)
    for end in (producer.abort_transaction, lambda _: None):
        producer.begin_transaction()
        producer.produce(TWO, key=b"k", value=b"never", headers=[])
        end(1)
        kafka.append(TWO, 0, b"k", b"after")
    seen: list[bytes | None] = []
    read_to_end(Reader(kafka), [TopicPartition(TWO, 0)], lambda r: seen.append(r.value()))
    assert seen == [b"before", b"after"]  # and nothing behind the transaction that is still open


def test_a_passing_trouble_is_read_over(kafka: FakeKafka) -> None:
    fill(kafka, 3)
    reader = Reader(kafka, [Trouble((ONE, 0), KafkaError._TRANSPORT)])
    assert read_to_end(reader, ALL, lambda _: None) == 3


def test_a_fatal_trouble_ends_it(kafka: FakeKafka) -> None:
    reader = Reader(kafka, [Trouble((ONE, 0), KafkaError._FENCED, fatal=True)])
    with pytest.raises(Transient, match="consumer: _FENCED"):
        read_to_end(reader, ALL, lambda _: None)


def test_readers_see_committed_records_only_and_share_no_group() -> None:
    first, second = reader_options({"bootstrap.servers": "there"}), reader_options({})
    assert first["bootstrap.servers"] == "there"
    assert first["isolation.level"] == "read_committed"
    assert first["enable.auto.commit"] is False
    assert first["enable.partition.eof"] is True  # the end is how read_to_end ends
    assert first["group.id"] != second["group.id"]


# -- read_until


@pytest.mark.parametrize(
    ("start", "end", "seen"),
    [
        pytest.param(OFFSET_BEGINNING, 5, [0, 1, 2, 3, 4], id="all"),
        pytest.param(OFFSET_BEGINNING, 3, [0, 1, 2], id="not beyond the end"),
        pytest.param(2, 4, [2, 3], id="a part"),
        pytest.param(4, 4, [], id="nothing"),
        pytest.param(OFFSET_BEGINNING, 0, [], id="of an empty partition"),
    ],
)
def test_a_part_is_read_from_its_start_and_before_its_end(
    kafka: FakeKafka, start: int, end: int, seen: list[int]
) -> None:
    for _ in range(5):
        kafka.append(TWO, 0, b"k", b"v")
    found: list[int] = []
    count = read_until(Reader(kafka), TopicPartition(TWO, 0, start), end, lambda r: found.append(r.offset()))
    assert (found, count) == (seen, len(seen))


@pytest.mark.parametrize("aborted", [False, True], ids=["committed", "aborted"])
def test_what_a_transaction_still_holds_back_before_the_end_is_awaited(
    kafka: FakeKafka, aborted: bool
) -> None:
    kafka.append(TWO, 0, b"k", b"before")
    producer = kafka.producer("p")
    producer.init_transactions(1)
    producer.begin_transaction()
    producer.produce(TWO, key=b"k", value=b"within", headers=[])
    end = len(kafka.logs[TWO, 0])
    looks: list[int] = []

    class Patient(Reader):
        def consume(self, num_messages: int, timeout: float) -> list[FakeRecord]:
            looks.append(1)
            if len(looks) == 4:
                producer.settle(aborted=aborted)
            return super().consume(num_messages, timeout)

    seen: list[bytes | None] = []
    read_until(Patient(kafka), TopicPartition(TWO, 0, 0), end, lambda r: seen.append(r.value()))
    assert seen == [b"before", *([] if aborted else [b"within"])]
    assert len(looks) >= 4


def test_a_part_is_read_over_a_passing_trouble_and_ended_by_a_fatal_one(kafka: FakeKafka) -> None:
    kafka.append(TWO, 0, b"k", b"v")
    place = TopicPartition(TWO, 0, 0)
    passing = Reader(kafka, [Trouble((TWO, 0), KafkaError._TRANSPORT)])
    assert read_until(passing, place, 1, lambda _: None) == 1
    with pytest.raises(Transient, match="consumer: _FENCED"):
        read_until(
            Reader(kafka, [Trouble((TWO, 0), KafkaError._FENCED, fatal=True)]), place, 1, lambda _: None
        )


# -- Lookup


def test_a_lookup_reads_from_the_beginning_each_time_by_one_client(kafka: FakeKafka) -> None:
    fill(kafka, 4)
    made: list[Reader] = []

    def connect(_: object) -> Reader:
        made.append(Reader(kafka))
        return made[-1]

    lookup = Lookup({}, connect)
    assert made == []  # a worker that gains nothing needs none
    seen: list[bytes | None] = []
    assert lookup.read(ONE, [0], lambda record: seen.append(record.value())) == 2
    kafka.append(ONE, 0, b"k", b"later")
    assert lookup.read(ONE, [0, 1], lambda record: seen.append(record.value())) == 5
    assert seen[:2] == [b"0", b"2"]
    assert sorted(seen[2:]) == [b"0", b"1", b"2", b"3", b"later"]  # type: ignore[type-var]
    assert lookup.count(ONE) == 2
    assert len(made) == 1


def test_a_lookup_holds_no_partition_between_reads(kafka: FakeKafka) -> None:
    fill(kafka, 2)
    reader = Reader(kafka, [Trouble((ONE, 0), KafkaError._FENCED, fatal=True)])
    lookup = Lookup({}, lambda _: reader)
    with pytest.raises(Transient):
        lookup.read(ONE, [0, 1], lambda _: None)
    assert reader.consume(10, 0) == []


# -- Follower


class Rig:
    """A follower of both topics, what it handed on, and what it died of."""

    def __init__(self, kafka: FakeKafka, reader: Reader | None = None) -> None:
        self.reader = reader or Reader(kafka)
        self.seen: list[tuple[str, bytes | None]] = []
        self.deaths: list[BaseException] = []
        self.dead = threading.Event()
        self.settled = 0
        handlers = {ONE: self.on_one, TWO: self.on_two}
        self.follower = Follower({}, handlers, self.settle, self.die, lambda _: self.reader)

    def on_one(self, record: Record) -> None:
        self.seen.append((ONE, record.value()))

    def settle(self) -> None:
        """How many records had been handed on when all that was there had been read."""
        self.settled = len(self.seen)

    def on_two(self, record: Record) -> None:
        if record.value() == b"broken":
            raise ValueError("handler")
        self.seen.append((TWO, record.value()))

    def die(self, error: BaseException) -> None:
        self.deaths.append(error)
        self.dead.set()


@pytest.fixture
def rig(kafka: FakeKafka) -> Iterator[Rig]:
    made = Rig(kafka)
    yield made
    made.follower.stop()


def test_it_reads_to_the_end_says_so_and_goes_on(kafka: FakeKafka, rig: Rig) -> None:
    fill(kafka, 3)
    rig.follower.start()
    assert rig.follower.caught_up.wait(10)
    assert sorted(rig.seen) == [(ONE, b"0"), (ONE, b"1"), (ONE, b"2")]
    assert rig.settled == 3
    kafka.append(TWO, 0, b"k", b"later")
    assert eventually(lambda: rig.settled == 4, 10)
    assert rig.seen[-1] == (TWO, b"later")
    rig.follower.stop()
    assert rig.reader.closed
    assert rig.deaths == []


def test_a_handler_that_fails_at_the_start_ends_the_process_before_it_is_ready(
    kafka: FakeKafka, rig: Rig
) -> None:
    kafka.append(TWO, 0, b"k", b"broken")
    rig.follower.start()
    assert rig.dead.wait(10)
    assert [str(death) for death in rig.deaths] == ["handler"]
    assert not rig.follower.caught_up.is_set()


def test_a_handler_that_fails_later_ends_the_process_too(kafka: FakeKafka, rig: Rig) -> None:
    rig.follower.start()
    assert rig.follower.caught_up.wait(10)
    kafka.append(TWO, 0, b"k", b"broken")
    assert rig.dead.wait(10)
    assert len(rig.deaths) == 1


def test_a_broker_that_does_not_answer_ends_the_process(kafka: FakeKafka) -> None:
    rig = Rig(kafka, Silent(kafka))
    rig.follower.start()
    assert rig.dead.wait(10)
    assert isinstance(rig.deaths[0], Transient)
    rig.follower.stop()


def test_stopping_what_never_started_is_no_matter(rig: Rig) -> None:
    rig.follower.stop()
    assert rig.deaths == []
