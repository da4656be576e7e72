"""The next generation: identity, owners by people's word, and what changes, on problems made by hand."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from models.engines.vector_index import ExactIndex
from models.errors import BadGeneration
from models.generation import Generation, NamedBy, Owner, from_bytes, to_bytes
from models.learn.lexicon import LexiconPolicy
from models.recluster.cluster import Fallback
from models.recluster.describe import Description
from models.recluster.first_generation import first_generation
from models.recluster.history import History
from models.recluster.known import Known
from models.recluster.lineage import lineage_of
from models.recluster.next_generation import NextGeneration, NextPolicy, next_generation
from models.recluster.problems import MakePolicy
from models.recluster.word import Split, Word
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


def _id(last: Generation, owner: str) -> str:
    return next(cluster.id for cluster in last.clusters if cluster.owner == owner)


def _ids(last: Generation, topic: NDArray[np.int64]) -> list[str | None]:
    ids = {0: _id(last, "billing"), 1: _id(last, "access"), 2: _id(last, "logistics")}
    return [ids.get(one) for one in topic.tolist()]


def _next(
    last: Generation,
    history: History,
    ids: list[str | None],
    weight: NDArray[np.float64] | None = None,
    word: Word | None = None,
    current: bool = True,
) -> NextGeneration:
    weights = np.ones(len(ids)) if weight is None else weight
    return next_generation(
        Known(history, weights, ids, np.full(len(ids), current), word or Word()),
        last,
        now_ms=2,
        ways=_WAYS,
        build=ExactIndex,
        policy=NextPolicy(make=_MAKE),
    )


def test_unchanged_problems_keep_id_name_and_owner(last: Generation) -> None:
    history, topic = _tickets([0, 1, 2], _OWNERS, seed=7)
    made = _next(last, history, _ids(last, topic))
    was = {(cluster.id, cluster.name, cluster.owner) for cluster in last.clusters}
    assert {(cluster.id, cluster.name, cluster.owner) for cluster in made.generation.clusters} == was
    assert (made.events, made.moved, made.kept) == ((), 0.0, 3)
    assert made.generation.owners == last.owners


def test_a_new_problem_is_born_and_an_old_one_dies(last: Generation) -> None:
    history, topic = _tickets([0, 1, 4], _OWNERS)
    made = _next(last, history, _ids(last, topic))
    changes = {event.change: event for event in made.events}
    assert changes.keys() == {"born", "died"}
    born = next(cluster for cluster in made.generation.clusters if cluster.id == changes["born"].cluster)
    assert born.owner == "sync"
    assert changes["died"].cluster == _id(last, "logistics")
    assert made.generation.lineage == made.events
    assert [owner.name for owner in made.generation.owners] == [*(one.name for one in last.owners), "sync"]


def test_a_split_and_a_merge_are_told(last: Generation) -> None:
    """What was found as billing falls into two problems, and what was access and logistics is one."""
    history, topic = _tickets([0, 3, 1], _OWNERS)
    found = _ids(last, topic)
    for row in np.flatnonzero(topic == 3).tolist():
        found[row] = _id(last, "billing")
    for row in np.flatnonzero(topic == 1).tolist()[:10]:
        found[row] = _id(last, "logistics")
    made = _next(last, history, found)
    told = {(event.change, event.other) for event in made.events}
    ids = {owner: _id(last, owner) for owner in ("billing", "access", "logistics")}
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
    made = _next(last, replace(history, owners=owners), _ids(last, topic), weight)
    kept = next(c for c in made.generation.clusters if c.id == _id(last, "billing"))
    assert kept.owner == "refunds"
    assert made.moved == pytest.approx(6 / 90)  # whom nobody had handled; the others people moved themselves


def test_a_problem_of_two_teams_is_a_cluster_for_each(last: Generation) -> None:
    history, topic = _tickets([0, 1, 2], _OWNERS)
    owners = list(history.owners)
    rows = np.flatnonzero(topic == 1).tolist()
    for row in rows[:12]:
        owners[row] = "phones"
    owners[rows[-1]] = None
    made = _next(last, replace(history, owners=owners), _ids(last, topic))
    of = made.assignment[rows]
    assert {made.generation.clusters[one].owner for one in of.tolist()} == {"access", "phones"}
    assert {made.generation.clusters[one].owner for one in of[:12].tolist()} == {"phones"}


def test_one_stray_vote_moves_nothing(last: Generation) -> None:
    history, topic = _tickets([0, 1, 2], _OWNERS)
    owners = list(history.owners)
    owners[int(np.flatnonzero(topic == 2)[0])] = "billing"
    made = _next(last, replace(history, owners=owners), _ids(last, topic))
    assert len(made.generation.clusters) == 3
    assert made.moved == 0.0


def test_a_cluster_that_nobody_handled_stays_whose_it_was(last: Generation) -> None:
    history, topic = _tickets([0, 1, 2], _OWNERS)
    nobody = replace(history, owners=[None] * len(topic))
    made = _next(last, nobody, _ids(last, topic))
    assert {cluster.owner for cluster in made.generation.clusters} == {"billing", "access", "logistics"}
    assert made.moved == 0.0


def test_what_nobody_owns_has_who_is_proposed(last: Generation) -> None:
    """Of a new problem two tickets in thirty were handled, by one team; then none."""
    history, topic = _tickets([0, 1, 2, 3], {**_OWNERS, 3: None}, seed=4)
    owners = list(history.owners)
    owners[90:92] = ["access", "access"]
    made = _next(last, replace(history, owners=owners), _ids(last, topic))
    new = next(c for c in made.generation.clusters if c.id not in {old.id for old in last.clusters})
    assert (new.owner, new.owner_share, new.proposed) == (None, None, "access")
    unhandled = _next(last, history, _ids(last, topic))
    new = next(c for c in unhandled.generation.clusters if c.owner is None)
    assert new.proposed in {"billing", "access", "logistics"}
    old = next(c for c in unhandled.generation.clusters if c.owner == "billing")
    assert old.owner_share == pytest.approx(0.92, abs=0.01)


def test_a_problem_that_no_team_has_its_share_of_is_nobodys(last: Generation) -> None:
    """Thirty tickets, twelve of them handled by six teams."""
    history, topic = _tickets([0, 1, 2, 3], {**_OWNERS, 3: None}, seed=4)
    teams = [f"team {number % 6}" for number in range(12)]
    owners = [*history.owners[:90], *teams, *history.owners[102:]]
    made = _next(last, replace(history, owners=owners), _ids(last, topic))
    new = next(c for c in made.generation.clusters if c.owner is None)
    assert (new.size, new.proposed) == (18, "team 0")


def test_the_same_tickets_in_any_order_give_the_same_bytes(last: Generation) -> None:
    history, topic = _tickets([0, 1, 4], _OWNERS)
    ids = _ids(last, topic)
    turned = np.random.default_rng(3).permutation(len(topic))
    other = History(
        history.vectors[turned],
        [history.texts[row] for row in turned],
        [history.owners[row] for row in turned],
        history.created_at_ms[turned],
    )
    one, two = _next(last, history, ids), _next(last, other, [ids[row] for row in turned])
    assert to_bytes(one.generation) == to_bytes(two.generation)
    assert np.array_equal(one.assignment[turned], two.assignment)


def test_what_the_clusterer_fails_at_is_told(last: Generation) -> None:
    history, topic = _tickets([0, 1, 2], _OWNERS)
    made = next_generation(
        Known(history, np.ones(len(topic)), _ids(last, topic), np.ones(len(topic), dtype=np.bool_)),
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
        _next(last, empty, [])


def test_lineage_goes_on_through_generations(last: Generation) -> None:
    history, topic = _tickets([0, 1, 4], _OWNERS)
    first = _next(last, history, _ids(last, topic))
    again, topic = _tickets([0, 1], _OWNERS, seed=5)
    second = _next(first.generation, again, _ids(last, topic))
    packed = from_bytes(to_bytes(second.generation))
    assert packed.lineage == (*first.events, *second.events)
    born = next(event.cluster for event in first.events if event.change == "born")
    assert [event.change for event in lineage_of(packed.lineage, born)] == ["born", "died"]


def test_whom_a_person_bound_a_cluster_to_owns_it_whatever_the_tickets_say(last: Generation) -> None:
    history, topic = _tickets([0, 1, 2], _OWNERS)
    word = Word(bound={_id(last, "access"): "identity", "c-of-another-time": "nobody"})
    made = _next(last, history, _ids(last, topic), word=word)
    owners = {cluster.id: cluster.owner for cluster in made.generation.clusters}
    assert owners[_id(last, "access")] == "identity"
    assert "identity" in {owner.name for owner in made.generation.owners}
    again = _next(made.generation, history, _ids(last, topic), word=word)
    assert {cluster.id: cluster.owner for cluster in again.generation.clusters} == owners


def test_what_a_person_merged_stays_one_however_it_is_clustered(last: Generation) -> None:
    history, topic = _tickets([0, 1, 2], _OWNERS)
    one, other = _id(last, "access"), _id(last, "billing")
    word = Word(merged=[(one, other)])
    generation, ids = last, _ids(last, topic)
    for turn in range(3):
        made = _next(generation, history, ids, word=word)
        clusters = {cluster.id: cluster for cluster in made.generation.clusters}
        assert clusters.keys() == {other, _id(last, "logistics")}
        assert clusters[other].size == 60
        told = [(event.change, event.cluster, event.other, event.share) for event in made.events]
        assert told == ([("merged", one, other, 1.0)] if turn == 0 else [])
        generation = made.generation


def test_a_name_that_a_person_gave_is_its_own_and_the_other_s_gives_way(last: Generation) -> None:
    """Also where it is what another is called already, and where two are given one name."""
    history, topic = _tickets([0, 1, 2], _OWNERS)
    one, other, third = (_id(last, owner) for owner in ("access", "billing", "logistics"))
    taken = next(cluster.name for cluster in last.clusters if cluster.id == other)
    made = _next(last, history, _ids(last, topic), word=Word(named={one: taken, third: taken}))
    clusters = {cluster.id: cluster for cluster in made.generation.clusters}
    assert (clusters[one].name, clusters[third].name) == (taken, taken)
    assert clusters[other].name.startswith(f"{taken} · ")
    assert [clusters[name].named for name in (one, third, other)] == ["person", "person", "terms"]
    again = _next(made.generation, history, _ids(last, topic), word=Word(named={one: taken}))
    assert next(cluster.name for cluster in again.generation.clusters if cluster.id == one) == taken


def test_a_pinned_cluster_stays_whoever_handles_its_tickets(last: Generation) -> None:
    history, topic = _tickets([0, 1, 2], _OWNERS)
    name = _id(last, "access")
    others = replace(history, owners=["phones"] * len(topic))
    made = _next(last, others, _ids(last, topic), word=Word(pinned=frozenset({name})))
    (cluster,) = [one for one in made.generation.clusters if one.id == name]
    assert (cluster.owner, cluster.size, cluster.pinned) == ("access", 30, True)


def test_a_pinned_cluster_without_tickets_keeps_its_place_through_generations(last: Generation) -> None:
    """Each generation has a lexicon of its own: what stays of it is the encoder's part."""
    history, topic = _tickets([0, 1], _OWNERS)
    name = _id(last, "logistics")
    row = [cluster.id for cluster in last.clusters].index(name)
    word = Word(pinned=frozenset({name}), named={name: "Late parcels"}, bound={name: "carriers"})
    generation = last
    for _ in range(3):
        made = _next(generation, history, _ids(last, topic), word=word)
        generation = made.generation
        assert (made.events, made.kept) == ((), 3)
        place = len(generation.clusters) - 1
        cluster = generation.clusters[place]
        assert (cluster.id, cluster.name, cluster.owner, cluster.size) == (
            name,
            "Late parcels",
            "carriers",
            0,
        )
        was, now = last.centroids[row], generation.centroids[place]
        assert now[:_DIM] @ was[:_DIM] == pytest.approx(np.linalg.norm(was[:_DIM]))
        assert not now[_DIM:].any()
        assert (generation.exemplar_cluster == place).sum() == (last.exemplar_cluster == row).sum()
    back, topic = _tickets([0, 1, 2], _OWNERS, seed=9)
    found = _next(generation, back, _ids(last, topic), word=word)
    assert next(cluster.size for cluster in found.generation.clusters if cluster.id == name) == 30
    gone = _next(generation, history, _ids(last, topic)[:60])
    assert [(event.change, event.cluster) for event in gone.events] == [("died", name)]


def test_what_is_new_and_near_a_pinned_cluster_without_tickets_is_of_it(last: Generation) -> None:
    history, topic = _tickets([0, 1, 2], _OWNERS)
    name = _id(last, "logistics")
    nobody = replace(history, owners=[None if one == 2 else _OWNERS[one] for one in topic.tolist()])
    known, word = _ids(last, topic), Word(pinned=frozenset({name}))
    new = [None if one == name else one for one in known]
    assert _sizes(_next(last, nobody, new, word=word))[name] == 30
    others = [_id(last, "access") if one == name else one for one in known]
    assert _sizes(_next(last, history, others, word=word))[name] == 0
    assert _sizes(_next(last, history, others, word=word, current=False))[name] == 0
    gone = ["c-gone" if one == name else one for one in known]
    assert _sizes(_next(last, history, gone, word=word, current=False))[name] == 30


def _sizes(made: NextGeneration) -> dict[str, int]:
    return {cluster.id: cluster.size for cluster in made.generation.clusters}


def _split(last: Generation, examples: tuple[tuple[str, ...], ...] = ()) -> Split:
    return Split(_id(last, "billing"), 5, examples)


def test_what_a_person_split_stays_apart_and_the_other_part_is_told(last: Generation) -> None:
    history, topic = _tickets([0, 1, 2], _OWNERS)
    rows = np.flatnonzero(topic == 0).tolist()
    history = replace(history, ids=[f"t-{row}" for row in range(len(topic))])
    split = _split(last, (tuple(f"t-{row}" for row in rows[:3]), tuple(f"t-{row}" for row in rows[3:6])))
    generation, ids = last, _ids(last, topic)
    for turn in range(3):
        made = _next(generation, history, ids, word=Word(splits=[split]))
        generation = made.generation
        names = [generation.clusters[one].id for one in made.assignment.tolist()]
        assert len({names[row] for row in rows[:3]} | {names[row] for row in rows[3:6]}) == 2
        told = [(event.change, event.other) for event in made.events]
        assert told == ([("split", split.cluster)] if turn == 0 else [])
        assert {names[row] for row in rows} == {split.cluster, *{split.part(0), split.part(1)} & set(names)}
        assert {one.owner for one in generation.clusters if one.id in {names[row] for row in rows}} == {
            "billing"
        }
        history, ids = (
            replace(history, ids=None),
            list(names),
        )  # the examples are gone, the tickets decided anew


def test_what_a_person_split_without_examples_stays_apart_until_it_is_merged(last: Generation) -> None:
    history, topic = _tickets([0, 1, 2], _OWNERS)
    split = _split(last)
    first = _next(last, history, _ids(last, topic), word=Word(splits=[split]))
    ids: list[str | None] = [first.generation.clusters[one].id for one in first.assignment.tolist()]
    parts = {name for name, own in zip(ids, topic.tolist(), strict=True) if own == 0}
    assert len(parts) == 2
    assert split.cluster in parts
    again = _next(first.generation, history, ids, word=Word(splits=[split]))
    assert (again.events, _sizes(again)) == ((), _sizes(first))
    (other,) = parts - {split.cluster}
    word = Word(merged=[(str(other), split.cluster)], splits=[split])
    merged = _next(again.generation, history, ids, word=word)
    assert [(event.change, event.cluster, event.other) for event in merged.events] == [
        ("merged", other, split.cluster)
    ]
    assert _sizes(merged)[split.cluster] == 30


def test_what_was_merged_and_split_again_is_parted(last: Generation) -> None:
    history, topic = _tickets([0, 1, 2], _OWNERS)
    one, other = _id(last, "access"), _id(last, "billing")
    joined = _next(last, history, _ids(last, topic), word=Word(merged=[(one, other)]))
    ids: list[str | None] = [other if own < 2 else _id(last, "logistics") for own in topic.tolist()]
    made = _next(joined.generation, history, ids, word=Word(splits=[Split(other, 5, (), (one,))]))
    problems = {(own, made.assignment[row]) for row, own in enumerate(topic.tolist())}
    assert len(problems) == len(made.generation.clusters) == 3


def test_with_people_s_word_too_any_order_gives_the_same_bytes(last: Generation) -> None:
    history, topic = _tickets([0, 1, 2, 4], _OWNERS)
    history = replace(history, ids=[f"t-{row}" for row in range(len(topic))])
    rows = np.flatnonzero(topic == 0).tolist()
    ids = _ids(last, topic)
    word = Word(
        pinned=frozenset({_id(last, "access")}),
        named={_id(last, "billing"): "Bills"},
        splits=[
            _split(last, ((f"t-{rows[0]}",), (f"t-{rows[1]}", f"t-{rows[2]}"))),
            Split(_id(last, "logistics"), 6),
        ],
    )
    turned = np.random.default_rng(3).permutation(len(topic))
    other = History(
        history.vectors[turned],
        [history.texts[row] for row in turned],
        [history.owners[row] for row in turned],
        history.created_at_ms[turned],
        ids=[f"t-{row}" for row in turned],
    )
    one = _next(last, history, ids, word=word)
    two = _next(last, other, [ids[row] for row in turned], word=word)
    assert to_bytes(one.generation) == to_bytes(two.generation)
    assert np.array_equal(one.assignment[turned], two.assignment)
    assert len(one.generation.clusters) == 6


@pytest.mark.parametrize(
    ("merged", "into"),
    [
        pytest.param([("a", "b")], {"a": "b"}, id="one"),
        pytest.param([("a", "b"), ("b", "c")], {"a": "c", "b": "c"}, id="a chain"),
        pytest.param([("b", "c"), ("a", "b")], {"a": "c", "b": "c"}, id="a chain from its end"),
        pytest.param(
            [("a", "b"), ("c", "a")], {"a": "b", "c": "b"}, id="a chain that grows at its beginning"
        ),
        pytest.param([("a", "b"), ("a", "a")], {"a": "b"}, id="and then into itself"),
        pytest.param([("a", "b"), ("b", "a")], {"b": "a"}, id="and back"),
        pytest.param([("a", "a")], {}, id="into itself"),
        pytest.param([("a", "b"), ("a", "c")], {"a": "c"}, id="the last word counts"),
        pytest.param([("a", "b"), ("b", "c"), ("c", "a")], {"a": "b", "c": "b"}, id="a ring"),
    ],
)
def test_where_merged_clusters_end(merged: list[tuple[str, str]], into: dict[str, str]) -> None:
    assert Word(merged=merged).into() == into


# -- clusters that people described


_LOCK = Description("d-0", "sync lost", "sync", "sync error", np.eye(_DIM, dtype=np.float32)[4])


def _described(made: NextGeneration) -> list[str]:
    return [cluster.id for cluster in made.generation.clusters if cluster.described]


def test_a_described_cluster_waits_for_its_tickets_through_generations(last: Generation) -> None:
    history, topic = _tickets([0, 1, 2], _OWNERS)
    first = _next(last, history, _ids(last, topic), word=Word(added=[_LOCK]))
    second = _next(first.generation, history, _ids(last, topic), word=Word(added=[_LOCK]))
    third = _next(second.generation, history, _ids(last, topic))
    for made in (first, second, third):
        assert (_described(made), made.events, made.kept) == (["d-0"], (), 4)
        cluster = made.generation.clusters[-1]
        assert (cluster.name, cluster.owner, cluster.named) == ("sync lost", "sync", NamedBy.PERSON)
        assert made.generation.centroids[-1, :_DIM].argmax() == 4
        assert {owner.name for owner in made.generation.owners} > {"sync"}
        assert to_bytes(from_bytes(to_bytes(made.generation))) == to_bytes(made.generation)


@pytest.mark.parametrize(
    ("tickets", "described"), [(9, True), (10, False), (30, False)], ids=["too-few", "enough", "many"]
)
def test_with_tickets_of_its_own_it_is_known_by_them(last: Generation, tickets: int, described: bool) -> None:
    history, topic = _tickets([0, 1, 2, 4], {**_OWNERS, 4: None})
    seen = np.flatnonzero(topic != 4).tolist() + np.flatnonzero(topic == 4)[:tickets].tolist()
    cut = History(
        history.vectors[seen],
        [history.texts[row] for row in seen],
        [history.owners[row] for row in seen],
        history.created_at_ms[seen],
    )
    ids = [one or "d-0" for one in _ids(last, topic[seen])]
    made = _next(last, cut, list(ids), word=Word(added=[_LOCK]))
    (own,) = [cluster for cluster in made.generation.clusters if cluster.id == "d-0"]
    assert (own.described, own.size) == (described, 0 if described else tickets)
    assert (own.name, own.owner, own.named) == ("sync lost", "sync", NamedBy.PERSON)
    assert own.description == "sync error"
    assert made.events == ()


def test_one_that_was_merged_is_gone_and_one_that_was_bound_is_anothers(last: Generation) -> None:
    history, topic = _tickets([0, 1, 2], _OWNERS)
    into = _id(last, "access")
    merged = _next(last, history, _ids(last, topic), word=Word(merged=[("d-0", into)], added=[_LOCK]))
    assert _described(merged) == []
    bound = _next(last, history, _ids(last, topic), word=Word(bound={"d-0": "access"}, added=[_LOCK]))
    assert bound.generation.clusters[-1].owner == "access"
