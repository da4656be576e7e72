"""The next generation: identity, owners by people's word, and what changes, on problems made by hand."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from models.engines.vector_index import ExactIndex
from models.errors import BadGeneration
from models.generation import Generation, Owner, from_bytes, to_bytes
from models.learn.lexicon import LexiconPolicy
from models.recluster.cluster import Fallback
from models.recluster.first_generation import first_generation
from models.recluster.history import History
from models.recluster.lineage import lineage_of
from models.recluster.next_generation import Known, NextGeneration, NextPolicy, next_generation
from models.recluster.problems import MakePolicy
from tests.fakes.density import Always, Leaders, ways
from tests.fakes.generations import blobs

_DIM = 16
_TOPICS = ["refund missing", "login code", "slow delivery", "card blocked", "sync error"]
_MAKE = MakePolicy(lexicon=LexiconPolicy(components=8))
_WAYS = ways(Leaders(radius=0.9))


def _tickets(
    problems: list[int], owners: dict[int, str | None], each: int = 30, seed: int = 0
) -> tuple[History, NDArray[np.int64]]:
    """`each` tickets of every problem named, and the problem of each."""
    vectors, place = blobs(np.eye(_DIM, dtype=np.float32)[problems], each, spread=0.12, seed=seed)
    topic = np.array(problems)[place]
    texts = [f"{_TOPICS[one]} n{seed}x{row}" for row, one in enumerate(topic.tolist())]
    history = History(
        vectors, texts, [owners[one] for one in topic.tolist()], np.arange(len(topic), dtype=np.int64)
    )
    return history, topic


_OWNERS: dict[int, str | None] = {0: "billing", 1: "access", 2: "logistics", 3: "billing", 4: "sync"}


@pytest.fixture(scope="module")
def last() -> Generation:
    history, _ = _tickets([0, 1, 2], _OWNERS)
    made = first_generation(
        history,
        encoder="e:1",
        teams=[Owner("billing", 30)],
        now_ms=1,
        ways=_WAYS,
        build=ExactIndex,
        policy=_MAKE,
    )
    return made.generation


def _row(last: Generation, owner: str) -> int:
    return next(number for number, cluster in enumerate(last.clusters) if cluster.owner == owner)


def _before(last: Generation, topic: NDArray[np.int64]) -> NDArray[np.int64]:
    rows = {0: _row(last, "billing"), 1: _row(last, "access"), 2: _row(last, "logistics")}
    return np.array([rows.get(one, -1) for one in topic.tolist()], dtype=np.int64)


def _next(
    last: Generation, history: History, before: NDArray[np.int64], weight: NDArray[np.float64] | None = None
) -> NextGeneration:
    weights = np.ones(len(before)) if weight is None else weight
    return next_generation(
        Known(history, weights, before),
        last,
        now_ms=2,
        ways=_WAYS,
        build=ExactIndex,
        policy=NextPolicy(make=_MAKE),
    )


def test_unchanged_problems_keep_id_name_and_owner(last: Generation) -> None:
    history, topic = _tickets([0, 1, 2], _OWNERS, seed=7)
    made = _next(last, history, _before(last, topic))
    was = {(cluster.id, cluster.name, cluster.owner) for cluster in last.clusters}
    assert {(cluster.id, cluster.name, cluster.owner) for cluster in made.generation.clusters} == was
    assert (made.events, made.moved, made.kept) == ((), 0.0, 3)
    assert made.generation.owners == last.owners


def test_a_new_problem_is_born_and_an_old_one_dies(last: Generation) -> None:
    history, topic = _tickets([0, 1, 4], _OWNERS)
    made = _next(last, history, _before(last, topic))
    changes = {event.change: event for event in made.events}
    assert changes.keys() == {"born", "died"}
    born = next(cluster for cluster in made.generation.clusters if cluster.id == changes["born"].cluster)
    assert born.owner == "sync"
    assert changes["died"].cluster == last.clusters[_row(last, "logistics")].id
    assert made.generation.lineage == made.events
    assert [owner.name for owner in made.generation.owners] == [*(one.name for one in last.owners), "sync"]


def test_a_split_and_a_merge_are_told(last: Generation) -> None:
    """What was found as billing falls into two problems, and what was access and logistics is one."""
    history, topic = _tickets([0, 3, 1], _OWNERS)
    before = _before(last, topic)
    before[topic == 3] = _row(last, "billing")
    before[np.flatnonzero(topic == 1)[:10]] = _row(last, "logistics")
    made = _next(last, history, before)
    told = {(event.change, event.other) for event in made.events}
    ids = {owner: last.clusters[_row(last, owner)].id for owner in ("billing", "access", "logistics")}
    assert told == {("split", ids["billing"]), ("merged", ids["access"])}
    assert ids["billing"] in {cluster.id for cluster in made.generation.clusters}


def test_people_decide_whose_a_cluster_is_and_a_reassigned_ticket_says_more(last: Generation) -> None:
    history, topic = _tickets([0, 1, 2], _OWNERS)
    owners = list(history.owners)
    rows = np.flatnonzero(topic == 0)
    for row in rows[:18]:
        owners[row] = "refunds"
    weight = np.ones(len(topic))
    weight[rows[:18]] = 3.0
    for row in rows[18:]:
        owners[row] = None if row % 2 else "billing"  # six left, less than a fifth of the weight
    made = _next(last, replace(history, owners=owners), _before(last, topic), weight)
    kept = next(c for c in made.generation.clusters if c.id == last.clusters[_row(last, "billing")].id)
    assert kept.owner == "refunds"
    assert made.moved == pytest.approx(1 / 3)


def test_a_problem_of_two_teams_is_a_cluster_for_each(last: Generation) -> None:
    history, topic = _tickets([0, 1, 2], _OWNERS)
    owners = list(history.owners)
    rows = np.flatnonzero(topic == 1).tolist()
    for row in rows[:12]:
        owners[row] = "phones"
    owners[rows[-1]] = None
    made = _next(last, replace(history, owners=owners), _before(last, topic))
    of = made.assignment[rows]
    assert {made.generation.clusters[one].owner for one in of.tolist()} == {"access", "phones"}
    assert {made.generation.clusters[one].owner for one in of[:12].tolist()} == {"phones"}


def test_one_stray_vote_moves_nothing(last: Generation) -> None:
    history, topic = _tickets([0, 1, 2], _OWNERS)
    owners = list(history.owners)
    owners[int(np.flatnonzero(topic == 2)[0])] = "billing"
    made = _next(last, replace(history, owners=owners), _before(last, topic))
    assert len(made.generation.clusters) == 3
    assert made.moved == 0.0


def test_a_cluster_that_nobody_handled_stays_whose_it_was(last: Generation) -> None:
    history, topic = _tickets([0, 1, 2], _OWNERS)
    nobody = replace(history, owners=[None] * len(topic))
    made = _next(last, nobody, _before(last, topic))
    assert {cluster.owner for cluster in made.generation.clusters} == {"billing", "access", "logistics"}
    assert made.moved == 0.0


def test_the_same_tickets_in_any_order_give_the_same_bytes(last: Generation) -> None:
    history, topic = _tickets([0, 1, 4], _OWNERS)
    before = _before(last, topic)
    turned = np.random.default_rng(3).permutation(len(topic))
    other = History(
        history.vectors[turned],
        [history.texts[row] for row in turned],
        [history.owners[row] for row in turned],
        history.created_at_ms[turned],
    )
    one, two = _next(last, history, before), _next(last, other, before[turned])
    assert to_bytes(one.generation) == to_bytes(two.generation)
    assert np.array_equal(one.assignment[turned], two.assignment)


def test_what_the_clusterer_fails_at_is_told(last: Generation) -> None:
    history, topic = _tickets([0, 1, 2], _OWNERS)
    made = next_generation(
        Known(history, np.ones(len(topic)), _before(last, topic)),
        last,
        now_ms=2,
        ways=ways(Always(0)),
        build=ExactIndex,
        policy=NextPolicy(make=_MAKE),
    )
    assert made.fallback is Fallback.EMPTY


def test_no_tickets_are_no_generation(last: Generation) -> None:
    empty = History(np.empty((0, _DIM), dtype=np.float32), [], [], np.empty(0, dtype=np.int64))
    with pytest.raises(BadGeneration, match="no tickets"):
        _next(last, empty, np.empty(0, dtype=np.int64))


def test_lineage_goes_on_through_generations(last: Generation) -> None:
    history, topic = _tickets([0, 1, 4], _OWNERS)
    first = _next(last, history, _before(last, topic))
    again, topic = _tickets([0, 1], _OWNERS, seed=5)
    rows = {c.owner: number for number, c in enumerate(first.generation.clusters)}
    before = np.array(
        [rows["billing"] if one == 0 else rows["access"] for one in topic.tolist()], dtype=np.int64
    )
    second = _next(first.generation, again, before)
    packed = from_bytes(to_bytes(second.generation))
    assert packed.lineage == (*first.events, *second.events)
    born = next(event.cluster for event in first.events if event.change == "born")
    assert [event.change for event in lineage_of(packed.lineage, born)] == ["born", "died"]
