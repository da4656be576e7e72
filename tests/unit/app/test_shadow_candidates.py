"""Candidates in the topic of generations: which there are, by what stands there."""

import numpy as np
import pytest

from agents.generations import generation_records
from app.shadow.candidates import Generations, _whole
from models.errors import BadGeneration
from models.generation import Generation
from schemas.generation import Role
from tests.fakes.generations import generation
from tests.fakes.records import record


def made(route_at: float) -> Generation:
    return generation(["billing"], np.eye(2, dtype=np.float32)[:1], [], route_at=route_at)


ONE, OTHER = made(0.7), made(0.8)


def feed(found: Generations, made: Generation, role: Role = Role.LIVE, *, gone: bool = False) -> str:
    """A generation's records, or their tombstones; its id."""
    name, records = generation_records(made, role)
    for key, value in records:
        found.feed(record(None if gone else value, key=key, topic="tickets.generations"))
    return name


def test_a_candidate_is_held_whole_and_what_is_in_force_by_its_name() -> None:
    found = Generations()
    live, candidate = feed(found, ONE), feed(found, OTHER, Role.SHADOW)
    assert found.others == {live}
    assert found.candidates == {candidate: dict(generation_records(OTHER, Role.SHADOW)[1])}


def test_one_that_is_promoted_is_a_candidate_no_more() -> None:
    found = Generations()
    feed(found, OTHER, Role.SHADOW)
    name = feed(found, OTHER)
    assert (found.candidates, found.others) == ({}, {name})


@pytest.mark.parametrize("role", Role)
def test_one_that_is_taken_back_is_gone(role: Role) -> None:
    found = Generations()
    feed(found, ONE, role)
    feed(found, ONE, gone=True)
    assert (found.candidates, found.others) == ({}, set())


def test_what_is_no_generation_is_nobody_s() -> None:
    found = Generations()
    found.feed(record(b"{", key=b"g-1"))
    found.feed(record(b"{", key=None))
    assert (found.candidates, found.others) == ({}, set())


def test_a_candidate_that_is_not_whole_is_not_promoted() -> None:
    name, records = generation_records(ONE, Role.SHADOW)
    whole = _whole(name, dict(records))
    assert generation_records(whole)[0] == name
    with pytest.raises(BadGeneration, match="missing"):
        _whole(name, dict(records[1:]))
