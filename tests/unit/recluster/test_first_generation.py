"""The first generation from small histories, labelled and not."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from models.engines.vector_index import ExactIndex
from models.errors import BadGeneration
from models.generation import Owner, check, to_bytes
from models.recluster.cluster import Fallback
from models.recluster.first_generation import FirstGeneration, cluster_id, first_generation
from models.recluster.history import History
from models.recluster.owners import wilson
from models.recluster.problems import MakePolicy
from tests.fakes.density import Always, Leaders, ways
from tests.fakes.generations import blobs

_TOPICS = ["refund missing", "login code", "slow delivery", "card blocked"]
_OWNERS = ["billing", "access", "logistics", "billing"]


def _history(each: int = 40, owned: bool = True, labelled: bool = False) -> History:
    """Four problems of three owners, whose tickets are no copies; text i of a problem is its topic and a word of its
    own."""
    vectors, topic = blobs(np.eye(16, dtype=np.float32)[:4], each, spread=0.15, seed=0)
    return History(
        vectors=vectors,
        texts=[f"{_TOPICS[t]} word{chr(97 + row % 26)}{row}" for row, t in enumerate(topic)],
        owners=[_OWNERS[t] if owned else None for t in topic],
        created_at_ms=np.arange(len(topic), dtype=np.int64),
        problems=[_TOPICS[t] for t in topic] if labelled else None,
    )


def _first(
    history: History, teams: Sequence[Owner] = (), policy: MakePolicy | None = None
) -> FirstGeneration:
    return first_generation(
        history,
        encoder="fake",
        teams=teams,
        now_ms=1_700_000_000_000,
        ways=ways(Leaders(radius=0.9)),
        build=ExactIndex,
        policy=policy or MakePolicy(),
    )


def test_problems_are_found_inside_their_owners() -> None:
    made = _first(_history())
    clusters = made.generation.clusters
    check(made.generation)
    assert sorted(cluster.owner or "" for cluster in clusters) == [
        "access",
        "billing",
        "billing",
        "logistics",
    ]
    assert [cluster.size for cluster in clusters] == [40] * 4
    for topic in range(4):
        rows = set(made.assignment[topic * 40 : topic * 40 + 40].tolist())
        assert [clusters[row].owner for row in rows] == [_OWNERS[topic]]
    calibration = made.report.calibration
    assert calibration.reachable
    assert calibration.coverage > 0.9
    assert made.generation.confidence == calibration.confidence
    assert made.generation.thresholds.route_at == calibration.route_at


def test_what_is_learned_fits_the_history() -> None:
    """Words and encoder, a head over three owners, and a confidence for each of them."""
    made = _first(_history()).generation
    assert made.lexicon is not None
    assert made.head is not None
    assert (made.dim, made.width) == (16, 16 + made.lexicon.components.shape[1])
    assert made.head.weights.shape == (160, 3)
    assert made.lexicon.weight in MakePolicy().head.lexical_weights
    assert dict(made.reference).keys() == {"confidence", "nearest", "strength"}


def test_of_a_small_history_less_is_learned() -> None:
    small = _first(_history(each=5)).generation  # twenty tickets: of terms there is not enough to see
    assert (small.lexicon, small.width) == (None, 16)
    assert small.head is not None
    assert _first(_history(each=4)).generation.head is None


def test_where_nobody_owns_anything_words_weigh_as_set_and_there_is_no_head() -> None:
    made = _first(_history(owned=False), policy=MakePolicy(lexical_weight=0.7)).generation
    assert made.lexicon is not None
    assert (made.lexicon.weight, made.head) == (0.7, None)


def test_labelled_problems_are_the_clusters() -> None:
    made = _first(_history(labelled=True))
    assert sorted(cluster.name for cluster in made.generation.clusters) == sorted(_TOPICS)
    assert {c.id for c in made.generation.clusters} == {
        cluster_id(owner, topic) for owner, topic in zip(_OWNERS, _TOPICS, strict=True)
    }


def test_without_labels_clusters_wait_for_owners_but_have_thresholds() -> None:
    made = _first(_history(owned=False))
    assert [cluster.owner for cluster in made.generation.clusters] == [None] * 4
    assert made.generation.owners == ()
    assert made.report.calibration.reachable


def test_a_labelled_problem_without_owner_has_who_is_proposed() -> None:
    """Twenty-five of the forty refunds are nobody's; those that somebody solved say whose they may be."""
    history = _history(labelled=True)
    owners = [None if row < 25 else owner for row, owner in enumerate(history.owners)]
    made = _first(replace(history, owners=owners)).generation
    found = {(c.name.split(" · ")[0], c.owner): (c.owner_share, c.proposed) for c in made.clusters}
    assert found["refund missing", None] == (None, "billing")
    share, proposed = found["refund missing", "billing"]
    assert proposed is None
    assert share is not None
    assert share == round(wilson(1.0, 15), 4)
    assert (found["login code", "access"][0] or 0) > 0.9


def test_examples_are_tickets_of_the_cluster() -> None:
    history = _history()
    made = _first(replace(history, ids=[f"T-{row}" for row in range(len(history.texts))]))
    for number, cluster in enumerate(made.generation.clusters):
        rows = [int(name.removeprefix("T-")) for name in cluster.examples]
        assert 1 <= len(rows) <= 5
        assert {int(made.assignment[row]) for row in rows} == {number}
    assert all(cluster.examples == () for cluster in _first(history).generation.clusters)


def test_tickets_without_label_among_labelled_ones_are_left_out() -> None:
    history = _history()
    owners = [None if row % 4 == 0 else owner for row, owner in enumerate(history.owners)]
    made = _first(replace(history, owners=owners))
    assert (made.assignment[::4] == -1).all()
    assert (np.delete(made.assignment, np.s_[::4]) >= 0).all()
    assert (made.report.tickets, made.report.used) == (160, 120)


def test_the_order_of_the_file_changes_nothing() -> None:
    history = _history()
    order = np.random.default_rng(1).permutation(160)
    shuffled = History(
        vectors=history.vectors[order],
        texts=[history.texts[row] for row in order],
        owners=[history.owners[row] for row in order],
        created_at_ms=history.created_at_ms[order],
    )
    one, other = _first(history), _first(shuffled)
    assert to_bytes(one.generation) == to_bytes(other.generation)
    assert np.array_equal(one.assignment[order], other.assignment)


def test_teams_keep_their_promises_and_others_get_the_default() -> None:
    made = _first(_history(), [Owner("access", 15), Owner("idle", 30)], MakePolicy(default_sla_minutes=99))
    promised = {owner.name: owner.sla_minutes for owner in made.generation.owners}
    assert promised == {"access": 15, "idle": 30, "billing": 99, "logistics": 99}
    assert made.report.unlisted_owners == ("billing", "logistics")


def test_a_failed_clustering_is_reported_with_its_owner() -> None:
    made = first_generation(
        _history(),
        encoder="fake",
        teams=(),
        now_ms=0,
        ways=ways(Always(0)),
        build=ExactIndex,
        policy=MakePolicy(),
    )
    assert dict(made.report.fallbacks) == dict.fromkeys(["access", "billing", "logistics"], Fallback.EMPTY)
    assert made.report.clusters == 3


@pytest.mark.parametrize("owned", [True, False], ids=["owned", "not owned"])
def test_a_single_ticket_makes_a_generation_that_never_routes(owned: bool) -> None:
    history = _history(each=1, owned=owned)
    made = _first(
        History(history.vectors[:1], history.texts[:1], history.owners[:1], history.created_at_ms[:1])
    )
    assert len(made.generation.clusters) == 1
    assert made.generation.thresholds.route_at > 1


def test_ids_are_distinct_even_around_equal_texts() -> None:
    history = _history()
    made = _first(replace(history, texts=["same text"] * 160))
    assert len({cluster.id for cluster in made.generation.clusters}) == 4
    assert len({cluster.name for cluster in made.generation.clusters}) == 4


@pytest.mark.parametrize(
    ("history", "said"),
    [
        pytest.param(
            History(np.empty((0, 4), np.float32), [], [], np.empty(0, np.int64)), "no tickets", id="empty"
        ),
        pytest.param(replace(_history(), owners=["billing"]), "differ in length", id="ragged"),
        pytest.param(replace(_history(), problems=["a"]), "differ in length", id="ragged labels"),
    ],
)
def test_a_history_that_cannot_be_used_is_refused(history: History, said: str) -> None:
    with pytest.raises(BadGeneration, match=said):
        _first(history)
