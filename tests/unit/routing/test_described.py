"""Described clusters among the others: what takes a ticket there, what does not, and what people's acts change.

Clusters lie along the axes: c-0 is a's and c-1 is b's; d-0, of iot, is described along the fourth axis.
"""

from dataclasses import replace

import numpy as np
import pytest

from models.described import chances, levels, odds_of
from models.evidence import Searchable, searchable, with_described
from models.generation import Cluster, Describing
from models.routing.corrections import Act, ActKind, corrections_of
from models.routing.decide import DecidePolicy, Decision, Facts, Outcome, Reason, decide
from models.routing.match import Match, match
from models.vote import Vectors, VotePolicy, settle
from tests.fakes.generations import generation, unit
from tests.fakes.vector_index import NumpyIndex

_AXES = np.eye(8, dtype=np.float32)
_LOCK = Cluster("d-0", "lock offline", "iot", 0, described=True, description="lock offline")
_WEIGHTS = Describing(cosine=10.0, level=0.0, nearest=-10.0, strength=0.0, bias=0.0, route_at=0.9)
_MADE = replace(
    generation(["a", "b"], _AXES[:2], [(row, _AXES[row]) for row in (0, 0, 1, 1)]), describing=_WEIGHTS
)
_HERE, _OTHER, _BETWEEN = _AXES[3], _AXES[0], unit(0.6, 0, 0, 0.8, 0, 0, 0, 0)


def _ready(cluster: Cluster = _LOCK) -> Searchable:
    return with_described(searchable(_MADE, NumpyIndex), [cluster], settle(_AXES[[3]]))


def _matched(query: Vectors, *acts: Act, ready: Searchable | None = None) -> Match:
    there = ready or _ready()
    return match(settle(query[None]), there, VotePolicy(2), corrections_of(acts, len(acts), there))[0]


def _decided(query: Vectors, policy: DecidePolicy | None = None) -> Decision:
    facts = Facts("t-1", "v1", None, 0)
    return decide(_matched(query), _MADE, facts, policy or DecidePolicy(), generation_id="g-1")


def test_a_ticket_like_the_description_goes_to_its_team_though_unlike_the_history() -> None:
    found = _decided(_HERE)
    assert found.cluster is not None
    assert (found.cluster.cluster, found.owner, found.outcome) == (_LOCK, "iot", Outcome.ROUTE)
    assert found.cluster.similarity == 1.0
    assert found.scope < _MADE.thresholds.scope
    assert "known by its description alone" in found.explanation


def test_a_ticket_of_the_history_stays_where_it_was() -> None:
    before = match(
        settle(_OTHER[None]),
        searchable(_MADE, NumpyIndex),
        VotePolicy(2),
        corrections_of((), 0, searchable(_MADE, NumpyIndex)),
    )[0]
    after = _matched(_OTHER)
    assert after.candidates[0].cluster == before.candidates[0].cluster
    assert after.candidates[0].confidence == pytest.approx(before.candidates[0].confidence, abs=1e-3)
    assert not after.described


def test_what_the_description_says_is_shared_with_the_history() -> None:
    found = _matched(_BETWEEN)
    assert [one.cluster.id for one in found.candidates[:2]] == ["d-0", "c-0"]
    assert found.candidates[0].confidence == pytest.approx(1 / (1 + np.exp(-2.0)), abs=0.01)
    assert found.described


@pytest.mark.parametrize(
    ("policy", "outcome", "reason"),
    [
        pytest.param(DecidePolicy(), Outcome.PROPOSE, Reason.AMBIGUOUS, id="as the generation says"),
        pytest.param(DecidePolicy(route_at=0.8), Outcome.ROUTE, Reason.CONFIDENT, id="fixed lower"),
        pytest.param(DecidePolicy(floor=0.7), Outcome.PROPOSE, Reason.AMBIGUOUS, id="near the description"),
        pytest.param(DecidePolicy(floor=0.9), Outcome.TRIAGE, Reason.UNLIKE_HISTORY, id="near to nothing"),
    ],
)
def test_a_described_cluster_needs_what_descriptions_need(
    policy: DecidePolicy, outcome: Outcome, reason: Reason
) -> None:
    found = _decided(_BETWEEN, policy)
    assert (found.outcome, found.reason) == (outcome, reason)


@pytest.mark.parametrize(
    ("act", "owner"),
    [
        pytest.param(Act(1, ActKind.BOUND, "b", None, "d-0", None), "b", id="the cluster was bound"),
        pytest.param(
            Act(1, ActKind.CORRECTED, "a", "t-9", "d-0", settle(_HERE[None])[0]),
            "a",
            id="the ticket was given",
        ),
        pytest.param(Act(1, ActKind.BOUND, "b", None, "c-0", None), "iot", id="another was bound"),
    ],
)
def test_people_have_the_last_word(act: Act, owner: str) -> None:
    assert _matched(_HERE, act).candidates[0].owner == owner


def test_an_owner_of_both_has_one_column() -> None:
    found = _matched(_BETWEEN, ready=_ready(replace(_LOCK, owner="a")))
    first, second = found.candidates[:2]
    assert (first.cluster.id, first.owner) == ("d-0", "a")
    assert first.confidence > 0.9
    assert (second.cluster.id, second.owner) == ("c-0", "a")


def test_the_generations_own_and_those_described_since_stand_side_by_side() -> None:
    within = replace(
        _MADE,
        clusters=(*_MADE.clusters, replace(_LOCK, owner="a")),
        centroids=np.concatenate([_MADE.centroids, _AXES[[3]]]),
    )
    since = replace(_LOCK, id="d-1")
    ready = with_described(searchable(within, NumpyIndex), [since], settle(_AXES[[4]]))
    assert [cluster.id for cluster in ready.clusters] == ["c-0", "c-1", "d-0", "d-1"]
    assert _matched(_HERE, ready=ready).candidates[0].cluster.id == "d-0"
    assert _matched(_AXES[4], ready=ready).candidates[0].cluster.id == "d-1"
    assert np.array_equal(ready.vector_of(since), _AXES[4])
    assert np.array_equal(ready.vector_of(within.clusters[1]), _AXES[1])


def test_chances_are_of_the_descriptions_and_of_none_of_them() -> None:
    found = chances(np.array([[0.0, 0.0], [800.0, 0.0], [-800.0, -800.0]]))
    assert found == pytest.approx(np.array([[1 / 3, 1 / 3], [1.0, 0.0], [0.0, 0.0]]))
    assert chances(np.empty((2, 0))).shape == (2, 0)


def test_the_level_is_of_the_ten_nearest() -> None:
    cosines = np.array([[0.5] * 10 + [0.25] * 90], dtype=np.float32)
    assert levels(cosines).tolist() == [0.5]
    assert levels(cosines[:, 8:11]).tolist() == [np.mean([0.5, 0.5, 0.25])]
    assert levels(np.empty((2, 0), dtype=np.float32)).tolist() == [0.0, 0.0]


def test_a_vaguer_description_and_a_better_known_ticket_are_less_likely() -> None:
    weights = Describing(10.0, -5.0, -4.0, -2.0, 1.0, 0.5)
    cosine = np.full((1, 2), 0.5, dtype=np.float32)
    nearest, strength = np.array([0.25]), np.array([0.5])
    assert odds_of(cosine, np.array([0.0, 0.5]), nearest, strength, weights).tolist() == [[4.0, 1.5]]
