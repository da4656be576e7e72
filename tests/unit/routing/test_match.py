"""Match: who leads, by how much, and that nothing but the ticket itself decides it."""

import numpy as np
import pytest

from models.routing.match import CANDIDATES, match
from models.vote import VotePolicy, searchable, settle
from tests.fakes.generations import generation, unit, unit_rows
from tests.fakes.vector_index import NumpyIndex

_POLICY = VotePolicy(neighbours=3, power=2)


def test_the_owner_with_the_larger_vote_leads_though_another_is_nearest() -> None:
    ready = searchable(
        generation(
            ["billing", "access"],
            np.stack([unit(1, 0, 0), unit(0, 1, 0)]),
            [(0, unit(0.75, 0.75, 0)), (1, unit(0.2, 1, 0)), (1, unit(0.2, 1, 0.1))],
        ),
        NumpyIndex,
    )
    found = match(unit(0.6, 0.8, 0)[None, :], ready, _POLICY)[0]
    assert [candidate.cluster.owner for candidate in found.candidates] == ["access", "billing"]
    assert found.nearest == pytest.approx(0.9899, abs=0.01)
    assert found.candidates[0].confidence > 0.6
    assert sum(candidate.share for candidate in found.candidates) == pytest.approx(1.0, abs=1e-5)
    assert found.margin == pytest.approx(0.2, abs=0.01)


def test_clusters_of_one_owner_add_up_and_the_larger_of_them_is_chosen() -> None:
    ready = searchable(
        generation(
            ["a", "b", "a"],
            np.stack([unit(1, 0.1), unit(1, 0), unit(1, -0.1)]),
            [(0, unit(1, 0.3)), (1, unit(1, 0.02)), (2, unit(1, -0.1))],
        ),
        NumpyIndex,
    )
    found = match(unit(1, 0)[None, :], ready, _POLICY)[0]
    assert [candidate.cluster.id for candidate in found.candidates] == ["c-2", "c-0", "c-1"]
    assert found.candidates[0].confidence == found.candidates[1].confidence > 0.6


def test_a_cluster_known_by_its_centroid_alone_is_reached() -> None:
    ready = searchable(
        generation(["a", "new"], np.eye(2, dtype=np.float32), [(0, unit(1, 0))] * 5), NumpyIndex
    )
    found = match(unit(0.1, 1)[None, :], ready, _POLICY)[0]
    assert found.candidates[0].cluster.owner == "new"
    assert found.nearest == pytest.approx(0.99, abs=0.01)


def test_near_centroids_without_votes_stand_last() -> None:
    ready = searchable(
        generation(
            ["a", "b", None],
            np.stack([unit(1, 0), unit(1, 0.1), unit(1, 0.2)]),
            [(0, unit(1, 0))] * 3 + [(1, unit(0, 1)), (2, unit(-1, 0))],
        ),
        NumpyIndex,
    )
    found = match(unit(1, 0)[None, :], ready, _POLICY)[0]
    assert [(c.cluster.id, c.share) for c in found.candidates] == [("c-0", 1.0), ("c-1", 0.0), ("c-2", 0.0)]


def test_margin_looks_past_the_nearest_centroids_of_the_same_owner() -> None:
    near = np.stack([unit(1, 0.01 * step) for step in range(CANDIDATES + 2)])
    far = unit(0, 1)[None, :]
    owners = ["a"] * len(near) + ["b"]
    ready = searchable(generation(owners, np.concatenate([near, far]), [(0, unit(1, 0))]), NumpyIndex)
    assert match(unit(1, 0)[None, :], ready, _POLICY)[0].margin == pytest.approx(1.0, abs=0.01)


def test_margin_without_another_owner_is_the_similarity_itself() -> None:
    ready = searchable(generation(["a"], unit(1, 0)[None, :], [(0, unit(1, 0))]), NumpyIndex)
    found = match(unit(1, 0)[None, :], ready, _POLICY)[0]
    assert found.margin == found.candidates[0].similarity == 1.0


def test_the_encoders_noise_below_the_grid_changes_nothing() -> None:
    """A noise of 1e-7, unless a component stands on a rounding edge, and those are kept off it here."""
    vectors = settle(unit_rows(50, 32, seed=1))
    exemplars = [(row % 5, vector) for row, vector in enumerate(unit_rows(60, 32, seed=2))]
    ready = searchable(
        generation(["a", "b", "c", None, "a"], unit_rows(5, 32, seed=3), exemplars), NumpyIndex
    )
    noise = np.random.default_rng(4).uniform(-1e-7, 1e-7, vectors.shape).astype(np.float32)
    assert match(vectors + noise, ready, VotePolicy()) == match(vectors, ready, VotePolicy())


def test_no_cosine_is_reported_above_one() -> None:
    vectors = unit_rows(200, 8, seed=6)
    made = generation(["a"], vectors[:1], [(0, vector) for vector in vectors])
    found = match(vectors, searchable(made, NumpyIndex), VotePolicy())
    assert (np.linalg.norm(settle(vectors), axis=1) > 1).any()
    assert max(one.nearest for one in found) == 1.0
    assert found[0].candidates[0].similarity <= 1.0


def test_no_tickets_no_matches() -> None:
    ready = searchable(generation(["a"], unit(1, 0)[None, :], []), NumpyIndex)
    assert match(np.empty((0, 2), dtype=np.float32), ready, _POLICY) == []


def test_vectors_of_another_width_are_refused() -> None:
    ready = searchable(generation(["a"], unit(1, 0)[None, :], []), NumpyIndex)
    with pytest.raises(ValueError, match="2 columns"):
        match(unit_rows(1, 3, seed=0), ready, _POLICY)
