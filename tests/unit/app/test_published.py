"""Generations in their topic: which there are, by what stands there, and which of them workers decide by."""

from dataclasses import replace

import numpy as np
import pytest

from agents.follower import Lookup
from agents.generations import generation_records
from app.published import Published, read_generation, read_in_force, read_published
from models.errors import BadGeneration, Transient
from models.generation import Generation
from schemas.generation import Role
from tests.fakes.generations import generation
from tests.fakes.kafka import FakeKafka
from tests.fakes.records import Reader, record

TOPIC = "tickets.generations"


def made(route_at: float) -> Generation:
    return generation(["billing"], np.eye(2, dtype=np.float32)[:1], [], route_at=route_at)


ONE, OTHER, THIRD = made(0.7), made(0.8), made(0.9)


def name_of(made: Generation) -> str:
    return generation_records(made)[0]


def keys_of(made: Generation) -> list[bytes]:
    return [key for key, _ in generation_records(made)[1]]


class Topic:
    """A topic of generations."""

    def __init__(self) -> None:
        self.kafka = FakeKafka()
        self.kafka.make(TOPIC, 1)
        self.lookup = Lookup({}, lambda _: Reader(self.kafka))

    def put(self, made: Generation, role: Role = Role.LIVE, cut: int = 0) -> str:
        """A generation's records but the first `cut`; its id."""
        name, records = generation_records(made, role)
        for key, value in records[cut:]:
            self.kafka.append(TOPIC, 0, key, value)
        return name

    def take_back(self, made: Generation) -> None:
        for key in keys_of(made):
            self.kafka.append(TOPIC, 0, key, None)

    def read(self) -> Published:
        return read_published(self.lookup, TOPIC)

    def in_force(self) -> tuple[str, Generation]:
        return read_in_force(self.lookup, TOPIC, self.read())

    def generation(self, made: Generation) -> Generation | None:
        return read_generation(self.lookup, TOPIC, name_of(made))


@pytest.fixture
def topic() -> Topic:
    return Topic()


# -- which there are


def test_candidates_and_others_are_told_apart_each_with_its_keys(topic: Topic) -> None:
    live, candidate = topic.put(ONE), topic.put(OTHER, Role.SHADOW)
    found = topic.read()
    assert (found.live, found.candidates) == ({live: keys_of(ONE)}, {candidate: keys_of(OTHER)})
    assert found.refused is None


def test_they_stand_in_the_order_in_which_they_were_published_last(topic: Topic) -> None:
    for each in (ONE, OTHER, THIRD, ONE):
        topic.put(each)
    found = topic.read().live
    assert found == {name_of(each): keys_of(each) for each in (OTHER, THIRD, ONE)}
    assert list(found) == [name_of(each) for each in (OTHER, THIRD, ONE)]


def test_one_that_is_promoted_is_a_candidate_no_more(topic: Topic) -> None:
    topic.put(OTHER, Role.SHADOW)
    name = topic.put(OTHER)
    found = topic.read()
    assert (found.candidates, found.live) == ({}, {name: keys_of(OTHER)})


def test_the_keys_of_one_that_is_said_again_without_its_parts_are_all_known(topic: Topic) -> None:
    topic.put(ONE)
    name = topic.put(ONE, cut=1)
    assert topic.read().live == {name: keys_of(ONE)}


@pytest.mark.parametrize("role", Role)
def test_one_that_is_taken_back_is_gone(topic: Topic, role: Role) -> None:
    topic.put(ONE, role)
    topic.take_back(ONE)
    found = topic.read()
    assert (found.candidates, found.live) == ({}, {})
    assert topic.generation(ONE) is None


def test_what_is_no_generation_is_nobody_s() -> None:
    found = Published()
    found.feed(record(b"{", key=b"g-1"))
    found.feed(record(b"{", key=None))
    assert (found.candidates, found.live) == ({}, {})
    assert "generation g-1: a record cannot be read" in str(found.refused)


# -- what one of them is


def test_one_is_read_whatever_stands_beside_it(topic: Topic) -> None:
    for each, role in ((ONE, Role.LIVE), (OTHER, Role.SHADOW), (THIRD, Role.LIVE)):
        topic.put(each, role)
    for each in (ONE, OTHER, THIRD):
        found = topic.generation(each)
        assert found is not None
        assert generation_records(found)[0] == name_of(each)
    assert topic.generation(replace(ONE, created_at_ms=ONE.created_at_ms + 1)) is None


def test_one_that_is_not_whole_is_said_so_unless_it_was_before(topic: Topic) -> None:
    topic.put(ONE, cut=1)
    with pytest.raises(BadGeneration, match="missing"):
        topic.generation(ONE)
    topic.put(ONE)
    topic.put(ONE, cut=1)
    assert topic.generation(ONE) is not None


# -- which is in force


def test_the_last_one_is_in_force_and_a_candidate_never(topic: Topic) -> None:
    topic.put(ONE)
    name = topic.put(OTHER)
    topic.put(THIRD, Role.SHADOW)
    found, generation = topic.in_force()
    assert (found, generation_records(generation)[0]) == (name, name)


def test_of_one_that_cannot_be_read_the_one_before_stays_in_force(topic: Topic) -> None:
    name = topic.put(ONE)
    topic.put(OTHER, cut=1)
    topic.kafka.append(TOPIC, 0, b"g-1", b"{")
    assert topic.in_force()[0] == name


def test_it_is_the_one_before_again_once_it_is_taken_back(topic: Topic) -> None:
    name = topic.put(ONE)
    topic.put(OTHER)
    topic.take_back(OTHER)
    assert topic.in_force()[0] == name


def test_without_any_it_is_said_how_to_make_one(topic: Topic) -> None:
    with pytest.raises(Transient, match="sluice bootstrap"):
        topic.in_force()


@pytest.mark.parametrize("whole", [False, True], ids=["not whole", "no manifest"])
def test_where_none_can_be_read_it_is_said_why(topic: Topic, whole: bool) -> None:
    if whole:
        topic.kafka.append(TOPIC, 0, b"g-1", b"{")
    else:
        topic.put(ONE, cut=1)
    with pytest.raises(BadGeneration, match="cannot be read" if whole else "missing"):
        topic.in_force()
