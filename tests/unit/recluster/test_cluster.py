"""Clustering at its edges: too few, all noise, collapse, explosion, copies."""

import numpy as np
import pytest
from numpy.typing import NDArray

from models.recluster.cluster import (
    Fallback,
    Labels,
    centroids_of,
    k_means,
    problems_of_owner,
    problems_without_owner,
    reduced,
    similarity_to_own,
)
from models.vote import Vectors
from tests.fakes.density import Always, Leaders, within, without
from tests.fakes.generations import blobs, unit, unit_rows


def _same_partition(one: Labels, other: NDArray[np.int64]) -> bool:
    return bool(np.array_equal(one[:, None] == one, other[:, None] == other))


def test_an_owners_problems_are_found() -> None:
    vectors, truth = blobs(np.eye(4, dtype=np.float32), each=40, spread=0.05, seed=0)
    found = problems_of_owner(vectors, within(Leaders()))
    assert found.count == 4
    assert found.fallback is None
    assert _same_partition(found.labels, truth)


def test_an_owners_noise_joins_the_nearest_cluster() -> None:
    vectors, _ = blobs(np.eye(3, dtype=np.float32), each=30, spread=0.02, seed=1)
    stray = np.concatenate([vectors, unit(0.3, 1, 0.3)[None, :]])
    found = problems_of_owner(stray, within(Leaders(radius=0.25)))
    assert found.noise == 1
    assert found.labels[-1] == found.labels[45]


@pytest.mark.parametrize("count", [1, 2, 9])
def test_too_few_tickets_are_one_problem(count: int) -> None:
    found = problems_of_owner(unit_rows(count, 4, seed=2), within(Always(1)))
    assert (found.labels.tolist(), found.count, found.fallback) == ([0] * count, 1, None)


def test_an_owner_whose_tickets_are_all_noise_has_one_problem() -> None:
    found = problems_of_owner(unit_rows(60, 4, seed=3), within(Always(0)))
    assert (found.count, found.noise, found.fallback) == (1, 60, Fallback.EMPTY)


def test_one_problem_an_owner_is_no_collapse() -> None:
    found = problems_of_owner(unit_rows(300, 4, seed=3), within(Always(300)))
    assert (found.count, found.fallback) == (1, None)


@pytest.mark.parametrize(
    ("each", "fallback"),
    [
        pytest.param(0, Fallback.EMPTY, id="all noise"),
        pytest.param(400, Fallback.COLLAPSED, id="one cluster"),
        pytest.param(200, Fallback.COLLAPSED, id="two clusters"),
        pytest.param(2, Fallback.EXPLODED, id="a cluster for every pair"),
    ],
)
def test_an_unusable_answer_is_named_and_replaced(each: int, fallback: Fallback) -> None:
    vectors, truth = blobs(np.eye(8, dtype=np.float32), each=50, spread=0.05, seed=4)
    found = problems_without_owner(vectors, without(Always(each)))
    assert found.fallback is fallback
    assert found.count == 14  # round(sqrt(400 / 2))
    assert sorted(set(found.labels.tolist())) == list(range(14))
    for label in range(14):
        assert len(set(truth[found.labels == label])) == 1


def test_without_owner_what_is_like_no_cluster_is_left_out() -> None:
    vectors, _ = blobs(np.eye(6, dtype=np.float32)[:5], each=30, spread=0.05, seed=5)
    near, far = unit(1, 0.06, 0.06, 0.06, 0.06, 0), unit(0, 0, 0, 0, 0, 1)
    every = np.concatenate([vectors, near[None, :], far[None, :]])

    class Cores:
        """Calls all but the last two dense."""

        def cluster(self, vectors: Vectors, smallest: int) -> Labels:
            return np.append(np.repeat(np.arange(5), 30), [-1, -1])

    found = problems_without_owner(every, without(Cores()))
    assert found.labels[-2:].tolist() == [0, -1]


@pytest.mark.parametrize(
    ("vectors", "count"),
    [
        pytest.param(unit_rows(1, 3, seed=6), 1, id="one ticket"),
        pytest.param(np.repeat(unit(1, 2, 3)[None, :], 20, axis=0), 1, id="copies of one ticket"),
    ],
)
def test_the_smallest_histories_are_one_problem(vectors: Vectors, count: int) -> None:
    assert problems_without_owner(vectors, without(Always(0))).count == count


def test_k_means_parts_what_is_apart_and_leaves_no_label_out() -> None:
    vectors, truth = blobs(np.eye(5, dtype=np.float32), each=20, spread=0.05, seed=7)
    assert _same_partition(k_means(vectors, 5, seed=0), truth)
    assert set(k_means(vectors, 200, seed=0).tolist()) == set(
        range(len(set(k_means(vectors, 200, seed=0).tolist())))
    )


@pytest.mark.parametrize("count", [6, 40], ids=["fewer rows than columns", "more"])
def test_reduction_to_full_rank_keeps_all_distances(count: int) -> None:
    vectors = unit_rows(count, 10, seed=8)
    points = reduced(vectors, 10)

    def distances(rows: NDArray[np.float32]) -> NDArray[np.float32]:
        apart: NDArray[np.float32] = np.linalg.norm(rows[:, None] - rows, axis=2)
        return apart

    assert np.allclose(distances(points), distances(vectors), atol=1e-5)
    assert np.all(np.diff(points.var(axis=0)) <= 1e-6)


def test_centroids_are_unit_means_and_pass_noise_over() -> None:
    vectors = np.stack([unit(1, 0), unit(0, 1), unit(0, 1), unit(-1, 0)])
    centroids = centroids_of(vectors, np.array([0, 0, 1, -1]))
    assert np.allclose(centroids, [unit(1, 1), unit(0, 1)])
    assert np.allclose(
        similarity_to_own(vectors[:3], np.array([0, 0, 1]), centroids), [0.5**0.5, 0.5**0.5, 1]
    )
