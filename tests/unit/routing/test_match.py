"""Match: who leads, by how much, and that nothing but the ticket itself decides it.

The generations here have no head, and their probabilities are a softmax of four times the shares of the vote.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from models.evidence import Searchable, searchable
from models.generation import Generation
from models.routing.corrections import Act, ActKind, corrections_of, no_corrections
from models.routing.match import CANDIDATES, Match, match
from models.vote import Vectors, VotePolicy, settle
from tests.fakes.generations import generation, unit, unit_rows
from tests.fakes.vector_index import NumpyIndex

_POLICY = VotePolicy(neighbours=3, power=2)


def _ready(
    owners: Sequence[str | None], centroids: Vectors, exemplars: Sequence[tuple[int, Vectors]]
) -> Searchable:
    return searchable(generation(owners, centroids, exemplars), NumpyIndex)


def _match(vectors: Vectors, ready: Searchable, acts: Sequence[Act] = ()) -> list[Match]:
    corrections = corrections_of(acts, len(acts), ready) if acts else no_corrections(vectors.shape[1])
    return match(settle(vectors), ready, _POLICY, corrections)


def _softmax(*shares: float) -> list[float]:
    weights = np.exp(4 * np.array(shares))
    return [float(weight) for weight in weights / weights.sum()]


def test_the_owner_with_the_larger_vote_leads_though_another_is_nearest() -> None:
    ready = _ready(
        ["billing", "access"],
        np.stack([unit(1, 0, 0), unit(0, 1, 0)]),
        [(0, unit(0.75, 0.75, 0)), (1, unit(0.2, 1, 0)), (1, unit(0.2, 1, 0.1))],
    )
    (found,) = _match(unit(0.6, 0.8, 0)[None, :], ready)
    assert [candidate.owner for candidate in found.candidates] == ["access", "billing"]
    assert found.nearest == found.scope == pytest.approx(0.9899, abs=0.01)
    shares = [candidate.share for candidate in found.candidates]
    assert shares[0] > 0.6
    assert sum(shares) == pytest.approx(1.0, abs=1e-5)
    expected = _softmax(*shares)
    assert [candidate.confidence for candidate in found.candidates] == pytest.approx(expected, abs=1e-5)
    assert found.margin == pytest.approx(expected[0] - expected[1], abs=1e-5)
    assert not found.taught


def test_the_first_is_as_sure_as_calibration_says_and_the_others_have_their_share_of_the_evidence() -> None:
    made = generation(["a", "b"], np.eye(2, dtype=np.float32), [(0, unit(1, 0)), (1, unit(1, 1))])
    plain = _match(unit(1, 0.2)[None, :], searchable(made, NumpyIndex))[0].candidates
    doubted = replace(made, confidence=replace(made.confidence, slope=0.5, bias=-1.0))
    first, second = _match(unit(1, 0.2)[None, :], searchable(doubted, NumpyIndex))[0].candidates
    odds = np.log(plain[0].confidence / (1 - plain[0].confidence))
    assert first.confidence == pytest.approx(1 / (1 + np.exp(-(0.5 * odds - 1.0))), abs=1e-5)
    assert second.confidence == plain[1].confidence == pytest.approx(1 - plain[0].confidence, abs=1e-5)


def test_clusters_of_one_owner_add_up_and_the_larger_of_them_is_chosen() -> None:
    ready = _ready(
        ["a", "b", "a"],
        np.stack([unit(1, 0.1), unit(1, 0), unit(1, -0.1)]),
        [(0, unit(1, 0.3)), (1, unit(1, 0.02)), (2, unit(1, -0.1))],
    )
    (found,) = _match(unit(1, 0)[None, :], ready)
    assert [candidate.cluster.id for candidate in found.candidates] == ["c-2", "c-0", "c-1"]
    assert found.candidates[0].confidence == found.candidates[1].confidence > 0.6


def test_a_cluster_known_by_its_centroid_alone_is_reached() -> None:
    ready = _ready(["a", "new"], np.eye(2, dtype=np.float32), [(0, unit(1, 0))] * 5)
    (found,) = _match(unit(0.1, 1)[None, :], ready)
    assert found.candidates[0].owner == "new"
    assert found.nearest == pytest.approx(0.99, abs=0.01)


def test_near_centroids_without_votes_stand_last() -> None:
    ready = _ready(
        ["a", "b", None],
        np.stack([unit(1, 0), unit(1, 0.1), unit(1, 0.2)]),
        [(0, unit(1, 0))] * 3 + [(1, unit(0, 1)), (2, unit(-1, 0))],
    )
    (found,) = _match(unit(1, 0)[None, :], ready)
    assert [(c.cluster.id, c.share) for c in found.candidates] == [("c-0", 1.0), ("c-1", 0.0), ("c-2", 0.0)]


def test_the_margin_is_over_another_owner_not_over_another_cluster() -> None:
    near = np.stack([unit(1, 0.01 * step) for step in range(CANDIDATES + 2)])
    owners = ["a"] * len(near) + ["b"]
    ready = _ready(owners, np.concatenate([near, unit(0, 1)[None, :]]), [(0, unit(1, 0))])
    (found,) = _match(unit(1, 0)[None, :], ready)
    assert len(found.candidates) == CANDIDATES
    first, second = _softmax(1.0, 0.0)
    assert found.margin == pytest.approx(first - second, abs=1e-9)


def test_an_owner_alone_leads_by_all_there_is() -> None:
    ready = _ready(["a"], unit(1, 0)[None, :], [(0, unit(1, 0))])
    (found,) = _match(unit(1, 0)[None, :], ready)
    assert (found.margin, found.candidates[0].similarity) == (1.0, 1.0)


def test_owners_stand_in_the_order_of_their_probability_and_no_more_than_six_candidates() -> None:
    centroids = np.stack([unit(1, 0.05 * step) for step in range(9)])
    ready = _ready(list("abcdefghi"), centroids, list(enumerate(centroids)))
    (found,) = match(settle(unit(1, 0.01)[None, :]), ready, VotePolicy(), no_corrections(2))
    assert [candidate.owner for candidate in found.candidates] == list("abcdef")
    assert len(found.candidates) == CANDIDATES


# -- with corrections


_ROUND = np.stack([unit(1, 0, 0), unit(0, 1, 0), unit(0, 0, 1)])


def _round() -> Generation:
    """Three clusters of a, b and c, far apart; a has a second one beside the first."""
    centroids = np.concatenate([_ROUND, unit(1, 0.3, 0)[None, :]])
    return generation(["a", "b", "c", "a"], centroids, list(enumerate(centroids)))


def _bound(cluster: str, owner: str) -> Act:
    return Act(1, ActKind.BOUND, owner, None, cluster, None)


def test_a_cluster_that_was_bound_stands_under_its_new_owner_and_keeps_its_id() -> None:
    (found,) = _match(_ROUND[:1], searchable(_round(), NumpyIndex), [_bound("c-0", "b")])
    first = found.candidates[0]
    assert (first.cluster.id, first.cluster.owner, first.owner) == ("c-0", "a", "b")
    assert first.similarity == 1.0


def test_an_owner_that_only_people_know_is_shown_for_what_they_gave_it_and_for_nothing_else() -> None:
    ready = searchable(_round(), NumpyIndex)
    here, elsewhere = _match(_ROUND[:2], ready, [_bound("c-0", "new")])
    assert here.candidates[0].owner == "new"
    assert elsewhere.candidates[0].owner == "b"
    for found in (here, elsewhere):
        assert [c.cluster.id for c in found.candidates if c.owner == "new"] == ["c-0"]


def test_no_cluster_is_listed_for_whom_it_was_taken_from() -> None:
    """Wherever it stands: before others, or among those that are only near."""
    ready = searchable(_round(), NumpyIndex)
    for found in _match(_ROUND, ready, [_bound("c-0", "b"), replace(_bound("c-3", "c"), revision=2)]):
        owners = {candidate.cluster.id: candidate.owner for candidate in found.candidates}
        assert owners == {"c-0": "b", "c-1": "b", "c-2": "c", "c-3": "c"}
        assert len(found.candidates) == 4


def test_a_ticket_like_a_corrected_one_is_known_by_it() -> None:
    ready = searchable(_round(), NumpyIndex)
    act = Act(1, ActKind.CORRECTED, "c", "t-1", None, settle(unit(1, 1, 1)[None, :])[0])
    like, unlike = _match(np.stack([unit(1, 1, 1.05), unit(0, 1, 0)]), ready, [act])
    assert (like.taught, like.candidates[0].owner) == (True, "c")
    assert (unlike.taught, unlike.candidates[0].owner) == (False, "b")


# -- whatever the batch and the bits below the grid


def test_the_encoders_noise_below_the_grid_changes_nothing() -> None:
    """A noise of 1e-7, unless a component stands on a rounding edge, and those are kept off it here."""
    vectors = settle(unit_rows(50, 32, seed=1))
    exemplars = [(row % 5, vector) for row, vector in enumerate(unit_rows(60, 32, seed=2))]
    ready = _ready(["a", "b", "c", None, "a"], unit_rows(5, 32, seed=3), exemplars)
    noise = np.random.default_rng(4).uniform(-1e-7, 1e-7, vectors.shape).astype(np.float32)
    assert _match(vectors + noise, ready) == _match(vectors, ready)


def test_no_cosine_is_reported_above_one() -> None:
    vectors = unit_rows(200, 8, seed=6)
    ready = _ready(["a"], vectors[:1], [(0, vector) for vector in vectors])
    found = _match(vectors, ready)
    assert (np.linalg.norm(settle(vectors), axis=1) > 1).any()
    assert max(one.nearest for one in found) == 1.0
    assert found[0].candidates[0].similarity <= 1.0


def test_no_tickets_no_matches() -> None:
    ready = _ready(["a"], unit(1, 0)[None, :], [])
    assert _match(np.empty((0, 2), dtype=np.float32), ready) == []


@pytest.mark.parametrize("shape", [(1, 3), (2,)], ids=["another width", "not a matrix"])
def test_vectors_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    ready = _ready(["a"], unit(1, 0)[None, :], [])
    with pytest.raises(ValueError, match="2 columns"):
        match(np.zeros(shape, dtype=np.float32), ready, _POLICY, no_corrections(2))
