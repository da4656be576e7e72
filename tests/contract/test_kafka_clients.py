"""What the wire relies on in Kafka's clients, held against the in-memory double and against the real ones.

The double's unit and property tests are worth what this suite says: a difference is a defect of the double.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from agents.wire import ProducerClient
from tests.contract.worlds import Broker, Double, Member, World, for_a_while, until

T = 5.0
Join = Callable[..., Member]


@pytest.fixture(params=["double", pytest.param("broker", marks=pytest.mark.integration)])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    if request.param == "double":
        yield Double()
        return
    real = Broker(request.getfixturevalue("broker"))
    yield real
    real.remove()


@pytest.fixture
def group(world: World) -> Iterator["Group"]:
    with ExitStack() as stack:
        yield Group(world, stack)


class Group:
    """The group's members, closed after the test."""

    def __init__(self, world: World, stack: ExitStack) -> None:
        self._world, self._stack = world, stack
        self.members: list[Member] = []

    def adopt(self, member: Member) -> Member:
        """See that it is closed."""
        self._stack.callback(member.client.close)
        return member

    def join(self, name: str, *, static: bool = False) -> Member:
        """A member that has its share, all others theirs."""
        member = self.adopt(Member(self._world, name, static=static))
        self.members = [other for other in self.members if other.name != name] + [member]
        self._changed()
        return member

    def leave(self, member: Member) -> None:
        self.members.remove(member)
        member.client.close()
        self._changed()

    def _changed(self) -> None:
        self._world.joined([member.name for member in self.members])
        share = 2 // len(self.members)
        until(lambda: all(len(member.owned) == share for member in self.members), *self.members)


def begun(world: World, name: str = "p") -> ProducerClient:
    """A producer in a transaction."""
    producer = world.producer(name)
    producer.init_transactions(30.0)
    producer.begin_transaction()
    return producer


def write(world: World, producer: ProducerClient, value: bytes) -> None:
    producer.produce(world.sink, key=b"k", value=value, headers=[], partition=0)


class Sink:
    """Reads the sink, committed records only."""

    def __init__(self, world: World, group: Group) -> None:
        self.member = group.adopt(Member(world, "reader", joins=False))
        self.member.client.assign([TopicPartition(world.sink, 0, 0)])

    def values(self, count: int) -> list[bytes | None]:
        until(lambda: len(self.member.records) >= count, self.member)
        for_a_while(self.member)
        return [record.value() for record in self.member.records]


def refused(call: Callable[[], object]) -> KafkaError:
    with pytest.raises(KafkaException) as caught:
        call()
    problem = caught.value.args[0]
    assert isinstance(problem, KafkaError)
    return problem


def test_what_is_committed_is_read_and_what_is_aborted_is_not(world: World, group: Group) -> None:
    producer = begun(world)
    write(world, producer, b"committed")
    producer.commit_transaction(T)
    producer.begin_transaction()
    write(world, producer, b"aborted")
    world.sent(producer)
    producer.abort_transaction(T)
    producer.begin_transaction()
    write(world, producer, b"later")
    producer.commit_transaction(T)
    sink = Sink(world, group)
    assert sink.values(2) == [b"committed", b"later"]
    offsets = [record.offset() for record in sink.member.records]
    assert offsets == [0, 4]  # what was aborted and the mark that ends each transaction take an offset


def test_nothing_behind_an_open_transaction_is_read(world: World, group: Group) -> None:
    hanging, other = begun(world, "hanging"), begun(world, "other")
    write(world, hanging, b"open")
    world.sent(hanging)
    write(world, other, b"behind")
    other.commit_transaction(T)
    sink = Sink(world, group)
    assert sink.values(0) == []
    hanging.commit_transaction(T)
    assert sink.values(2) == [b"open", b"behind"]


def test_offsets_are_committed_with_their_transaction_and_not_before(world: World, group: Group) -> None:
    member = group.join("a")
    producer = begun(world)
    producer.send_offsets_to_transaction([member.place(0, 3)], member.metadata, T)
    producer.abort_transaction(T)
    assert [place.offset for place in member.client.committed([member.place(0)], T)] == [-1001]
    producer.begin_transaction()
    producer.send_offsets_to_transaction([member.place(0, 4)], member.metadata, T)
    producer.commit_transaction(T)
    committed = member.client.committed([member.place(0), member.place(1)], T)
    assert sorted((place.partition, place.offset) for place in committed) == [(0, 4), (1, -1001)]


def test_an_offset_may_be_committed_again_and_is_refused_a_stale_member_all_the_same(
    world: World, group: Group
) -> None:
    member = group.join("a")
    producer, stale = begun(world), member.metadata
    producer.send_offsets_to_transaction([member.place(0, 3)], stale, T)
    producer.commit_transaction(T)
    producer.begin_transaction()
    write(world, producer, b"on a tick")
    producer.send_offsets_to_transaction([member.place(0, 3)], stale, T)
    producer.commit_transaction(T)
    assert [place.offset for place in member.client.committed([member.place(0)], T)] == [3]
    assert Sink(world, group).values(1) == [b"on a tick"]
    group.join("b")
    producer.begin_transaction()
    problem = refused(lambda: producer.send_offsets_to_transaction([member.place(0, 3)], stale, T))
    assert problem.code() == KafkaError.ILLEGAL_GENERATION


def test_offsets_of_an_open_transaction_are_awaited(world: World, group: Group) -> None:
    member = group.join("a")
    producer = begun(world)
    producer.send_offsets_to_transaction([member.place(0, 3)], member.metadata, T)
    problem = refused(lambda: member.client.committed([member.place(0), member.place(1)], 0.5))
    assert problem.code() == KafkaError._TIMED_OUT
    assert [place.offset for place in member.client.committed([member.place(1)], T)] == [-1001]
    producer.commit_transaction(T)
    assert [place.offset for place in member.client.committed([member.place(0)], T)] == [3]


def test_a_twin_fences_the_older_one_and_aborts_what_it_left(world: World, group: Group) -> None:
    member = group.join("a")
    old = begun(world)
    write(world, old, b"old")
    old.send_offsets_to_transaction([member.place(0, 3)], member.metadata, T)
    twin = begun(world)
    assert [place.offset for place in member.client.committed([member.place(0)], T)] == [-1001]
    problem = refused(lambda: old.commit_transaction(T))
    assert (problem.code(), problem.fatal(), problem.txn_requires_abort()) == (
        KafkaError._FENCED,
        True,
        False,
    )
    assert refused(lambda: old.abort_transaction(T)).fatal()
    assert refused(old.begin_transaction).fatal()
    write(world, twin, b"twin")
    twin.commit_transaction(T)
    assert Sink(world, group).values(1) == [b"twin"]


def test_one_that_is_fenced_can_begin_but_send_no_offsets(world: World, group: Group) -> None:
    member = group.join("a")
    old = begun(world)
    old.commit_transaction(T)
    begun(world)
    old.begin_transaction()
    problem = refused(lambda: old.send_offsets_to_transaction([member.place(0, 3)], member.metadata, T))
    assert (problem.code(), problem.fatal()) == (KafkaError._FENCED, True)


def test_offsets_of_a_stale_generation_are_refused_and_the_abort_heals(world: World, group: Group) -> None:
    first = group.join("a")
    stale = first.metadata
    group.join("b")
    producer = begun(world)
    write(world, producer, b"stale")
    problem = refused(lambda: producer.send_offsets_to_transaction([first.place(0, 3)], stale, T))
    assert problem.code() == KafkaError.ILLEGAL_GENERATION
    assert (problem.txn_requires_abort(), problem.fatal(), problem.retriable()) == (True, False, False)
    assert refused(lambda: producer.commit_transaction(T)).txn_requires_abort()
    assert refused(producer.begin_transaction).txn_requires_abort()
    producer.abort_transaction(T)
    producer.begin_transaction()
    write(world, producer, b"fresh")
    producer.send_offsets_to_transaction([first.place(0, 3)], first.metadata, T)
    producer.commit_transaction(T)
    assert Sink(world, group).values(1) == [b"fresh"]


def test_offsets_of_one_that_has_left_are_refused(world: World, group: Group) -> None:
    group.join("a")
    gone = group.join("b")
    metadata = gone.metadata
    group.leave(gone)
    producer = begun(world)
    problem = refused(lambda: producer.send_offsets_to_transaction([gone.place(0, 3)], metadata, T))
    assert (problem.code(), problem.txn_requires_abort()) == (KafkaError.UNKNOWN_MEMBER_ID, True)


def test_offsets_of_nobodys_membership_are_taken_unasked(world: World, group: Group) -> None:
    """Why the wire takes metadata with the assignment: at no other time is it sure to be of a membership."""
    member = group.join("a")
    stranger = group.adopt(Member(world, "stranger", joins=False))
    producer = begun(world)
    metadata = stranger.client.consumer_group_metadata()
    producer.send_offsets_to_transaction([member.place(0, 3)], metadata, T)
    producer.commit_transaction(T)
    assert [place.offset for place in member.client.committed([member.place(0)], T)] == [3]


def test_a_static_twin_takes_the_place_of_the_older_one(world: World, group: Group) -> None:
    world.append(0, b"0")
    old = group.join("one", static=True)
    stale = old.metadata
    twin = group.join("one", static=True)
    producer = begun(world)
    problem = refused(lambda: producer.send_offsets_to_transaction([old.place(0, 1)], stale, T))
    assert (problem.code(), problem.txn_requires_abort()) == (KafkaError.FENCED_INSTANCE_ID, True)
    producer.abort_transaction(T)
    until(lambda: bool(old.troubles), old)
    assert old.troubles[0].code() == KafkaError._FATAL
    assert twin.owned == [0, 1]


def test_reading_begins_where_it_was_assigned(world: World, group: Group) -> None:
    world.append(0, b"0", b"1", b"2")
    world.append(1, b"0", b"1")
    member = group.adopt(Member(world, "alone", joins=False))
    member.client.assign([member.place(0, 2), member.place(1, 0)])
    until(lambda: len(member.seen) == 3, member)
    assert sorted(member.seen) == [(0, 2), (1, 0), (1, 1)]


def test_what_is_paused_is_not_read_and_goes_on_where_it_was_sought(world: World, group: Group) -> None:
    member = group.join("a")
    member.client.pause(member.client.assignment())
    world.append(0, b"0", b"1", b"2")
    for_a_while(member)
    assert member.seen == []
    member.client.seek(member.place(0, 1))
    member.client.resume(member.client.assignment())
    until(lambda: len(member.seen) == 2, member)
    assert member.seen == [(0, 1), (0, 2)]
    member.client.seek(member.place(0, 2))
    until(lambda: len(member.seen) == 3, member)
    assert member.seen[-1] == (0, 2)


def test_what_is_not_assigned_can_be_paused_but_not_sought(world: World, group: Group) -> None:
    member = group.join("a")
    nowhere = TopicPartition(world.sink, 0, 1)
    member.client.pause([nowhere])
    member.client.resume([nowhere])
    member.client.pause([])
    assert refused(lambda: member.client.seek(nowhere)).code() == KafkaError._UNKNOWN_PARTITION


def test_a_pause_outlives_a_new_assignment(world: World, group: Group) -> None:
    world.append(0, b"0")
    member = group.join("a")
    member.client.pause(member.client.assignment())
    member.client.assign([member.place(0, 0), member.place(1, 0)])
    seen = len(member.seen)
    for_a_while(member)
    assert len(member.seen) == seen


@pytest.mark.parametrize("resumes", [False, True], ids=["stays", "resumed_when_assigned"])
def test_a_pause_outlives_the_loss_of_its_partition(world: World, group: Group, resumes: bool) -> None:
    first = group.join("a")
    first.client.pause(first.client.assignment())
    second = group.join("b")
    lost = second.owned
    first.client.resume(first.client.assignment())
    first.resumes = resumes
    group.leave(second)
    world.append(0, b"0")
    world.append(1, b"0")
    until(lambda: len(first.seen) == (2 if resumes else 1), first)
    for_a_while(first)
    kept = [number for number in (0, 1) if number not in lost or resumes]
    assert sorted(first.seen) == [(number, 0) for number in kept]


def test_polling_serves_a_rebalance_and_nothing_of_a_lost_partition_follows(
    world: World, group: Group
) -> None:
    world.append(0, *(b"%d" % number for number in range(300)))
    world.append(1, *(b"%d" % number for number in range(300)))
    first = group.join("a")
    first.consume(10)
    group.members.append(group.adopt(Member(world, "b")))
    world.joined(["a", "b"])
    second = group.members[-1]
    before = len(first.events)
    for _ in range(600):
        records = first.consume(10)
        second.poll()
        if len(first.events) > before:
            assert {record.partition() for record in records} <= set(first.owned)
        if len(first.owned) == len(second.owned) == 1:
            break
    assert first.events[before:] == [("revoke", [0, 1]), ("assign", first.owned)]


@pytest.mark.parametrize("call", ["begin twice", "commit", "abort", "produce"])
def test_what_a_producer_may_not_do(world: World, call: str) -> None:
    producer = begun(world)
    if call != "begin twice":
        producer.commit_transaction(T)
    calls: dict[str, Callable[[], object]] = {
        "begin twice": producer.begin_transaction,
        "commit": lambda: producer.commit_transaction(T),
        "abort": lambda: producer.abort_transaction(T),
        "produce": lambda: write(world, producer, b"outside"),
    }
    problem = refused(calls[call])
    assert (problem.code(), problem.fatal(), problem.retriable()) == (KafkaError._STATE, False, False)
