"""The graph of neighbours: what is apart is parted, whatever the order, and its edges hold."""

import numpy as np
import pytest

from models.engines import graph
from models.engines.graph import Graph, nearest_rows
from models.recluster.cluster import Labels
from tests.fakes.generations import blobs, unit_rows


def _same_partition(one: Labels, other: Labels) -> bool:
    return bool(np.array_equal(one[:, None] == one, other[:, None] == other))


def test_problems_that_are_apart_are_parted() -> None:
    vectors, truth = blobs(np.eye(12, dtype=np.float32), each=40, spread=0.05, seed=0)
    found = Graph().cluster(vectors, 5)
    assert found.dtype == np.int64
    assert found.min() == 0
    for label in range(int(found.max()) + 1):  # a problem may fall in two, no two problems into one
        assert len(set(truth[found == label].tolist())) == 1


def test_labels_are_numbered_by_size() -> None:
    vectors, _ = blobs(np.eye(6, dtype=np.float32), each=30, spread=0.05, seed=1)
    sizes = np.bincount(Graph().cluster(np.concatenate([vectors, vectors[:15]]), 5))
    assert sizes.tolist() == sorted(sizes.tolist(), reverse=True)


def test_the_same_vectors_give_the_same_labels() -> None:
    vectors, _ = blobs(unit_rows(20, 16, seed=2), each=30, spread=0.2, seed=3)
    assert np.array_equal(Graph().cluster(vectors, 5), Graph().cluster(vectors, 5))


def test_what_stands_alone_is_noise() -> None:
    vectors, _ = blobs(np.eye(8, dtype=np.float32)[:6], each=30, spread=0.03, seed=4)
    pair = np.repeat(np.eye(8, dtype=np.float32)[[7]], 3, axis=0)
    found = Graph(neighbours=2).cluster(np.concatenate([vectors, pair]), 5)
    assert found[-3:].tolist() == [-1, -1, -1]
    assert (found[:-3] >= 0).mean() > 0.8


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        pytest.param(0, [], id="none"),
        pytest.param(1, [-1], id="one"),
        pytest.param(4, [-1] * 4, id="fewer than a problem"),
        pytest.param(9, [0] * 9, id="fewer than two problems"),
    ],
)
def test_few_tickets_are_one_problem_or_none(count: int, expected: list[int]) -> None:
    assert Graph().cluster(unit_rows(count, 8, seed=5), 5).tolist() == expected


def test_copies_of_one_ticket_break_nothing() -> None:
    vectors = np.repeat(unit_rows(2, 8, seed=6), 30, axis=0)
    found = Graph().cluster(vectors, 5)
    assert not set(found[:30].tolist()) & set(found[30:].tolist())


@pytest.mark.parametrize("exact", [True, False])
def test_neighbours_are_others_by_falling_cosine(exact: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph, "_EXACT_ROWS", 10_000 if exact else 100)
    vectors, _ = blobs(unit_rows(30, 16, seed=7), each=20, spread=0.2, seed=8)
    rows, cosines = nearest_rows(vectors, 10)
    assert rows.shape == cosines.shape == (600, 10)
    assert (rows != np.arange(600)[:, None]).all()
    products = vectors @ vectors.T
    np.testing.assert_allclose(cosines, np.take_along_axis(products, rows, 1), atol=1e-5)
    assert (np.diff(cosines, axis=1) <= 1e-6).all()
    np.fill_diagonal(products, -1.0)
    true = np.argsort(-products, axis=1)[:, :10]
    found = np.mean(
        [len(set(one) & set(other)) / 10 for one, other in zip(rows.tolist(), true.tolist(), strict=True)]
    )
    assert found == 1.0 if exact else found > 0.8


def test_a_ticket_crowded_out_by_copies_of_it_has_others_for_neighbours() -> None:
    vectors = np.repeat(unit_rows(1, 8, seed=9), 40, axis=0)
    rows, cosines = nearest_rows(vectors, 5)
    assert (rows != np.arange(40)[:, None]).all()
    np.testing.assert_allclose(cosines, 1.0, atol=1e-5)


def test_more_tickets_of_as_large_problems_are_parted_as_finely() -> None:
    """Modularity alone would join the finer problems of a larger history."""
    vectors, _ = blobs(unit_rows(240, 16, seed=12), each=20, spread=0.2, seed=13)

    def tickets_a_problem(count: int, density: float) -> float:
        return count / (1 + int(Graph(density=density).cluster(vectors[:count], 5).max()))

    scale = [tickets_a_problem(count, 0.02) for count in (1_200, 2_400, 4_800)]
    assert max(scale) < 1.3 * min(scale)
    assert tickets_a_problem(4_800, 0.0) > 1.5 * tickets_a_problem(1_200, 0.0)
